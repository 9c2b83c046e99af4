//! The devices of the board, and the wires between them and the harts.
//!
//! Lock order: the bus locks a device; a device locks the PLIC; the PLIC drives pins, which have no lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arch::Interrupt;
use bus::{Bus, InterruptController, IrqLine};
use devices::aclint::{Clint, Sswi};
use devices::plic::Contexts;
use devices::rtc::TimeOfDay;
use devices::{ConsoleOut, DtNode, Finisher, Plic, PowerSwitch, Rtc, Uart16550};
use memory::Ram;
use vcpu::{Clock, HartPins, TICK_NANOS};
use virtio::{EmptySlot, Interface, Slot, SlotDevice};

use crate::config::{Plug, SlotMaker};
use crate::engine::Modes;
use crate::error::Error;
use crate::map::{self, Region};
use crate::rom::Rom;
use crate::tree::{Mapped, Role};

/// What the wires connect.
pub struct Connected {
    pub modes: Modes,
    pub ram: Ram,
    pub clock: Arc<Clock>,
    pub pins: Vec<Arc<HartPins>>,
    pub console: ConsoleOut,
    pub plugs: Vec<Plug>,
    pub interface: Interface,
    /// Whether the calendar begins with a fixed date.
    pub seeded: bool,
}

/// A device with its place.
struct Placed<D: ?Sized> {
    device: Arc<Mutex<D>>,
    region: Region,
    irq: u32,
}

/// The devices that a machine keeps hold of.
pub struct Wiring {
    pub power: Arc<PowerSwitch>,
    pub rom: Rom,
    pins: Vec<Arc<HartPins>>,
    plic: Arc<Plic>,
    uart: Placed<Uart16550>,
    rtc: Placed<Rtc>,
    finisher: Arc<Mutex<Finisher>>,
    /// Of harts with M-mode only.
    machine_level: Option<MachineLevel>,
    /// In the order of their addresses.
    slots: Vec<Placed<dyn SlotDevice>>,
}

/// Timers and software interrupts, which a machine without M-mode gets from its host.
struct MachineLevel {
    clint: Arc<Mutex<Clint>>,
    sswi: Arc<Mutex<Sswi>>,
}

