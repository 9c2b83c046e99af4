//! HLV, HLVX and HSV: memory as the guest sees it.
//!
//! H extension, "Hypervisor Virtual-Machine Load and Store Instructions".

use crate::Width::{B1, B2, B4, B8};
use crate::{Out, Privileged, Width, Word, privileged_insns};
use arch::insn::R1;

/// Loads `width` and writes what `extend` makes of it.
#[inline(always)]
fn load<M: Privileged>(m: &mut M, width: Width, i: R1, extend: impl Fn(M::W) -> M::W) -> Out<M> {
    let value = m.hyper_load(width, m.x(i.rs1))?;
    m.set_x(i.rd, extend(value));
    Ok(())
}

/// Loads `width` with execute permission.
#[inline(always)]
fn load_exec<M: Privileged>(m: &mut M, width: Width, i: R1) -> Out<M> {
    let value = m.hyper_load_exec(width, m.x(i.rs1))?;
    m.set_x(i.rd, value);
    Ok(())
}

privileged_insns! {
    hlv_b R1 |m, i| load(m, B1, i, |v| v.sext(8));
    hlv_bu R1 |m, i| load(m, B1, i, |v| v);
    hlv_h R1 |m, i| load(m, B2, i, |v| v.sext(16));
    hlv_hu R1 |m, i| load(m, B2, i, |v| v);
    hlv_w R1 |m, i| load(m, B4, i, |v| v.sext(32));
    hlv_wu R1 |m, i| load(m, B4, i, |v| v);
    hlv_d R1 |m, i| load(m, B8, i, |v| v);
    hlvx_hu R1 |m, i| load_exec(m, B2, i);
    hlvx_wu R1 |m, i| load_exec(m, B4, i);
    hsv_b Rs |m, i| m.hyper_store(B1, m.x(i.rs1), m.x(i.rs2));
    hsv_h Rs |m, i| m.hyper_store(B2, m.x(i.rs1), m.x(i.rs2));
    hsv_w Rs |m, i| m.hyper_store(B4, m.x(i.rs1), m.x(i.rs2));
    hsv_d Rs |m, i| m.hyper_store(B8, m.x(i.rs1), m.x(i.rs2));
}
