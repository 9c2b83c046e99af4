//! Harts that have a thread each.

use std::sync::OnceLock;
use std::thread;

use crate::ending::Ending;
use crate::error::Error;
use crate::stop::MachineStopper;
use crate::wiring::Wiring;

/// One run of such harts.
pub struct ThreadedRun<'a> {
    wiring: &'a Wiring,
    stopper: &'a MachineStopper,
    /// The first end that a hart met.
    met: OnceLock<Ending>,
}

/// The end of a hart's life, of which the others learn; if it is a panic, it is theirs, too.
struct Ends<'a>(&'a ThreadedRun<'a>);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.meet(Ending::Stopped);
        }
        self.0.wiring.kick();
    }
}

impl ThreadedRun<'_> {
    /// Lets each hart live its `life` on its own thread, which ends when [`ThreadedRun::over`] says so.
    pub fn of<H: Send>(
        wiring: &Wiring,
        stopper: &MachineStopper,
        harts: &mut [H],
        life: impl Fn(&ThreadedRun, usize, &mut H) + Sync,
    ) -> Result<Ending, Error> {
        let run = ThreadedRun { wiring, stopper, met: OnceLock::new() };
        thread::scope(|scope| {
            for (number, hart) in harts.iter_mut().enumerate() {
                let (run, life, name) = (&run, &life, format!("hart {number}"));
                let lives = move || {
                    let _ends = Ends(run);
                    life(run, number, hart);
                };
                if let Err(error) = thread::Builder::new().name(name).spawn_scoped(scope, lives) {
                    // Ends those that run already, before the scope waits for them.
                    run.stopper.stop();
                    return Err(Error::Thread(error));
                }
            }
            Ok(())
        })?;
        let _ = wiring.power.take();
        Ok(run.met.into_inner().or_else(|| stopper.ending()).unwrap_or(Ending::Stopped))
    }

    /// Whether the run has ended.
    pub fn over(&self) -> bool {
        if let Some(event) = self.wiring.power.event() {
            self.meet(Ending::Event(event));
        }
        if self.stopper.pauses() {
            self.meet(Ending::Paused);
        }
        self.met.get().is_some() || self.stopper.ending().is_some()
    }

    /// Ends the run; the first end stands.
    pub fn meet(&self, ending: Ending) {
        let _ = self.met.set(ending);
    }
}
