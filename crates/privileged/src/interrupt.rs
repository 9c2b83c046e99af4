//! Which interrupts are pending, and which one is taken.
//!
//! Privileged architecture, "Machine Interrupt (`mip` and `mie`) Registers"; H extension, "Hypervisor Interrupt
//! (`hvip`, `hip`, and `hie`) Registers"; "Sstc".

use arch::csr::{envcfg, ip, status};
use arch::{Interrupt, Mode, Privilege};

use crate::{Config, State};

/// All pending interrupts: what `mip` reads.
#[inline]
pub fn pending(state: &State, config: &Config) -> u64 {
    let wires = state.pins & (ip::MACHINE | ip::SEIP);
    let software = state.mip & (ip::SSIP | ip::SEIP | ip::LCOFIP | ip::VSSIP);
    wires | software | supervisor_timer(state) | guest_external(state, config) | state.hvip | virtual_timer(state)
}

/// STIP: the comparator when `menvcfg.STCE` is set, else a bit that M-mode writes.
#[inline]
fn supervisor_timer(state: &State) -> u64 {
    if state.menvcfg & envcfg::STCE == 0 {
        return state.mip & ip::STIP;
    }
    if state.time >= state.stimecmp { ip::STIP } else { 0 }
}

/// VSTIP from the comparator, when `henvcfg.STCE` is set.
#[inline]
fn virtual_timer(state: &State) -> u64 {
    let raised = state.henvcfg() & envcfg::STCE != 0 && state.guest_time() >= state.vstimecmp;
    if raised { ip::VSTIP } else { 0 }
}

/// SGEIP and VSEIP as `hgeip` raises them.
#[inline]
fn guest_external(state: &State, config: &Config) -> u64 {
    let lines = state.hgeip & config.guest_external_mask();
    let selected = lines >> state.vgein() & 1 != 0;
    (if lines & state.hgeie != 0 { ip::SGEIP } else { 0 }) | (if selected { ip::VSEIP } else { 0 })
}

/// Whether WFI ends: an interrupt is pending and enabled in `mie`, whatever the global enables say.
///
/// "Wait for Interrupt": "the WFI instruction [...] must be unaffected by the global interrupt bits".
#[inline]
pub fn has_wakeup(state: &State, config: &Config) -> bool {
    pending(state, config) & state.mie != 0
}

/// Whether all that [`has_wakeup`] finds is delegated to a guest while none runs: the hart goes on, and takes none of it.
pub fn only_guest_wakes(state: &State, config: &Config) -> bool {
    let to_guest = state.hideleg & state.mideleg(config);
    !state.mode.virt && pending(state, config) & state.mie & !to_guest == 0
}

/// The interrupt to take now, and the mode it traps to.
pub fn next_interrupt(state: &State, config: &Config) -> Option<(Interrupt, Mode)> {
    let enabled = pending(state, config) & state.mie;
    if enabled == 0 {
        return None;
    }
    let to_hs = state.mideleg(config);
    let to_vs = state.hideleg & to_hs;
    [(Mode::M, !to_hs), (Mode::HS, to_hs & !to_vs), (Mode::VS, to_vs)]
        .into_iter()
        .filter(|&(target, _)| may_interrupt(state, target))
        .find_map(|(target, mask)| Some((highest(enabled & mask)?, target)))
}

/// Whether interrupts that trap to `target` are enabled globally: the mode is lower, or the same with xIE set.
fn may_interrupt(state: &State, target: Mode) -> bool {
    let mode = state.mode;
    match target.privilege {
        Privilege::Machine => mode != Mode::M || state.mstatus & status::MIE != 0,
        _ if !target.virt => match mode {
            Mode::M => false,
            Mode::HS => state.mstatus & status::SIE != 0,
            _ => true,
        },
        _ => mode == Mode::VU || mode == Mode::VS && state.vsstatus & status::SIE != 0,
    }
}

/// The first of `interrupts` by priority.
fn highest(interrupts: u64) -> Option<Interrupt> {
    if interrupts == 0 {
        return None;
    }
    Interrupt::DEFAULT_PRIORITY.into_iter().find(|interrupt| interrupts & interrupt.bit() != 0)
}

/// The earliest tick of `time` at which `stimecmp` or `vstimecmp` raises an interrupt that is not pending yet.
pub fn next_timer(state: &State) -> Option<u64> {
    let supervisor = (state.menvcfg & envcfg::STCE != 0 && state.time < state.stimecmp).then_some(state.stimecmp);
    let wait = state.vstimecmp.checked_sub(state.guest_time()).filter(|&ticks| ticks != 0);
    let guest = wait.filter(|_| state.henvcfg() & envcfg::STCE != 0).and_then(|ticks| state.time.checked_add(ticks));
    supervisor.into_iter().chain(guest).min()
}

impl State {
    /// `time` as V = 1 sees it.
    ///
    /// H extension, "Hypervisor Time Delta (`htimedelta`) Register".
    pub const fn guest_time(&self) -> u64 {
        self.time.wrapping_add(self.htimedelta)
    }

    /// `henvcfg` in effect: PBMTE, STCE and ADUE are zero where they are in `menvcfg`.
    pub const fn henvcfg(&self) -> u64 {
        self.henvcfg & (self.menvcfg | !(envcfg::PBMTE | envcfg::STCE | envcfg::ADUE))
    }

    /// `mideleg` with the read-only ones of the hypervisor extension.
    ///
    /// H extension, "Machine Interrupt Delegation (`mideleg`) Register". Bit 12 too when GEILEN is 0, as in Spike.
    pub fn mideleg(&self, config: &Config) -> u64 {
        self.mideleg | config.hypervisor_interrupts()
    }
}
