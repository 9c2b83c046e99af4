//! A machine that is saved and loaded.
//!
//! What is loaded comes in this order: time, pins, then the parts, interrupt controllers first, so that a device which
//! drives its wire again finds what it had driven; at last the firmware and the harts.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bus::Stateful;
use bus::state::Unsaved;
use devices::Part;

use super::{Begins, Executors, Machine};
use crate::config::MachineConfig;
use crate::engine::Engine;
use crate::snapshot::file::{self, Head};
use crate::snapshot::{Error, Saved, Shape, Snapshot};

/// How long a device may take to come to the end of its requests.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(1);
/// What a run loop looks for in memory (HTIF).
const SYMBOLS: [&str; 2] = ["tohost", "fromhost"];

impl Machine {
    /// A machine that goes on where one was saved. Its software need not be named, but for resets.
    ///
    /// # Errors
    /// It was another machine, or the file is none of a machine.
    pub fn of_snapshot(
        config: MachineConfig,
        engine: &mut dyn Engine,
        mut snapshot: Snapshot<'_>,
    ) -> Result<Machine, Error> {
        let made_by = snapshot.head.made_by.clone();
        let differences = snapshot.head.shape.differences(&Shape::of(&config));
        if !differences.is_empty() {
            return Err(Error::OtherMachine { differences, made_by });
        }
        let mut machine = Machine::make(config, engine, Begins::Elsewhere)?;
        snapshot.load_memory(&machine.ram)?;
        machine.load(&snapshot.saved, &made_by)?;
        machine.loaded.name(snapshot.saved.symbols);
        Ok(machine)
    }

    /// Writes the machine, which is not running. It can be run on afterwards.
    ///
    /// # Errors
    /// It has what cannot be saved, or `to` cannot be written to.
    pub fn save(&mut self, made_by: &str, shape: &Shape, to: &mut dyn Write) -> Result<(), Error> {
        let saved = self.saved()?;
        let head = Head { version: env!("CARGO_PKG_VERSION").into(), made_by: made_by.into(), shape: shape.clone() };
        Ok(file::write(to, &head, &saved, &self.ram)?)
    }

    /// The machine without its memory.
    fn saved(&mut self) -> Result<Saved, Error> {
        let parts = self.wiring.parts().map(|(name, part)| Ok((name.to_owned(), state_of(name, part)?)));
        let parts = parts.collect::<Result<_, Error>>()?;
        let Executors::Emulated { harts, firmware } = &mut self.executors else { return Err(Error::Engine) };
        // what one hart asked of another is done before either goes on
        let requests = firmware.as_ref().map(firmware::Firmware::requests).unwrap_or_default();
        harts.iter_mut().enumerate().for_each(|(number, hart)| requests.serve(number, hart.as_mut()));
        let firmware = firmware.as_mut().map(|firmware| part("the firmware", firmware.state())).transpose()?;
        let harts = harts.iter_mut().map(|hart| part("a hart", hart.stateful().ok_or(Error::Engine)?.state()));
        Ok(Saved {
            time: self.clock.now(),
            uncounted: self.uncounted,
            parts,
            firmware,
            harts: harts.collect::<Result<_, Error>>()?,
            pins: self.wiring.pins().iter().map(|pins| pins.save()).collect(),
            symbols: SYMBOLS.iter().filter_map(|&name| Some((name.to_owned(), self.loaded.symbol(name)?))).collect(),
        })
    }

    fn load(&mut self, saved: &Saved, made_by: &str) -> Result<(), Error> {
        let unfit = |name: &str| {
            let (name, made_by) = (name.to_owned(), made_by.to_owned());
            move |why| Error::Unfit { name, why, made_by }
        };
        self.clock.set(saved.time);
        self.uncounted = saved.uncounted;
        let foreign = |name: &str| unfit(name)(bus::state::Unfit::Foreign);
        if saved.pins.len() != self.wiring.harts() {
            return Err(foreign("the machine"));
        }
        for (number, (pins, state)) in self.wiring.pins().iter().zip(&saved.pins).enumerate() {
            pins.load(state).map_err(unfit(&format!("hart {number}")))?;
        }
        if !self.wiring.parts().map(|(name, _)| name).eq(saved.parts.iter().map(|(name, _)| name)) {
            return Err(foreign("the board"));
        }
        for ((name, part), (_, state)) in self.wiring.parts().zip(&saved.parts) {
            locked(part).set_state(state).map_err(unfit(&format!("device {name}")))?;
        }
        let Executors::Emulated { harts, firmware } = &mut self.executors else { return Err(Error::Engine) };
        match (firmware, &saved.firmware) {
            (Some(firmware), Some(state)) => firmware.set_state(state).map_err(unfit("the firmware"))?,
            (None, None) => {}
            _ => return Err(foreign("the firmware")),
        }
        if saved.harts.len() != harts.len() {
            return Err(foreign("the machine"));
        }
        for (number, (hart, state)) in harts.iter_mut().zip(&saved.harts).enumerate() {
            let hart = hart.stateful().ok_or(Error::Engine)?;
            hart.set_state(state).map_err(unfit(&format!("hart {number}")))?;
        }
        // last: what was driven meanwhile may have kicked
        for (pins, state) in self.wiring.pins().iter().zip(&saved.pins) {
            pins.load(state).map_err(unfit("a hart"))?;
        }
        Ok(())
    }
}

fn locked<'p>(part: &'p Mutex<dyn Part>) -> std::sync::MutexGuard<'p, dyn Part + 'static> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

fn part(name: &str, state: Result<Vec<u8>, Unsaved>) -> Result<Vec<u8>, Error> {
    state.map_err(|why| Error::Part { name: name.into(), why })
}

/// The state of a device, as soon as it has come to the end of its requests.
fn state_of(name: &str, device: &Mutex<dyn Part>) -> Result<Vec<u8>, Error> {
    let start = Instant::now();
    loop {
        let state = locked(device).state();
        match state {
            Err(Unsaved::Busy) if start.elapsed() > PATIENCE => return Err(Error::Busy { name: name.into() }),
            Err(Unsaved::Busy) => {
                // one that harts serve goes on here, others have threads
                if !locked(device).poll() {
                    thread::sleep(ASK_AGAIN);
                }
            }
            state => return part(name, state),
        }
    }
}
