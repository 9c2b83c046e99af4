//! The devices of the board, and the wires between them and the harts.
//!
//! Lock order: the bus locks a device; a device locks the interrupt controller; that drives pins, which have no lock.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::Phys;
use bus::{Bus, IrqLine, IrqSink};
use devices::{ConsoleOut, Part, PowerSwitch, Uart16550};
use events::Sink;
use memory::Ram;
use vcpu::{Clock, HartPins};
use virtio::{EmptySlot, Interface, QUEUE_NOTIFY, Slot};

use crate::config::{Aia, Plug, SlotMaker};
use crate::controllers::Controllers;
use crate::engine::{Doorbell, Modes};
use crate::error::Error;
use crate::host_interrupts::HostInterrupts;
use crate::lines::Lines;
use crate::map;
use crate::parts::rom::Rom;
use crate::parts::{self, Common};
use crate::placed::{Placed, placed, shared};
use crate::tree::Mapped;

/// Queues of a virtio device whose notices are passed on without an exit. Those of others come as any write.
const QUEUES: u32 = 2;

/// What the wires connect.
pub struct Connected {
    pub modes: Modes,
    pub aia: Aia,
    /// The interrupt files of harts that the host executes, where they have some.
    pub host: Option<HostInterrupts>,
    pub ram: Ram,
    pub clock: Arc<Clock>,
    pub pins: Vec<Arc<HartPins>>,
    pub console: ConsoleOut,
    pub plugs: Vec<Plug>,
    pub interface: Interface,
    /// Whether the calendar begins with a fixed date.
    pub seeded: bool,
    /// Who watches the devices, if anybody does.
    pub watching: Option<Box<dyn Sink>>,
}

/// The devices, and what the machine keeps hold of besides.
pub struct Wiring {
    pub power: Arc<PowerSwitch>,
    pub rom: Rom,
    pins: Vec<Arc<HartPins>>,
    uart: Arc<Mutex<Uart16550>>,
    controllers: Controllers,
    /// All but the controllers, which come first, in the order of the device tree. Map, tree, reset and poll go by this
    /// list.
    parts: Vec<Placed>,
    /// The virtio slots that have a device.
    plugged: Vec<usize>,
    /// Where somebody watches.
    lines: Option<Arc<Lines>>,
}

