//! Integer arithmetic on the word that is a number, against Rust's own.

mod machine;

use arch::Insn;
use arch::insn::{I, R, R1, Shift, U};
use machine::{Machine, Random};

const ROUNDS: usize = 20_000;

/// Runs `insn` with x11 = a, x12 = b, and answers x10.
fn result(insn: Insn, a: u64, b: u64) -> u64 {
    let mut machine = Machine::new();
    (machine.x[11], machine.x[12]) = (a, b);
    machine.run(insn).expect("arithmetic never traps");
    machine.x[10]
}

const BINARY: R = R { rd: 10, rs1: 11, rs2: 12 };
const UNARY: R1 = R1 { rd: 10, rs1: 11 };

/// Compares with `expected` on many pairs of words.
fn check2(make: fn(R) -> Insn, expected: fn(u64, u64) -> u64) {
    let mut random = Random::new();
    for _ in 0..ROUNDS {
        let (a, b) = (random.word(), random.word());
        let insn = make(BINARY);
        assert_eq!(result(insn, a, b), expected(a, b), "{insn} of {a:#x}, {b:#x}");
    }
}

fn check1(make: fn(R1) -> Insn, expected: fn(u64) -> u64) {
    let mut random = Random::new();
    for _ in 0..ROUNDS {
        let a = random.word();
        let insn = make(UNARY);
        assert_eq!(result(insn, a, 0), expected(a), "{insn} of {a:#x}");
    }
}

fn check_shift(bits: u64, make: fn(Shift) -> Insn, expected: fn(u64, u32) -> u64) {
    let mut random = Random::new();
    for _ in 0..ROUNDS {
        let (a, shamt) = (random.word(), (random.bits() % bits) as u8);
        let insn = make(Shift { rd: 10, rs1: 11, shamt });
        assert_eq!(result(insn, a, 0), expected(a, shamt.into()), "{insn} of {a:#x}");
    }
}

fn check_imm(make: fn(I) -> Insn, expected: fn(u64, u64) -> u64) {
    let mut random = Random::new();
    for _ in 0..ROUNDS {
        let (a, imm) = (random.word(), (random.bits() as i32) >> 20);
        let insn = make(I { rd: 10, rs1: 11, imm });
        assert_eq!(result(insn, a, 0), expected(a, imm as i64 as u64), "{insn} of {a:#x}");
    }
}

/// The low 32 bits as a sign-extended word.
fn w(value: u32) -> u64 {
    value as i32 as u64
}

fn signed(a: u64) -> i64 {
    a as i64
}

#[test]
fn rv64i_registers() {
    check2(Insn::Add, |a, b| a.wrapping_add(b));
    check2(Insn::Sub, |a, b| a.wrapping_sub(b));
    check2(Insn::Sll, |a, b| a << (b & 63));
    check2(Insn::Srl, |a, b| a >> (b & 63));
    check2(Insn::Sra, |a, b| (signed(a) >> (b & 63)) as u64);
    check2(Insn::Slt, |a, b| (signed(a) < signed(b)).into());
    check2(Insn::Sltu, |a, b| (a < b).into());
    check2(Insn::Xor, |a, b| a ^ b);
    check2(Insn::Or, |a, b| a | b);
    check2(Insn::And, |a, b| a & b);
    check2(Insn::Addw, |a, b| w((a as u32).wrapping_add(b as u32)));
    check2(Insn::Subw, |a, b| w((a as u32).wrapping_sub(b as u32)));
    check2(Insn::Sllw, |a, b| w((a as u32) << (b & 31)));
    check2(Insn::Srlw, |a, b| w((a as u32) >> (b & 31)));
    check2(Insn::Sraw, |a, b| ((a as i32) >> (b & 31)) as u64);
}

