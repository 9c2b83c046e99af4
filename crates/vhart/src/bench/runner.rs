//! One run of one place: a process, what it prints, and what its machine counted.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use images::work;
use serde_json::Value;

use super::model::{Counts, Outcome, Run, Settings};
use super::options::Place;
use super::peers::{Kind, Peers, Since};
use super::progress::Meter;

/// How often a wish to end is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long a machine may take that has been told to end.
const GRACE: Duration = Duration::from_secs(20);
/// How much of standard error says why.
const LAST_WORDS: usize = 400;

/// What runs workloads.
pub struct Runner {
    /// This program.
    pub program: PathBuf,
    /// The riscv64 program.
    pub workloads: PathBuf,
    /// What is to be run.
    pub settings: Settings,
    /// More options of `vhart exec`.
    pub options: Vec<OsString>,
    /// Characters to the serial port beside each workload.
    pub plant: u64,
    /// How long a run may take.
    pub timeout: Duration,
    /// Other emulators.
    pub peers: Option<Peers>,
    /// Whether the user wants an end.
    pub ended: Arc<AtomicBool>,
}

impl Runner {
    /// Runs all workloads in a place.
    pub fn run(&self, place: Place, round: u32, meter: &mut Meter) -> Run {
        let start = Instant::now();
        meter.begin_run(place, round);
        let mut heard = Heard::default();
        let failed = self.attempt(place, &mut heard, meter).err().map(|why| format!("{why:#}"));
        let mut outcomes = heard.outcomes(failed.as_deref(), &self.settings.workloads);
        if self.settings.counts {
            // what is not the same each time
            outcomes.iter_mut().for_each(|outcome| outcome.processor = None);
        }
        let place = place.name().to_owned();
        Run { place, round, seconds: start.elapsed().as_secs_f64(), failed, outcomes }
    }

    fn attempt(&self, place: Place, heard: &mut Heard, meter: &mut Meter) -> Result<()> {
        let mut command = self.command(place);
        let peer = self.peers.as_ref().and_then(|peers| peers.kind(place));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start another vhart")?;
        heard.watched = peer.map(|kind| (kind, child.id()));
        let lines = lines(child.stdout.take().context("no standard output")?);
        let errors = lines_of_errors(&mut child)?;
        let in_time = self.listen(&lines, heard, meter);
        if !in_time {
            // It may have ended in this moment.
            let _ = child.kill();
        }
        if heard.over {
            // Spike does not end where its machine is off.
            let _ = child.kill();
        }
        let status = child.wait().context("cannot wait for another vhart")?;
        let said = errors.join().unwrap_or_default();
        anyhow::ensure!(in_time, "took longer than --timeout: {}", last_words(&heard.rest));
        // a workload that fails its check says so itself
        let may_be_1 = heard.outcomes.iter().any(|outcome| outcome.failed.is_some());
        let well = status.success() || heard.over || may_be_1 && status.code() == Some(1);
        anyhow::ensure!(well, "ended with {status}: {}", last_words(&said));
        let all = heard.outcomes.len() >= self.settings.workloads.len();
        anyhow::ensure!(all, "ended before all workloads had run: {}", last_words(&heard.rest));
        Ok(())
    }

    /// What runs them there.
    fn command(&self, place: Place) -> Command {
        if let Some(command) = self.peers.as_ref().and_then(|peers| peers.command(place)) {
            return command;
        }
        let mut command = Command::new(&self.program);
        let part = self.settings.part.to_string();
        match place {
            Place::Native => command.arg("workload").args(["--part", &part, "--before", "workload"]),
            _ => {
                command.args(["exec", "--stat=-", "--level", place.name(), "--timeout"]);
                command.arg(format!("{}s", self.timeout.as_secs()));
                if self.settings.counts {
                    command.arg("--deterministic");
                }
                command.args(&self.options).arg("--").arg(&self.workloads);
                command.args(["--mark", &events::MARK.to_string(), "--part", &part, "--plant", &self.plant.to_string()])
            }
        };
        command.args(&self.settings.workloads);
        command
    }

    /// Takes what is printed until its end. Answers false where it has to be ended.
    fn listen(&self, lines: &Receiver<String>, heard: &mut Heard, meter: &mut Meter) -> bool {
        let start = Instant::now();
        let mut told = None;
        loop {
            match lines.recv_timeout(LOOK) {
                Ok(line) if line.trim_end() == work::OVER => {
                    heard.over = heard.watched.is_some_and(|(kind, _)| !kind.ends());
                    if heard.over {
                        return true;
                    }
                }
                Ok(line) => heard.take(&line, meter),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            meter.tick();
            if self.ended.load(Ordering::Relaxed) {
                // the terminal's signal went to the machine as well, which ends by itself
                told.get_or_insert_with(Instant::now);
            }
            if told.is_some_and(|told: Instant| told.elapsed() > GRACE / 10) || start.elapsed() > self.timeout + GRACE {
                return false;
            }
        }
    }
}

/// Reads lines on a thread of its own.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if to.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

/// All of standard error, in the end.
fn lines_of_errors(child: &mut Child) -> Result<std::thread::JoinHandle<String>> {
    let mut from = child.stderr.take().context("no standard error")?;
    let read = move || {
        let mut all = Vec::new();
        // What could be read is what there is to tell.
        let _ = from.read_to_end(&mut all);
        String::from_utf8_lossy(&all).into_owned()
    };
    std::thread::Builder::new().name("errors".into()).spawn(read).context("no thread")
}

/// The end of what a process said, in a line.
fn last_words(said: &str) -> String {
    let words: String = said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ");
    let start = words.char_indices().rev().nth(LAST_WORDS).map_or(0, |(at, _)| at);
    words[start..].to_owned()
}

/// What a run has printed.
#[derive(Default)]
struct Heard {
    outcomes: Vec<Outcome>,
    /// The workload that runs, and its iterations.
    running: Option<(String, u64)>,
    /// What follows: statistics.
    rest: String,
    /// The process whose work is asked for, where no machine tells.
    watched: Option<(Kind, u32)>,
    /// Whether all was said, and the process is to be ended.
    over: bool,
    /// Since the workload began.
    since: Option<Since>,
}

impl Heard {
    fn take(&mut self, line: &str, meter: &mut Meter) {
        let line = line.trim_end_matches('\r');
        let Some(said) = Said::of(line) else {
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
    fn outcomes(self, failed: Option<&str>, wanted: &[String]) -> Vec<Outcome> {
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
        let statistics: Value =
            self.rest.find('{').and_then(|at| serde_json::from_str(&self.rest[at..]).ok()).unwrap_or_default();
        for window in statistics["windows"].as_array().into_iter().flatten() {
            let outcome = outcomes.iter_mut().find(|outcome| window["mark"] == *outcome.workload);
            if let Some(outcome) = outcome.filter(|outcome| outcome.failed.is_none()) {
                outcome.counts = Some(Counts::of_window(window));
                outcome.processor = window["processor_us"].as_f64().map(|us| us / 1e6);
            }
        }
        outcomes
    }
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

    #[test]
    fn last_words_are_a_line() {
        assert_eq!(last_words("one\n\ntwo\n"), "one; two");
        assert_eq!(last_words(&"é".repeat(1000)).chars().count(), LAST_WORDS + 1);
    }
}
