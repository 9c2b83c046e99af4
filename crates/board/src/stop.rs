//! Ends of a run that come from outside the machine: somebody's wish, and the time allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use vcpu::HartPins;

use crate::ending::Ending;
use crate::error::Error;

const NOTHING: u8 = 0;
const STOP: u8 = 1;
const TIME_OUT: u8 = 2;
/// The wish may be taken back, and gives way to an end.
const PAUSE: u8 = 3;

/// Ends a machine's run from any thread. Cloning shares it.
#[derive(Clone)]
pub struct MachineStopper {
    wish: Arc<AtomicU8>,
    harts: Vec<Arc<HartPins>>,
}

/// While it lives the time allowed runs down.
pub struct Timer {
    _done: Option<Sender<()>>,
}

impl MachineStopper {
    pub(crate) fn new(harts: Vec<Arc<HartPins>>) -> Self {
        MachineStopper { wish: Arc::default(), harts }
    }

    /// Ends [`crate::Machine::run`] soon. A machine that is not running ends as soon as it runs.
    pub fn stop(&self) {
        self.demand(STOP);
    }

    /// Ends [`crate::Machine::run`] soon, at a place where the machine can be saved: it comes back with
    /// [`Ending::Paused`]. A machine that is not running pauses as soon as it runs.
    pub fn pause(&self) {
        self.demand(PAUSE);
    }

    /// Whether somebody asked for that.
    pub(crate) fn pauses(&self) -> bool {
        self.wish.load(Ordering::Acquire) == PAUSE
    }

    /// Takes the wish for it back.
    pub(crate) fn go_on(&self) {
        let _ = self.wish.compare_exchange(PAUSE, NOTHING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The end that somebody asked for.
    pub(crate) fn ending(&self) -> Option<Ending> {
        match self.wish.load(Ordering::Acquire) {
            STOP => Some(Ending::Stopped),
            TIME_OUT => Some(Ending::TimedOut),
            _ => None,
        }
    }

    /// Ends the run after `timeout`, unless the answer is dropped before.
    pub(crate) fn expire_after(&self, timeout: Option<Duration>) -> Result<Timer, Error> {
        let Some(timeout) = timeout else { return Ok(Timer { _done: None }) };
        let (done, waiting) = channel();
        let stopper = self.clone();
        let wait = move || {
            if waiting.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                stopper.demand(TIME_OUT);
            }
        };
        std::thread::Builder::new().name("timeout".into()).spawn(wait).map_err(Error::Thread)?;
        Ok(Timer { _done: Some(done) })
    }

    /// The first demand stands, unless it was for a pause.
    fn demand(&self, wish: u8) {
        let first = |now| matches!(now, NOTHING | PAUSE).then_some(wish);
        let _ = self.wish.fetch_update(Ordering::AcqRel, Ordering::Acquire, first);
        self.harts.iter().for_each(|hart| hart.kick());
    }
}
