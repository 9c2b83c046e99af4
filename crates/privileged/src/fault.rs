//! An exception that was taken, with what decided about it: for explanations.

use arch::{Mode, Trap};

use crate::{Config, Request, State, route};

/// The registers that decide how an address translates and where a trap goes, as they were.
///
/// PMP's are not among them: they stay as they are where an explanation is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub struct Registers {
    pub mode: Mode,
    pub mstatus: u64,
    pub hstatus: u64,
    pub vsstatus: u64,
    pub satp: u64,
    pub vsatp: u64,
    pub hgatp: u64,
    pub medeleg: u64,
    pub hedeleg: u64,
    pub menvcfg: u64,
    pub henvcfg: u64,
}

impl Registers {
    /// Those of `state`.
    pub const fn of(state: &State) -> Registers {
        Registers {
            mode: state.mode,
            mstatus: state.mstatus,
            hstatus: state.hstatus,
            vsstatus: state.vsstatus,
            satp: state.satp,
            vsatp: state.vsatp,
            hgatp: state.hgatp,
            medeleg: state.medeleg,
            hedeleg: state.hedeleg,
            menvcfg: state.menvcfg,
            henvcfg: state.henvcfg,
        }
    }

    /// Puts them into `state`.
    pub const fn restore(&self, state: &mut State) {
        state.mode = self.mode;
        state.mstatus = self.mstatus;
        state.hstatus = self.hstatus;
        state.vsstatus = self.vsstatus;
        state.satp = self.satp;
        state.vsatp = self.vsatp;
        state.hgatp = self.hgatp;
        state.medeleg = self.medeleg;
        state.hedeleg = self.hedeleg;
        state.menvcfg = self.menvcfg;
        state.henvcfg = self.henvcfg;
    }
}

/// An exception as a hart takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The trap.
    pub trap: Trap,
    /// The address of the instruction.
    pub pc: u64,
    /// The mode whose handler gets it.
    pub to: Mode,
    /// What the access that failed had asked for, if it was one.
    pub request: Option<Request>,
    /// Instructions that had retired.
    pub instret: u64,
    /// Traps that the hart had taken.
    pub number: u64,
    /// What decided.
    pub registers: Registers,
}

impl Fault {
    /// `trap`, about to be taken at `pc`, after `number` others.
    pub fn of(state: &State, config: &Config, trap: Trap, pc: u64, number: u64) -> Fault {
        let to = route(state, config, crate::Cause::Exception(trap));
        Fault { trap, pc, to, request: None, instret: state.instret, number, registers: Registers::of(state) }
    }

    /// Whether a guest was left for it.
    pub fn leaves_guest(&self) -> bool {
        self.registers.mode.virt && !self.to.virt
    }
}
