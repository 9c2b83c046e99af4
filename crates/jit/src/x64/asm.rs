//! An encoder for the x86-64 instructions that the tiles use, and no more.
//!
//! Operands are data ([`Rm`]), so that a tile can decide between register and memory. Intel 64 and IA-32 Architectures
//! Software Developer's Manual, volume 2, chapters 2 ("Instruction Format") to 6.

mod jump;
mod scalar;

pub use jump::Fix;
pub use scalar::{Form, Scalar, sse};

/// The opcode map 0F 3A, by its number in a VEX prefix.
const VEX_0F3A: u8 = 3;

/// A general-purpose or SSE register by its number.
pub type Reg = u8;

/// The accumulator.
pub const RAX: Reg = 0;
/// The count register.
pub const RCX: Reg = 1;
/// The data register.
pub const RDX: Reg = 2;
/// The stack pointer.
pub const RSP: Reg = 4;
/// The base pointer.
pub const RBP: Reg = 5;

/// An operand that may be in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rm {
    /// A register.
    R(Reg),
    /// [base + displacement].
    M(Reg, i32),
    /// [base + index + displacement].
    X(Reg, Reg, i32),
    /// [base + index shifted left + displacement].
    S(Reg, Reg, u8, i32),
}
use Rm::{M, R, S, X};

impl Rm {
    /// Whether the operand's value depends on `reg`.
    pub fn touches(self, reg: Reg) -> bool {
        match self {
            R(r) | M(r, _) => r == reg,
            X(base, index, _) | S(base, index, ..) => base == reg || index == reg,
        }
    }
}

/// Two-operand arithmetic, by the number in the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum Alu {
    Add = 0,
    Or = 1,
    Adc = 2,
    Sbb = 3,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// A shift: the digit of its immediate form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum Shift {
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// A condition code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cc(pub u8);

#[allow(missing_docs, reason = "the names are the manual's")]
impl Cc {
    pub const B: Cc = Cc(2);
    pub const AE: Cc = Cc(3);
    pub const E: Cc = Cc(4);
    pub const NE: Cc = Cc(5);
    pub const A: Cc = Cc(7);
    pub const S: Cc = Cc(8);
    pub const P: Cc = Cc(10);
    pub const L: Cc = Cc(12);

    /// The opposite.
    pub fn not(self) -> Cc {
        Cc(self.0 ^ 1)
    }
}

/// A buffer of code that will lie at a known address.
pub struct Asm {
    /// What was encoded.
    pub code: Vec<u8>,
    /// Where its first byte will be.
    pub base: u64,
}

impl Asm {
    /// An empty buffer for code at `base`.
    pub fn new(base: u64) -> Self {
        Asm { code: Vec::new(), base }
    }

    /// The same, in memory that was used before.
    pub fn reuse(mut code: Vec<u8>, base: u64) -> Self {
        code.clear();
        Asm { code, base }
    }

    /// The address of what is encoded next.
    pub fn here(&self) -> u64 {
        self.base + self.code.len() as u64
    }

    fn byte(&mut self, byte: u8) {
        self.code.push(byte);
    }

    fn dword(&mut self, value: i32) {
        self.code.extend_from_slice(&value.to_le_bytes());
    }

    fn rex(&mut self, wide: bool, reg: Reg, rm: Rm, force: bool) {
        let (index, base) = match rm {
            R(r) | M(r, _) => (0, r),
            X(base, index, _) | S(base, index, ..) => (index, base),
        };
        let rex = 0x40 | u8::from(wide) << 3 | reg >> 3 << 2 | index >> 3 << 1 | base >> 3;
        if rex != 0x40 || force {
            self.byte(rex);
        }
    }

