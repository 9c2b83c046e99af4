//! What a hart is in: for whoever explains or debugs it.

use arch::Mode;
use privileged::{Config, Fault, State};

/// A hart between two instructions, copied.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The privileged state.
    pub state: State,
    /// What the hart can do.
    pub config: Config,
    /// The address of the next instruction.
    pub pc: u64,
    /// The integer registers.
    pub x: [u64; 32],
    /// The last exceptions but environment calls, in no order: one for each mode that has handlers (M, HS, VS), and the
    /// last that left a guest.
    pub faults: [Option<Fault>; 4],
    /// The first of them, where others followed it with nothing done in between: it led to them.
    pub origin: Option<Fault>,
    /// Whether M-mode is a firmware outside the hart.
    pub builtin_firmware: bool,
    /// Whether it is a guest's, shown by its host: what it has as S and U are VS and VU.
    pub is_guests: bool,
    /// The time, in ticks.
    pub now: u64,
    /// In WFI: the tick at which it began to wait.
    pub waits_since: Option<u64>,
    /// The tick at which the hart's next timer fires.
    pub timer: Option<u64>,
}

impl Snapshot {
    /// What the manual calls a mode of the hart.
    pub const fn mode_name(&self, mode: Mode) -> &'static str {
        Mode { virt: mode.virt || self.is_guests, ..mode }.name()
    }

    /// The mode of the hart that `named` is. A guest's VS and VU are its S and U.
    pub const fn mode_named(&self, named: Mode) -> Mode {
        Mode { virt: named.virt && !self.is_guests, ..named }
    }

    /// The last of them; if a mode is named, the last for a handler in it.
    pub fn fault(&self, to: Option<Mode>) -> Option<&Fault> {
        let wanted = |fault: &&Fault| to.is_none_or(|to| fault.to == to);
        self.faults.iter().flatten().filter(wanted).max_by_key(|fault| fault.number)
    }

    /// The last that left a guest.
    pub fn exit(&self) -> Option<&Fault> {
        self.faults.iter().flatten().filter(|fault| fault.leaves_guest()).max_by_key(|fault| fault.number)
    }
}
