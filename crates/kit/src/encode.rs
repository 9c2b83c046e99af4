//! Instructions by their names, encoded.
//!
//! Operands stand in the order in which assembler has them; an offset is in bytes.

#![allow(missing_docs, reason = "the names are the manual's")]

use arch::insn::{B, Bare, Csr, I, Insn, J, R, S, U};

pub fn addi(rd: u8, rs1: u8, imm: i32) -> u32 {
    Insn::Addi(I { rd, rs1, imm }).encode()
}
pub fn add(rd: u8, rs1: u8, rs2: u8) -> u32 {
    Insn::Add(R { rd, rs1, rs2 }).encode()
}
pub fn ld(rd: u8, rs1: u8, imm: i32) -> u32 {
    Insn::Ld(I { rd, rs1, imm }).encode()
}
pub fn sd(rs2: u8, rs1: u8, imm: i32) -> u32 {
    Insn::Sd(S { rs1, rs2, imm }).encode()
}
pub fn sw(rs2: u8, rs1: u8, imm: i32) -> u32 {
    Insn::Sw(S { rs1, rs2, imm }).encode()
}
pub fn sb(rs2: u8, rs1: u8, imm: i32) -> u32 {
    Insn::Sb(S { rs1, rs2, imm }).encode()
}
pub fn lui(rd: u8, imm: i32) -> u32 {
    Insn::Lui(U { rd, imm }).encode()
}
pub fn jal(rd: u8, imm: i32) -> u32 {
    Insn::Jal(J { rd, imm }).encode()
}
pub fn jalr(rd: u8, rs1: u8, imm: i32) -> u32 {
    Insn::Jalr(I { rd, rs1, imm }).encode()
}
pub fn bne(rs1: u8, rs2: u8, imm: i32) -> u32 {
    Insn::Bne(B { rs1, rs2, imm }).encode()
}
pub fn csrrw(rd: u8, csr: u16, rs1: u8) -> u32 {
    Insn::Csrrw(Csr { rd, rs1, csr }).encode()
}
pub fn csrrs(rd: u8, csr: u16, rs1: u8) -> u32 {
    Insn::Csrrs(Csr { rd, rs1, csr }).encode()
}
pub fn csrrc(rd: u8, csr: u16, rs1: u8) -> u32 {
    Insn::Csrrc(Csr { rd, rs1, csr }).encode()
}
pub fn fence_i() -> u32 {
    Insn::FenceI(I { rd: 0, rs1: 0, imm: 0 }).encode()
}
pub fn wfi() -> u32 {
    Insn::Wfi(Bare {}).encode()
}
pub fn ecall() -> u32 {
    Insn::Ecall(Bare {}).encode()
}
pub fn mret() -> u32 {
    Insn::Mret(Bare {}).encode()
}