fn locked<D: ?Sized>(device: &Mutex<D>) -> MutexGuard<'_, D> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wiring {
    /// Makes all devices.
    pub fn new(parts: Connected) -> Wiring {
        let Connected { modes, ram, clock, pins, console, plugs, interface, seeded } = parts;
        let contexts = match modes {
            Modes::All => Contexts::MachineAndSupervisor,
            Modes::SupervisorOnly => Contexts::SupervisorOnly,
        };
        let plic = Plic::new(map::PLIC_SOURCES, contexts, &pins);
        let line = |number| IrqLine::new(plic.clone(), number);
        let power = PowerSwitch::new(pins.clone());
        let uart = shared(Uart16550::new(console, line(map::UART_IRQ)));
        let rtc = shared(Rtc::new(time_of_day(&clock, seeded), line(map::RTC_IRQ)));
        let machine_level = (modes == Modes::All).then(|| MachineLevel {
            clint: shared(Clint::new(clock, pins.clone())),
            sswi: shared(Sswi::new(pins.clone())),
        });
        let slots = arrange(plugs).into_iter().enumerate().map(|(slot, make)| {
            let irq = map::VIRTIO_IRQ + slot as u32;
            let place = Slot { memory: ram.guest_memory(), irq: line(irq), interface };
            let device = make.map_or_else(|| shared(EmptySlot(interface)) as _, |make| make(place));
            Placed { device, region: map::virtio(slot), irq }
        });
        Wiring {
            finisher: shared(Finisher::new(power.clone())),
            power,
            rom: Rom::default(),
            pins,
            uart: Placed { device: uart, region: map::UART, irq: map::UART_IRQ },
            rtc: Placed { device: rtc, region: map::RTC, irq: map::RTC_IRQ },
            machine_level,
            slots: slots.collect(),
            plic,
        }
    }

    /// The address map of all devices.
    pub fn bus(&self) -> Result<Bus, Error> {
        let bus = Bus::default();
        let map = |name: &str, at: Region, device| bus.map(name, at.base, at.len, device);
        map("plic", map::PLIC, shared(self.plic.registers()))?;
        map("uart", self.uart.region, self.uart.device.clone())?;
        map("rtc", self.rtc.region, self.rtc.device.clone())?;
        map("finisher", map::FINISHER, self.finisher.clone())?;
        if let Some(level) = &self.machine_level {
            map("rom", map::ROM, shared(self.rom.clone()))?;
            map("clint", map::CLINT, level.clint.clone())?;
            map("sswi", map::SSWI, level.sswi.clone())?;
        }
        for (slot, placed) in self.slots.iter().enumerate() {
            map(&format!("virtio{slot}"), placed.region, placed.device.clone())?;
        }
        Ok(bus)
    }

    /// Path of the console's node below `soc`.
    pub fn console_node(&self) -> String {
        format!("serial@{:x}", self.uart.region.base.0)
    }

    /// The serial port.
    pub fn uart(&self) -> Arc<Mutex<Uart16550>> {
        self.uart.device.clone()
    }

    /// Lets `write` see every device as a part of the device tree.
    pub fn with_nodes<T>(&self, write: impl FnOnce(Vec<Mapped<'_>>) -> T) -> T {
        let (uart, rtc, finisher) = (locked(&self.uart.device), locked(&self.rtc.device), locked(&self.finisher));
        let clint = self.machine_level.as_ref().map(|level| locked(&level.clint));
        let sswi = self.machine_level.as_ref().map(|level| locked(&level.sswi));
        let slots: Vec<_> = self.slots.iter().map(|slot| (locked(&slot.device), slot)).collect();
        let mut nodes = vec![
            node(&*self.plic, map::PLIC, None, Role::Plic),
            node(&*uart, self.uart.region, Some(self.uart.irq), Role::Plain),
            node(&*rtc, self.rtc.region, Some(self.rtc.irq), Role::Plain),
            node(&*finisher, map::FINISHER, None, Role::Finisher),
        ];
        nodes.extend(clint.as_deref().map(|clint| node(clint, map::CLINT, None, Role::Plain)));
        nodes.extend(sswi.as_deref().map(|sswi| node(sswi, map::SSWI, None, Role::Plain)));
        // QEMU's order, in which Linux finds and names disks.
        nodes
            .extend(slots.iter().rev().map(|(device, slot)| node(&**device, slot.region, Some(slot.irq), Role::Plain)));
        write(nodes)
    }

    /// What devices do by themselves on a machine whose harts take turns: alarms that are due, and what a request left
    /// to do. Answers whether a device has more to do at once.
    pub fn poll(&self) -> bool {
        locked(&self.rtc.device).poll();
        let mut busy = false;
        self.slots.iter().for_each(|slot| busy |= locked(&slot.device).poll());
        busy
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
        self.slots.iter().for_each(|slot| locked(&slot.device).reset());
        locked(&self.uart.device).reset();
        locked(&self.rtc.device).reset();
        self.plic.reset();
        for pins in &self.pins {
            pins.set(Interrupt::MachineSoftware, false);
            pins.set_mtimecmp(u64::MAX);
            pins.take_ssip();
        }
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

fn shared<D>(device: D) -> Arc<Mutex<D>> {
    Arc::new(Mutex::new(device))
}

fn node<'a>(device: &'a dyn DtNode, region: Region, irq: Option<u32>, role: Role) -> Mapped<'a> {
    Mapped { device, region, irq, role }
}

/// Where the calendar begins that is not the host's: 2026-01-01 00:00:00 UTC, in nanoseconds of the Unix epoch.
const FIXED_DATE: u64 = 1_767_225_600_000_000_000;

/// The host's time of day, or one that begins with it or with a fixed date and moves with the machine's own clock.
fn time_of_day(clock: &Arc<Clock>, seeded: bool) -> TimeOfDay {
    if clock.is_wall() && !seeded {
        return TimeOfDay::Host;
    }
    let start = if seeded { FIXED_DATE } else { devices::rtc::host_nanos() };
    let clock = clock.clone();
    TimeOfDay::Virtual(Box::new(move || start.wrapping_add(clock.now().wrapping_mul(TICK_NANOS))))
}
