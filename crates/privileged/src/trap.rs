//! Traps: where they go, what entering a handler does, and how SRET and MRET leave it.
//!
//! Privileged architecture, "Machine Trap Delegation (`medeleg` and `mideleg`) Registers" and "Privilege and Global
//! Interrupt-Enable Stack in `mstatus` register"; H extension, "Traps".

use arch::csr::{CAUSE_INTERRUPT, hstatus, status};
use arch::{Interrupt, Mode, Privilege, Trap};

use crate::{Bank, Config, Denied, State};

/// Why a trap happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A synchronous exception.
    Exception(Trap),
    /// An interrupt.
    Interrupt(Interrupt),
    /// An interrupt that a level above asserts for the handlers in this mode, by `mvip`, `hvip` or `hvictl`, with the
    /// code that they are told.
    ///
    /// AIA 1.0, "Interrupt filtering and virtual interrupts for supervisor level" and "Virtual interrupts for VS
    /// level".
    Asserted(Interrupt, Mode),
}

impl Cause {
    /// The code of the exception or interrupt.
    const fn code(self) -> u64 {
        match self {
            Cause::Exception(trap) => trap.cause as u64,
            Cause::Interrupt(interrupt) | Cause::Asserted(interrupt, _) => interrupt.code() as u64,
        }
    }

    /// What an interrupt writes besides its cause: zeros.
    pub const fn trap(self) -> Trap {
        match self {
            Cause::Exception(trap) => trap,
            // The exception's own name is not used.
            Cause::Interrupt(_) | Cause::Asserted(..) => Trap::new(arch::Exception::InstructionAddressMisaligned, 0),
        }
    }

    /// The value for `xcause` of the handler in `target`.
    ///
    /// H extension, "Virtual Supervisor Cause (`vscause`) Register" and `hideleg`: an interrupt of VS-mode has, there,
    /// the code of the interrupt of S-mode.
    pub const fn xcause(self, target: Mode) -> u64 {
        match self {
            Cause::Exception(trap) => trap.cause as u64,
            Cause::Interrupt(interrupt) if target.virt => CAUSE_INTERRUPT | interrupt.to_vs_level().code() as u64,
            Cause::Interrupt(interrupt) | Cause::Asserted(interrupt, _) => CAUSE_INTERRUPT | interrupt.code() as u64,
        }
    }
}

/// The mode whose handler gets the trap.
///
/// H extension, "Trap Entry". Traps never go to a lower privilege.
#[inline]
pub fn route(state: &State, config: &Config, cause: Cause) -> Mode {
    let (to_hs, to_vs) = match cause {
        Cause::Exception(_) => (state.medeleg, state.hedeleg),
        Cause::Interrupt(_) => (state.mideleg(config), state.hideleg),
        Cause::Asserted(_, target) => return target,
    };
    let delegated = |to: u64| to >> cause.code() & 1 != 0;
    if state.mode == Mode::M || !delegated(to_hs) {
        Mode::M
    } else if state.mode.virt && delegated(to_vs) {
        Mode::VS
    } else {
        Mode::HS
    }
}

/// Takes the trap: fills the registers of the handler's level and enters its mode. Returns the new `pc`.
///
/// `pc` is the address of the instruction that trapped, or of the next one for an interrupt.
#[inline]
pub fn enter(state: &mut State, config: &Config, cause: Cause, pc: u64) -> u64 {
    let target = route(state, config, cause);
    let trap = cause.trap();
    push(state, target, trap.gva);
    let bank = state.bank_mut(target);
    bank.epc = pc;
    bank.cause = cause.xcause(target);
    bank.tval = trap.tval;
    if target != Mode::VS {
        bank.tval2 = trap.tval2;
        bank.tinst = trap.tinst;
    }
    let handler = vector(bank.tvec, bank.cause);
    state.mode = target;
    handler
}

/// The address of the handler: BASE, plus four times the cause for interrupts in vectored mode.
const fn vector(tvec: u64, xcause: u64) -> u64 {
    let base = tvec & !3;
    let vectored = tvec & 1 != 0 && xcause & CAUSE_INTERRUPT != 0;
    if vectored { base.wrapping_add((xcause & !CAUSE_INTERRUPT) << 2) } else { base }
}

