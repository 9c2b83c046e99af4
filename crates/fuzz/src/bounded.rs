//! A target for a few seconds, without a fuzzer: part of `cargo test`.
//!
//! Input number n is the same in every run and on every host. The variables: `VHART_FUZZ_SECONDS`, how long each target
//! runs (2); `VHART_FUZZ_FIRST`, the number of the first input (0), to see one fail again.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::{Target, corpus, mutate};

/// How long a target runs if nobody says otherwise.
const SECONDS: u64 = 2;
/// An input that takes longer than this hangs, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the target's seeds and corpus, and then inputs made from them, until the time is over. Answers how many inputs
/// it ran.
///
/// # Panics
/// With the number of the input that failed, or where a variable is no number.
pub fn run(target: &Target) -> u64 {
    let mut seeds = (target.seeds)();
    seeds.extend(corpus::read(target.name).expect("the corpus is whole"));
    for (at, seed) in seeds.iter().enumerate() {
        attempt(target, seed, format_args!("seed {at}"));
    }
    let (first, start) = (variable("VHART_FUZZ_FIRST", 0), Instant::now());
    let time = Duration::from_secs(variable("VHART_FUZZ_SECONDS", SECONDS));
    let watch = Watch { number: AtomicU64::new(first), over: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        scope.spawn(|| watch.until_over(target));
        let _over = Over(&watch);
        while start.elapsed() < time {
            let number = watch.number.load(Ordering::Relaxed);
            attempt(target, &mutate::input(&seeds, number), format_args!("VHART_FUZZ_FIRST={number}"));
            watch.number.store(number + 1, Ordering::Relaxed);
        }
    });
    watch.number.into_inner() - first + seeds.len() as u64
}

/// Runs one input; says which it was if it fails.
fn attempt(target: &Target, input: &[u8], which: impl Display) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!("target {} failed on {which}: {} bytes, {}", target.name, input.len(), input.escape_ascii());
        resume_unwind(panic);
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("the variable is a number"))
}

/// Ends the process where an input hangs, for nothing else would say which one.
struct Watch {
    number: AtomicU64,
    over: AtomicBool,
}

/// Ends the watch, also when an input fails.
struct Over<'a>(&'a Watch);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Watch {
    fn until_over(&self, target: &Target) {
        let (mut seen, mut since) = (self.number.load(Ordering::Relaxed), Instant::now());
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
            let number = self.number.load(Ordering::Relaxed);
            if number != seen {
                (seen, since) = (number, Instant::now());
            } else if since.elapsed() > PATIENCE {
                eprintln!("target {} hangs on VHART_FUZZ_FIRST={number}", target.name);
                std::process::abort();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static INPUTS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

    fn seeds() -> Vec<Vec<u8>> {
        vec![b"seed".to_vec()]
    }

    #[test]
    fn seeds_run_first_and_a_failure_ends_the_run() {
        let take = |input: &[u8]| {
            INPUTS.lock().unwrap().push(input.to_vec());
            assert!(input == b"seed", "an input that is no seed");
        };
        let result = catch_unwind(|| run(&Target { name: "own", what: "", run: take, seeds }));
        assert!(result.is_err());
        assert_eq!(INPUTS.lock().unwrap()[0], b"seed");
    }
}
