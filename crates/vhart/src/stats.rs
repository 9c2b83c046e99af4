//! `--stats`: how much was executed, and how fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A measurement that began when it was made.
pub struct Stats {
    start: Instant,
    retired: Arc<AtomicU64>,
}

impl Stats {
    /// Begins to measure; `retired` counts instructions.
    pub fn begin(retired: Arc<AtomicU64>) -> Self {
        Stats { start: Instant::now(), retired }
    }

    /// Prints what was measured to standard error.
    pub fn print(&self) {
        eprintln!("vhart: {}", sentence(self.retired.load(Ordering::Relaxed), self.start.elapsed()));
    }
}

/// An engine that does not count has none but seconds to tell.
fn sentence(instructions: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if instructions == 0 {
        return format!("{seconds:.3} s");
    }
    let mips = instructions as f64 / seconds.max(1e-9) / 1e6;
    format!("{instructions} instructions, {seconds:.3} s, {mips:.1} MIPS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_in_a_hundredth_of_a_second_is_100_mips() {
        assert_eq!(sentence(1_000_000, Duration::from_millis(10)), "1000000 instructions, 0.010 s, 100.0 MIPS");
        assert_eq!(sentence(0, Duration::from_secs(2)), "2.000 s");
    }
}
