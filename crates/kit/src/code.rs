//! A few lines of assembler: instructions into bytes at an address.

use arch::insn::{B, Bare, I, Shift, U};
use arch::{Insn, Mode};

use crate::encode;

/// Code that begins at an address.
#[derive(Clone, Debug)]
pub struct Code {
    base: u64,
    bytes: Vec<u8>,
}

/// A place to which a branch is still to be aimed.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Hole(usize);

impl Code {
    /// No code yet, at `base`.
    pub const fn new(base: u64) -> Self {
        Code { base, bytes: Vec::new() }
    }

    /// The address of the next instruction.
    pub const fn here(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// The bytes.
    pub fn into_segment(self) -> (u64, Vec<u8>) {
        (self.base, self.bytes)
    }

    /// Appends 32 bits.
    pub fn word(&mut self, raw: u32) {
        self.bytes.extend_from_slice(&raw.to_le_bytes());
    }

    /// Appends 16 bits.
    pub fn half(&mut self, raw: u16) {
        self.bytes.extend_from_slice(&raw.to_le_bytes());
    }

    /// Appends an instruction.
    pub fn put(&mut self, insn: Insn) {
        self.word(insn.encode());
    }

    /// `addi rd, rs1, imm`
    pub fn addi(&mut self, rd: u8, rs1: u8, imm: i32) {
        self.word(encode::addi(rd, rs1, imm));
    }

    /// `ld rd, imm(rs1)`
    pub fn ld(&mut self, rd: u8, rs1: u8, imm: i32) {
        self.word(encode::ld(rd, rs1, imm));
    }

    /// `sd rs2, imm(rs1)`
    pub fn sd(&mut self, rs2: u8, rs1: u8, imm: i32) {
        self.word(encode::sd(rs2, rs1, imm));
    }

    /// `csrr rd, csr`
    pub fn csrr(&mut self, rd: u8, csr: u16) {
        self.word(encode::csrrs(rd, csr, 0));
    }

    /// `csrw csr, rs1`
    pub fn csrw(&mut self, csr: u16, rs1: u8) {
        self.word(encode::csrrw(0, csr, rs1));
    }

    /// `li rd, value`, with as many instructions as it takes.
    pub fn li(&mut self, rd: u8, value: u64) {
        let low = (value << 52) as i64 >> 52;
        if value as i64 == low {
            return self.addi(rd, 0, low as i32);
        }
        let high = value.wrapping_sub(low as u64);
        if high as i32 as u64 == high {
            self.word(encode::lui(rd, high as i32));
            return self.addi(rd, rd, low as i32);
        }
        let shift = high.trailing_zeros().min(63);
        self.li(rd, ((high as i64) >> shift) as u64);
        self.put(Insn::Slli(Shift { rd, rs1: rd, shamt: shift as u8 }));
        if low != 0 {
            self.addi(rd, rd, low as i32);
        }
    }

    /// Loads `value` into `rd` and writes it to `csr`.
    pub fn set_csr(&mut self, csr: u16, rd: u8, value: u64) {
        if value == 0 {
            return self.csrw(csr, 0);
        }
        self.li(rd, value);
        self.csrw(csr, rd);
    }

    /// `jalr x0, 0(rs1)`
    pub fn jump_register(&mut self, rs1: u8) {
        self.word(encode::jalr(0, rs1, 0));
    }

    /// `jal rd, target`
    pub fn jal(&mut self, rd: u8, target: u64) {
        let imm = target.wrapping_sub(self.here()) as i32;
        self.word(encode::jal(rd, imm));
    }

    /// Makes the word at `at` a jump to what comes next.
    pub fn jal_at(&mut self, at: u64) {
        let start = (at - self.base) as usize;
        let imm = self.here().wrapping_sub(at) as i32;
        self.bytes[start..start + 4].copy_from_slice(&encode::jal(0, imm).to_le_bytes());
    }

    /// A branch whose target comes later; `make` makes it with all but the offset.
    pub fn branch_over(&mut self, make: fn(B) -> Insn, rs1: u8, rs2: u8) -> Hole {
        let hole = Hole(self.bytes.len());
        self.put(make(B { rs1, rs2, imm: 0 }));
        hole
    }

    /// Aims a branch at what comes next.
    pub fn land(&mut self, hole: Hole) {
        let offset = (self.bytes.len() - hole.0) as i32;
        let place = &mut self.bytes[hole.0..hole.0 + 4];
        let raw = u32::from_le_bytes([place[0], place[1], place[2], place[3]]);
        let immediate = Insn::Beq(B { rs1: 0, rs2: 0, imm: offset }).encode() & 0xfe00_0f80;
        place.copy_from_slice(&(raw | immediate).to_le_bytes());
    }

    /// `auipc rd, offset` with the rest in an `addi`: the address `target`, from code that may be moved by multiples of
    /// 4 KiB.
    pub fn address_at(&mut self, at: u64, rd: u8, target: u64) {
        let offset = target.wrapping_sub(at);
        let low = (offset << 52) as i64 >> 52;
        let pair = [
            Insn::Auipc(U { rd, imm: offset.wrapping_sub(low as u64) as i32 }),
            Insn::Addi(I { rd, rs1: rd, imm: low as i32 }),
        ];
        let start = (at - self.base) as usize;
        self.bytes.resize(self.bytes.len().max(start + 8), 0);
        for (place, insn) in self.bytes[start..start + 8].chunks_mut(4).zip(pair) {
            place.copy_from_slice(&insn.encode().to_le_bytes());
        }
    }

    /// `mret` or `sret`: what returns from a handler that runs in `mode`.
    pub fn xret(&mut self, mode: Mode) {
        self.word(if mode == Mode::M { encode::mret() } else { Insn::Sret(Bare {}).encode() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the instructions that `li` makes compute.
    fn computed(code: Code) -> u64 {
        let mut x = 0u64;
        for word in code.into_segment().1.chunks(4) {
            let raw = u32::from_le_bytes(word.try_into().unwrap());
            x = match arch::decode(raw, &arch::Isa::ALL).unwrap() {
                Insn::Lui(i) => i.imm as u64,
                Insn::Addi(i) if i.rs1 == 0 => i.imm as u64,
                Insn::Addi(i) => x.wrapping_add(i.imm as u64),
                Insn::Slli(i) => x << i.shamt,
                other => panic!("{other:?}"),
            };
        }
        x
    }

    #[test]
    fn li_loads_any_number() {
        let mut rng = crate::Rng::new(3);
        for _ in 0..10_000 {
            let value = rng.integer();
            let mut code = Code::new(0);
            code.li(5, value);
            assert_eq!(computed(code), value, "{value:#x}");
        }
    }
}
