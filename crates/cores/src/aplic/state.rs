//! An APLIC's registers, saved and loaded again: which of them it can come to.

use super::{Core, Registers};

impl Core {
    /// What the registers have come to. Messages are sent before anybody can ask.
    pub fn saved(&self) -> Registers {
        self.registers.clone()
    }

    /// Makes them what they were. They [fit](Core::fits).
    pub fn restore(&mut self, saved: Registers) {
        *self = Core { registers: saved, ..Core::new(self.shape) };
    }

    /// Whether these are registers of an APLIC that was made like this.
    pub fn fits(&self, saved: &Registers) -> bool {
        let made = &self.registers;
        let existing =
            |k: usize| (0..32).filter(|bit| self.is_source(k as u32 * 32 + bit)).fold(0, |word, bit| word | 1 << bit);
        let sets = [&saved.wires, &saved.delegated, &saved.pending, &saved.enabled];
        sets.into_iter().all(|set| set.fits(&made.pending, existing))
            && (saved.modes.len(), saved.targets.len()) == (made.modes.len(), made.targets.len())
            && [&saved.machine, &saved.supervisor].into_iter().all(|control| control.harts.len() == self.shape.harts)
            && saved.addresses.is_legal()
    }
}