/// Pushes the mode and the interrupt enable of `target` onto their stacks.
fn push(state: &mut State, target: Mode, gva: bool) {
    let from = state.mode;
    match target {
        Mode::M => {
            push_machine(&mut state.mstatus, from);
            set(&mut state.mstatus, status::GVA, gva);
        }
        Mode::VS => push_supervisor(&mut state.vsstatus, from),
        _ => {
            push_supervisor(&mut state.mstatus, from);
            push_hypervisor(&mut state.hstatus, from);
            set(&mut state.hstatus, hstatus::GVA, gva);
        }
    }
}

fn push_machine(mstatus: &mut u64, from: Mode) {
    set(mstatus, status::MPIE, *mstatus & status::MIE != 0);
    set(mstatus, status::MIE, false);
    set(mstatus, status::MPV, from.virt);
    *mstatus = *mstatus & !status::MPP | (from.privilege as u64) << status::MPP_SHIFT;
}

fn push_supervisor(xstatus: &mut u64, from: Mode) {
    set(xstatus, status::SPIE, *xstatus & status::SIE != 0);
    set(xstatus, status::SIE, false);
    set(xstatus, status::SPP, from.privilege == Privilege::Supervisor);
}

/// H extension, "Trap Entry": "If V was 1 before the trap, field SPVP in `hstatus` is set the same as `sstatus`.SPP;
/// otherwise, SPVP is left unchanged."
fn push_hypervisor(hstatus: &mut u64, from: Mode) {
    set(hstatus, hstatus::SPV, from.virt);
    if from.virt {
        set(hstatus, hstatus::SPVP, from.privilege == Privilege::Supervisor);
    }
}

/// Executes MRET. Returns the new `pc`.
///
/// # Errors
/// [`Denied::Illegal`] outside M-mode.
pub fn mret(state: &mut State) -> Result<u64, Denied> {
    if state.mode != Mode::M {
        return Err(Denied::Illegal);
    }
    let mstatus = &mut state.mstatus;
    let to = privilege(*mstatus >> status::MPP_SHIFT & 3);
    // "Upon trap return, MPV is ignored when MPP=3."
    let virt = *mstatus & status::MPV != 0 && to != Privilege::Machine;
    if to != Privilege::Machine {
        set(mstatus, status::MPRV, false);
    }
    set(mstatus, status::MIE, *mstatus & status::MPIE != 0);
    set(mstatus, status::MPIE, true);
    set(mstatus, status::MPV, false);
    *mstatus &= !status::MPP;
    state.mode = Mode { privilege: to, virt };
    Ok(state.m.epc)
}

/// Executes SRET, in VS-mode on VS-mode's registers. Returns the new `pc`.
///
/// # Errors
/// [`Denied`] where [`crate::permit::sret`] says so.
#[inline]
pub fn sret(state: &mut State, config: &Config) -> Result<u64, Denied> {
    crate::permit::sret(state)?;
    if state.mode.virt {
        let privilege = pop_supervisor(&mut state.vsstatus);
        state.mode = Mode { privilege, virt: true };
        return Ok(state.vs.epc);
    }
    let privilege = pop_supervisor(&mut state.mstatus);
    set(&mut state.mstatus, status::MPRV, false);
    let virt = state.hstatus & hstatus::SPV != 0 && config.has(arch::isa::Extension::H);
    set(&mut state.hstatus, hstatus::SPV, false);
    state.mode = Mode { privilege, virt };
    Ok(state.s.epc)
}

fn pop_supervisor(xstatus: &mut u64) -> Privilege {
    let to = if *xstatus & status::SPP != 0 { Privilege::Supervisor } else { Privilege::User };
    set(xstatus, status::SIE, *xstatus & status::SPIE != 0);
    set(xstatus, status::SPIE, true);
    set(xstatus, status::SPP, false);
    to
}

/// The privilege that the field MPP encodes; it never holds the reserved 2.
pub(crate) const fn privilege(mpp: u64) -> Privilege {
    match mpp {
        3 => Privilege::Machine,
        1 => Privilege::Supervisor,
        _ => Privilege::User,
    }
}

/// Sets or clears `bits`.
const fn set(register: &mut u64, bits: u64, on: bool) {
    *register = if on { *register | bits } else { *register & !bits };
}

impl State {
    /// The bank of the handlers in `target`: M, VS, else HS.
    pub fn bank(&self, target: Mode) -> &Bank {
        match target {
            Mode::M => &self.m,
            Mode::VS => &self.vs,
            _ => &self.s,
        }
    }

    /// [`State::bank`], to write.
    fn bank_mut(&mut self, target: Mode) -> &mut Bank {
        match target {
            Mode::M => &mut self.m,
            Mode::VS => &mut self.vs,
            _ => &mut self.s,
        }
    }
}
