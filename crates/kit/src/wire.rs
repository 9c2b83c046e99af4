//! What devices drive in tests: a wire, and where messages go.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arch::Phys;
use bus::{IrqSink, MsiSink, Unmapped};

/// What a wire has been through.
#[derive(Clone, Copy, Default)]
struct Past {
    level: bool,
    rises: usize,
    driven: usize,
}

/// A wire that remembers its level, and how it came to it. Whatever its number, it is one.
#[derive(Default)]
pub struct Wire {
    past: Mutex<Past>,
    changed: Condvar,
}

impl Wire {
    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is high.
    pub fn is_high(&self) -> bool {
        self.past().level
    }

    /// How often it went high.
    pub fn rises(&self) -> usize {
        self.past().rises
    }

    /// How often it was driven, whether its level changed or not.
    pub fn driven(&self) -> usize {
        self.past().driven
    }

    /// Waits until it has this level, for so long at most. Answers whether it has.
    pub fn becomes(&self, level: bool, patience: Duration) -> bool {
        let waits = self.changed.wait_timeout_while(self.past(), patience, |past| past.level != level);
        waits.unwrap_or_else(PoisonError::into_inner).0.level == level
    }
}

impl IrqSink for Wire {
    fn set_level(&self, _number: u32, level: bool) {
        let mut past = self.past();
        past.rises += usize::from(level && !past.level);
        past.driven += 1;
        past.level = level;
        self.changed.notify_all();
    }
}

/// Remembers messages, as interrupt files do that are where a test says.
pub struct Messages {
    sent: Mutex<Vec<(Phys, u32)>>,
    is_file: fn(Phys) -> bool,
}

impl Messages {
    /// None yet, to files at the addresses that `is_file` takes.
    pub fn to(is_file: fn(Phys) -> bool) -> Messages {
        Messages { sent: Mutex::default(), is_file }
    }

    /// Takes what was sent since the last time, where it went whether there is a file or not.
    pub fn take(&self) -> Vec<(Phys, u32)> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl MsiSink for Messages {
    fn send(&self, address: Phys, data: u32) -> Result<(), Unmapped> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push((address, data));
        if (self.is_file)(address) { Ok(()) } else { Err(Unmapped) }
    }
}
