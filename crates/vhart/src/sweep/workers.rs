//! Points on this computer, some at a time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::plan::Plan;
use super::point::{Done, PointStore};
use crate::{errors, terminal};

/// Measures these points; answers whether one could not be measured.
///
/// # Errors
/// Signals cannot be watched.
pub fn run(plan: &Plan, store: &PointStore, left: &[usize], jobs: usize) -> Result<bool> {
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    terminal::watch_signals(Arc::new(move |_| end.store(true, Ordering::Relaxed)), None)?;
    let queue = Mutex::new(left.iter().copied().collect::<VecDeque<usize>>());
    let (failed, through, start) = (AtomicBool::new(false), AtomicUsize::new(0), Instant::now());
    let next = || queue.lock().ok()?.pop_front().filter(|_| !ended.load(Ordering::Relaxed));
    let work = || {
        while let Some(index) = next() {
            let point = &plan.points[index];
            let (name, began) = (point.name(), Instant::now());
            let words = match store.run(point, &ended) {
                Ok(Done::Ended) => continue,
                Ok(Done::Well) => format!("{:.0} s", began.elapsed().as_secs_f64()),
                Ok(Done::Failed) => "a workload failed".to_owned(),
                Err(why) => {
                    failed.store(true, Ordering::Relaxed);
                    errors::sentence(&why)
                }
            };
            let through = through.fetch_add(1, Ordering::Relaxed) + 1;
            errors::say(format!(
                "{through}/{} {name}: {words}{}\n",
                left.len(),
                rest(start.elapsed(), through, left.len())
            ));
        }
    };
    std::thread::scope(|scope| (0..jobs.min(left.len())).for_each(|_| drop(scope.spawn(work))));
    if ended.load(Ordering::Relaxed) {
        errors::tell("ended; the same command goes on");
    }
    Ok(failed.into_inner())
}

/// How long it will take.
fn rest(elapsed: Duration, through: usize, all: usize) -> String {
    match all.saturating_sub(through) {
        0 => String::new(),
        left => format!(", {:.0} s left", elapsed.as_secs_f64() / through as f64 * left as f64),
    }
}
