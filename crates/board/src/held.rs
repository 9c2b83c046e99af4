//! A hart that stands, as its debugger has it, whoever executes it.

use std::sync::Arc;

use vcpu::debug::{Break, Debuggee, Points};
use vcpu::{EmulatedHart, Fence, Reg, Snapshot};

use crate::engine::HostedHart;

/// A hart that stands.
pub enum Held<'h> {
    /// One with M-mode.
    Emulated(&'h mut dyn EmulatedHart),
    /// One whose host answers for M-mode.
    Hosted(&'h mut dyn HostedHart),
}

impl Held<'_> {
    /// Reads a register.
    pub fn reg(&self, reg: Reg) -> u64 {
        match self {
            Held::Emulated(hart) => hart.reg(reg),
            Held::Hosted(hart) => hart.reg(reg),
        }
    }

    /// Writes a register.
    pub fn set_reg(&mut self, reg: Reg, value: u64) {
        match self {
            Held::Emulated(hart) => hart.set_reg(reg, value),
            Held::Hosted(hart) => hart.set_reg(reg, value),
        }
    }

    /// What the hart is in, if its executor can tell.
    pub fn snapshot(&self) -> Option<Snapshot> {
        match self {
            Held::Emulated(hart) => hart.snapshot(),
            Held::Hosted(hart) => hart.snapshot(),
        }
    }

    /// What a debugger may do to it. `None`: it has nothing for one.
    pub fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        match self {
            Held::Emulated(hart) => hart.debuggee(),
            Held::Hosted(hart) => hart.debuggee(),
        }
    }

    /// What was written to memory is what the hart executes next: FENCE.I.
    pub fn fence_instructions(&mut self) {
        match self {
            Held::Emulated(hart) => hart.fence(Fence::Instructions),
            Held::Hosted(hart) => hart.fence_instructions(),
        }
    }

    /// All harts of its machine stand.
    pub fn all_stand(&mut self) {
        if let Held::Hosted(hart) = self {
            hart.all_stand();
        }
    }

    /// All are about to go on, until they meet one of these points.
    pub fn all_go(&mut self, points: &Arc<Points>) {
        if let Held::Hosted(hart) = self {
            hart.all_go(points);
        }
    }

    /// Whether the hart can stop there: where its host sees to that, a breakpoint needs memory at its address.
    pub fn takes(&self, point: &Break) -> bool {
        match self {
            Held::Emulated(_) => true,
            Held::Hosted(hart) => hart.takes(point),
        }
    }

    /// Whether it stops for watchpoints and events, and for breakpoints in some modes and address spaces only.
    pub fn takes_all(&self) -> bool {
        matches!(self, Held::Emulated(_))
    }
}
