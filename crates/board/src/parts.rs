//! The board's list of parts: what is where, by which name, on which wire, and how it is made.
//!
//! Map, wires, device tree, reset, poll and snapshots go by it, in this order. A new device is a file, below this one
//! or in `devices`, and an entry here. Beside it are made the interrupt controllers (`controllers`), which depend on
//! the harts, and the virtio slots, of which each holds what the machine is given.

pub mod rom;

use std::sync::{Arc, Mutex};

use bus::IrqLine;
use devices::aclint::{CLINT_BYTES, Clint, SWI_BYTES, Sswi};
use devices::rtc::TimeOfDay;
use devices::{Finisher, Part, PowerSwitch, Rtc, Uart16550};
use vcpu::{Clock, HartPins, TICK_NANOS};

use crate::engine::Modes;
use crate::map::{self, Region, region};
use crate::placed::{Placed, placed, shared};
use crate::tree::Role;
use rom::Rom;

/// All parts, in the order of the device tree.
const PARTS: &[Entry] = &[
    wired("uart", map::UART, map::UART_IRQ, |with, _| with.uart.clone()),
    wired("rtc", region(0x10_1000, 0x1000), 11, |with, line| shared(Rtc::new(with.time_of_day(), line))),
    plain("finisher", region(0x10_0000, 0x1000), |with| shared(Finisher::new(with.power.clone()))).role(Role::Finisher),
    // timers, software interrupts and the way from reset, which a machine without M-mode gets from its host
    plain("rom", map::ROM, |with| shared(with.rom.clone())).of_machine_mode(),
    plain("clint", region(0x200_0000, CLINT_BYTES), |with| shared(Clint::new(with.clock.clone(), with.pins.clone())))
        .of_machine_mode(),
    plain("sswi", region(0x2f0_0000, SWI_BYTES), |with| shared(Sswi::new(with.pins.clone()))).of_machine_mode(),
];

/// What parts are made with.
pub(crate) struct Common {
    pub clock: Arc<Clock>,
    pub pins: Vec<Arc<HartPins>>,
    pub power: Arc<PowerSwitch>,
    pub uart: Arc<Mutex<Uart16550>>,
    pub rom: Rom,
    /// Whether the calendar begins with a fixed date.
    pub seeded: bool,
}

type SharedPart = Arc<Mutex<dyn Part>>;

/// A part of the board.
struct Entry {
    name: &'static str,
    region: Region,
    role: Role,
    /// The machines that have it.
    modes: Option<Modes>,
    make: Make,
}

enum Make {
    /// With an input of the interrupt controller.
    Wired(u32, fn(&Common, IrqLine) -> SharedPart),
    Plain(fn(&Common) -> SharedPart),
}

const fn wired(name: &'static str, region: Region, irq: u32, make: fn(&Common, IrqLine) -> SharedPart) -> Entry {
    Entry { name, region, role: Role::Plain, modes: None, make: Make::Wired(irq, make) }
}

const fn plain(name: &'static str, region: Region, make: fn(&Common) -> SharedPart) -> Entry {
    Entry { name, region, role: Role::Plain, modes: None, make: Make::Plain(make) }
}

impl Entry {
    /// The same, and what it is to other nodes of the device tree.
    const fn role(mut self, role: Role) -> Entry {
        self.role = role;
        self
    }

    /// The same, of machines whose harts have M-mode.
    const fn of_machine_mode(mut self) -> Entry {
        self.modes = Some(Modes::All);
        self
    }

    fn made(&self, with: &Common, line: &impl Fn(u32) -> IrqLine) -> Placed {
        let (part, irq) = match self.make {
            Make::Wired(irq, make) => (make(with, line(irq)), Some(irq)),
            Make::Plain(make) => (make(with), None),
        };
        placed(self.name, self.region, part, irq).with_role(self.role)
    }
}

/// The parts of a machine whose harts have such modes; `line` is the wire to an input of the interrupt controller.
pub(crate) fn made(modes: Modes, with: &Common, line: impl Fn(u32) -> IrqLine) -> Vec<Placed> {
    let there = PARTS.iter().filter(|entry| entry.modes.is_none_or(|needed| needed == modes));
    there.map(|entry| entry.made(with, &line)).collect()
}

/// Where the calendar begins that is not the host's: 2026-01-01 00:00:00 UTC, in nanoseconds of the Unix epoch.
const FIXED_DATE: u64 = 1_767_225_600_000_000_000;

impl Common {
    /// The host's time of day, or one that begins with it or with a fixed date and moves with the machine's own clock.
    fn time_of_day(&self) -> TimeOfDay {
        if self.clock.is_wall() && !self.seeded {
            return TimeOfDay::Host;
        }
        let start = if self.seeded { FIXED_DATE } else { devices::rtc::host_nanos() };
        let clock = self.clock.clone();
        TimeOfDay::Virtual(Box::new(move || start.wrapping_add(clock.now().wrapping_mul(TICK_NANOS))))
    }
}