    fn modrm(&mut self, reg: Reg, rm: Rm) {
        let reg = (reg & 7) << 3;
        match rm {
            R(r) => self.byte(0xc0 | reg | r & 7),
            M(base, disp) => {
                // A base of rsp or r12 needs a SIB byte; one of rbp or r13 a displacement.
                let mode = Self::mode(base, disp);
                if base & 7 == 4 {
                    self.byte(mode | reg | 4);
                    self.byte(0x24);
                } else {
                    self.byte(mode | reg | base & 7);
                }
                self.displacement(mode, disp);
            }
            X(base, index, disp) => self.indexed(reg, base, index, 0, disp),
            S(base, index, left, disp) => self.indexed(reg, base, index, left, disp),
        }
    }

    fn indexed(&mut self, reg: u8, base: Reg, index: Reg, left: u8, disp: i32) {
        debug_assert!(index != RSP && left < 4, "rsp is no index, and eight the most it is multiplied by");
        let mode = Self::mode(base, disp);
        self.byte(mode | reg | 4);
        self.byte(left << 6 | (index & 7) << 3 | base & 7);
        self.displacement(mode, disp);
    }

    fn mode(base: Reg, disp: i32) -> u8 {
        match disp {
            0 if base & 7 != 5 => 0,
            -128..=127 => 0x40,
            _ => 0x80,
        }
    }

    fn displacement(&mut self, mode: u8, disp: i32) {
        match mode {
            0 => {}
            0x40 => self.byte(disp as u8),
            _ => self.dword(disp),
        }
    }

    /// `opcode` with a ModRM byte; `wide` is 64 bits.
    fn op(&mut self, wide: bool, opcode: &[u8], reg: Reg, rm: Rm) {
        self.rex(wide, reg, rm, false);
        self.code.extend_from_slice(opcode);
        self.modrm(reg, rm);
    }

    /// The same behind a mandatory prefix.
    fn prefixed(&mut self, prefix: u8, wide: bool, opcode: &[u8], reg: Reg, rm: Rm) {
        self.byte(prefix);
        self.op(wide, opcode, reg, rm);
    }

    /// Like [`Asm::op`] on a byte: numbers 4 to 7 mean spl to dil only with a REX prefix.
    fn op_byte(&mut self, opcode: &[u8], reg: Reg, rm: Rm, reg_is_byte: bool) {
        let force = reg_is_byte && reg >= 4 || matches!(rm, R(r) if r >= 4);
        self.rex(false, reg, rm, force);
        self.code.extend_from_slice(opcode);
        self.modrm(reg, rm);
    }

    /// d = s; 32 bits clear the upper half.
    pub fn mov(&mut self, bits: u32, d: Reg, s: Rm) {
        self.op(bits == 64, &[0x8b], d, s);
    }

