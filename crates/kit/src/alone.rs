//! A hart alone with its memory.

use std::sync::Arc;

use arch::{Isa, Phys};
use hart::{Hart, HartParts};
use memory::Ram;
use privileged::Config;
use vcpu::{Clock, HartPins, Reg, Vcpu};

/// Where memory begins.
pub const RAM_BASE: u64 = 0x8000_0000;

/// So much memory, empty, at [`RAM_BASE`].
///
/// # Panics
/// There is not so much.
pub fn ram(bytes: u64) -> Ram {
    Ram::new(Phys(RAM_BASE), bytes).expect("there is so much memory")
}

/// What a hart is made of that is alone with `ram`, has no devices, and whose time goes by instructions. What a test
/// wants otherwise it puts in the place.
pub fn alone(isa: Isa, ram: Ram) -> HartParts {
    HartParts {
        config: Config::new(isa, 0),
        ram,
        bus: Arc::default(),
        clock: Arc::new(Clock::virtual_time()),
        pins: HartPins::new(),
        alone: true,
        crowded: false,
    }
}

/// The same, made and interpreted.
pub fn hart(isa: Isa, ram: Ram) -> Hart {
    Hart::new(alone(isa, ram))
}

/// One of several harts that share what `shared` is made of: by its number, with these pins.
pub fn one_of_many(shared: &HartParts, id: u64, pins: &Arc<HartPins>) -> HartParts {
    HartParts {
        config: pins.fitting(Config { hart_id: id, ..shared.config.clone() }),
        ram: shared.ram.clone(),
        bus: shared.bus.clone(),
        clock: shared.clock.clone(),
        pins: pins.clone(),
        alone: false,
        crowded: shared.crowded,
    }
}

/// A hart's registers as tests read and write them.
pub trait Registers: Vcpu {
    /// An integer register.
    fn x(&self, number: u8) -> u64 {
        self.reg(Reg::X(number))
    }

    /// All of them.
    fn all_x(&self) -> [u64; 32] {
        std::array::from_fn(|number| self.x(number as u8))
    }

    /// Writes some.
    fn set_x<const N: usize>(&mut self, values: [(u8, u64); N]) {
        values.into_iter().for_each(|(number, value)| self.set_reg(Reg::X(number), value));
    }

    /// Writes all of them but x0.
    fn set_all_x(&mut self, values: &[u64]) {
        (0..).zip(values).for_each(|(number, &value)| self.set_reg(Reg::X(number), value));
    }

    /// Where it is.
    fn pc(&self) -> u64 {
        self.reg(Reg::Pc)
    }

    /// Puts it somewhere else. It waits there for nothing.
    fn set_pc(&mut self, pc: u64) {
        self.set_reg(Reg::Pc, pc);
    }

    /// Lets it go on behind a WFI, whether there is something to go on for or not.
    fn rouse(&mut self) {
        self.set_pc(self.pc());
    }
}

impl<V: Vcpu> Registers for V {}
