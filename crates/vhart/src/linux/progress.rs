//! Long steps as bars on a terminal, and as plain lines where there is none.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use images::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// Parts of a whole step that a bar can tell apart.
const PARTS: u64 = 1000;

/// How often a bar moves without news.
const TICK: Duration = Duration::from_millis(120);

/// Steps shorter than this are not worth a time.
const BRIEF: Duration = Duration::from_secs(2);

/// Shows steps on standard error.
pub struct Bars {
    terminal: bool,
    step: RefCell<Option<Step>>,
}

struct Step {
    what: String,
    since: Instant,
    bar: ProgressBar,
}

impl Bars {
    /// None shown yet.
    pub fn new() -> Bars {
        Bars { terminal: std::io::stderr().is_terminal(), step: RefCell::default() }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str) {
        let bar = if self.terminal { spinner(what) } else { ProgressBar::hidden() };
        if !self.terminal {
            eprintln!("{what} ...");
        }
        *self.step.borrow_mut() = Some(Step { what: what.to_owned(), since: Instant::now(), bar });
    }

    fn fraction(&self, done: f64) {
        if let Some(step) = &*self.step.borrow() {
            if step.bar.length().is_none() {
                step.bar.set_length(PARTS);
                step.bar.set_style(style("{msg} {wide_bar} {percent:>3} %"));
            }
            step.bar.set_position((done.clamp(0.0, 1.0) * PARTS as f64) as u64);
        }
    }

    fn end(&self) {
        let Some(step) = self.step.borrow_mut().take() else { return };
        step.bar.finish_and_clear();
        let took = step.since.elapsed();
        match (self.terminal, took > BRIEF) {
            (true, true) => eprintln!("{}: {}", step.what, HumanDuration(took)),
            (true, false) => eprintln!("{}", step.what),
            (false, true) => eprintln!("... {}", HumanDuration(took)),
            (false, false) => {}
        }
    }

    fn note(&self, text: &str) {
        match &*self.step.borrow() {
            Some(step) if self.terminal => step.bar.println(text),
            _ => eprintln!("{text}"),
        }
    }
}

fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned()).with_style(style("{spinner} {msg} {elapsed}"));
    bar.enable_steady_tick(TICK);
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
