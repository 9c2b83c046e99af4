//! Events as lines of text.

use board::Machine;
use events::{Event, Stamp};
use symbols::Symbols;
use trace::Printer;

use crate::watchers;

/// Who finds the words.
pub struct Words(Printer);

impl Words {
    /// For events of this machine.
    pub fn of(machine: &Machine) -> Words {
        Words(Printer::new(Symbols::default(), watchers::devices(machine)))
    }

    /// An event's line.
    pub fn line(&self, stamp: &Stamp, event: &Event) -> String {
        self.0.line(stamp, event)
    }
}
