//! Counters of what the firmware does.
//!
//! Events of traps (misaligned and failed accesses, illegal instructions) never happen: this firmware takes none, as
//! all are delegated.

use sbi::pmu::FirmwareEvent;

use super::FIRST_SOFTWARE;
use super::event::Wanted;

/// How many counters there are.
pub const COUNTERS: usize = 16;
const CODES: usize = FirmwareEvent::ALL.len();

/// One counter.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Counter {
    event: Option<FirmwareEvent>,
    value: u64,
    /// How often the event had happened when the counter was started, if it runs.
    since: Option<u64>,
}

/// The counters of one hart.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Software {
    #[cfg_attr(feature = "state", serde(with = "arch::array"))]
    happened: [u64; CODES],
    counters: [Counter; COUNTERS],
}

impl Software {
    /// The event happened.
    pub fn note(&mut self, event: FirmwareEvent) {
        self.happened[event as usize] += 1;
    }

    fn happened(&self, counter: &Counter) -> u64 {
        counter.event.map_or(0, |event| self.happened[event as usize])
    }

    /// The value of a counter, by its logical number.
    pub fn read(&self, logical: usize) -> Option<u64> {
        let counter = logical.checked_sub(FIRST_SOFTWARE).and_then(|own| self.counters.get(own))?;
        let more = counter.since.map_or(0, |since| self.happened(counter).wrapping_sub(since));
        Some(counter.value.wrapping_add(more))
    }

    /// What the counter is to count from now on.
    pub fn configure(&mut self, own: usize, wanted: Wanted) {
        self.halt(own);
        self.counters[own].event = if let Wanted::Firmware(event) = wanted { Some(event) } else { None };
    }

    /// Sets a counter.
    pub fn write(&mut self, own: usize, value: u64) {
        let now = self.happened(&self.counters[own]);
        let counter = &mut self.counters[own];
        (counter.value, counter.since) = (value, counter.since.map(|_| now));
    }

    /// Lets it run.
    pub fn run(&mut self, own: usize) {
        let now = self.happened(&self.counters[own]);
        self.counters[own].since.get_or_insert(now);
    }

    /// Lets it stand.
    pub fn halt(&mut self, own: usize) {
        let value = self.read(FIRST_SOFTWARE + own).unwrap_or_default();
        (self.counters[own].value, self.counters[own].since) = (value, None);
    }
}
