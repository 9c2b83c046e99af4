//! How a run ends, and who ends it.
//!
//! The machine may power off by itself; the user, a signal or a timeout may want it to. The first of them counts.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::terminal::{self, OnQuit, Quit};

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The machine powered off.
    PowerOff,
    /// The guest reported a failure, with its code.
    Fail(u32),
    /// The user or a signal.
    Quit(Quit),
    /// The time or the instructions allowed are used up.
    Limit,
}

impl Ending {
    /// The exit status that says so. A failure is never 0 and never wraps.
    pub fn status(self) -> u8 {
        match self {
            Ending::PowerOff | Ending::Quit(Quit::User) => 0,
            Ending::Fail(code) => u8::try_from(code).unwrap_or(u8::MAX).max(1),
            Ending::Quit(Quit::Signal(number)) => 128u8.saturating_add(u8::try_from(number).unwrap_or(0)),
            Ending::Limit => 124,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> ExitCode {
        ending.status().into()
    }
}

/// How long a machine may take to stop before the program ends without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends the machine from outside. Cloning shares it.
#[derive(Clone)]
pub struct Stopper {
    first: Arc<Mutex<Option<Ending>>>,
    stop: Arc<dyn Fn() + Send + Sync>,
}

impl Stopper {
    /// One that ends the machine by `stop`.
    pub fn new(stop: impl Fn() + Send + Sync + 'static) -> Self {
        Stopper { first: Arc::default(), stop: Arc::new(stop) }
    }

    /// Ends the machine for this reason, unless there already is one.
    pub fn end(&self, ending: Ending) {
        let mut first = self.first.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if first.is_none() {
            *first = Some(ending);
            std::thread::spawn(move || lose_patience(ending));
            (self.stop)();
        }
    }

    /// What ended the machine from outside, if anything did.
    pub fn ending(&self) -> Option<Ending> {
        *self.first.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What the terminal calls.
    pub fn on_quit(&self) -> OnQuit {
        let stopper = self.clone();
        Arc::new(move |quit| stopper.end(Ending::Quit(quit)))
    }

    /// Ends the machine after `timeout`, if there is one.
    pub fn after(&self, timeout: Option<Duration>) {
        let Some(timeout) = timeout else { return };
        let stopper = self.clone();
        std::thread::spawn(move || {
            std::thread::sleep(timeout);
            stopper.end(Ending::Limit);
        });
    }
}

/// Ends the program, should the machine not have stopped by then.
fn lose_patience(ending: Ending) {
    std::thread::sleep(PATIENCE);
    terminal::restore();
    std::process::exit(ending.status().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_never_success() {
        assert_eq!(Ending::Fail(0).status(), 1);
        assert_eq!(Ending::Fail(256).status(), 255);
        assert_eq!(Ending::Fail(3).status(), 3);
        assert_eq!(Ending::Quit(Quit::Signal(15)).status(), 143);
    }

    #[test]
    fn the_first_reason_counts() {
        let stopper = Stopper::new(|| {});
        stopper.end(Ending::Limit);
        stopper.end(Ending::Quit(Quit::User));
        assert_eq!(stopper.ending(), Some(Ending::Limit));
    }
}
