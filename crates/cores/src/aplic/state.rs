//! What an APLIC's registers are saved as, and which states they can come to.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::addresses::Addresses;
use super::source::Mode;
use super::{Control, Core};
use crate::sources::Sources;

/// The registers. Messages are sent before anybody can ask for these.
#[derive(Deserialize, Serialize)]
pub struct Saved {
    wires: Sources,
    delegated: Sources,
    pending: Sources,
    enabled: Sources,
    modes: Vec<Mode>,
    targets: Vec<u32>,
    machine: Control,
    supervisor: Control,
    addresses: Addresses,
}

impl Core {
    /// What the registers have come to.
    pub fn saved(&self) -> Saved {
        Saved {
            wires: self.wires.clone(),
            delegated: self.delegated.clone(),
            pending: self.pending.clone(),
            enabled: self.enabled.clone(),
            modes: self.modes.clone(),
            targets: self.targets.clone(),
            machine: self.machine.clone(),
            supervisor: self.supervisor.clone(),
            addresses: self.addresses,
        }
    }

    /// Makes them what they were. They [fit](Core::fits).
    pub fn restore(&mut self, saved: Saved) {
        let Saved { wires, delegated, pending, enabled, modes, targets, machine, supervisor, addresses } = saved;
        let (shape, messages) = (self.shape, Vec::new());
        let core = Core {
            shape,
            wires,
            delegated,
            pending,
            enabled,
            modes,
            targets,
            machine,
            supervisor,
            addresses,
            messages,
        };
        *self = core;
    }

    /// Whether these are registers of an APLIC that was made like this.
    pub fn fits(&self, saved: &Saved) -> bool {
        let existing =
            |k: usize| (0..32).filter(|bit| self.is_source(k as u32 * 32 + bit)).fold(0, |word, bit| word | 1 << bit);
        let sets = [&saved.wires, &saved.delegated, &saved.pending, &saved.enabled];
        sets.into_iter().all(|set| set.fits(&self.pending, existing))
            && (saved.modes.len(), saved.targets.len()) == (self.modes.len(), self.targets.len())
            && [&saved.machine, &saved.supervisor].into_iter().all(|control| control.harts.len() == self.shape.harts)
            && saved.addresses.is_legal()
    }
}
