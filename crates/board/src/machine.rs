//! A machine: built, run, and ended.

mod made;
#[cfg(feature = "state")]
mod saved;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::Bus;
use events::Event;
use memory::Ram;
use vcpu::{Clock, EmulatedHart, Fence, Reg, Snapshot, Statistic, SystemEvent};

use crate::config::{MachineConfig, TimeSource};
use crate::console::{Keyboard, Terminal};
use crate::control::Control;
use crate::ending::Ending;
use crate::engine::{Cpu, Engine, HostedHart};
use crate::error::Error;
use crate::hosted_harts::HostedHarts;
use crate::htif::Htif;
use crate::map;
use crate::parallel::Parallel;
use crate::round_robin::RoundRobin;
use crate::show::{Asker, Sight};
use crate::software::{Hardware, Loaded, Software};
use crate::stop::MachineStopper;
use crate::threads::ThreadedRun;
use crate::watched::{Watched, Watchers};
use crate::wiring::Wiring;

/// A machine, ready to run.
pub struct Machine {
    ram: Ram,
    clock: Arc<Clock>,
    wiring: Wiring,
    executors: Executors,
    cpu: Cpu,
    bus: Arc<Bus>,
    software: Software,
    loaded: Loaded,
    stopper: MachineStopper,
    retired: Arc<AtomicU64>,
    limits: Limits,
    watchers: Watchers,
    control: Option<Arc<Control>>,
    /// Instructions that virtual time has not counted yet.
    uncounted: u64,
}

/// Where a machine begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    /// At reset, with its software loaded.
    AtReset,
    /// Elsewhere: memory is left empty for it.
    #[cfg_attr(not(feature = "state"), allow(dead_code, reason = "only what was saved begins so"))]
    Elsewhere,
}

/// The harts, and who answers their SBI calls.
enum Executors {
    Emulated {
        harts: Vec<Box<dyn EmulatedHart>>,
        /// None where the firmware is a program in memory.
        firmware: Option<firmware::Firmware>,
    },
    /// The host answers.
    Hosted(Vec<Box<dyn HostedHart>>),
}

/// How a run goes on and ends.
#[derive(Clone, Copy)]
struct Limits {
    time: TimeSource,
    timeout: Option<Duration>,
    /// Instructions of one hart that are left.
    instructions: u64,
    /// Instructions retired at which the run pauses.
    pause_at: u64,
    no_reboot: bool,
}

impl Machine {
    /// Builds the machine and loads what it is to run.
    ///
    /// # Errors
    /// What the user asked for is impossible, a file cannot be loaded, or the host lacks something.
    pub fn new(config: MachineConfig, engine: &mut dyn Engine) -> Result<Machine, Error> {
        Machine::make(config, engine, Begins::AtReset)
    }

    /// Types into the machine's serial port.
    pub fn keyboard(&self) -> Keyboard {
        Keyboard::new(self.wiring.uart())
    }

    /// Ends a run from any thread.
    pub fn stopper(&self) -> MachineStopper {
        self.stopper.clone()
    }

    /// A debugger's hold on the machine, if one may come.
    pub fn control(&self) -> Option<Arc<Control>> {
        self.control.clone()
    }

    /// Has harts shown ([`MachineConfig::show`]), from any thread.
    pub fn asker(&self) -> Asker {
        self.watchers.asker.clone()
    }

    /// The flattened device tree.
    pub fn device_tree(&self) -> &[u8] {
        &self.loaded.tree
    }

