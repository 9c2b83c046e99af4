//! How much another process works.

use std::fs;
use std::time::{Duration, Instant};

/// The processor time that a process has used, by what Linux says of its threads.
fn used(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let of_thread = |thread: fs::DirEntry| -> Option<u64> {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    Some(Duration::from_nanos(threads.flatten().filter_map(of_thread).sum()))
}

/// What a process had used when a workload began.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    process: u32,
    used: Duration,
    at: Instant,
}

impl Since {
    /// From now on.
    pub fn now(process: u32) -> Option<Since> {
        Some(Since { process, used: used(process)?, at: Instant::now() })
    }

    /// Processor time since then, in seconds.
    pub fn worked(&self) -> Option<f64> {
        Some(used(self.process)?.saturating_sub(self.used).as_secs_f64())
    }

    /// How much of the time it worked: from 0 to the number of its threads.
    pub fn share(&self) -> Option<f64> {
        Some(self.worked()? / self.at.elapsed().as_secs_f64().max(1e-9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_computes_works_all_the_time_that_it_gets() {
        let since = Since::now(std::process::id()).unwrap();
        let mut sum = 0u64;
        while since.worked().unwrap() < 0.02 {
            (0..100_000).for_each(|n| sum = std::hint::black_box(sum + n));
        }
        assert!(since.share().unwrap() > 0.0);
    }
}
