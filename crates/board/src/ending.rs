//! Why a run ended.

use vcpu::{EmulatedHart, Reg, SystemEvent};

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The guest asked for it.
    Event(SystemEvent),
    /// Somebody called [`crate::MachineStopper::stop`].
    Stopped,
    /// Somebody called [`crate::MachineStopper::pause`], or [`crate::Machine::pause_at`] was reached. It can be run on,
    /// or saved.
    Paused,
    /// The time allowed is used up.
    TimedOut,
    /// The instructions allowed are used up.
    OutOfInstructions,
    /// A hart cannot go on.
    Halted {
        /// Which.
        hart: usize,
        /// Why, if its executor says so.
        reason: Option<String>,
    },
    /// The program wrote this value to `tohost` (HTIF).
    ToHost(u64),
}

impl Ending {
    /// A hart with a firmware stops for good only where a trap finds nobody to handle it.
    pub(crate) fn unhandled(number: usize, hart: &dyn EmulatedHart) -> Ending {
        let pc = hart.reg(Reg::Pc);
        Ending::Halted { hart: number, reason: Some(format!("at {pc:#x} it took a trap that nothing handles")) }
    }
}
