//! Events as lines of text, in a build without names: as this program has them.

use board::Machine;
use events::{Event, Stamp};

/// Who needs no words.
pub struct Words;

impl Words {
    /// For any machine.
    pub fn of(_: &Machine) -> Words {
        Words
    }

    /// An event's line.
    pub fn line(&self, stamp: &Stamp, event: &Event) -> String {
        format!("{} {:#x} {event:?}", stamp.time, stamp.pc)
    }
}