fn locked<D: ?Sized>(device: &Mutex<D>) -> MutexGuard<'_, D> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wiring {
    /// Makes all devices.
    ///
    /// # Errors
    /// Regions overlap: a mistake in the memory map.
    pub fn new(parts: Connected) -> Result<Wiring, Error> {
        let Connected { modes, aia, host, ram, clock, pins, console, plugs, interface, seeded, watching } = parts;
        let controllers = match host {
            Some(host) => Controllers::of_host(&host, pins.len()),
            None => Controllers::new(aia, modes, &pins)?,
        };
        let inputs: Arc<dyn IrqSink> = controllers.inputs.clone();
        let lines = watching.map(|sink| Lines::new(inputs.clone(), clock.clone(), sink));
        let wires: Arc<dyn IrqSink> = lines.clone().map_or(inputs, |lines| lines as _);
        let line = |number| IrqLine::new(wires.clone(), number);
        let power = PowerSwitch::new(pins.clone());
        let uart = shared(Uart16550::new(console, line(map::UART_IRQ)));
        let common = Common { clock, pins, power, uart, rom: Rom::default(), seeded };
        let mut parts = parts::made(modes, &common, line);
        // QEMU's order, in which Linux finds and names disks
        let slots = arrange(plugs);
        let plugged = (0..slots.len()).filter(|&slot| slots[slot].is_some()).collect();
        parts.extend(slots.into_iter().enumerate().rev().map(|(slot, make)| {
            let irq = map::VIRTIO_IRQ + slot as u32;
            let place = Slot { memory: ram.guest_memory(), irq: line(irq), interface };
            let part = make.map_or_else(|| shared(EmptySlot(interface)) as _, |make| make(place));
            placed(&format!("virtio{slot}"), map::virtio(slot), part, Some(irq))
        }));
        if let Some(lines) = &lines {
            let wired = parts.iter().filter_map(|placed| Some((placed.irq?, placed.region.base)));
            wired.for_each(|(irq, base)| lines.name(irq, base));
        }
        let Common { pins, power, uart, rom, .. } = common;
        Ok(Wiring { power, rom, pins, uart, controllers, parts, plugged, lines })
    }

    /// The address map of all devices.
    pub fn bus(&self) -> Result<Bus, Error> {
        let bus = Bus::default();
        for Placed { name, part, region, .. } in self.all() {
            bus.map(name, region.base, region.len, part.clone())?;
        }
        Ok(bus)
    }

    /// Path of the console's node below `soc`.
    pub fn console_node(&self) -> String {
        format!("serial@{:x}", map::UART.base.0)
    }

    /// The writes by which drivers notify virtio devices, of as many queues as most devices have.
    pub fn doorbells(&self) -> Vec<Doorbell> {
        let of_slot = |slot: usize| {
            let address = Phys(map::virtio(slot).base.0 + QUEUE_NOTIFY);
            (0..QUEUES).map(move |value| Doorbell { address, value })
        };
        self.plugged.iter().copied().flat_map(of_slot).collect()
    }

    /// The serial port.
    pub fn uart(&self) -> Arc<Mutex<Uart16550>> {
        self.uart.clone()
    }

    /// Lets `write` see every device as a part of the device tree.
    pub fn with_nodes<T>(&self, write: impl FnOnce(Vec<Mapped<'_>>) -> T) -> T {
        let locked: Vec<_> = self.all().map(|placed| (placed, locked(&*placed.part))).collect();
        write(locked.iter().map(|(placed, part)| placed.node(&**part)).collect())
    }

    /// What devices do by themselves on a machine whose harts take turns. Answers whether one has more to do at once.
    pub fn poll(&self) -> bool {
        self.last_to_first().fold(false, |busy, mut part| part.poll() | busy)
    }

    /// Slots by their numbers, and the interrupt controller behind all whose wires lead to it.
    fn last_to_first(&self) -> impl Iterator<Item = MutexGuard<'_, dyn Part + 'static>> {
        self.all().rev().map(|placed| locked(&*placed.part))
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = &Placed> {
        self.controllers.parts.iter().chain(&self.parts)
    }

    /// Leaves all interrupts to S-mode, as a firmware does before it starts a kernel.
    pub fn hand_over(&self) {
        self.controllers.hand_over();
    }

    /// Tells whoever watches the devices that the run has ended.
    pub fn end(&self) {
        self.lines.iter().for_each(|lines| lines.end());
    }

    /// Every part by its name, interrupt controllers first: what is saved goes by this list.
    #[cfg(feature = "state")]
    pub fn parts(&self) -> impl Iterator<Item = (&str, &Mutex<dyn Part>)> {
        self.all().map(|placed| (placed.name.as_str(), &*placed.part))
    }

    /// The wires into the harts.
    #[cfg(feature = "state")]
    pub fn pins(&self) -> &[Arc<HartPins>] {
        &self.pins
    }

    /// Appends the registers of all devices and the wires into the harts, in words that are the same for the same
    /// ([`bus::Stateful::reproducible`]).
    pub fn describe(&self, text: &mut String) {
        for placed in self.all() {
            let _ = writeln!(text, "{} {:x?}", placed.name, locked(&*placed.part).reproducible());
        }
        for pins in &self.pins {
            let _ = writeln!(text, "{:x} {:x} {:x}", pins.levels(), pins.guest_external(), pins.mtimecmp());
        }
    }

    /// How many harts there are.
    pub fn harts(&self) -> usize {
        self.pins.len()
    }

    /// Makes every hart look around.
    pub fn kick(&self) {
        self.pins.iter().for_each(|pins| pins.kick());
    }

    /// Puts all devices back to their state after reset.
    pub fn reset(&self) {
        self.last_to_first().for_each(|mut part| part.reset());
    }
}

/// What goes into each slot. Whoever does not care gets the highest that is free.
fn arrange(plugs: Vec<Plug>) -> [Option<SlotMaker>; map::VIRTIO_SLOTS] {
    let mut slots = [const { None }; map::VIRTIO_SLOTS];
    let (placed, others): (Vec<Plug>, Vec<Plug>) = plugs.into_iter().partition(|plug| plug.slot.is_some());
    for plug in placed.into_iter().chain(others) {
        let free = || slots.iter().rposition(Option::is_none);
        if let Some(slot) = plug.slot.or_else(free) {
            slots[slot] = Some(plug.make);
        }
    }
    slots
}
