//! Long steps as bars on a terminal, and as plain lines where there is none.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use images::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::errors;
use crate::terminal::Preparing;

/// Parts of a whole step that a bar can tell apart.
const PARTS: u64 = 1000;

/// How often a bar moves without news.
const TICK: Duration = Duration::from_millis(120);

/// How often a line tells how far a step has come.
const SELDOM: Duration = Duration::from_secs(10);

/// Steps shorter than this are not worth a time.
const BRIEF: Duration = Duration::from_secs(2);

/// Shows steps on standard error.
pub struct Bars {
    terminal: bool,
    step: RefCell<Option<Step>>,
    /// Whoever interrupts what takes long is told what has become of it.
    _preparing: Preparing,
}

struct Step {
    what: String,
    since: Instant,
    /// When a line said last how far it has come.
    told: Instant,
    bar: ProgressBar,
}

impl Bars {
    /// None shown yet.
    pub fn new() -> Bars {
        Bars { terminal: std::io::stderr().is_terminal(), step: RefCell::default(), _preparing: Preparing::begin() }
    }

    /// Moves the bar of the step, which looks like `template` from the first time on; elsewhere than on a terminal, a
    /// line now and then tells how far it has come.
    fn advance(&self, done: u64, total: u64, template: &str) {
        let mut step = self.step.borrow_mut();
        let Some(step) = &mut *step else { return };
        if step.bar.length().is_none() {
            step.bar.set_length(total);
            step.bar.set_style(style(template));
        }
        step.bar.set_position(done);
        if !self.terminal && step.told.elapsed() > SELDOM {
            step.told = Instant::now();
            line(format_args!("... {} %", done * 100 / total.max(1)));
        }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str) {
        let bar = if self.terminal { spinner(what) } else { ProgressBar::hidden() };
        if !self.terminal {
            line(format_args!("{what} ..."));
        }
        let now = Instant::now();
        *self.step.borrow_mut() = Some(Step { what: what.to_owned(), since: now, told: now, bar });
    }

    fn fraction(&self, done: f64) {
        self.advance((done.clamp(0.0, 1.0) * PARTS as f64) as u64, PARTS, "{msg} {wide_bar} {percent:>3} %");
    }

    fn bytes(&self, done: u64, total: u64) {
        self.advance(done, total, "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    }

    fn crates(&self, done: u64, total: u64) {
        self.advance(done, total, "{msg} {wide_bar} {pos} of {len} crates, {elapsed}");
    }

    fn end(&self) {
        let Some(step) = self.step.borrow_mut().take() else { return };
        step.bar.finish_and_clear();
        let took = step.since.elapsed();
        match (self.terminal, took > BRIEF) {
            (true, true) => line(format_args!("{}: {}", step.what, HumanDuration(took))),
            (true, false) => line(&step.what),
            (false, true) => line(format_args!("... {}", HumanDuration(took))),
            (false, false) => {}
        }
    }

    fn note(&self, text: &str) {
        match &*self.step.borrow() {
            Some(step) if self.terminal => step.bar.println(text),
            _ => line(text),
        }
    }
}

/// Shows a line. Whoever closed standard error does not want it.
fn line(text: impl Display) {
    errors::say(format_args!("{text}\n"));
}

fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned()).with_style(style("{spinner} {msg} {elapsed}"));
    bar.enable_steady_tick(TICK);
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
