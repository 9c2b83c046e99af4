//! Random programs on Spike and on the hart, interpreted and translated.
//!
//! `VHART_LOCKSTEP_FACTOR` is how much runs, in parts of the usual; `VHART_LOCKSTEP_SEED` the first seed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use conformance::lockstep::{Agreement, Error, compare};
#[cfg(all(target_arch = "x86_64", unix))]
use conformance::lockstep_translated::{self, Addresses};
use conformance::{privileged, self_modifying, spike, stream};

/// Instructions of a random stream.
const LENGTH: u64 = 60_000;
/// Sequences of a privileged program.
const SEQUENCES: u64 = 1000;

/// How much is done, in parts of the usual.
fn factor() -> f64 {
    std::env::var("VHART_LOCKSTEP_FACTOR").ok().and_then(|text| text.parse().ok()).unwrap_or(1.0)
}

/// The first seed.
fn first_seed() -> u64 {
    std::env::var("VHART_LOCKSTEP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Whether there is a Spike. Without one, a test fails, unless the user asked to go without.
fn has_spike() -> bool {
    if spike::is_declined() {
        println!("SKIPPED: VHART_NO_SPIKE is set");
        return false;
    }
    spike::locate().map(|_| true).unwrap_or_else(|error| panic!("{error}"))
}

/// Compares `programs` programs, each known by its seed, on all cores.
fn compare_all(programs: u64, compare: impl Fn(u64) -> Result<Agreement, Error> + Sync) -> Agreement {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Agreement::default());
    let failures = Mutex::new(Vec::new());
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= programs || failures.lock().unwrap().len() >= 4 {
                return;
            }
            let seed = first_seed() + number;
            match compare(seed) {
                Ok(agreement) => total.lock().unwrap().add(agreement),
                Err(Error::Difference(text)) => failures.lock().unwrap().push(format!("seed {seed}, {text}")),
                Err(error) => panic!("{error}"),
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(worker);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} programs differ:\n{}", failures.len(), failures.join("\n\n"));
    total.into_inner().unwrap()
}

fn print(what: &str, agreement: &Agreement) {
    let Agreement { retired, stepped, endless, .. } = agreement;
    println!("{what}: {retired} instructions agree, {stepped} of them stepped; {endless} programs without end");
    println!("  traps: {:?}", agreement.traps);
    println!("  argued differences: {:?}", agreement.known);
}

#[test]
fn streams_agree() {
    if !has_spike() {
        return;
    }
    let programs = (20.0 * factor()).ceil() as u64;
    let agreement = compare_all(programs, |seed| compare(&stream::program(seed, LENGTH)));
    print("streams", &agreement);
    assert!(agreement.retired >= programs * LENGTH * 9 / 10, "{agreement:?}");
}

#[test]
fn privileged_sequences_agree() {
    if !has_spike() {
        return;
    }
    let programs = (55.0 * factor()).ceil() as u64;
    let agreement = compare_all(programs, |seed| compare(&privileged::program(seed, SEQUENCES)));
    print("privileged sequences", &agreement);
    assert!(agreement.endless * 10 <= programs, "{agreement:?}");
}

#[test]
fn privileged_sequences_with_aia_agree() {
    if !has_spike() {
        return;
    }
    let programs = (25.0 * factor()).ceil() as u64;
    let agreement = compare_all(programs, |seed| compare(&privileged::aia_program(seed, SEQUENCES)));
    print("privileged sequences with AIA", &agreement);
    assert!(agreement.endless * 5 <= programs, "{agreement:?}");
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn translated_streams_agree() {
    if !has_spike() {
        return;
    }
    let programs = (10.0 * factor()).ceil() as u64;
    let agreement = compare_all(programs, |seed| {
        lockstep_translated::compare(&stream::program(seed, LENGTH), seed, Addresses::Physical)
    });
    print("translated streams", &agreement);
    assert!(agreement.retired >= programs * LENGTH * 9 / 10, "{agreement:?}");
    assert!(agreement.stepped * 10 <= agreement.retired, "{agreement:?}");
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn translated_privileged_sequences_agree() {
    if !has_spike() {
        return;
    }
    let programs = (10.0 * factor()).ceil() as u64;
    let agreement = compare_all(programs, |seed| {
        lockstep_translated::compare(&privileged::program(seed, SEQUENCES), seed, Addresses::Virtual)
    });
    print("translated privileged sequences", &agreement);
    assert!(agreement.endless * 10 <= programs, "{agreement:?}");
    assert!(agreement.stepped * 10 <= agreement.retired, "{agreement:?}");
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn translated_privileged_sequences_with_aia_agree() {
    if !has_spike() {
        return;
    }
    let programs = (5.0 * factor()).ceil() as u64;
    let agreement = compare_all(programs, |seed| {
        lockstep_translated::compare(&privileged::aia_program(seed, SEQUENCES), seed, Addresses::Virtual)
    });
    print("translated privileged sequences with AIA", &agreement);
    assert!(agreement.endless * 5 <= programs, "{agreement:?}");
}

#[test]
fn a_program_that_makes_its_own_code_agrees() {
    if !has_spike() {
        return;
    }
    let image = self_modifying::program(1000);
    print("own code", &compare(&image).unwrap_or_else(|error| panic!("{error}")));
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn a_program_that_makes_its_own_code_agrees_translated() {
    if !has_spike() {
        return;
    }
    let image = self_modifying::program(5000);
    let agreement = lockstep_translated::compare(&image, first_seed(), Addresses::Physical);
    print("own code, translated", &agreement.unwrap_or_else(|error| panic!("{error}")));
}
