//! Small extensions of the base: Zicond, Zimop, and cache blocks (Zicbom, Zicboz, Zicbop).
//!
//! Unprivileged architecture, the chapters of these names.

use crate::{CboOp, Word, insns, x_insns};

x_insns! {
    czero_eqz R |m, i| M::W::select(m.x(i.rs2).eq(m.imm(0)), m.imm(0), m.x(i.rs1));
    czero_nez R |m, i| M::W::select(m.x(i.rs2).eq(m.imm(0)), m.x(i.rs1), m.imm(0));
    // "Unless redefined by another extension, these instructions simply write 0 to x[rd]."
    mop_r MopR |m, i| m.imm(0);
    mop_rr MopRr |m, i| m.imm(0);
}

insns! {
    cbo_inval Rs1 |m, i| m.cbo_maint(CboOp::Inval, m.x(i.rs1));
    cbo_clean Rs1 |m, i| m.cbo_maint(CboOp::Clean, m.x(i.rs1));
    cbo_flush Rs1 |m, i| m.cbo_maint(CboOp::Flush, m.x(i.rs1));
    cbo_zero Rs1 |m, i| m.cbo_zero(m.x(i.rs1));
    prefetch_i Prefetch |_m, _i| Ok(());
    prefetch_r Prefetch |_m, _i| Ok(());
    prefetch_w Prefetch |_m, _i| Ok(());
}
