//! The machine's timebase: what `mtime` and the `time` CSR show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A clock in ticks of [`crate::TIMEBASE_HZ`].
#[derive(Debug)]
pub struct Clock {
    source: Source,
    /// Added to the source: what writes to `mtime` change.
    offset: AtomicU64,
}

#[derive(Debug)]
enum Source {
    /// Time of the host.
    Wall(Instant),
    /// Time that the run loop advances (from retired instructions).
    Virtual(AtomicU64),
}

impl Clock {
    /// A clock that follows the host's.
    pub fn wall() -> Self {
        Clock { source: Source::Wall(Instant::now()), offset: AtomicU64::new(0) }
    }

    /// A clock that moves only by [`Clock::advance`].
    pub fn virtual_time() -> Self {
        Clock { source: Source::Virtual(AtomicU64::new(0)), offset: AtomicU64::new(0) }
    }

    /// Ticks now.
    pub fn now(&self) -> u64 {
        let base = match &self.source {
            Source::Wall(start) => crate::ticks(start.elapsed()),
            Source::Virtual(ticks) => ticks.load(Ordering::Relaxed),
        };
        base.wrapping_add(self.offset.load(Ordering::Relaxed))
    }

    /// Moves a virtual clock on; a wall clock takes no notice.
    pub fn advance(&self, ticks: u64) {
        if let Source::Virtual(now) = &self.source {
            now.fetch_add(ticks, Ordering::Relaxed);
        }
    }

    /// Makes now read as `ticks`.
    pub fn set(&self, ticks: u64) {
        let skew = ticks.wrapping_sub(self.now());
        self.offset.fetch_add(skew, Ordering::Relaxed);
    }

    /// Whether the clock follows the host's.
    pub fn is_wall(&self) -> bool {
        matches!(self.source, Source::Wall(_))
    }
}
