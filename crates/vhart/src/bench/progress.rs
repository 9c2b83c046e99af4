//! How far a measurement has come, and how long it will take.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::model::Invocation;
use super::options::Place;
use crate::errors;

/// Shows it on standard error: a bar on a terminal, a line for each run elsewhere.
pub struct Meter {
    bar: ProgressBar,
    terminal: bool,
    rounds: u32,
    /// Runs that are left, this one included.
    left: Vec<Place>,
    /// How long a run of each place took.
    took: BTreeMap<Place, Duration>,
    since: Instant,
    where_now: String,
}

impl Meter {
    /// Of these runs, of so many workloads each.
    pub fn new(runs: &[(u32, Place)], workloads: usize, rounds: u32) -> Meter {
        let terminal = std::io::stderr().is_terminal();
        let length = (runs.len() * workloads) as u64;
        let bar = if terminal { ProgressBar::new(length) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg:40} {wide_bar} {pos} of {len}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let left = runs.iter().map(|(_, place)| *place).collect();
        let (took, since) = (BTreeMap::new(), Instant::now());
        Meter { bar, terminal, rounds, left, took, since, where_now: String::new() }
    }

    /// A run begins.
    pub fn begin_run(&mut self, place: Place, round: u32) {
        self.since = Instant::now();
        self.where_now = format!("round {} of {}, {}", round + 1, self.rounds, place.name());
        if !self.terminal {
            errors::say(format_args!("{}{} ...\n", self.where_now, self.time_left()));
        }
        self.show("boots");
    }

    /// A workload begins.
    pub fn begin_workload(&mut self, name: &str) {
        self.show(name);
    }

    /// It has ended.
    pub fn end_workload(&mut self) {
        self.bar.inc(1);
    }

    /// Nothing has happened.
    pub fn tick(&self) {
        self.bar.tick();
    }

    /// A run has ended.
    pub fn end_run(&mut self, place: Place, run: &Invocation) {
        self.took.insert(place, self.since.elapsed());
        if !self.left.is_empty() {
            self.left.remove(0);
        }
        if let Some(why) = &run.failed {
            let line = format!("{}: {why}", self.where_now);
            self.bar.suspend(|| errors::tell(line));
        }
    }

    /// A run is left out.
    pub fn skip(&mut self) {
        if !self.left.is_empty() {
            self.left.remove(0);
        }
    }

    /// All have.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, what: &str) {
        self.bar.set_message(format!("{}: {what}{}", self.where_now, self.time_left()));
    }

    /// What is left, once a run of each place has been seen.
    fn time_left(&self) -> String {
        let known: Option<Vec<Duration>> = self.left.iter().map(|place| self.took.get(place).copied()).collect();
        match known.map(|times| times.iter().sum::<Duration>()) {
            Some(left) if !left.is_zero() => {
                format!(", {} left", HumanDuration(left.saturating_sub(self.since.elapsed())))
            }
            _ => String::new(),
        }
    }
}
