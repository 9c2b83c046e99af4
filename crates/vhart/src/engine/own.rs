//! Engines of vhart's own: the translator and the interpreter.

use board::{Engine, Parts, TrapInstruction};
use hart::HartParts;

use super::{interp, jit};
use crate::cli::{self, MachineOptions};
use crate::commit_log::CommitLog;

/// The engine that the user chose, else the faster.
pub fn engine(options: &MachineOptions) -> Box<dyn Engine> {
    let jit = |otherwise| Box::new(jit::Jit { code_bytes: options.code_cache, otherwise });
    match options.engine {
        Some(cli::Engine::Jit) => jit(jit::Otherwise::Fail),
        None if jit::EXISTS => jit(jit::Otherwise::Interpret),
        _ => Box::new(interp::Interp::default()),
    }
}

/// The interpreter, with every retired instruction written to `log`.
pub fn logged(log: CommitLog) -> Box<dyn Engine> {
    Box::new(interp::Interp::logged(log))
}

/// What each hart with M-mode is made of.
pub(super) fn parts_of(parts: &Parts) -> impl Iterator<Item = HartParts> + '_ {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let crowded = parts.pins.len() > processors;
    parts.pins.iter().enumerate().map(move |(id, pins)| HartParts {
        config: pins.fitting(privileged::Config {
            transformed_instructions: parts.trap_instruction == TrapInstruction::Transformed,
            vmid_bits: parts.vmid_bits,
            ..privileged::Config::new(parts.isa, id as u64)
        }),
        ram: parts.ram.clone(),
        bus: parts.bus.clone(),
        clock: parts.clock.clone(),
        pins: pins.clone(),
        alone: parts.pins.len() == 1,
        crowded,
    })
}
