//! How a run ends, and who ends it.
//!
//! The machine may power off by itself; the user, a signal or a timeout may want it to. The first of them counts. A
//! machine that does not stop then, as it waits for a terminal that nobody reads or for a file that does not open, is
//! left behind: the way out waits for no lock, no device and no output.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use board::MachineStopper;
use vcpu::Reset;

use crate::errors;
use crate::pidfile;
use crate::terminal::{self, OnQuit, Quit};

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The machine powered off.
    PowerOff,
    /// The guest asked for a reset, which was not to follow.
    Reset(Reset),
    /// The guest reported a failure, with its code.
    Fail(u32),
    /// The guest's system has failed: it said so as it ended, or its kernel panicked.
    SystemFailure,
    /// The user or a signal.
    Quit(Quit),
    /// The time or the instructions allowed are used up.
    Limit,
}

impl Ending {
    /// The exit status that says so. A failure is never 0 and never wraps.
    pub fn status(self) -> u8 {
        match self {
            Ending::PowerOff | Ending::Reset(_) | Ending::Quit(Quit::User) => 0,
            Ending::SystemFailure => 125,
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
const PATIENCE: Duration = Duration::from_secs(3);

/// While one lives, nobody loses patience: what is written then takes as long as it takes.
#[cfg(feature = "machine")]
pub struct Unhurried(());

/// How many there are.
static UNHURRIED: AtomicUsize = AtomicUsize::new(0);

#[cfg(feature = "machine")]
impl Unhurried {
    /// From now on.
    pub fn begin() -> Unhurried {
        UNHURRIED.fetch_add(1, Ordering::SeqCst);
        Unhurried(())
    }
}

#[cfg(feature = "machine")]
impl Drop for Unhurried {
    fn drop(&mut self) {
        UNHURRIED.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ends a command and its machine, if it has one already, from outside. Cloning shares it.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Shared>);

#[derive(Default)]
struct Shared {
    first: Mutex<Option<Ending>>,
    machine: Mutex<Option<MachineStopper>>,
}

impl Stopper {
    /// One that ends the command after `timeout`, if there is one.
    ///
    /// # Errors
    /// This computer has no thread left that could wait for that.
    pub fn within(timeout: Option<Duration>) -> Result<Stopper> {
        let stopper = Stopper::default();
        if let Some(timeout) = timeout {
            let stopper = stopper.clone();
            let wait = move || {
                std::thread::sleep(timeout);
                stopper.end(Ending::Limit);
            };
            std::thread::Builder::new().name("timeout".into()).spawn(wait).context("no thread for --timeout")?;
        }
        Ok(stopper)
    }

    /// Names the machine that ends with the command, in place of one before it.
    pub fn stops(&self, machine: MachineStopper) {
        let machine = self.machine().insert(machine).clone();
        // the end may have come before the machine
        if self.ending().is_some() {
            machine.stop();
        }
    }

    /// Ends the command for this reason, unless there already is one.
    pub fn end(&self, ending: Ending) {
        if !self.is_first(ending) {
            return;
        }
        if std::thread::Builder::new().spawn(move || lose_patience(ending)).is_err() {
            leave(ending);
        }
        match &*self.machine() {
            Some(machine) => machine.stop(),
            None => errors::tell(
                "time is up before the machine was ready: --timeout covers downloads, builds and pipes before it, too",
            ),
        }
    }

    fn is_first(&self, ending: Ending) -> bool {
        let mut first = self.first();
        let is_first = first.is_none();
        first.get_or_insert(ending);
        is_first
    }

    /// What ended the command from outside, if anything did.
    pub fn ending(&self) -> Option<Ending> {
        *self.first()
    }

    /// What the terminal calls.
    pub fn on_quit(&self) -> OnQuit {
        let stopper = self.clone();
        Arc::new(move |quit| stopper.end(Ending::Quit(quit)))
    }

    fn machine(&self) -> MutexGuard<'_, Option<MachineStopper>> {
        self.0.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self) -> MutexGuard<'_, Option<Ending>> {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the program, should it not have ended by then.
fn lose_patience(ending: Ending) {
    std::thread::sleep(PATIENCE);
    while UNHURRIED.load(Ordering::SeqCst) > 0 {
        std::thread::sleep(PATIENCE);
    }
    leave(ending);
}

/// Leaves the program, whatever its threads wait for: without exit handlers, one of which flushes standard output.
fn leave(ending: Ending) -> ! {
    terminal::restore();
    pidfile::remove();
    signal_hook::low_level::exit(ending.status().into())
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
        let stopper = Stopper::default();
        stopper.end(Ending::Limit);
        stopper.end(Ending::Quit(Quit::User));
        assert_eq!(stopper.ending(), Some(Ending::Limit));
    }
}
