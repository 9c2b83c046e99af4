//! Harts that have a thread each, and a host that answers for M-mode.

use std::sync::{Mutex, PoisonError};
use std::thread;

use vcpu::Exit;

use crate::engine::GuestHart;
use crate::error::Error;
use crate::machine::Ending;
use crate::stop::MachineStopper;
use crate::wiring::Wiring;

/// What the threads share.
struct Shared<'a> {
    wiring: &'a Wiring,
    stopper: &'a MachineStopper,
    /// The first end that a hart met.
    met: Mutex<Option<Ending>>,
}

/// Runs all harts until the run ends.
pub fn run(harts: &mut [Box<dyn GuestHart>], wiring: &Wiring, stopper: &MachineStopper) -> Result<Ending, Error> {
    let shared = Shared { wiring, stopper, met: Mutex::new(None) };
    thread::scope(|scope| {
        for (number, hart) in harts.iter_mut().enumerate() {
            let (shared, name) = (&shared, format!("hart {number}"));
            let spawned =
                thread::Builder::new().name(name).spawn_scoped(scope, move || shared.drive(number, &mut **hart));
            if let Err(error) = spawned {
                // Ends those that run already, before the scope waits for them.
                shared.stopper.stop();
                return Err(Error::Thread(error));
            }
        }
        Ok(())
    })?;
    let _ = wiring.power.take();
    let met = shared.met.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(met.or_else(|| stopper.ending()).unwrap_or(Ending::Stopped))
}

impl Shared<'_> {
    /// The life of one hart's thread.
    fn drive(&self, number: usize, hart: &mut dyn GuestHart) {
        while !self.over() {
            match hart.run(u64::MAX) {
                Exit::System(event) => self.meet(Ending::Event(event)),
                Exit::Halted => self.meet(Ending::Halted { hart: number, reason: hart.halt_reason() }),
                // The host waits within the hart; an idle hart that comes back only looks around.
                Exit::Quantum | Exit::Idle { .. } | Exit::Sbi => {}
            }
        }
        // The others learn of it.
        self.wiring.kick();
    }

    /// Whether the run has ended.
    fn over(&self) -> bool {
        if let Some(event) = self.wiring.power.event() {
            self.meet(Ending::Event(event));
        }
        self.stopper.ending().is_some() || self.met.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn meet(&self, ending: Ending) {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ending);
    }
}
