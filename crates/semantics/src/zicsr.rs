//! Zicsr: access to CSRs.
//!
//! Unprivileged architecture, "Zicsr Extension for Control and Status Register (CSR) Instructions". "If rd=x0, then
//! the instruction shall not read the CSR"; "if rs1=x0, then the instruction will not write to the CSR at all".

use crate::{CsrOp, Out, Privileged, privileged_insns};

/// The access of `csrrw` and `csrrwi`.
#[inline(always)]
const fn swap(rd: u8) -> CsrOp {
    if rd == 0 { CsrOp::Write } else { CsrOp::Swap }
}

/// The access of the setting and clearing forms: `source` is the register number or the immediate.
#[inline(always)]
const fn unless_zero(source: u8, op: CsrOp) -> CsrOp {
    if source == 0 { CsrOp::Read } else { op }
}

#[inline(always)]
fn access<M: Privileged>(m: &mut M, op: CsrOp, csr: u16, rd: u8, value: M::W) -> Out<M> {
    let old = m.csr(op, csr, value)?;
    m.set_x(rd, old);
    Ok(())
}

privileged_insns! {
    csrrw Csr |m, i| access(m, swap(i.rd), i.csr, i.rd, m.x(i.rs1));
    csrrs Csr |m, i| access(m, unless_zero(i.rs1, CsrOp::Set), i.csr, i.rd, m.x(i.rs1));
    csrrc Csr |m, i| access(m, unless_zero(i.rs1, CsrOp::Clear), i.csr, i.rd, m.x(i.rs1));
    csrrwi CsrI |m, i| access(m, swap(i.rd), i.csr, i.rd, m.imm(i.uimm.into()));
    csrrsi CsrI |m, i| access(m, unless_zero(i.uimm, CsrOp::Set), i.csr, i.rd, m.imm(i.uimm.into()));
    csrrci CsrI |m, i| access(m, unless_zero(i.uimm, CsrOp::Clear), i.csr, i.rd, m.imm(i.uimm.into()));
}
