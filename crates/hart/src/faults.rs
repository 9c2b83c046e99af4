//! The last exceptions of a hart, for explanations: one for each mode that has handlers, and one that left a guest.
//!
//! Environment calls are none: they are what programs do, not what befalls them.

use arch::{Exception, Mode, Trap};
use privileged::{Fault, Request};
use vcpu::Snapshot;

use crate::core::Core;

/// What is remembered.
#[derive(Default)]
pub(crate) struct Faults {
    /// By the mode of the handler, M, HS, VS, of those that left no guest; and of those that did.
    last: [Option<Fault>; 4],
    /// Which of them is the newest.
    newest: usize,
    /// The first of several between which nothing retired.
    origin: Option<Fault>,
    /// What the last access asked for that was refused.
    refused: Option<Request>,
}

impl Faults {
    fn note(&mut self, fault: Fault, place: usize) {
        let nothing_since = |before: &Fault| before.instret == fault.instret;
        if let Some(before) = self.last[self.newest].filter(nothing_since)
            && !self.origin.as_ref().is_some_and(nothing_since)
        {
            self.origin = Some(before);
        }
        (self.last[place], self.newest) = (Some(fault), place);
    }

    /// What the newest began with.
    fn origin(&self) -> Option<Fault> {
        let newest = self.last[self.newest].as_ref()?;
        self.origin.filter(|origin| origin.instret == newest.instret)
    }
}

impl Core {
    /// Notes that this access is refused, before the trap that this is.
    pub(crate) fn note_refusal(&mut self, request: &Request) {
        self.told.faults.refused = Some(*request);
    }

    /// Notes that an exception is about to be taken at `pc`.
    pub(crate) fn note_fault(&mut self, trap: Trap, pc: u64) {
        let request =
            self.told.faults.refused.take().filter(|request| request.va.0 == trap.tval && is_refusal(trap.cause));
        if is_call(trap.cause) {
            return;
        }
        let fault = Fault { request, ..Fault::of(&self.state, &self.config, trap, pc, self.traps) };
        let place = match fault.to {
            _ if fault.leaves_guest() => 3,
            Mode::M => 0,
            Mode::VS => 2,
            _ => 1,
        };
        self.told.faults.note(fault, place);
    }

    /// What the hart is in.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            state: self.state.clone(),
            config: self.config.clone(),
            pc: self.pc,
            x: self.x,
            faults: self.told.faults.last,
            origin: self.told.faults.origin(),
            builtin_firmware: self.firmware.answers,
            is_guests: false,
            now: self.clock.now(),
            waits_since: self.wfi.waiting.then_some(self.wfi.since),
            timer: self.next_timer(),
        }
    }
}

const fn is_call(cause: Exception) -> bool {
    use Exception::{EcallFromHS, EcallFromM, EcallFromU, EcallFromVS};
    matches!(cause, EcallFromU | EcallFromHS | EcallFromVS | EcallFromM)
}

/// Whether the exception says that an access was refused.
const fn is_refusal(cause: Exception) -> bool {
    use Exception::{InstructionAccessFault, LoadAccessFault, StoreAccessFault};
    use Exception::{InstructionGuestPageFault, LoadGuestPageFault, StoreGuestPageFault};
    use Exception::{InstructionPageFault, LoadPageFault, StorePageFault};
    matches!(
        cause,
        InstructionAccessFault
            | LoadAccessFault
            | StoreAccessFault
            | InstructionPageFault
            | LoadPageFault
            | StorePageFault
            | InstructionGuestPageFault
            | LoadGuestPageFault
            | StoreGuestPageFault
    )
}
