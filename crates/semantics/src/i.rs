//! RV64I, and the hint instructions that have rows of their own.
//!
//! Unprivileged architecture, "RV32I Base Integer Instruction Set" and "RV64I Base Integer Instruction Set".

use crate::Width::{B1, B2, B4, B8};
use crate::{Exec, Out, Word, insns, x_insns};
use arch::insn::{B, I, S};

/// `rs1 + imm`: where a load, or `jalr`, goes.
#[inline(always)]
pub(crate) fn address<M: Exec>(m: &M, i: I) -> M::W {
    m.x(i.rs1) + m.imm(i.imm.into())
}

/// `rs1 + imm`: where a store goes.
#[inline(always)]
pub(crate) fn store_address<M: Exec>(m: &M, i: S) -> M::W {
    m.x(i.rs1) + m.imm(i.imm.into())
}

#[inline(always)]
fn target<M: Exec>(m: &M, i: B) -> M::W {
    m.pc() + m.imm(i.imm.into())
}

/// Jumps, and writes the address of the instruction behind to `rd`.
#[inline(always)]
fn link<M: Exec>(m: &mut M, rd: u8, target: M::W) -> Out<M> {
    let behind = m.next_pc();
    m.jump(target)?;
    m.set_x(rd, behind);
    Ok(())
}

x_insns! {
    lui U |m, i| m.imm(i.imm.into());
    auipc U |m, i| m.pc() + m.imm(i.imm.into());

    addi I |m, i| m.x(i.rs1) + m.imm(i.imm.into());
    slti I |m, i| M::W::from_bool(m.x(i.rs1).lt_s(m.imm(i.imm.into())));
    sltiu I |m, i| M::W::from_bool(m.x(i.rs1).lt_u(m.imm(i.imm.into())));
    xori I |m, i| m.x(i.rs1) ^ m.imm(i.imm.into());
    ori I |m, i| m.x(i.rs1) | m.imm(i.imm.into());
    andi I |m, i| m.x(i.rs1) & m.imm(i.imm.into());
    slli Shift |m, i| m.x(i.rs1) << m.imm(i.shamt.into());
    srli Shift |m, i| m.x(i.rs1) >> m.imm(i.shamt.into());
    srai Shift |m, i| m.x(i.rs1).sar(m.imm(i.shamt.into()));

    add R |m, i| m.x(i.rs1) + m.x(i.rs2);
    sub R |m, i| m.x(i.rs1) - m.x(i.rs2);
    sll R |m, i| m.x(i.rs1) << m.x(i.rs2);
    slt R |m, i| M::W::from_bool(m.x(i.rs1).lt_s(m.x(i.rs2)));
    sltu R |m, i| M::W::from_bool(m.x(i.rs1).lt_u(m.x(i.rs2)));
    xor R |m, i| m.x(i.rs1) ^ m.x(i.rs2);
    srl R |m, i| m.x(i.rs1) >> m.x(i.rs2);
    sra R |m, i| m.x(i.rs1).sar(m.x(i.rs2));
    or R |m, i| m.x(i.rs1) | m.x(i.rs2);
    and R |m, i| m.x(i.rs1) & m.x(i.rs2);

    addiw I |m, i| (m.x(i.rs1) + m.imm(i.imm.into())).sext(32);
    slliw Shift |m, i| (m.x(i.rs1) << m.imm(i.shamt.into())).sext(32);
    srliw Shift |m, i| (m.x(i.rs1).zext(32) >> m.imm(i.shamt.into())).sext(32);
    sraiw Shift |m, i| m.x(i.rs1).sext(32).sar(m.imm(i.shamt.into()));
    addw R |m, i| (m.x(i.rs1) + m.x(i.rs2)).sext(32);
    subw R |m, i| (m.x(i.rs1) - m.x(i.rs2)).sext(32);
    sllw R |m, i| (m.x(i.rs1) << (m.x(i.rs2) & m.imm(31))).sext(32);
    srlw R |m, i| (m.x(i.rs1).zext(32) >> (m.x(i.rs2) & m.imm(31))).sext(32);
    sraw R |m, i| m.x(i.rs1).sext(32).sar(m.x(i.rs2) & m.imm(31));

    lb I |m, i| m.load(B1, address(m, i))?.sext(8);
    lh I |m, i| m.load(B2, address(m, i))?.sext(16);
    lw I |m, i| m.load(B4, address(m, i))?.sext(32);
    ld I |m, i| m.load(B8, address(m, i))?;
    lbu I |m, i| m.load(B1, address(m, i))?;
    lhu I |m, i| m.load(B2, address(m, i))?;
    lwu I |m, i| m.load(B4, address(m, i))?;
}

insns! {
    sb S |m, i| m.store(B1, store_address(m, i), m.x(i.rs2));
    sh S |m, i| m.store(B2, store_address(m, i), m.x(i.rs2));
    sw S |m, i| m.store(B4, store_address(m, i), m.x(i.rs2));
    sd S |m, i| m.store(B8, store_address(m, i), m.x(i.rs2));

    beq B |m, i| m.branch(m.x(i.rs1).eq(m.x(i.rs2)), target(m, i));
    bne B |m, i| m.branch(!m.x(i.rs1).eq(m.x(i.rs2)), target(m, i));
    blt B |m, i| m.branch(m.x(i.rs1).lt_s(m.x(i.rs2)), target(m, i));
    bge B |m, i| m.branch(!m.x(i.rs1).lt_s(m.x(i.rs2)), target(m, i));
    bltu B |m, i| m.branch(m.x(i.rs1).lt_u(m.x(i.rs2)), target(m, i));
    bgeu B |m, i| m.branch(!m.x(i.rs1).lt_u(m.x(i.rs2)), target(m, i));
    jal J |m, i| link(m, i.rd, m.pc() + m.imm(i.imm.into()));
    jalr I |m, i| link(m, i.rd, address(m, i) & m.imm(-2));

    fence Fence |m, i| m.fence(i.fm, i.pred, i.succ);
    fence_tso Bare |m, _i| m.fence(0b1000, 0b0011, 0b0011);
    pause Bare |m, _i| m.pause();
}
