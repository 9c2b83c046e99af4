//! Compressed instructions: what each stands for.
//!
//! Unprivileged architecture, "C Extension for Compressed Instructions" (Zca, Zcd), Zcb and Zcmop. Every compressed
//! instruction is another spelling of a 32-bit one and needs what that one needs. Reserved encodings are illegal;
//! hints become the hints of the base instruction.

use super::{B, Bare, I, Insn, J, R, R1, S, Shift, U};
use crate::isa::{Extension, Isa};

/// Bytes of the instruction whose first halfword is `raw`: 4 where its two low bits are ones, else 2.
#[inline(always)]
pub const fn fetch_len(raw: u16) -> u64 {
    if raw & 3 == 3 { 4 } else { 2 }
}

/// The instruction that a compressed one stands for; `None` where it is illegal on a machine with `isa`.
pub fn decompress(raw: u16, isa: &Isa) -> Option<Insn> {
    let (needs, insn) = match raw & 3 {
        0 => quadrant0(Half(raw)),
        1 => quadrant1(Half(raw)),
        2 => quadrant2(Half(raw)),
        _ => None,
    }?;
    (isa.has(needs) && insn.row().needs.met_by(*isa)).then_some(insn)
}

use Extension::{Zca, Zcb, Zcd, Zcmop};

/// The extension that has the compressed form, and what it stands for.
type Expansion = Option<(Extension, Insn)>;

const ZERO: u8 = 0;
/// The register that calls leave their return address in.
pub const RA: u8 = 1;
const SP: u8 = 2;

/// A halfword with the fields of the compressed formats.
#[derive(Clone, Copy)]
struct Half(u16);

impl Half {
    /// Bits `high..=low`.
    const fn bits(self, high: u32, low: u32) -> u16 {
        self.0 >> low & ((1 << (high - low + 1)) - 1)
    }
    const fn funct3(self) -> u16 {
        self.bits(15, 13)
    }
    /// rd, or rs1, or both.
    const fn rd(self) -> u8 {
        self.bits(11, 7) as u8
    }
    const fn rs2(self) -> u8 {
        self.bits(6, 2) as u8
    }
    /// rd' or rs1' in bits 9 to 7: one of the eight popular registers.
    const fn rs1_popular(self) -> u8 {
        8 + self.bits(9, 7) as u8
    }
    /// rd' or rs2' in bits 4 to 2.
    const fn rs2_popular(self) -> u8 {
        8 + self.bits(4, 2) as u8
    }
    /// An immediate of bit fields: where each stands, highest and lowest bit, and where its lowest bit belongs.
    fn unsigned(self, fields: &[(u32, u32, u32)]) -> i32 {
        fields.iter().fold(0, |sum, &(high, low, to)| sum | i32::from(self.bits(high, low)) << to)
    }
    /// The same, with the sign in bit 12, which belongs at `sign`.
    fn signed(self, sign: u32, fields: &[(u32, u32, u32)]) -> i32 {
        self.unsigned(fields) - (i32::from(self.bits(12, 12)) << sign)
    }
    /// The 6-bit immediate of the CI format.
    fn imm6(self) -> i32 {
        self.signed(5, &[(6, 2, 0)])
    }
    fn shamt(self) -> u8 {
        self.unsigned(&[(12, 12, 5), (6, 2, 0)]) as u8
    }
    /// Offsets of accesses by word and doubleword, from a popular register and from sp.
    fn word_offset(self) -> i32 {
        self.unsigned(&[(12, 10, 3), (6, 6, 2), (5, 5, 6)])
    }
    fn double_offset(self) -> i32 {
        self.unsigned(&[(12, 10, 3), (6, 5, 6)])
    }
    fn load_word_sp(self) -> i32 {
        self.unsigned(&[(12, 12, 5), (6, 4, 2), (3, 2, 6)])
    }
    fn load_double_sp(self) -> i32 {
        self.unsigned(&[(12, 12, 5), (6, 5, 3), (4, 2, 6)])
    }
    fn store_word_sp(self) -> i32 {
        self.unsigned(&[(12, 9, 2), (8, 7, 6)])
    }
    fn store_double_sp(self) -> i32 {
        self.unsigned(&[(12, 10, 3), (9, 7, 6)])
    }
    fn jump_offset(self) -> i32 {
        self.signed(11, &[(11, 11, 4), (10, 9, 8), (8, 8, 10), (7, 7, 6), (6, 6, 7), (5, 3, 1), (2, 2, 5)])
    }
    fn branch_offset(self) -> i32 {
        self.signed(8, &[(11, 10, 3), (6, 5, 6), (4, 3, 1), (2, 2, 5)])
    }
    /// Operands of a load in the CL format.
    fn load(self, imm: i32) -> I {
        I { rd: self.rs2_popular(), rs1: self.rs1_popular(), imm }
    }
    /// Operands of a store in the CS format.
    fn store(self, imm: i32) -> S {
        S { rs1: self.rs1_popular(), rs2: self.rs2_popular(), imm }
    }
    /// Operands of a load and a store off sp.
    fn load_sp(self, imm: i32) -> I {
        I { rd: self.rd(), rs1: SP, imm }
    }
    fn store_sp(self, imm: i32) -> S {
        S { rs1: SP, rs2: self.rs2(), imm }
    }
    /// `rd = rd op imm`.
    fn update(self, imm: i32) -> I {
        I { rd: self.rd(), rs1: self.rd(), imm }
    }
    /// `rd' = rd' op imm`.
    fn update_popular(self, imm: i32) -> I {
        I { rd: self.rs1_popular(), rs1: self.rs1_popular(), imm }
    }
    fn shift_popular(self) -> Shift {
        Shift { rd: self.rs1_popular(), rs1: self.rs1_popular(), shamt: self.shamt() }
    }
    /// `rd' = rd' op rs2'`.
    fn combine(self) -> R {
        R { rd: self.rs1_popular(), rs1: self.rs1_popular(), rs2: self.rs2_popular() }
    }
    /// `rd' = op rd'`.
    fn change(self) -> R1 {
        R1 { rd: self.rs1_popular(), rs1: self.rs1_popular() }
    }
    fn branch(self) -> B {
        B { rs1: self.rs1_popular(), rs2: ZERO, imm: self.branch_offset() }
    }
    fn jump_register(self, rd: u8) -> Insn {
        Insn::Jalr(I { rd, rs1: self.rd(), imm: 0 })
    }
}

