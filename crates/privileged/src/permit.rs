//! Who may execute the privileged instructions.
//!
//! Privileged architecture, "Virtualization Support in `mstatus` Register"; H extension, "Hypervisor Instructions" and
//! "Trap Cause Codes"; "Svinval"; "Zawrs"; CMO extensions, "Control and Status Register State". An instruction whose
//! extension is absent does not decode, so presence is not checked here.

use arch::csr::{envcfg, hstatus, status};
use arch::{Mode, Privilege};

use crate::{Denied, State};

/// What a permission check says.
type Verdict = Result<(), Denied>;

/// `Ok` where `allowed` holds, else `denied`.
const fn require(allowed: bool, denied: Denied) -> Verdict {
    if allowed { Ok(()) } else { Err(denied) }
}

/// A supervisor instruction that a bit of `mstatus` withholds from HS-mode, and one of `hstatus` from VS-mode.
const fn supervisor(state: &State, in_mstatus: u64, in_hstatus: u64) -> Verdict {
    match (state.mode.virt, state.mode.privilege) {
        (_, Privilege::Machine) => Ok(()),
        (false, Privilege::Supervisor) => require(state.mstatus & in_mstatus == 0, Denied::Illegal),
        (false, Privilege::User) => Err(Denied::Illegal),
        (true, Privilege::Supervisor) => require(state.hstatus & in_hstatus == 0, Denied::Virtual),
        (true, Privilege::User) => Err(Denied::Virtual),
    }
}

/// SRET: TSR, VTSR.
pub const fn sret(state: &State) -> Verdict {
    supervisor(state, status::TSR, hstatus::VTSR)
}

/// SFENCE.VMA and SINVAL.VMA: TVM, VTVM.
pub const fn sfence_vma(state: &State) -> Verdict {
    supervisor(state, status::TVM, hstatus::VTVM)
}

/// SFENCE.W.INVAL and SFENCE.INVAL.IR: no bit withholds them.
pub const fn sfence_inval(state: &State) -> Verdict {
    supervisor(state, 0, 0)
}

/// HFENCE.VVMA and HINVAL.VVMA.
pub const fn hfence_vvma(state: &State) -> Verdict {
    hypervisor(state, 0)
}

/// HFENCE.GVMA and HINVAL.GVMA: TVM.
pub const fn hfence_gvma(state: &State) -> Verdict {
    hypervisor(state, status::TVM)
}

/// A hypervisor instruction that a bit of `mstatus` withholds from HS-mode.
const fn hypervisor(state: &State, in_mstatus: u64) -> Verdict {
    if state.mode.virt { Err(Denied::Virtual) } else { supervisor(state, in_mstatus, 0) }
}

/// HLV, HLVX and HSV: in U-mode only when `hstatus.HU` is set.
pub const fn hlv(state: &State) -> Verdict {
    match (state.mode.virt, state.mode.privilege) {
        (true, _) => Err(Denied::Virtual),
        (false, Privilege::User) => require(state.hstatus & hstatus::HU != 0, Denied::Illegal),
        (false, _) => Ok(()),
    }
}

/// WFI: TW, VTW. In U-mode and VU-mode it is never allowed (the bounded time is zero, as in Spike).
pub fn wfi(state: &State) -> Verdict {
    if state.mode == Mode::M {
        return Ok(());
    }
    require(state.mstatus & status::TW == 0, Denied::Illegal)?;
    supervisor(state, 0, hstatus::VTW)
}

/// WRS.NTO: TW, VTW; unlike WFI, allowed in U-mode and VU-mode. WRS.STO is always allowed.
pub fn wrs_nto(state: &State) -> Verdict {
    if state.mode == Mode::M {
        return Ok(());
    }
    require(state.mstatus & status::TW == 0, Denied::Illegal)?;
    require(!state.mode.virt || state.hstatus & hstatus::VTW == 0, Denied::Virtual)
}

/// CBO.CLEAN and CBO.FLUSH: CBCFE.
pub fn cbo_clean_flush(state: &State) -> Verdict {
    cache_block(state, envcfg::CBCFE)
}

/// CBO.INVAL: CBIE. With CBIE = 1 somewhere on the way it performs a flush; without caches these are the same.
pub fn cbo_inval(state: &State) -> Verdict {
    cache_block(state, envcfg::CBIE)
}

/// CBO.ZERO: CBZE.
#[inline]
pub fn cbo_zero(state: &State) -> Verdict {
    cache_block(state, envcfg::CBZE)
}

/// A cache-block instruction that a field of `menvcfg`, `henvcfg` and `senvcfg` enables for the modes below.
#[inline]
fn cache_block(state: &State, field: u64) -> Verdict {
    let mode = state.mode;
    let user = mode.privilege == Privilege::User;
    let by_supervisor = !user || state.senvcfg & field != 0;
    require(mode == Mode::M || state.menvcfg & field != 0, Denied::Illegal)?;
    require(mode.virt || by_supervisor, Denied::Illegal)?;
    require(!mode.virt || state.henvcfg & field != 0 && by_supervisor, Denied::Virtual)
}

/// Whether FENCE's I/O bits imply the memory bits (FIOM) in the current mode.
///
/// "Machine Environment Configuration (`menvcfg`) Register".
pub fn fence_io_implies_memory(state: &State) -> bool {
    let mode = state.mode;
    let user = mode.privilege == Privilege::User;
    mode != Mode::M
        && (state.menvcfg | if mode.virt { state.henvcfg } else { 0 } | if user { state.senvcfg } else { 0 })
            & envcfg::FIOM
            != 0
}