#[test]
fn rv64i_immediates() {
    check_imm(Insn::Addi, |a, b| a.wrapping_add(b));
    check_imm(Insn::Slti, |a, b| (signed(a) < signed(b)).into());
    check_imm(Insn::Sltiu, |a, b| (a < b).into());
    check_imm(Insn::Xori, |a, b| a ^ b);
    check_imm(Insn::Ori, |a, b| a | b);
    check_imm(Insn::Andi, |a, b| a & b);
    check_imm(Insn::Addiw, |a, b| w((a as u32).wrapping_add(b as u32)));
    check_shift(64, Insn::Slli, |a, n| a << n);
    check_shift(64, Insn::Srli, |a, n| a >> n);
    check_shift(64, Insn::Srai, |a, n| (signed(a) >> n) as u64);
    check_shift(32, Insn::Slliw, |a, n| w((a as u32) << n));
    check_shift(32, Insn::Srliw, |a, n| w((a as u32) >> n));
    check_shift(32, Insn::Sraiw, |a, n| ((a as i32) >> n) as u64);
}

#[test]
fn upper_immediates_are_sign_extended() {
    assert_eq!(result(Insn::Lui(U { rd: 10, imm: i32::MIN }), 0, 0), 0xffff_ffff_8000_0000);
    assert_eq!(result(Insn::Auipc(U { rd: 10, imm: -4096 }), 0, 0), 0); // pc is 0x1000
}

#[test]
fn m() {
    check2(Insn::Mul, |a, b| a.wrapping_mul(b));
    check2(Insn::Mulh, |a, b| ((i128::from(signed(a)) * i128::from(signed(b))) >> 64) as u64);
    check2(Insn::Mulhu, |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64);
    check2(Insn::Mulhsu, |a, b| ((i128::from(signed(a)) * i128::from(b)) >> 64) as u64);
    check2(Insn::Mulw, |a, b| w((a as u32).wrapping_mul(b as u32)));
    check2(Insn::Div, |a, b| if b == 0 { u64::MAX } else { signed(a).wrapping_div(signed(b)) as u64 });
    check2(Insn::Divu, |a, b| a.checked_div(b).unwrap_or(u64::MAX));
    check2(Insn::Rem, |a, b| if b == 0 { a } else { signed(a).wrapping_rem(signed(b)) as u64 });
    check2(Insn::Remu, |a, b| a.checked_rem(b).unwrap_or(a));
    check2(Insn::Divw, |a, b| if b as u32 == 0 { u64::MAX } else { (a as i32).wrapping_div(b as i32) as u64 });
    check2(Insn::Divuw, |a, b| w((a as u32).checked_div(b as u32).unwrap_or(u32::MAX)));
    check2(Insn::Remw, |a, b| if b as u32 == 0 { w(a as u32) } else { (a as i32).wrapping_rem(b as i32) as u64 });
    check2(Insn::Remuw, |a, b| w((a as u32).checked_rem(b as u32).unwrap_or(a as u32)));
}

#[test]
fn zba() {
    check2(Insn::AddUw, |a, b| (a & 0xffff_ffff).wrapping_add(b));
    check2(Insn::Sh1add, |a, b| (a << 1).wrapping_add(b));
    check2(Insn::Sh2add, |a, b| (a << 2).wrapping_add(b));
    check2(Insn::Sh3add, |a, b| (a << 3).wrapping_add(b));
    check2(Insn::Sh1addUw, |a, b| ((a & 0xffff_ffff) << 1).wrapping_add(b));
    check2(Insn::Sh2addUw, |a, b| ((a & 0xffff_ffff) << 2).wrapping_add(b));
    check2(Insn::Sh3addUw, |a, b| ((a & 0xffff_ffff) << 3).wrapping_add(b));
    check_shift(64, Insn::SlliUw, |a, n| (a & 0xffff_ffff) << n);
}

