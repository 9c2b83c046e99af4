//! Whoever watches devices: between the devices' interrupt lines and the controller that these lead to.
//!
//! Events of devices are no hart's. They are told from any thread, under the device's lock, in the order in which they
//! come.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::{Mode, Phys};
use bus::IrqSink;
use events::{DEVICES, Event, Sink, Stamp};
use vcpu::Clock;

/// The lines that lead to a controller, with somebody who watches them. Lock order: behind every device's; before no
/// other.
pub struct Lines {
    controller: Arc<dyn IrqSink>,
    clock: Arc<Clock>,
    watched: Mutex<Watched>,
}

struct Watched {
    sink: Box<dyn Sink>,
    /// First addresses of the devices, by the numbers of their lines.
    devices: BTreeMap<u32, Phys>,
    /// Lines that are high.
    high: BTreeMap<u32, ()>,
}

impl Lines {
    /// Lines that lead to `controller`, with nobody known at their other ends.
    pub fn new(controller: Arc<dyn IrqSink>, clock: Arc<Clock>, sink: Box<dyn Sink>) -> Arc<Lines> {
        let watched = Mutex::new(Watched { sink, devices: BTreeMap::new(), high: BTreeMap::new() });
        Arc::new(Lines { controller, clock, watched })
    }

    /// Names the device at a line's other end.
    pub fn name(&self, number: u32, device: Phys) {
        self.watched().devices.insert(number, device);
    }

    /// The run has ended.
    pub fn end(&self) {
        self.tell(&mut self.watched(), &Event::End);
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, watched: &mut Watched, event: &Event) {
        let time = self.clock.now();
        let stamp = Stamp { hart: DEVICES, time, instret: 0, mode: Mode::M, vmid: 0, asid: 0, pc: 0 };
        if *event == Event::End || watched.sink.wants().has(event.kind()) {
            watched.sink.event(&stamp, event, &());
        }
    }

    fn change(&self, number: u32, level: bool) {
        let mut watched = self.watched();
        let was_high = if level { watched.high.insert(number, ()) } else { watched.high.remove(&number) };
        if was_high.is_some() != level {
            let device = watched.device(number);
            self.tell(&mut watched, &Event::Line { device, level });
        }
    }
}

impl Watched {
    /// 0: nobody said whose line it is.
    fn device(&self, number: u32) -> Phys {
        self.devices.get(&number).copied().unwrap_or(Phys(0))
    }
}

impl IrqSink for Lines {
    fn set_level(&self, number: u32, level: bool) {
        self.change(number, level);
        self.controller.set_level(number, level);
    }

    fn pulse(&self, number: u32) {
        self.change(number, true);
        self.change(number, false);
        self.controller.pulse(number);
    }

    fn completed(&self, number: u32, queue: u16, bytes: u32) {
        let mut watched = self.watched();
        let device = watched.device(number);
        self.tell(&mut watched, &Event::Completed { device, queue, bytes });
    }
}

#[cfg(test)]
mod tests {
    use events::{Kinds, Look};

    use super::*;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<Event>>>);

    impl Sink for Heard {
        fn wants(&self) -> Kinds {
            Kinds::ALL
        }
        fn event(&mut self, stamp: &Stamp, event: &Event, _: &dyn Look) {
            assert_eq!(stamp.hart, DEVICES);
            self.0.lock().unwrap().push(*event);
        }
    }

    #[test]
    fn changes_are_told_once_and_all_of_it_is_passed_on() {
        let (heard, wire) = (Heard::default(), Arc::new(kit::Wire::default()));
        let lines = Lines::new(wire.clone(), Arc::new(Clock::virtual_time()), Box::new(heard.clone()));
        let device = Phys(0x1000_8000);
        lines.name(3, device);
        lines.completed(3, 1, 512);
        [true, true, false, false].into_iter().for_each(|level| lines.set_level(3, level));
        lines.pulse(3);
        let (up, down) = (Event::Line { device, level: true }, Event::Line { device, level: false });
        let expected = [Event::Completed { device, queue: 1, bytes: 512 }, up, down, up, down];
        assert_eq!(*heard.0.lock().unwrap(), expected);
        assert_eq!((wire.driven(), wire.rises()), (6, 2));
    }
}
