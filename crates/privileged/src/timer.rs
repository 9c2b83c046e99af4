//! The timers of S-mode and of VS-mode: `stimecmp` compared with `time`, and `vstimecmp` with `time` plus `htimedelta`.
//!
//! Privileged architecture, "Sstc"; H extension, "Hypervisor Time Delta (`htimedelta`) Register". M-mode's timer is a
//! device, whose interrupt is a wire.

use arch::csr::{envcfg, ip};

use crate::State;

/// The times of `stimecmp` and `vstimecmp`, of that which raises its interrupt.
pub fn timers_due(state: &State) -> [Option<u64>; 2] {
    let is_own = state.menvcfg & envcfg::STCE != 0 && supervisor_timer(state) != 0;
    [is_own.then_some(state.stimecmp), (virtual_timer(state) != 0).then_some(state.vstimecmp)]
}

/// STIP: the comparator when `menvcfg.STCE` is set, else a bit that M-mode writes.
#[inline]
pub(crate) fn supervisor_timer(state: &State) -> u64 {
    if state.menvcfg & envcfg::STCE == 0 {
        return state.mip & ip::STIP;
    }
    if state.time >= state.stimecmp { ip::STIP } else { 0 }
}

/// VSTIP from the comparator, when `henvcfg.STCE` is set.
#[inline]
pub(crate) fn virtual_timer(state: &State) -> u64 {
    let raised = state.henvcfg() & envcfg::STCE != 0 && state.guest_time() >= state.vstimecmp;
    if raised { ip::VSTIP } else { 0 }
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
}
