//! The seam between the board and whoever executes its harts.
//!
//! The board makes memory, devices and wires, then asks an [`Engine`] for harts; from there it knows them as
//! [`Vcpu`]s only.

use std::sync::{Arc, Mutex};

use arch::{Isa, Phys};
use bus::Bus;
use events::Sink;
use memory::Ram;
pub use vcpu::Cpu;
use vcpu::debug::{Break, Debuggee, Points};
use vcpu::{Clock, EmulatedHart, HartPins, Snapshot, Vcpu};

use crate::config::TrapInstruction;
use crate::console::Terminal;
use crate::host_interrupts::HostInterrupts;

/// What harts are made of.
pub struct Parts {
    /// The ISA asked for.
    pub isa: Isa,
    /// What harts of that ISA tell of an access that traps; whoever has none of its own cannot say.
    pub trap_instruction: TrapInstruction,
    /// Bits of VMID that such harts have.
    pub vmid_bits: u8,
    /// Guest memory.
    pub ram: Ram,
    /// The devices.
    pub bus: Arc<Bus>,
    /// The timebase.
    pub clock: Arc<Clock>,
    /// The wires, one bundle per hart, in the order of hart ids from 0.
    pub pins: Vec<Arc<HartPins>>,
    /// The terminal behind an SBI console, for engines that answer SBI calls themselves.
    pub terminal: Arc<Mutex<Terminal>>,
    /// Writes by which drivers only notify devices, for engines whose host can pass them on while the hart executes on.
    pub doorbells: Vec<Doorbell>,
}

/// A write that only tells a device that there is something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doorbell {
    /// Where.
    pub address: Phys,
    /// What, in 32 bits.
    pub value: u32,
}

/// What an engine made.
pub struct Harts {
    /// In the order of hart ids.
    pub harts: HartSet,
    /// What their device-tree nodes say.
    pub cpu: Cpu,
}

/// Harts with M-mode, or harts whose host answers for M-mode.
pub enum HartSet {
    /// The board gives them a firmware, and each a thread, or slices of one where time goes by instructions.
    Emulated(Vec<Box<dyn EmulatedHart>>),
    /// The board gives each a thread. Hart 0 starts; the host starts the others when the guest asks.
    Hosted(Vec<Box<dyn HostedHart>>),
}

/// A hart that runs until the machine's end, with SBI calls answered by its host.
pub trait HostedHart: Vcpu {
    /// Why the hart cannot go on, after [`vcpu::Exit::Halted`].
    fn halt_reason(&self) -> Option<String>;
    /// What the hart is in, if its host can tell. It does not run meanwhile.
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }
    /// Lets `sink` watch what this process sees of it.
    fn watch(&mut self, _sink: Box<dyn Sink>) {}
    /// The hart, for a debugger. `None`: it has nothing for one.
    fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        None
    }
    /// What was written to memory is what the hart executes next.
    fn fence_instructions(&mut self) {}
    /// A debugger has all harts stand.
    fn all_stand(&mut self) {}
    /// All go on, until they meet one of its points.
    fn all_go(&mut self, _points: &Points) {}
    /// Whether harts can stop there.
    fn takes(&self, _point: &Break) -> bool {
        false
    }
    /// Makes the hart what it was before it ran: the first of a machine goes on then, the others wait to be started.
    /// Answers whether its host can do that.
    fn reset(&mut self) -> bool {
        false
    }
}

/// Whether an engine's harts have M-mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// They have: the board has a reset ROM, M-level interrupts and a firmware.
    All,
    /// They start in S-mode.
    SupervisorOnly,
}

/// Why an engine cannot do what it is asked.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where interrupt controllers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptPlaces {
    /// Wired sources, numbered from 1.
    pub sources: u32,
    /// S-mode's domain of the APLIC.
    pub aplic: Phys,
    /// The page of the first hart's file; those of others follow.
    pub files: Phys,
}

/// Makes harts.
pub trait Engine {
    /// Which privilege modes its harts have.
    fn modes(&self) -> Modes;
    /// Has the host be the harts' interrupt files, and their APLIC, at these places, for harts that are made next.
    /// Asked of engines whose harts start in S-mode. `None`: it has none.
    ///
    /// # Errors
    /// One sentence that says what is missing.
    fn interrupts(&mut self, _places: InterruptPlaces) -> Result<Option<HostInterrupts>, Failure> {
        Ok(None)
    }
    /// Makes one hart per bundle of `parts.pins`.
    ///
    /// # Errors
    /// One sentence that says what is missing.
    fn harts(&mut self, parts: Parts) -> Result<Harts, Failure>;
}
