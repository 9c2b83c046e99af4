//! The real-time clock: the time of day, and one alarm.
//!
//! A thread waits for the alarm, started when the guest first sets one and ended with the device. On a machine whose
//! time is not the host's there is no thread: its run loop calls [`Rtc::poll`].

pub mod core;
#[cfg(feature = "state")]
mod state;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bus::{Device, IrqLine};
use vm_fdt::{Error, FdtWriter};

use crate::{DtNode, Part, Placement, access, node_name};

/// Where the time of day comes from.
pub enum TimeOfDay {
    /// The host's clock.
    Host,
    /// Nanoseconds since 1970 by a function, such as one over a virtual clock; [`Rtc::poll`] fires alarms.
    Virtual(Box<dyn Fn() -> u64 + Send + Sync>),
}

impl TimeOfDay {
    fn now(&self) -> u64 {
        match self {
            TimeOfDay::Host => host_nanos(),
            TimeOfDay::Virtual(now) => now(),
        }
    }
}

/// Nanoseconds since 1970 by the host's clock; 0 if that is before.
pub fn host_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

struct State {
    core: core::Core,
    level: bool,
    waiter: Waiter,
}

#[derive(PartialEq, Eq)]
enum Waiter {
    None,
    Running,
    Stop,
}

struct Shared {
    time: TimeOfDay,
    irq: IrqLine,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, state: &mut State) {
        state.core.advance(self.time.now());
        let level = state.core.interrupt();
        if level != state.level {
            state.level = level;
            self.irq.set(level);
        }
    }

    /// The waiter's life: sleeps until the alarm or until something changes.
    fn wait_for_alarms(&self) {
        let mut state = self.lock();
        while state.waiter != Waiter::Stop {
            self.settle(&mut state);
            state = match state.core.due_in(self.time.now()) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(nanos) => {
                    let timeout = Duration::from_nanos(nanos);
                    self.changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// The clock on the bus. Lock order: this device, its state, the interrupt controller.
pub struct Rtc {
    shared: Arc<Shared>,
}

impl Rtc {
    /// A clock that shows `time` and interrupts through `irq`.
    pub fn new(time: TimeOfDay, irq: IrqLine) -> Self {
        let state = State { core: core::Core::default(), level: false, waiter: Waiter::None };
        Rtc { shared: Arc::new(Shared { time, irq, state: Mutex::new(state), changed: Condvar::new() }) }
    }

    /// Makes sure that someone waits for an alarm that is armed.
    fn wake_waiter(&self, state: &mut State) {
        if !matches!(self.shared.time, TimeOfDay::Host) || state.core.due_in(0).is_none() {
            return;
        }
        if state.waiter == Waiter::None {
            let shared = self.shared.clone();
            let spawned = std::thread::Builder::new().name("rtc-alarm".into()).spawn(move || shared.wait_for_alarms());
            // Without a thread the alarm still fires, at the next access.
            state.waiter = if spawned.is_ok() { Waiter::Running } else { Waiter::None };
        }
        self.shared.changed.notify_all();
    }
}

impl Drop for Rtc {
    fn drop(&mut self) {
        self.shared.lock().waiter = Waiter::Stop;
        self.shared.changed.notify_all();
    }
}

impl Device for Rtc {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        let mut state = self.shared.lock();
        let now = self.shared.time.now();
        access::read_words(offset, data, |at| state.core.read(at, now));
        self.shared.settle(&mut state);
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let mut state = self.shared.lock();
        let now = self.shared.time.now();
        access::write_words(offset, data, |at, value| state.core.write(at, value, now));
        self.shared.settle(&mut state);
        self.wake_waiter(&mut state);
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(Rtc);

impl Part for Rtc {
    fn reset(&mut self) {
        let mut state = self.shared.lock();
        state.core = core::Core::default();
        self.shared.settle(&mut state);
    }

    /// Fires an alarm that is due.
    fn poll(&mut self) -> bool {
        self.shared.settle(&mut self.shared.lock());
        false
    }
}

impl DtNode for Rtc {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        let node = fdt.begin_node(&node_name("rtc", place))?;
        fdt.property_string("compatible", "google,goldfish-rtc")?;
        place.reg(fdt)?;
        place.interrupts(fdt)?;
        fdt.end_node(node)
    }
}

#[cfg(test)]
mod tests {
    use kit::Wire;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn an_alarm_of_the_host_s_clock_fires_by_itself() {
        let wire = Arc::new(Wire::default());
        let mut rtc = Rtc::new(TimeOfDay::Host, IrqLine::new(wire.clone(), 11));
        let due = host_nanos() + 20_000_000;
        rtc.write(0x10, &1u32.to_le_bytes());
        rtc.write(0x0c, &((due >> 32) as u32).to_le_bytes());
        rtc.write(0x08, &(due as u32).to_le_bytes());
        assert!(wire.becomes(true, PATIENCE));
        rtc.write(0x1c, &1u32.to_le_bytes());
        assert!(wire.becomes(false, PATIENCE));
    }
}
