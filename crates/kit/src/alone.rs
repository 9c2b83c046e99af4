//! A hart alone with its memory.

use std::sync::Arc;

use arch::{Isa, Phys};
use bus::Bus;
use hart::{Hart, HartParts};
use memory::Ram;
use privileged::Config;
use vcpu::{Clock, HartPins};

/// Where its memory begins.
pub const RAM_BASE: u64 = 0x8000_0000;

/// What a hart is made with that a test may want otherwise.
pub struct Alone {
    /// What it can do.
    pub config: Config,
    /// Its memory.
    pub ram: Ram,
    /// Its devices: none.
    pub bus: Arc<Bus>,
    /// Its time, which goes by instructions.
    pub clock: Clock,
}

/// A hart after reset with so many bytes of memory, and nothing else: to be made by [`Alone::hart`].
///
/// # Panics
/// There is not so much memory.
pub fn alone(isa: Isa, ram_bytes: u64) -> Alone {
    let ram = Ram::new(Phys(RAM_BASE), ram_bytes).expect("there is so much memory");
    Alone { config: Config::new(isa, 0), ram, bus: Arc::default(), clock: Clock::virtual_time() }
}

impl Alone {
    /// The same with another memory.
    pub fn with_ram(self, ram: Ram) -> Alone {
        Alone { ram, ..self }
    }

    /// What a hart is made of, whoever executes it.
    pub fn parts(self) -> HartParts {
        HartParts {
            config: self.config,
            ram: self.ram,
            bus: self.bus,
            clock: Arc::new(self.clock),
            pins: HartPins::new(),
            alone: true,
            crowded: false,
        }
    }

    /// It, interpreted.
    pub fn hart(self) -> Hart {
        Hart::new(self.parts())
    }
}
