//! What has become of several commands.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::commands::Command;
use super::end::End;
use super::heard::{Heard, directory_of};
use super::options::Options;
use super::program::Refusal;
use super::reports::{self, Outcome};
use super::session::{News, Stage};
use super::verdict::{Known, Verdict};
use crate::ending::Ending as Wish;
use crate::errors;
use crate::terminal::Quit;

/// What has become of them so far. Cloning shares it.
#[derive(Clone)]
pub struct Record(Arc<Mutex<State>>);

struct State {
    outcomes: Vec<Outcome>,
    /// Those yet to run, the one that runs first.
    left: VecDeque<usize>,
    begun: Instant,
    how: How,
    interrupted: Option<Wish>,
}

/// What the options say of how they are run.
struct How {
    keep: Option<PathBuf>,
    each_timeout: Option<Duration>,
    timeout: Option<Duration>,
    fail_fast: bool,
    /// Nothing that is told may depend on this computer.
    alike: bool,
}

impl Record {
    /// None of them has run yet.
    pub fn of(commands: Vec<Command>, options: &Options) -> Record {
        let how = How {
            keep: options.keep.clone(),
            each_timeout: options.each_timeout,
            timeout: options.machine.timeout,
            fail_fast: options.fail_fast,
            alike: options.machine.deterministic.is_some(),
        };
        let (left, outcomes) = ((0..commands.len()).collect(), commands.into_iter().map(Outcome::of).collect());
        Record(Arc::new(Mutex::new(State { outcomes, left, begun: Instant::now(), how, interrupted: None })))
    }

    /// Those that are yet to run, with their places in the list.
    pub fn left(&self) -> Vec<(usize, Command)> {
        let state = self.lock();
        state.left.iter().map(|&number| (number, state.outcomes[number].command.clone())).collect()
    }

    /// Whether no other is to begin.
    pub fn is_over(&self) -> bool {
        self.lock().is_over()
    }

    /// The program of this one is not here, or nothing that can be run.
    pub fn refuse(&self, number: usize, refusal: Refusal) {
        self.lock().end(number, Verdict::refused(refusal), Duration::ZERO, &Heard::default());
    }

    /// Hears of a stage of the command that runs. Answers whether another may follow in its machine.
    pub fn hear(&self, news: &News, lost: Option<String>, heard: &Heard) -> bool {
        let mut state = self.lock();
        let Some(&number) = state.left.front() else { return false };
        match &news.stage {
            Stage::Running => {
                state.begun = news.at;
                state.outcomes[number].began = true;
                if state.how.alike {
                    state.tell_begin();
                }
                true
            }
            stage @ (Stage::Ended(_) | Stage::NotStarted(_)) => {
                let late = news.late.then_some(state.how.each_timeout).flatten();
                let program = state.outcomes[number].command.name();
                let verdict = Verdict::judge(&Known {
                    oops: news.oops.clone(),
                    late,
                    lost,
                    ..Known::of(&program, stage, &heard.log)
                });
                let took = news.at.saturating_duration_since(state.begun);
                state.end(number, verdict, took, heard);
                state.keep(number, heard);
                news.oops.is_none() && !state.is_over()
            }
            _ => false,
        }
    }

    /// Tells of the next one, before it begins.
    pub fn tell_begin(&self) {
        self.lock().tell_begin();
    }

    /// The machine has ended while the first of those that are left ran or was to begin.
    pub fn machine_ended(&self, end: &End, wish: Option<Wish>) {
        let mut state = self.lock();
        let Some(&number) = state.left.front() else { return };
        let program = state.outcomes[number].command.name();
        let verdict = Verdict::judge(&Known {
            oops: end.heard.log.oops(),
            late: end.stuck.then_some(state.how.each_timeout).flatten(),
            machine: Some(&end.ending),
            wish,
            timeout: state.how.timeout,
            lost: end.lost.clone(),
            ..Known::of(&program, &end.stage, &end.heard.log)
        });
        let took = if end.stage == Stage::Running { state.begun.elapsed() } else { Duration::ZERO };
        state.end(number, verdict, took, &end.heard);
        state.keep(number, &end.heard);
    }

    /// A signal: the command that runs has it, and no other follows.
    pub fn interrupt(&self, quit: Quit) {
        self.lock().interrupted.get_or_insert(Wish::Quit(quit));
    }

    /// The signal that kept others from being run.
    pub fn interrupted(&self) -> Option<Wish> {
        self.lock().interrupted
    }

    /// Why no other is to begin.
    pub fn why_no_more(&self) -> &'static str {
        match self.lock().interrupted {
            Some(_) => "a signal came before",
            None => "one before it failed (--fail-fast)",
        }
    }

    /// What has become of all; `why` what is left was not run.
    pub fn finish(&self, why: &str) -> Vec<Outcome> {
        let mut state = self.lock();
        for number in std::mem::take(&mut state.left) {
            state.outcomes[number].skipped = why.to_owned();
        }
        std::mem::take(&mut state.outcomes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_over(&self) -> bool {
        let failed = |outcome: &Outcome| outcome.verdict.is_some() && !outcome.passed();
        self.left.is_empty() || self.interrupted.is_some() || self.how.fail_fast && self.outcomes.iter().any(failed)
    }

    fn tell_begin(&self) {
        let Some(&number) = self.left.front() else { return };
        let line = self.outcomes[number].command.line();
        errors::tell(format!("[{}/{}] {line}", number + 1, self.outcomes.len()));
    }

    /// This one has come to its end.
    fn end(&mut self, number: usize, verdict: Verdict, took: Duration, heard: &Heard) {
        self.left.retain(|&left| left != number);
        let all = self.outcomes.len();
        let outcome = &mut self.outcomes[number];
        outcome.end(verdict, took, heard.next_section());
        let time = if self.how.alike { String::new() } else { format!(", {:.2} s", took.as_secs_f64()) };
        outcome.verdict.iter().for_each(Verdict::tell_kernel);
        errors::tell(format!("[{}/{all}] {}{time}", number + 1, outcome.in_words()));
    }

    /// Keeps what was said, where it failed.
    fn keep(&self, number: usize, heard: &Heard) {
        let outcome = &self.outcomes[number];
        if let (Some(directory), false) = (&self.how.keep, outcome.passed()) {
            let directory = directory_of(directory, Some(number));
            if let Err(error) = reports::keep(&directory, outcome, &heard.log) {
                errors::tell(errors::sentence(&error));
            }
        }
    }
}
