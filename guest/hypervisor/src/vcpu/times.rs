//! Where a virtual hart's time goes: it runs, it waits, or it could run and stands in the queue, which is stolen from
//! it.
//!
//! SBI 3.0, "Steal-time Accounting Extension": "The time a virtual hart was ready, but had to wait, is called 'stolen
//! time'".

use core::sync::atomic::{AtomicU64, Ordering};

/// In ticks of the machine's time. The hart that runs it counts, nobody else.
#[derive(Debug, Default)]
pub struct Times {
    /// Since when it could run, or runs.
    since: AtomicU64,
    ran: AtomicU64,
    stolen: AtomicU64,
}

impl Times {
    /// It could run from now on.
    pub fn ready(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
    }

    /// It runs from now on.
    pub fn runs(&self, now: u64) {
        self.end(&self.stolen, now);
    }

    /// It runs no longer.
    pub fn is_aside(&self, now: u64) {
        self.end(&self.ran, now);
    }

    fn end(&self, sum: &AtomicU64, now: u64) {
        let since = self.since.swap(now, Ordering::Relaxed);
        sum.store(sum.load(Ordering::Relaxed) + now.saturating_sub(since), Ordering::Relaxed);
    }

    /// How long it has run.
    pub fn ran(&self) -> u64 {
        self.ran.load(Ordering::Relaxed)
    }

    /// How long it could have.
    pub fn stolen(&self) -> u64 {
        self.stolen.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_the_queue_is_stolen_and_time_that_is_waited_is_not() {
        let times = Times::default();
        times.ready(100);
        times.runs(130);
        times.is_aside(200);
        // it waits
        times.ready(1000);
        times.runs(1001);
        assert_eq!((times.stolen(), times.ran()), (31, 70));
    }
}
