//! What the tests of a hart have in common.

use std::sync::Arc;

use arch::Isa;
use bus::Bus;
use hart::{Hart, HartParts};
use memory::Ram;
use privileged::Config;
use vcpu::{Clock, HartPins};

/// A hart after reset, alone with its RAM. Time goes by instructions.
pub fn hart(isa: Isa, ram: Ram) -> Hart {
    Hart::new(HartParts {
        config: Config::new(isa, 0),
        ram,
        bus: Arc::new(Bus::default()),
        clock: Arc::new(Clock::virtual_time()),
        pins: HartPins::new(),
        alone: true,
        crowded: false,
    })
}