#[test]
fn zbb() {
    check2(Insn::Andn, |a, b| a & !b);
    check2(Insn::Orn, |a, b| a | !b);
    check2(Insn::Xnor, |a, b| !(a ^ b));
    check2(Insn::Max, |a, b| signed(a).max(signed(b)) as u64);
    check2(Insn::Maxu, |a, b| a.max(b));
    check2(Insn::Min, |a, b| signed(a).min(signed(b)) as u64);
    check2(Insn::Minu, |a, b| a.min(b));
    check2(Insn::Rol, |a, b| a.rotate_left(b as u32 & 63));
    check2(Insn::Ror, |a, b| a.rotate_right(b as u32 & 63));
    check2(Insn::Rolw, |a, b| w((a as u32).rotate_left(b as u32 & 31)));
    check2(Insn::Rorw, |a, b| w((a as u32).rotate_right(b as u32 & 31)));
    check_shift(64, Insn::Rori, |a, n| a.rotate_right(n));
    check_shift(32, Insn::Roriw, |a, n| w((a as u32).rotate_right(n)));
    check1(Insn::Clz, |a| a.leading_zeros().into());
    check1(Insn::Clzw, |a| (a as u32).leading_zeros().into());
    check1(Insn::Ctz, |a| a.trailing_zeros().into());
    check1(Insn::Ctzw, |a| (a as u32).trailing_zeros().into());
    check1(Insn::Cpop, |a| a.count_ones().into());
    check1(Insn::Cpopw, |a| (a as u32).count_ones().into());
    check1(Insn::SextB, |a| a as i8 as u64);
    check1(Insn::SextH, |a| a as i16 as u64);
    check1(Insn::ZextH, |a| a as u16 as u64);
    check1(Insn::OrcB, |a| u64::from_le_bytes(a.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff })));
    check1(Insn::Rev8, u64::swap_bytes);
}

#[test]
fn zbkb() {
    check2(Insn::Pack, |a, b| a & 0xffff_ffff | b << 32);
    check2(Insn::Packh, |a, b| a & 0xff | (b & 0xff) << 8);
    check2(Insn::Packw, |a, b| w(a as u32 & 0xffff | (b as u32) << 16));
    check1(Insn::Brev8, |a| u64::from_le_bytes(a.to_le_bytes().map(u8::reverse_bits)));
}

#[test]
fn zbkx() {
    fn nibble(a: u64, at: u64) -> u64 {
        a >> (4 * at) & 15
    }
    fn byte(a: u64, at: u8) -> u8 {
        a.to_le_bytes().get(usize::from(at)).copied().unwrap_or(0)
    }
    check2(Insn::Xperm4, |a, b| (0..16).map(|at| nibble(a, nibble(b, at)) << (4 * at)).sum());
    check2(Insn::Xperm8, |a, b| u64::from_le_bytes(b.to_le_bytes().map(|at| byte(a, at))));
}

/// Bit by bit, as the manual's pseudocode.
fn carryless(a: u64, b: u64) -> u128 {
    (0..64).filter(|i| b >> i & 1 != 0).fold(0, |product, i| product ^ u128::from(a) << i)
}

#[test]
fn zbc() {
    check2(Insn::Clmul, |a, b| carryless(a, b) as u64);
    check2(Insn::Clmulh, |a, b| (carryless(a, b) >> 64) as u64);
    check2(Insn::Clmulr, |a, b| (carryless(a, b) >> 63) as u64);
}

#[test]
fn zbs() {
    check2(Insn::Bclr, |a, b| a & !(1 << (b & 63)));
    check2(Insn::Bext, |a, b| a >> (b & 63) & 1);
    check2(Insn::Binv, |a, b| a ^ 1 << (b & 63));
    check2(Insn::Bset, |a, b| a | 1 << (b & 63));
    check_shift(64, Insn::Bclri, |a, n| a & !(1 << n));
    check_shift(64, Insn::Bexti, |a, n| a >> n & 1);
    check_shift(64, Insn::Binvi, |a, n| a ^ 1 << n);
    check_shift(64, Insn::Bseti, |a, n| a | 1 << n);
}

#[test]
fn zicond_and_zimop() {
    check2(Insn::CzeroEqz, |a, b| if b == 0 { 0 } else { a });
    check2(Insn::CzeroNez, |a, b| if b != 0 { 0 } else { a });
    check1(|i| Insn::MopR(arch::insn::MopR { rd: i.rd, rs1: i.rs1, n: 7 }), |_| 0);
    check2(|i| Insn::MopRr(arch::insn::MopRr { rd: i.rd, rs1: i.rs1, rs2: i.rs2, n: 7 }), |_, _| 0);
}