    /// d = value, flags kept.
    pub fn mov_i(&mut self, d: Reg, value: i64) {
        if let Ok(value) = u32::try_from(value) {
            self.rex(false, 0, R(d), false);
            self.byte(0xb8 | d & 7);
            self.dword(value as i32);
        } else if let Ok(value) = i32::try_from(value) {
            self.op(true, &[0xc7], 0, R(d));
            self.dword(value);
        } else {
            self.rex(true, 0, R(d), false);
            self.byte(0xb8 | d & 7);
            self.code.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Stores the low 1, 2, 4 or 8 bytes of s.
    pub fn store(&mut self, bytes: u64, d: Rm, s: Reg) {
        match bytes {
            1 => self.op_byte(&[0x88], s, d, true),
            2 => self.prefixed(0x66, false, &[0x89], s, d),
            _ => self.op(bytes == 8, &[0x89], s, d),
        }
    }

    /// Stores the low 1, 2, 4 or 8 bytes of a sign-extended value.
    pub fn store_i(&mut self, bytes: u64, d: Rm, value: i32) {
        match bytes {
            1 => {
                self.op(false, &[0xc6], 0, d);
                self.byte(value as u8);
            }
            2 => {
                self.prefixed(0x66, false, &[0xc7], 0, d);
                self.code.extend_from_slice(&(value as i16).to_le_bytes());
            }
            _ => {
                self.op(bytes == 8, &[0xc7], 0, d);
                self.dword(value);
            }
        }
    }

    /// d = the low `from` bits of s, extended to 64.
    pub fn extend(&mut self, signed: bool, from: u32, d: Reg, s: Rm) {
        match (signed, from) {
            (_, 64) => self.mov(64, d, s),
            (true, 32) => self.op(true, &[0x63], d, s),
            (false, 32) => self.mov(32, d, s),
            (true, 16) => self.op(true, &[0x0f, 0xbf], d, s),
            (false, 16) => self.op(false, &[0x0f, 0xb7], d, s),
            (true, _) => {
                self.rex(true, d, s, false);
                self.code.extend_from_slice(&[0x0f, 0xbe]);
                self.modrm(d, s);
            }
            (false, _) => self.op_byte(&[0x0f, 0xb6], d, s, false),
        }
    }

    /// d = the address of s.
    pub fn lea(&mut self, bits: u32, d: Reg, s: Rm) {
        self.op(bits == 64, &[0x8d], d, s);
    }

    /// d = d op s.
    pub fn alu(&mut self, op: Alu, bits: u32, d: Reg, s: Rm) {
        self.op(bits == 64, &[(op as u8) << 3 | 3], d, s);
    }

    /// d = d op s, d in memory.
    pub fn alu_mr(&mut self, op: Alu, bits: u32, d: Rm, s: Reg) {
        self.op(bits == 64, &[(op as u8) << 3 | 1], s, d);
    }

    /// d = d op value, sign-extended.
    pub fn alu_i(&mut self, op: Alu, bits: u32, d: Rm, value: i32) {
        if let Ok(value) = i8::try_from(value) {
            self.op(bits == 64, &[0x83], op as u8, d);
            self.byte(value as u8);
        } else {
            self.op(bits == 64, &[0x81], op as u8, d);
            self.dword(value);
        }
    }

    /// Compares a byte in memory with a value.
    pub fn cmp_byte(&mut self, d: Rm, value: u8) {
        self.op(false, &[0x80], Alu::Cmp as u8, d);
        self.byte(value);
    }

    /// Compares 16 bits in memory with a value, sign-extended.
    pub fn cmp_word(&mut self, d: Rm, value: i8) {
        self.prefixed(0x66, false, &[0x83], Alu::Cmp as u8, d);
        self.byte(value as u8);
    }

    /// Sets the flags of a & b.
    pub fn test(&mut self, bits: u32, a: Reg, b: Reg) {
        self.op(bits == 64, &[0x85], b, R(a));
    }

    /// Sets the flags of the low 32 bits of a & value.
    pub fn test_i(&mut self, a: Reg, value: i32) {
        self.op(false, &[0xf7], 0, R(a));
        self.dword(value);
    }

    /// d = d * s.
    pub fn imul(&mut self, bits: u32, d: Reg, s: Rm) {
        self.op(bits == 64, &[0x0f, 0xaf], d, s);
    }

    /// Group 3 on rdx:rax, or on rm: 2 not, 3 neg, 4 mul, 5 imul, 6 div, 7 idiv.
    pub fn group3(&mut self, n: u8, bits: u32, rm: Rm) {
        self.op(bits == 64, &[0xf7], n, rm);
    }

    /// rdx:rax = rax, sign-extended.
    pub fn cqo(&mut self) {
        self.code.extend_from_slice(&[0x48, 0x99]);
    }

    /// d = d shifted by a constant.
    pub fn shift_i(&mut self, op: Shift, bits: u32, d: Reg, amount: u8) {
        self.op(bits == 64, &[0xc1], op as u8, R(d));
        self.byte(amount);
    }

    /// A VEX-coded instruction of opcode map 2 with prefix `pp` (1 is 66, 2 F3, 3 F2).
    fn vex(&mut self, wide: bool, pp: u8, opcode: u8, reg: Reg, v: Reg, rm: Rm) {
        self.vex_of(2, wide, pp, opcode, reg, v, rm);
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of the encoding")]
    fn vex_of(&mut self, map: u8, wide: bool, pp: u8, opcode: u8, reg: Reg, v: Reg, rm: Rm) {
        let (index, base) = match rm {
            R(r) | M(r, _) => (0, r),
            X(base, index, _) | S(base, index, ..) => (index, base),
        };
        let inverted = (reg >> 3 ^ 1) << 7 | (index >> 3 ^ 1) << 6 | (base >> 3 ^ 1) << 5;
        self.code.extend_from_slice(&[0xc4, inverted | map, u8::from(wide) << 7 | (v ^ 15) << 3 | pp, opcode]);
        self.modrm(reg, rm);
    }

    /// d = the low 32 bits of s, rotated right, flags kept (BMI2).
    pub fn rorx(&mut self, d: Reg, s: Reg, amount: u8) {
        let inverted = (d >> 3 ^ 1) << 7 | 1 << 6 | (s >> 3 ^ 1) << 5;
        self.code.extend_from_slice(&[0xc4, inverted | VEX_0F3A, 15 << 3 | 3, 0xf0]);
        self.modrm(d, R(s));
        self.byte(amount);
    }

    /// d = s shifted by the low bits of n (BMI2).
    pub fn shift(&mut self, op: Shift, bits: u32, d: Reg, s: Rm, n: Reg) {
        let pp = match op {
            Shift::Shl => 1,
            Shift::Sar => 2,
            Shift::Shr => 3,
        };
        self.vex(bits == 64, pp, 0xf7, d, n, s);
    }

    /// d = !n & s (BMI1).
    pub fn andn(&mut self, bits: u32, d: Reg, n: Reg, s: Rm) {
        self.vex(bits == 64, 0, 0xf2, d, n, s);
    }

    /// d = the number of leading zeros of s (LZCNT).
    pub fn lzcnt(&mut self, d: Reg, s: Rm) {
        self.prefixed(0xf3, true, &[0x0f, 0xbd], d, s);
    }

    /// d = the number of trailing zeros of s (BMI1).
    pub fn tzcnt(&mut self, d: Reg, s: Rm) {
        self.prefixed(0xf3, true, &[0x0f, 0xbc], d, s);
    }

    /// d = the number of ones in s (POPCNT).
    pub fn popcnt(&mut self, d: Reg, s: Rm) {
        self.prefixed(0xf3, true, &[0x0f, 0xb8], d, s);
    }

    /// Reverses the bytes of d.
    pub fn bswap(&mut self, d: Reg) {
        self.rex(true, 0, R(d), false);
        self.code.extend_from_slice(&[0x0f, 0xc8 | d & 7]);
    }

    /// d = 1 where the condition holds, else 0; only the low byte.
    pub fn setcc(&mut self, cc: Cc, d: Reg) {
        self.op_byte(&[0x0f, 0x90 | cc.0], 0, R(d), false);
    }

    /// d = s where the condition holds.
    pub fn cmov(&mut self, cc: Cc, d: Reg, s: Rm) {
        self.op(true, &[0x0f, 0x40 | cc.0], d, s);
    }

    /// Exchanges d and memory, atomically.
    pub fn xchg(&mut self, bits: u32, m: Rm, d: Reg) {
        self.op(bits == 64, &[0x87], d, m);
    }

    /// Adds d to memory and d becomes what was there, atomically.
    pub fn lock_xadd(&mut self, bits: u32, m: Rm, d: Reg) {
        self.byte(0xf0);
        self.op(bits == 64, &[0x0f, 0xc1], d, m);
    }

    /// Where memory holds rax, it becomes s, atomically; rax becomes what was there.
    pub fn lock_cmpxchg(&mut self, bits: u32, m: Rm, s: Reg) {
        self.byte(0xf0);
        self.op(bits == 64, &[0x0f, 0xb1], s, m);
    }

    /// Stores MXCSR.
    pub fn stmxcsr(&mut self, m: Rm) {
        self.op(false, &[0x0f, 0xae], 3, m);
    }

    /// Orders stores before loads, as MFENCE does, in half the time: changes nothing on the stack, atomically.
    pub fn fence(&mut self) {
        self.byte(0xf0);
        self.alu_i(Alu::Or, 64, Rm::M(RSP, 0), 0);
    }
}

#[cfg(test)]
mod tests;
