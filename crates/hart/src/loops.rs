//! The same trap at the same instruction, again and again with nothing done in between: whoever waits for the guest is
//! to be told.
//!
//! Such a guest waits for nothing and says nothing. Its handler cannot be fetched, so that it traps to itself; or it
//! returns to an instruction that fails as before. What is seen is a trap of the very instruction that a trap or a
//! return from one led to. That is no more than a comparison where there is none; a trap that is taken in the middle of
//! a handler, or after a step forward, is none.

use std::fmt;

use arch::{Exception, Implicit, Mode};
use privileged::{Bank, Cause};

use crate::core::Core;

/// How often a trap must come in a row to be a loop: no guest that makes progress comes to it.
const MANY: u32 = 1_000_000;

/// What is remembered of traps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loops {
    /// Instructions retired when a trap or a return from one led to the current instruction, or some other.
    moved: u64,
    /// Whether it was a trap.
    trapped: bool,
    /// The trap that comes again, and from where.
    same: Option<(Cause, Mode, u64)>,
    times: u32,
    /// What led to it, as the handler's registers tell.
    origin: Option<Bank>,
    told: bool,
}

impl Core {
    /// Notes that a trap is about to be taken at `pc`.
    #[inline(always)]
    pub(crate) fn note_trap(&mut self, cause: Cause, pc: u64) {
        let retired = self.state.instret;
        if self.told.loops.moved == retired {
            self.repeat(cause, pc);
        }
        (self.told.loops.moved, self.told.loops.trapped) = (retired, true);
    }

    /// Notes a return from a trap, by the instruction before which `retired` have retired.
    #[inline(always)]
    pub(crate) fn note_return(&mut self, retired: u64) {
        (self.told.loops.moved, self.told.loops.trapped) = (retired.wrapping_add(1), false);
    }

    #[cold]
    fn repeat(&mut self, cause: Cause, pc: u64) {
        let mode = self.state.mode;
        let loops = &mut self.told.loops;
        if loops.same == Some((cause, mode, pc)) {
            loops.times = loops.times.saturating_add(1);
            return;
        }
        (loops.same, loops.times) = (Some((cause, mode, pc)), 1);
        loops.origin = loops.trapped.then(|| self.state.bank(mode).clone());
    }

    /// A sentence about a trap that comes again and again, the first time that it is asked for.
    pub(crate) fn trap_loop(&mut self) -> Option<String> {
        let loops = &mut self.told.loops;
        if loops.times < MANY || std::mem::replace(&mut loops.told, true) {
            return None;
        }
        let (cause, mode, pc) = loops.same?;
        let origin = loops.origin.as_ref().filter(|bank| bank.epc != pc);
        let origin = origin.map(|bank| format!(", which began with {}", Told::of_bank(bank))).unwrap_or_default();
        let (mode, told) = (mode.name(), Told::of(cause, pc));
        Some(format!("took the same trap {MANY} times in {mode}-mode and got no further: {told}{origin}"))
    }
}

/// A trap in words.
struct Told {
    name: String,
    pc: u64,
    tval: u64,
    guest_physical: Option<(u64, &'static str)>,
}

impl Told {
    fn of(cause: Cause, pc: u64) -> Told {
        match cause {
            Cause::Interrupt(interrupt) | Cause::Asserted(interrupt, _) => {
                Told { name: format!("{interrupt:?} interrupt"), pc, tval: 0, guest_physical: None }
            }
            Cause::Exception(trap) => Told {
                name: format!("{:?}", trap.cause),
                pc,
                tval: trap.tval,
                guest_physical: trap.cause.is_guest_page_fault().then(|| (trap.tval2 << 2, stage(trap.tinst))),
            },
        }
    }

    fn of_bank(bank: &Bank) -> Told {
        let code = bank.cause & !arch::csr::CAUSE_INTERRUPT;
        let name = match bank.cause & arch::csr::CAUSE_INTERRUPT {
            0 => Exception::from_code(code).map_or_else(|| format!("exception {code}"), |cause| format!("{cause:?}")),
            _ => format!("interrupt {code}"),
        };
        let is_fault = Exception::from_code(bank.cause).is_some_and(Exception::is_guest_page_fault);
        let guest = is_fault.then(|| (bank.tval2 << 2, stage(bank.tinst)));
        Told { name, pc: bank.epc, tval: bank.tval, guest_physical: guest }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at pc {:#x}, tval {:#x}", self.name, self.pc, self.tval)?;
        match self.guest_physical {
            Some((address, stage)) => write!(f, ", guest-physical address {address:#x}, {stage}"),
            None => Ok(()),
        }
    }
}

/// What accessed the guest-physical address.
const fn stage(tinst: u64) -> &'static str {
    match Implicit::of_tinst(tinst) {
        Some(Implicit::Read) => "G-stage of reading a page table of the VS-stage",
        Some(Implicit::Write) => "G-stage of updating a page table of the VS-stage",
        None => "G-stage of the access itself",
    }
}
