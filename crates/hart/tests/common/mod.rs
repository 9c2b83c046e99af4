//! What the tests of a hart have in common.

use arch::Isa;
use hart::Hart;
use memory::Ram;

/// A hart after reset, alone with its RAM. Time goes by instructions.
pub fn hart(isa: Isa, ram: Ram) -> Hart {
    kit::alone(isa, 0x1000).with_ram(ram).hart()
}
