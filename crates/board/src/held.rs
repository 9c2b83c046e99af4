//! A hart that stands, as its debugger has it, whoever executes it.

use std::sync::Arc;

use vcpu::debug::{Break, Debuggee, Points};
use vcpu::{Fence, FullHart, Reg, Snapshot};

use crate::engine::GuestHart;

/// A hart that stands.
pub enum Held<'h> {
    /// One with M-mode.
    Full(&'h mut dyn FullHart),
    /// One whose host answers for M-mode.
    Guest(&'h mut dyn GuestHart),
}

impl Held<'_> {
    /// Reads a register.
    pub fn reg(&self, reg: Reg) -> u64 {
        match self {
            Held::Full(hart) => hart.reg(reg),
            Held::Guest(hart) => hart.reg(reg),
        }
    }

    /// Writes a register.
    pub fn set_reg(&mut self, reg: Reg, value: u64) {
        match self {
            Held::Full(hart) => hart.set_reg(reg, value),
            Held::Guest(hart) => hart.set_reg(reg, value),
        }
    }

    /// What the hart is in, if its executor can tell.
    pub fn snapshot(&self) -> Option<Snapshot> {
        match self {
            Held::Full(hart) => hart.snapshot(),
            Held::Guest(hart) => hart.snapshot(),
        }
    }

    /// What a debugger may do to it. `None`: it has nothing for one.
    pub fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        match self {
            Held::Full(hart) => hart.debuggee(),
            Held::Guest(hart) => hart.debuggee(),
        }
    }

    /// What was written to memory is what the hart executes next: FENCE.I.
    pub fn fence_instructions(&mut self) {
        match self {
            Held::Full(hart) => hart.fence(Fence::Instructions),
            Held::Guest(hart) => hart.fence_instructions(),
        }
    }

    /// All harts of its machine stand.
    pub fn all_stand(&mut self) {
        if let Held::Guest(hart) = self {
            hart.all_stand();
        }
    }

    /// All are about to go on, until they meet one of these points.
    pub fn all_go(&mut self, points: &Arc<Points>) {
        if let Held::Guest(hart) = self {
            hart.all_go(points);
        }
    }

    /// Whether the hart can stop there: where its host sees to that, a breakpoint needs memory at its address.
    pub fn takes(&self, point: &Break) -> bool {
        match self {
            Held::Full(_) => true,
            Held::Guest(hart) => hart.takes(point),
        }
    }

    /// Whether it stops for watchpoints and events, and for breakpoints in some modes and address spaces only.
    pub fn takes_all(&self) -> bool {
        matches!(self, Held::Full(_))
    }
}
