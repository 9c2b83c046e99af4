//! How a machine is made: what harts and devices share, the devices, the harts, and their firmware.

use std::sync::{Arc, Mutex};

use arch::Isa;
use bus::Bus;
use memory::Ram;
use vcpu::{Clock, EmulatedHart, HartPins, Pace};

use super::{Begins, Executors, Limits, Machine};
use crate::config::{Debugging, Firmware, MachineConfig, TimeSource, TrapInstruction, Whom};
use crate::console::Terminal;
use crate::control::Control;
use crate::engine::{Engine, HartSet, HostedHart, InterruptPlaces, Modes, Parts};
use crate::error::Error;
use crate::host_interrupts::HostInterrupts;
use crate::map;
use crate::show::Asker;
use crate::software::{Hardware, Loaded, Software};
use crate::stop::MachineStopper;
use crate::watched::Watchers;
use crate::wiring::{Connected, Wiring};

impl Machine {
    pub(super) fn make(mut config: MachineConfig, engine: &mut dyn Engine, begins: Begins) -> Result<Machine, Error> {
        config.check()?;
        if engine.modes() == Modes::SupervisorOnly && config.firmware != Firmware::Builtin {
            return Err(Error::NoMachineMode);
        }
        let host = host_interrupts(&config, engine)?;
        let shared = Shared::of(&config)?;
        let wiring = shared.wiring(&mut config, engine.modes(), host)?;
        let bus = Arc::new(wiring.bus()?);
        let made = engine.harts(shared.parts(&wiring, &bus)).map_err(Error::Engine)?;
        let software = Software::of(&config);
        let hardware = Hardware { ram: &shared.ram, wiring: &wiring, cpu: &made.cpu, harts: config.harts };
        let loaded = match begins {
            Begins::AtReset => software.load(&hardware)?,
            Begins::Elsewhere => Loaded::elsewhere(),
        };
        let executors = shared.executors(&config, &wiring, made.harts);
        let control = shared.control(&config);
        let mut machine = Machine {
            executors,
            cpu: made.cpu,
            bus,
            software,
            loaded,
            stopper: MachineStopper::new(shared.pins.clone()),
            limits: Limits::of(&config),
            watchers: watchers(config, shared.pins),
            retired: Arc::default(),
            control,
            uncounted: 0,
            ram: shared.ram,
            clock: shared.clock,
            wiring,
        };
        if begins == Begins::AtReset {
            machine.enter();
        }
        Ok(machine)
    }
}

/// What harts and devices have in common.
struct Shared {
    isa: Isa,
    trap_instruction: TrapInstruction,
    vmid_bits: u8,
    ram: Ram,
    clock: Arc<Clock>,
    pins: Vec<Arc<HartPins>>,
}

impl Shared {
    fn of(config: &MachineConfig) -> Result<Shared, Error> {
        let ram = Ram::new(map::DRAM_BASE, config.memory_bytes)?;
        let clock = match config.time {
            TimeSource::Wall => Clock::wall(),
            TimeSource::Instructions { .. } => Clock::virtual_time(),
        };
        let pins = |_| config.aia.imsic().map_or_else(HartPins::new, HartPins::with_imsic);
        let pins = (0..config.harts).map(pins).collect();
        let isa = config.aia.isa(config.isa);
        let (trap_instruction, vmid_bits) = (config.trap_instruction, config.vmid_bits);
        Ok(Shared { isa, trap_instruction, vmid_bits, ram, clock: Arc::new(clock), pins })
    }

    /// The devices; what they take is no longer in `config`.
    fn wiring(&self, config: &mut MachineConfig, modes: Modes, host: Option<HostInterrupts>) -> Result<Wiring, Error> {
        Wiring::new(Connected {
            modes,
            aia: config.aia,
            host,
            ram: self.ram.clone(),
            clock: self.clock.clone(),
            pins: self.pins.clone(),
            console: std::mem::replace(&mut config.console, Box::new(|_| ())),
            plugs: std::mem::take(&mut config.plugs),
            interface: config.interface,
            seeded: config.seed.is_some(),
            watching: config.watching.as_ref().map(|watching| watching(Whom::Devices)),
        })
    }

