//! Calls, returns, waiting and fences.
//!
//! Unprivileged architecture, "Environment Call and Breakpoints", Zifencei; privileged architecture, "Machine-Mode
//! Privileged Instructions", "Supervisor Instructions", Svinval; H extension, "Hypervisor Memory-Management Fence
//! Instructions".

use crate::{Out, Privileged, TlbFence, privileged_insns};
use arch::insn::Rs;

/// A fence whose operand registers, where they are x0, mean all addresses and all address spaces.
#[inline(always)]
fn tlb_fence<M: Privileged>(m: &mut M, fence: TlbFence, i: Rs) -> Out<M> {
    let address = (i.rs1 != 0).then(|| m.x(i.rs1));
    let id = (i.rs2 != 0).then(|| m.x(i.rs2));
    m.tlb_fence(fence, address, id)
}

privileged_insns! {
    ecall Bare |m, _i| m.ecall();
    ebreak Bare |m, _i| m.ebreak();
    fence_i I |m, _i| m.fence_i();
    wrs_nto Bare |m, _i| m.wrs_nto();
    wrs_sto Bare |m, _i| m.wrs_sto();
    sret Bare |m, _i| m.sret();
    mret Bare |m, _i| m.mret();
    wfi Bare |m, _i| m.wfi();
    sfence_vma Rs |m, i| tlb_fence(m, TlbFence::SfenceVma, i);
    sinval_vma Rs |m, i| tlb_fence(m, TlbFence::SinvalVma, i);
    hfence_vvma Rs |m, i| tlb_fence(m, TlbFence::HfenceVvma, i);
    hfence_gvma Rs |m, i| tlb_fence(m, TlbFence::HfenceGvma, i);
    hinval_vvma Rs |m, i| tlb_fence(m, TlbFence::HinvalVvma, i);
    hinval_gvma Rs |m, i| tlb_fence(m, TlbFence::HinvalGvma, i);
    sfence_w_inval Bare |m, _i| m.sfence_w_inval();
    sfence_inval_ir Bare |m, _i| m.sfence_inval_ir();
}
