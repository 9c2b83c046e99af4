//! What a run prints: lines of workloads, and operations of a kernel.

use images::work::said::{Ended, Line};
use serde_json::Value;

use super::kernel;
use super::model::{Counts, Outcome};
use super::peers::{Kind, Since};
use super::progress::Meter;

/// Bytes of what else was printed that are kept: they are told where a run ends too early.
const MOST_REST: usize = 4 << 10;

/// What a run has printed.
#[derive(Default)]
pub struct Heard<'a> {
    /// The workloads that it was asked for; of others nothing is believed.
    pub wanted: &'a [String],
    /// What came of each workload so far.
    pub outcomes: Vec<Outcome>,
    /// The workload that runs, and its iterations.
    running: Option<(String, u64)>,
    /// What else was printed, in the end.
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

impl Heard<'_> {
    /// Nothing so far, of these workloads.
    pub fn of(wanted: &[String]) -> Heard<'_> {
        Heard { wanted, ..Heard::default() }
    }

    /// Takes a line.
    pub fn take(&mut self, line: &str, meter: &mut Meter) {
        match Line::of(line) {
            Line::Begins { workload, iterations } if self.awaits(&workload) => {
                meter.begin_workload(&workload);
                self.running = Some((workload, iterations));
                self.since = self.watched.and_then(|(_, process)| Since::now(process));
            }
            Line::Ended(ended) if self.awaits(&ended.workload) => {
                meter.end_workload();
                let begun = self.running.take().filter(|(name, _)| *name == ended.workload);
                let mut outcome = outcome(ended, begun.map_or(0, |(_, iterations)| iterations));
                if let Some((kind, _)) = self.watched {
                    tell_by_process(&mut outcome, kind, self.since.take());
                }
                self.outcomes.push(outcome);
            }
            Line::Operation { name, seconds, count } => {
                let Some(outcome) = kernel::outcome(&name, seconds, count) else { return };
                if self.awaits(&outcome.workload) {
                    meter.end_workload();
                    self.outcomes.push(outcome);
                }
            }
            Line::Measured => self.kernel_is_done = true,
            Line::Over => self.over = self.watched.is_some_and(|(kind, _)| !kind.ends()),
            Line::Begins { .. } | Line::Ended(_) | Line::Other => self.keep(line),
        }
    }

    /// Whether this workload was asked for and has not ended.
    fn awaits(&self, name: &str) -> bool {
        self.wanted.iter().any(|wanted| wanted == name) && self.outcomes.iter().all(|outcome| outcome.workload != name)
    }

    /// Keeps a line, and forgets what stands too far before it.
    fn keep(&mut self, line: &str) {
        self.rest += line;
        self.rest.push('\n');
        let over = self.rest.len().saturating_sub(MOST_REST);
        let start = (over..=self.rest.len()).find(|at| self.rest.is_char_boundary(*at)).unwrap_or_default();
        self.rest.drain(..start);
    }

    /// All outcomes, with what the machine counted; `failed` is why the run did not come to its end.
    pub fn outcomes(self, failed: Option<&str>, statistics: &Value) -> Vec<Outcome> {
        let (mut outcomes, wanted) = (self.outcomes, self.wanted);
        if let Some(failed) = failed {
            let open = wanted.iter().filter(|name| outcomes.iter().all(|outcome| outcome.workload != **name));
            let running = self.running.as_ref().map(|(name, _)| name);
            outcomes.extend(open.map(|name| lost(name, running == Some(name), failed)).collect::<Vec<_>>());
        }
        // what a kernel left out there is not
        let open: Vec<String> =
            wanted.iter().filter(|name| outcomes.iter().all(|of| of.workload != **name)).cloned().collect();
        outcomes.extend(absent(&open, "the machine has it not, or whoever runs the guest"));
        statistics["windows"].as_array().into_iter().flatten().for_each(|window| count(&mut outcomes, window));
        outcomes
    }
}