fn quadrant0(c: Half) -> Expansion {
    Some(match c.funct3() {
        0 => (Zca, addi4spn(c)?),
        1 => (Zcd, Insn::Fld(c.load(c.double_offset()))),
        2 => (Zca, Insn::Lw(c.load(c.word_offset()))),
        3 => (Zca, Insn::Ld(c.load(c.double_offset()))),
        4 => (Zcb, narrow_access(c)?),
        5 => (Zcd, Insn::Fsd(c.store(c.double_offset()))),
        6 => (Zca, Insn::Sw(c.store(c.word_offset()))),
        _ => (Zca, Insn::Sd(c.store(c.double_offset()))),
    })
}

/// `c.addi4spn`; zero, and with it the all-zero halfword, is reserved.
fn addi4spn(c: Half) -> Option<Insn> {
    let imm = c.unsigned(&[(12, 11, 4), (10, 7, 6), (6, 6, 2), (5, 5, 3)]);
    (imm != 0).then(|| Insn::Addi(I { rd: c.rs2_popular(), rs1: SP, imm }))
}

/// Zcb: bytes and halfwords.
fn narrow_access(c: Half) -> Option<Insn> {
    let (byte, half) = (c.unsigned(&[(6, 6, 0), (5, 5, 1)]), c.unsigned(&[(5, 5, 1)]));
    Some(match (c.bits(12, 10), c.bits(6, 6)) {
        (0, _) => Insn::Lbu(c.load(byte)),
        (1, 0) => Insn::Lhu(c.load(half)),
        (1, _) => Insn::Lh(c.load(half)),
        (2, _) => Insn::Sb(c.store(byte)),
        (3, 0) => Insn::Sh(c.store(half)),
        _ => return None,
    })
}