    fn parts(&self, wiring: &Wiring, bus: &Arc<Bus>) -> Parts {
        Parts {
            isa: self.isa,
            trap_instruction: self.trap_instruction,
            vmid_bits: self.vmid_bits,
            ram: self.ram.clone(),
            bus: bus.clone(),
            clock: self.clock.clone(),
            pins: self.pins.clone(),
            terminal: Arc::new(Mutex::new(Terminal::new(wiring.uart()))),
            doorbells: wiring.doorbells(),
        }
    }

    /// The harts, watched, and the firmware of those that have none in memory.
    fn executors(&self, config: &MachineConfig, wiring: &Wiring, harts: HartSet) -> Executors {
        match harts {
            HartSet::Hosted(mut harts) => {
                watch_guests(config, &mut harts);
                Executors::Hosted(harts)
            }
            HartSet::Emulated(mut harts) => {
                set_up(config, &mut harts);
                let firmware = (config.firmware == Firmware::Builtin).then(|| self.firmware(wiring));
                Executors::Emulated { harts, firmware }
            }
        }
    }

    fn firmware(&self, wiring: &Wiring) -> firmware::Firmware {
        let console = Box::new(Terminal::new(wiring.uart()));
        firmware::Firmware::new(self.pins.clone(), self.isa, self.ram.clone(), wiring.power.clone(), console)
    }

    /// A debugger's hold, where one may come.
    fn control(&self, config: &MachineConfig) -> Option<Arc<Control>> {
        let stopped = config.debugging == Debugging::Waiting;
        let make = || Arc::new(Control::new(self.pins.clone(), self.clock.clone(), stopped));
        (config.debugging != Debugging::Off).then(make)
    }
}

impl Limits {
    fn of(config: &MachineConfig) -> Limits {
        Limits {
            time: config.time,
            timeout: config.timeout,
            instructions: config.max_instructions.unwrap_or(u64::MAX),
            pause_at: u64::MAX,
            no_reboot: config.no_reboot,
        }
    }
}

fn watchers(config: MachineConfig, pins: Vec<Arc<HartPins>>) -> Watchers {
    Watchers { tell: config.tell, show: config.show, asker: Asker::new(pins), sampling: config.sampling, answered: 0 }
}

fn watch_guests(config: &MachineConfig, harts: &mut [Box<dyn HostedHart>]) {
    if let Some(watching) = &config.watching {
        harts.iter_mut().enumerate().for_each(|(hart, it)| it.watch(watching(Whom::Hart(hart))));
    }
}

/// Sets the harts' pace, and has them watched.
fn set_up(config: &MachineConfig, harts: &mut [Box<dyn EmulatedHart>]) {
    let pace = if config.seed.is_some() { Pace::Instruction } else { Pace::Block };
    harts.iter_mut().for_each(|hart| hart.set_pace(pace));
    if let Some(watching) = &config.watching {
        harts.iter_mut().enumerate().for_each(|(hart, it)| it.watch(Some(watching(Whom::Hart(hart)))));
    }
}

/// The interrupt files of harts that the host executes, where they are to have some.
fn host_interrupts(config: &MachineConfig, engine: &mut dyn Engine) -> Result<Option<HostInterrupts>, Error> {
    if engine.modes() != Modes::SupervisorOnly || config.aia.imsic().is_none() {
        return Ok(None);
    }
    let places = InterruptPlaces { sources: map::APLIC_SOURCES, aplic: map::APLIC_S.base, files: map::IMSIC_S_BASE };
    engine.interrupts(places).map_err(Error::Engine)?.map_or(Err(Error::NoAiaForGuests), |host| Ok(Some(host)))
}
