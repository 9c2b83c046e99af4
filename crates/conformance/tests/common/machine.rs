//! Whole machines that run a program of a test.

use std::io::Write as _;
use std::time::Duration;

use arch::{Isa, Phys};
use board::{Ending, Firmware, Machine, MachineConfig, TimeSource};
use conformance::elf::Image;
use memory::Ram;
use vcpu::SystemEvent;

pub use kit::By;

/// Bytes of memory.
const RAM_BYTES: u64 = 64 << 20;
/// A program that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `image` until it powers off, with harts that run at the same time, and answers what is in memory then.
///
/// Without a firmware all harts start at its entry, in M-mode with their number in a0; with the built-in one, hart 0
/// does in S-mode.
pub fn run(by: By, harts: usize, firmware: Firmware, image: &Image) -> Ram {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&image.to_elf()).unwrap();
    let config = MachineConfig {
        harts,
        memory_bytes: RAM_BYTES,
        isa: Isa::ALL,
        firmware,
        kernel: Some(file.path().into()),
        time: TimeSource::Wall,
        timeout: Some(PATIENCE),
        ..MachineConfig::default()
    };
    let mut machine = Machine::new(config, &mut { by }).unwrap();
    assert_eq!(machine.run().unwrap(), Ending::Event(SystemEvent::Shutdown), "{by:?}, {harts} harts");
    machine.ram().clone()
}

/// The doubleword at an address.
pub fn word(ram: &Ram, address: u64) -> u64 {
    ram.load_u64(ram.offset(Phys(address), 8).unwrap()).unwrap()
}