fn quadrant1(c: Half) -> Expansion {
    Some(match c.funct3() {
        0 => (Zca, Insn::Addi(c.update(c.imm6()))),
        1 if c.rd() == 0 => return None,
        1 => (Zca, Insn::Addiw(c.update(c.imm6()))),
        2 => (Zca, Insn::Addi(I { rd: c.rd(), rs1: ZERO, imm: c.imm6() })),
        3 => return upper(c),
        4 => return register(c),
        5 => (Zca, Insn::Jal(J { rd: ZERO, imm: c.jump_offset() })),
        6 => (Zca, Insn::Beq(c.branch())),
        _ => (Zca, Insn::Bne(c.branch())),
    })
}

/// `c.lui`, `c.addi16sp`, and in their reserved encodings `c.mop.n`.
fn upper(c: Half) -> Expansion {
    let imm16 = c.signed(9, &[(6, 6, 4), (5, 5, 6), (4, 3, 7), (2, 2, 5)]);
    match (c.rd(), c.imm6()) {
        (rd, 0) if rd & 1 != 0 && rd < 16 => Some((Zcmop, Insn::Addi(I { rd: ZERO, rs1: ZERO, imm: 0 }))),
        (_, 0) => None,
        (SP, _) => Some((Zca, Insn::Addi(I { rd: SP, rs1: SP, imm: imm16 }))),
        (rd, imm) => Some((Zca, Insn::Lui(U { rd, imm: imm << 12 }))),
    }
}

/// Arithmetic on popular registers.
fn register(c: Half) -> Expansion {
    let insn = match (c.bits(11, 10), c.bits(12, 12), c.bits(6, 5)) {
        (0, ..) => Insn::Srli(c.shift_popular()),
        (1, ..) => Insn::Srai(c.shift_popular()),
        (2, ..) => Insn::Andi(c.update_popular(c.imm6())),
        (_, 0, 0) => Insn::Sub(c.combine()),
        (_, 0, 1) => Insn::Xor(c.combine()),
        (_, 0, 2) => Insn::Or(c.combine()),
        (_, 0, _) => Insn::And(c.combine()),
        (_, _, 0) => Insn::Subw(c.combine()),
        (_, _, 1) => Insn::Addw(c.combine()),
        (_, _, 2) => return Some((Zcb, Insn::Mul(c.combine()))),
        _ => return Some((Zcb, extension(c)?)),
    };
    Some((Zca, insn))
}

/// Zcb: extensions and complement.
fn extension(c: Half) -> Option<Insn> {
    let popular = c.rs1_popular();
    Some(match c.bits(4, 2) {
        0 => Insn::Andi(c.update_popular(0xff)),
        1 => Insn::SextB(c.change()),
        2 => Insn::ZextH(c.change()),
        3 => Insn::SextH(c.change()),
        4 => Insn::AddUw(R { rd: popular, rs1: popular, rs2: ZERO }),
        5 => Insn::Xori(c.update_popular(-1)),
        _ => return None,
    })
}

fn quadrant2(c: Half) -> Expansion {
    Some(match c.funct3() {
        0 => (Zca, Insn::Slli(Shift { rd: c.rd(), rs1: c.rd(), shamt: c.shamt() })),
        1 => (Zcd, Insn::Fld(c.load_sp(c.load_double_sp()))),
        2 | 3 if c.rd() == 0 => return None,
        2 => (Zca, Insn::Lw(c.load_sp(c.load_word_sp()))),
        3 => (Zca, Insn::Ld(c.load_sp(c.load_double_sp()))),
        4 => (Zca, jump_or_add(c)?),
        5 => (Zcd, Insn::Fsd(c.store_sp(c.store_double_sp()))),
        6 => (Zca, Insn::Sw(c.store_sp(c.store_word_sp()))),
        _ => (Zca, Insn::Sd(c.store_sp(c.store_double_sp()))),
    })
}

/// `c.jr`, `c.mv`, `c.ebreak`, `c.jalr`, `c.add`.
fn jump_or_add(c: Half) -> Option<Insn> {
    let (rd, rs2) = (c.rd(), c.rs2());
    Some(match (c.bits(12, 12), rd, rs2) {
        (0, 0, 0) => return None,
        (0, _, 0) => c.jump_register(ZERO),
        (0, ..) => Insn::Add(R { rd, rs1: ZERO, rs2 }),
        (_, 0, 0) => Insn::Ebreak(Bare {}),
        (_, _, 0) => c.jump_register(RA),
        _ => Insn::Add(R { rd, rs1: rd, rs2 }),
    })
}
