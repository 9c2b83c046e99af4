//! Work that `vhart bench` does: a round of it, as figures of a job.
//!
//! For another emulator it is vhart that boots the work there. What counts is what counts in `vhart bench`: processor
//! time, or the clock where a workload waits, or the time of one operation.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use workloads::{Clock, Need};

use super::child;
use super::figures::{Figures, Quantity};
use super::subject::{Emulator, Subject};

/// How the names of QEMU's places begin.
const OF_QEMU: &str = "qemu-";

/// One round by `subject`, whose results go to a file in between.
///
/// # Errors
/// A workload fails, or there are no results.
pub fn run(subject: &Subject, vhart: &Path, results: &Path, limit: Duration) -> anyhow::Result<Figures> {
    let (command, of) = command(subject, vhart, results);
    child::run(command, limit)?;
    Ok(figures(&read_json(results)?, of))
}

/// What measures the subject, and what its places' names begin with there.
fn command(subject: &Subject, vhart: &Path, results: &Path) -> (Command, &'static str) {
    let words =
        ["--quick", "--rounds", "1", "--json"].map(std::ffi::OsStr::new).into_iter().chain([results.as_os_str()]);
    match subject.emulator() {
        Emulator::Vhart => {
            let mut command = subject.vhart("bench", words);
            command.args(["--places", "host,guest,hypervisor"]);
            (command, "")
        }
        Emulator::Qemu => {
            let mut command = Command::new(vhart);
            command.arg("bench").args(words).args(["--places", "host,guest", "--against"]).arg(subject.program());
            (command, OF_QEMU)
        }
    }
}

/// What a vhart has written.
///
/// # Errors
/// It has written nothing, or no JSON.
pub fn read_json(file: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read '{}'", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("'{}' is no JSON", file.display()))
}

/// What each workload took in each place whose name begins so.
fn figures(results: &Value, of: &str) -> Figures {
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut figures = Figures::new();
    for run in rows(&results["runs"]) {
        let Some(place) = run["place"].as_str().and_then(|place| place.strip_prefix(of)) else { continue };
        for outcome in rows(&run["outcomes"]) {
            let name = outcome["workload"].as_str().unwrap_or_default();
            figures.extend(
                figure(name, &outcome).map(|(quantity, value)| ((format!("{name}, {place}"), quantity), value)),
            );
        }
    }
    figures
}

/// The time that counts.
fn figure(name: &str, outcome: &Value) -> Option<(Quantity, f64)> {
    let workload = workloads::find(name)?;
    match workload.clock {
        _ if matches!(workload.needs, Some(Need::Kernel | Need::Aia)) => {
            Some((Quantity::Nanoseconds, outcome["seconds"].as_f64()? * 1e9))
        }
        Clock::Processor => Some((Quantity::CpuSeconds, outcome["processor"].as_f64()?)),
        Clock::Wall => Some((Quantity::WallSeconds, outcome["seconds"].as_f64()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_time_that_counts_is_taken_of_the_subjects_own_places() {
        let outcomes = json!([
            {"workload": "sort", "seconds": 3.0, "processor": 2.0},
            {"workload": "sleep-1ms", "seconds": 1.5, "processor": 0.1},
            {"workload": "sbi-null", "seconds": 5e-7, "processor": null},
            {"workload": "disk-read", "seconds": null, "absent": "no disk"},
        ]);
        let results =
            json!({"runs": [{"place": "host", "outcomes": []}, {"place": "qemu-host", "outcomes": outcomes}]});
        let said: Vec<_> = figures(&results, OF_QEMU).into_iter().collect();
        let key = |name: &str, quantity| (name.to_owned(), quantity);
        assert_eq!(
            said,
            [
                (key("sbi-null, host", Quantity::Nanoseconds), 500.0),
                (key("sleep-1ms, host", Quantity::WallSeconds), 1.5),
                (key("sort, host", Quantity::CpuSeconds), 2.0)
            ]
        );
    }
}
