//! Whole machines that run a program of a test.

use std::io::Write as _;
use std::time::Duration;

use arch::{Isa, Phys};
use board::{Cpu, Ending, Engine, Firmware, HartSet, Harts, Machine, MachineConfig, Modes, Parts, TimeSource};
use conformance::elf::Image;
use hart::{Hart, HartParts};
use jit::{JitHart, JitParts};
use memory::Ram;
use privileged::Config;
use vcpu::{EmulatedHart, SystemEvent};

/// Bytes of memory.
const RAM_BYTES: u64 = 64 << 20;
/// A program that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Interpreter,
    Translator,
}

impl Engine for By {
    fn modes(&self) -> Modes {
        Modes::All
    }

    fn harts(&mut self, parts: Parts) -> Result<Harts, Box<dyn std::error::Error + Send + Sync>> {
        let harts = parts.pins.iter().enumerate().map(|(id, pins)| {
            let hart = HartParts {
                config: pins.fitting(Config::new(parts.isa, id as u64)),
                ram: parts.ram.clone(),
                bus: parts.bus.clone(),
                clock: parts.clock.clone(),
                pins: pins.clone(),
                alone: parts.pins.len() == 1,
                crowded: false,
            };
            let made: Box<dyn EmulatedHart> = match self {
                By::Interpreter => Box::new(Hart::new(hart)),
                By::Translator => Box::new(JitHart::new(JitParts { hart, code_bytes: None })?),
            };
            Ok::<_, jit::Error>(made)
        });
        Ok(Harts { harts: HartSet::Emulated(harts.collect::<Result<_, _>>()?), cpu: Cpu::of_isa(parts.isa) })
    }
}

/// Runs `image` until it powers off, with harts that run at the same time, and answers what is in memory then.
///
/// Without a firmware all harts start at its entry, in M-mode with their number in a0; with the built-in one, hart 0 does in
/// S-mode.
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
