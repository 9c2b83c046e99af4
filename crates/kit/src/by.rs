//! Who executes the harts of a machine.

use std::error::Error;

use board::{Cpu, Engine, HartSet, Harts, Modes, Parts};
use hart::{Hart, HartParts};
use jit::{JitHart, JitParts};
use privileged::Config;
use vcpu::EmulatedHart;

/// Who executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The interpreter.
    Interpreter,
    /// The translator, with so much code memory for each hart as it takes by itself.
    Translator,
    /// The translator, with so many bytes of code memory for each hart.
    TranslatorWithin(usize),
}

impl By {
    fn hart(self, hart: HartParts) -> Result<Box<dyn EmulatedHart>, jit::Error> {
        let translated = |code_bytes, hart| -> Result<Box<dyn EmulatedHart>, jit::Error> {
            Ok(Box::new(JitHart::new(JitParts { hart, code_bytes })?))
        };
        match self {
            By::Interpreter => Ok(Box::new(Hart::new(hart))),
            By::Translator => translated(None, hart),
            By::TranslatorWithin(bytes) => translated(Some(bytes), hart),
        }
    }
}

impl Engine for By {
    fn modes(&self) -> Modes {
        Modes::All
    }

    fn harts(&mut self, parts: Parts) -> Result<Harts, Box<dyn Error + Send + Sync>> {
        let harts = parts.pins.iter().enumerate().map(|(id, pins)| {
            self.hart(HartParts {
                config: pins.fitting(Config::new(parts.isa, id as u64)),
                ram: parts.ram.clone(),
                bus: parts.bus.clone(),
                clock: parts.clock.clone(),
                pins: pins.clone(),
                alone: parts.pins.len() == 1,
                crowded: false,
            })
        });
        let harts = harts.collect::<Result<_, _>>()?;
        Ok(Harts { harts: HartSet::Emulated(harts), cpu: Cpu::of_isa(parts.isa) })
    }
}
