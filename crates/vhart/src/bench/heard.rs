//! What a run prints: lines of workloads, operations of a kernel, and in the end what the machine counted.

use images::work;
use serde_json::Value;

use super::kernel;
use super::model::{Counts, Outcome};
use super::peers::{Kind, Since};
use super::progress::Meter;

/// What a run has printed.
#[derive(Default)]
pub struct Heard {
    /// What came of each workload so far.
    pub outcomes: Vec<Outcome>,
    /// The workload that runs, and its iterations.
    running: Option<(String, u64)>,
    /// What follows: statistics.
    pub rest: String,
    /// The process whose work is asked for, where no machine tells.
    pub watched: Option<(Kind, u32)>,
    /// Whether the program that is a kernel has said that it has done what it can.
    pub kernel_is_done: bool,
    /// Whether all was said, and the process is to be ended.
    pub over: bool,
    /// Since the workload began.
    since: Option<Since>,
}

impl Heard {
    /// Takes a line.
    pub fn take(&mut self, line: &str, meter: &mut Meter) {
        let line = line.trim_end_matches('\r');
        if let Some(outcome) = kernel::outcome(line) {
            meter.end_workload();
            return self.outcomes.push(outcome);
        }
        self.kernel_is_done |= line == work::SWITCHES_DONE;
        // what a workload sent to the serial port may stand before
        let Some(said) = Said::of(line.trim_start()) else {
            self.rest += line;
            self.rest.push('\n');
            return;
        };
        match said.iterations {
            Some(iterations) => {
                meter.begin_workload(&said.workload);
                self.running = Some((said.workload, iterations));
                self.since = self.watched.and_then(|(_, process)| Since::now(process));
            }
            None => {
                meter.end_workload();
                let iterations = self.running.take().map_or(0, |(_, iterations)| iterations);
                let mut outcome = Outcome { iterations, ..said.outcome };
                if let Some((kind, _)) = self.watched {
                    tell_by_process(&mut outcome, kind, self.since.take());
                }
                self.outcomes.push(outcome);
            }
        }
    }

    /// All outcomes, with what was counted; `failed` is why the run did not come to its end.
    pub fn outcomes(self, failed: Option<&str>, wanted: &[String]) -> Vec<Outcome> {
        let mut outcomes = self.outcomes;
        if let Some(failed) = failed {
            let running = self.running.as_ref().map(|(name, _)| name);
            let open = wanted.iter().filter(|name| outcomes.iter().all(|outcome| outcome.workload != **name));
            let why = |name: &String| match running == Some(name) {
                true => format!("the run ended while it ran: {failed}"),
                false => format!("the run ended before it: {failed}"),
            };
            let lost: Vec<Outcome> = open
                .map(|name| Outcome { workload: name.clone(), failed: Some(why(name)), ..Outcome::default() })
                .collect();
            outcomes.extend(lost);
        }
        // what a kernel left out there is not
        let open: Vec<String> =
            wanted.iter().filter(|name| outcomes.iter().all(|of| of.workload != **name)).cloned().collect();
        outcomes.extend(absent(&open, "the machine has it not, or whoever runs the guest"));
        let statistics: Value =
            self.rest.find('{').and_then(|at| serde_json::from_str(&self.rest[at..]).ok()).unwrap_or_default();
        for window in statistics["windows"].as_array().into_iter().flatten() {
            let outcome = outcomes.iter_mut().find(|outcome| window["mark"] == *outcome.workload);
            if let Some(outcome) = outcome.filter(|outcome| outcome.failed.is_none() && outcome.absent.is_none()) {
                outcome.counts = Some(Counts::of_window(window));
                outcome.processor = window["processor_us"].as_f64().map(|us| us / 1e6);
            }
        }
        outcomes
    }
}

/// Workloads that a place cannot run.
pub fn absent(names: &[String], why: &str) -> Vec<Outcome> {
    let outcome =
        |name: &String| Outcome { workload: name.clone(), absent: Some(why.to_owned()), ..Outcome::default() };
    names.iter().map(outcome).collect()
}

/// The processor time of an emulator that counts none.
fn tell_by_process(outcome: &mut Outcome, kind: Kind, since: Option<Since>) {
    outcome.processor = None;
    match kind.keeps_time() {
        // of the time that the workload saw, the part in which the emulator worked
        true => {
            let share = since.and_then(|since| since.share());
            outcome.processor = outcome.seconds.zip(share).map(|(seconds, share)| seconds * share);
        }
        // what the workload saw is no time of this computer's
        false if outcome.seconds.take().is_some() => outcome.processor = since.and_then(|since| since.worked()),
        false => {}
    }
}

/// A line of a workload's.
struct Said {
    workload: String,
    /// It begins.
    iterations: Option<u64>,
    outcome: Outcome,
}

impl Said {
    fn of(line: &str) -> Option<Said> {
        let value: Value = line.starts_with("{\"workload\"").then(|| serde_json::from_str(line).ok())??;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let workload = text("workload")?;
        let outcome = Outcome {
            workload: workload.clone(),
            failed: text("failed"),
            absent: text("absent"),
            seconds: value["seconds"].as_f64(),
            processor: value["processor"].as_f64(),
            check: text("check"),
            ..Outcome::default()
        };
        Some(Said { workload, iterations: value["iterations"].as_u64(), outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lines: &[&str]) -> Heard {
        let (mut heard, mut meter) = (Heard::default(), Meter::new(&[], 1, 1));
        lines.iter().for_each(|line| heard.take(line, &mut meter));
        heard
    }

    const BEGINS: &str = r#"{"workload":"sort","iterations":20}"#;

    #[test]
    fn counts_go_to_the_workload_that_was_marked() {
        let heard = heard(&[
            BEGINS,
            r#"{"workload":"sort","seconds":0.5,"processor":0.0,"check":"5f"}"#,
            "{",
            r#"  "windows": [{"mark": "sort", "processor_us": 250000.0, "walks": [], "counts": {"instructions": 7}}]"#,
            "}",
        ]);
        let outcomes = heard.outcomes(None, &["sort".into()]);
        let outcome = &outcomes[0];
        assert_eq!((outcome.iterations, outcome.seconds, outcome.processor), (20, Some(0.5), Some(0.25)));
        assert_eq!(outcome.counts.as_ref().unwrap().instructions, 7);
    }

    #[test]
    fn what_did_not_come_to_its_end_has_no_time() {
        let heard = heard(&[BEGINS, "the kernel panics"]);
        let outcomes = heard.outcomes(Some("exit status: 123"), &["sort".into(), "list".into()]);
        let why: Vec<_> = outcomes.iter().map(|outcome| outcome.failed.clone().unwrap()).collect();
        assert_eq!(why, ["the run ended while it ran: exit status: 123", "the run ended before it: exit status: 123"]);
        assert!(outcomes.iter().all(|outcome| outcome.seconds.is_none()));
    }

    #[test]
    fn a_failed_check_is_no_time() {
        let heard = heard(&[BEGINS, r#"{"workload":"sort","failed":"sum of the numbers: 1, not 2"}"#]);
        let outcomes = heard.outcomes(None, &["sort".into()]);
        assert_eq!(outcomes[0].failed.as_deref(), Some("sum of the numbers: 1, not 2"));
    }
}