fn outcome(ended: Ended, iterations: u64) -> Outcome {
    Outcome {
        workload: ended.workload,
        iterations,
        failed: ended.failed,
        absent: ended.absent,
        seconds: ended.seconds,
        processor: ended.processor,
        check: ended.check,
        counts: None,
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

/// A workload that a run did not come to, or not to the end of.
fn lost(name: &str, ran: bool, failed: &str) -> Outcome {
    let why = match ran {
        true => format!("the run ended while it ran: {failed}"),
        false => format!("the run ended before it: {failed}"),
    };
    Outcome { workload: name.to_owned(), failed: Some(why), ..Outcome::default() }
}

/// Adds what the machine counted while a workload ran.
fn count(outcomes: &mut [Outcome], window: &Value) {
    let outcome = outcomes.iter_mut().find(|outcome| window["mark"] == *outcome.workload);
    if let Some(outcome) = outcome.filter(|outcome| outcome.failed.is_none() && outcome.absent.is_none()) {
        outcome.counts = Some(Counts::of_window(window));
        outcome.processor = window["processor_us"].as_f64().map(|us| us / 1e6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heard<'a>(wanted: &'a [String], lines: &[&str]) -> Heard<'a> {
        let (mut heard, mut meter) = (Heard::of(wanted), Meter::new(&[], 1, 1));
        lines.iter().for_each(|line| heard.take(line, &mut meter));
        heard
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const BEGINS: &str = r#"{"workload":"sort","iterations":20}"#;

    #[test]
    fn counts_go_to_the_workload_that_was_marked() {
        let wanted = names(&["sort"]);
        let ended = r#"{"workload":"sort","seconds":0.5,"processor":0.0,"check":"5f"}"#;
        let window = json!({"mark": "sort", "processor_us": 250_000.0, "walks": [], "counts": {"instructions": 7}});
        let outcomes = heard(&wanted, &[BEGINS, ended]).outcomes(None, &json!({"windows": [window]}));
        let outcome = &outcomes[0];
        assert_eq!((outcome.iterations, outcome.seconds, outcome.processor), (20, Some(0.5), Some(0.25)));
        assert_eq!(outcome.counts.as_ref().unwrap().instructions, 7);
    }

    #[test]
    fn what_did_not_come_to_its_end_has_no_time() {
        let wanted = names(&["sort", "list"]);
        let outcomes = heard(&wanted, &[BEGINS, "the kernel panics"]).outcomes(Some("exit status: 123"), &Value::Null);
        let why: Vec<_> = outcomes.iter().map(|outcome| outcome.failed.clone().unwrap()).collect();
        assert_eq!(why, ["the run ended while it ran: exit status: 123", "the run ended before it: exit status: 123"]);
        assert!(outcomes.iter().all(|outcome| outcome.seconds.is_none()));
    }

    #[test]
    fn a_failed_check_is_no_time() {
        let wanted = names(&["sort"]);
        let failed = r#"{"workload":"sort","failed":"sum of the numbers: 1, not 2"}"#;
        let outcomes = heard(&wanted, &[BEGINS, failed]).outcomes(None, &Value::Null);
        assert_eq!(outcomes[0].failed.as_deref(), Some("sum of the numbers: 1, not 2"));
    }

    #[test]
    fn what_was_not_asked_for_or_is_said_again_is_not_believed() {
        let wanted = names(&["sort"]);
        let ended = r#"{"workload":"sort","seconds":0.5,"check":"5f"}"#;
        let lines = [
            BEGINS,
            ended,
            r#"{"workload":"sort","seconds":0.1}"#,
            r#"{"workload":"list","seconds":0.1}"#,
            "sbi-null 1 1",
        ];
        let outcomes = heard(&wanted, &lines).outcomes(None, &Value::Null);
        assert_eq!((outcomes.len(), outcomes[0].seconds), (1, Some(0.5)));
    }

    #[test]
    fn of_all_else_the_end_is_kept() {
        let line = "é".repeat(1000);
        let heard = heard(&[], &[line.as_str(); 10]);
        assert!(heard.rest.len() <= MOST_REST && heard.rest.ends_with("é\n"));
    }
}