    /// What the user should know about the files, a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.loaded.warnings
    }

    /// The address of a symbol of the kernel, or else of the firmware, whose files are ELF.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.loaded.symbol(name)
    }

    /// Instructions that all harts have retired, updated after each slice. Stays 0 where the host does not count them.
    pub fn retired(&self) -> Arc<AtomicU64> {
        self.retired.clone()
    }

    /// The time, registers of all devices, and registers and privileged state of all harts, as text: the same for the
    /// same state. Harts that the host keeps are not in it, nor what is in files.
    pub fn state(&self) -> String {
        let mut text = format!("{}\n", self.clock.now());
        self.wiring.describe(&mut text);
        if let Executors::Emulated { harts, .. } = &self.executors {
            harts.iter().for_each(|hart| hart.describe(&mut text));
        }
        text
    }

    /// Shows each hart in its turn, as far as its executor tells.
    pub fn show(&self, to: impl FnMut(Sight)) {
        let harts: Vec<Snapshot> = match &self.executors {
            Executors::Emulated { harts, .. } => harts.iter().filter_map(|hart| hart.snapshot()).collect(),
            Executors::Hosted(harts) => harts.iter().filter_map(|hart| hart.snapshot()).collect(),
        };
        harts.iter().map(|hart| Sight { hart, ram: &self.ram, bus: &self.bus }).for_each(to);
    }

    /// What the executor of each hart did; `docs/statistics.md` explains the names.
    pub fn statistics(&self) -> Vec<Vec<Statistic>> {
        match &self.executors {
            Executors::Emulated { harts, .. } => harts.iter().map(|hart| hart.statistics()).collect(),
            Executors::Hosted(harts) => harts.iter().map(|hart| hart.statistics()).collect(),
        }
    }

    /// The devices, by address.
    pub fn bus(&self) -> &Arc<Bus> {
        &self.bus
    }

    /// Guest memory.
    pub fn ram(&self) -> &Ram {
        &self.ram
    }

    /// Has [`Machine::run`] come back with [`Ending::Paused`] once all harts have retired so many instructions
    /// ([`Machine::retired`]): with the first turn of the harts, or some ten milliseconds later, when they all run at
    /// once.
    pub fn pause_at(&mut self, retired: u64) {
        self.limits.pause_at = retired;
    }

    /// Runs the machine to its end. To be called from one thread only, however often.
    ///
    /// A reset that the guest asks for loads everything again and starts over, unless the machine is to end with it
    /// or its harts are a host's that cannot put them back to reset.
    ///
    /// # Errors
    /// There is nothing to run, the host lacks something, or after a reset a file cannot be loaded again.
    pub fn run(&mut self) -> Result<Ending, Error> {
        if self.loaded.is_empty() {
            return Err(Error::NothingToRun);
        }
        let ending = self.run_on();
        if let Ok(Ending::Paused) = ending {
            // only now: one who asks between two runs is not forgotten
            self.stopper.go_on();
            return ending;
        }
        self.control.iter().for_each(|control| control.end());
        ending
    }

    fn run_on(&mut self) -> Result<Ending, Error> {
        let _timer = self.stopper.expire_after(self.limits.timeout)?;
        let ending = self.run_to_end();
        if let Ok(Ending::Paused) = ending {
            return ending;
        }
        if let Executors::Emulated { harts, .. } = &mut self.executors {
            harts.iter_mut().for_each(|hart| hart.tell(&Event::End));
        }
        self.wiring.end();
        ending
    }

    fn run_to_end(&mut self) -> Result<Ending, Error> {
        loop {
            let ending = self.run_once()?;
            self.watchers.answered = self.watchers.asker.count();
            let resets = matches!(ending, Ending::Event(SystemEvent::Reset(_)));
            if !resets || self.limits.no_reboot || !self.can_restart() {
                return Ok(ending);
            }
            self.restart()?;
        }
    }

    /// Runs until the run or the power cycle ends.
    fn run_once(&mut self) -> Result<Ending, Error> {
        match (&mut self.executors, self.limits.time) {
            (Executors::Hosted(harts), _) => {
                let watched = Watched { watchers: &self.watchers, ram: &self.ram, bus: &self.bus };
                let guests = HostedHarts { watched, control: self.control.as_deref() };
                let life =
                    |run: &ThreadedRun, number, hart: &mut Box<dyn HostedHart>| guests.live(run, number, hart.as_mut());
                ThreadedRun::of(&self.wiring, &self.stopper, harts, life)
            }
            (Executors::Emulated { .. }, TimeSource::Wall) => self.run_in_parallel(),
            (Executors::Emulated { .. }, TimeSource::Instructions { per_tick }) => Ok(self.run_round_robin(per_tick)),
        }
    }

    fn run_in_parallel(&mut self) -> Result<Ending, Error> {
        let (htif, terminal) = (self.htif(), Terminal::new(self.wiring.uart()));
        let Executors::Emulated { harts, firmware } = &mut self.executors else { return Ok(Ending::Stopped) };
        let requests = firmware.as_ref().map(firmware::Firmware::requests).unwrap_or_default();
        let parallel = Parallel {
            firmware: firmware.as_mut().map(Mutex::new),
            requests: &requests,
            htif: htif.map(|htif| Mutex::new((htif, terminal.clone()))),
            terminal,
            ram: &self.ram,
            clock: &self.clock,
            retired: &self.retired,
            watched: Watched { watchers: &self.watchers, ram: &self.ram, bus: &self.bus },
            allowed: self.limits.instructions,
            pause_at: self.limits.pause_at,
            left: AtomicU64::new(u64::MAX),
            control: self.control.as_deref(),
            harts: harts.len(),
        };
        let life =
            |run: &ThreadedRun, number, hart: &mut Box<dyn EmulatedHart>| parallel.live(run, number, hart.as_mut());
        let ending = ThreadedRun::of(&self.wiring, &self.stopper, harts, life)?;
        self.limits.instructions = parallel.left.into_inner();
        Ok(ending)
    }

    fn run_round_robin(&mut self, per_tick: u64) -> Ending {
        let htif = self.htif();
        let watched = Watched { watchers: &self.watchers, ram: &self.ram, bus: &self.bus };
        let Executors::Emulated { harts, firmware } = &mut self.executors else { return Ending::Stopped };
        let this_thread = std::thread::current();
        harts.iter().for_each(|hart| hart.pins().runs_on(this_thread.clone()));
        let requests = firmware.as_ref().map(firmware::Firmware::requests).unwrap_or_default();
        let mut round_robin = RoundRobin {
            harts,
            firmware: firmware.as_mut(),
            requests: &requests,
            htif,
            terminal: &mut Terminal::new(self.wiring.uart()),
            ram: &self.ram,
            clock: &self.clock,
            per_tick,
            wiring: &self.wiring,
            stopper: &self.stopper,
            retired: &self.retired,
            asked: self.watchers.answered,
            watched,
            uncounted: &mut self.uncounted,
            pause_at: self.limits.pause_at,
            devices_busy: false,
            allowed: &mut self.limits.instructions,
            control: self.control.as_deref(),
        };
        round_robin.run()
    }

    fn htif(&self) -> Option<Htif> {
        Htif::of(&self.ram, |name| self.loaded.symbol(name))
    }

    /// Whether harts of a host's are put back to reset now; others are as they enter their firmware.
    fn can_restart(&mut self) -> bool {
        match &mut self.executors {
            Executors::Emulated { .. } => true,
            Executors::Hosted(harts) => harts.iter_mut().all(|hart| hart.reset()),
        }
    }

    /// Starts over: devices as after reset, files loaded again.
    fn restart(&mut self) -> Result<(), Error> {
        self.wiring.reset();
        let Machine { ram, wiring, cpu, .. } = self;
        let harts = wiring.harts();
        self.loaded = self.software.load(&Hardware { ram, wiring, cpu, harts })?;
        if self.loaded.is_empty() {
            return Err(Error::NothingToRestart);
        }
        self.enter();
        Ok(())
    }

    /// Puts the harts in front of their first instruction.
    fn enter(&mut self) {
        let boot = self.loaded.boot();
        self.wiring.rom.program(&boot);
        match &mut self.executors {
            Executors::Emulated { harts, firmware: Some(firmware) } => {
                self.wiring.hand_over();
                harts.iter_mut().take(1).for_each(|hart| firmware.boot(hart.as_mut(), boot.start, boot.tree));
            }
            Executors::Emulated { harts, firmware: None } => {
                let start = |number| self.loaded.start_of(number).unwrap_or(map::ROM.base.0);
                harts.iter_mut().enumerate().for_each(|(number, hart)| hart.reset_machine(start(number)));
            }
            Executors::Hosted(harts) => {
                self.wiring.hand_over();
                harts.iter_mut().take(1).for_each(|hart| enter_guest(hart.as_mut(), &boot));
            }
        }
        if let Executors::Emulated { harts, .. } = &mut self.executors {
            harts.iter_mut().for_each(|hart| hart.fence(Fence::Instructions));
        }
    }
}

/// The first hart's registers, as the kernel's boot protocol wants them (Linux, Documentation/arch/riscv/boot.rst).
fn enter_guest(hart: &mut dyn HostedHart, boot: &crate::parts::rom::Boot) {
    hart.set_reg(Reg::Pc, boot.start);
    hart.set_reg(Reg::X(10), 0);
    hart.set_reg(Reg::X(11), boot.tree);
}
