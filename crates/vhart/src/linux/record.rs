//! What an unattended run has shown so far: phases, when they arrived, and the console's last lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use images::{Logins, Nonce, Phase, Watch};

use super::console::Tail;

/// A phase that has arrived.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Which.
    pub phase: Phase,
    /// How long after power on.
    pub at: Duration,
    /// Instructions that all harts had retired by then; zero where the engine does not count them.
    pub instructions: u64,
}

/// The record of one run.
pub struct Record {
    watch: Watch,
    tail: Tail,
    since: Instant,
    retired: Arc<AtomicU64>,
    arrivals: Vec<Arrival>,
}

impl Record {
    /// A run with this nonce that starts now.
    pub fn new(nonce: Nonce, logins: Logins) -> Record {
        Record {
            watch: Watch::new(nonce, logins),
            tail: Tail::default(),
            since: Instant::now(),
            retired: Arc::default(),
            arrivals: Vec::new(),
        }
    }

    /// Power on: time starts, and `retired` counts instructions.
    pub fn start(&mut self, retired: Arc<AtomicU64>) {
        self.since = Instant::now();
        self.retired = retired;
    }

    /// Takes what the console shows; returns the phases that arrived with it.
    pub fn console(&mut self, bytes: &[u8]) -> Vec<Arrival> {
        self.tail.feed(bytes);
        let phases = self.watch.feed(bytes);
        self.arrive(&phases)
    }

    /// Says that `phase` has arrived by other evidence than the console.
    pub fn reach(&mut self, phase: Phase) -> Vec<Arrival> {
        let phases = self.watch.reach(phase);
        self.arrive(&phases)
    }

    fn arrive(&mut self, phases: &[Phase]) -> Vec<Arrival> {
        let now = self.now();
        let arrivals = phases.iter().map(|&phase| Arrival { phase, ..now });
        let before = self.arrivals.len();
        self.arrivals.extend(arrivals);
        self.arrivals[before..].to_vec()
    }

    /// Time and instructions so far; the phase means nothing.
    fn now(&self) -> Arrival {
        let instructions = self.retired.load(Ordering::Relaxed);
        Arrival { phase: Phase::Firmware, at: self.since.elapsed(), instructions }
    }

    /// All that have arrived, in order.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// The phase that must come next; none when all have arrived.
    pub fn awaited(&self) -> Option<Phase> {
        self.watch.awaited()
    }

    /// Why an init script or a kernel gave up, or which phase came too early.
    pub fn failure(&self) -> Option<&str> {
        self.watch.failure()
    }

    /// The console's last lines.
    pub fn last_lines(&self) -> Vec<String> {
        self.tail.lines()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_carry_the_instructions_of_their_moment() {
        let mut record = Record::new(Nonce(0), Logins::None);
        let retired = Arc::new(AtomicU64::new(0));
        record.start(retired.clone());
        record.reach(Phase::Firmware);
        retired.store(1000, Ordering::Relaxed);
        let arrived = record.console(b"Linux version 6.12\n");
        assert_eq!((arrived.len(), arrived[0].phase, arrived[0].instructions), (1, Phase::HostKernel, 1000));
        assert_eq!(record.arrivals()[0].instructions, 0);
        assert_eq!(record.awaited(), Some(Phase::HostInit));
    }
}
