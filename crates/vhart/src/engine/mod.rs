//! What executes the harts: the board's seam, filled with the engines there are.

mod interp;
mod jit;
mod kvm;

use board::{Engine, Parts};
use hart::HartParts;

use crate::cli;
use crate::commit_log::CommitLog;

/// The engine that the user chose.
pub fn of(choice: cli::Engine) -> Box<dyn Engine> {
    match choice {
        cli::Engine::Jit => Box::new(jit::Jit),
        cli::Engine::Interp => Box::new(interp::Interp::default()),
        cli::Engine::Kvm => Box::new(kvm::Kvm),
    }
}

/// The interpreter, with every retired instruction written to `log`.
pub fn logged(log: CommitLog) -> Box<dyn Engine> {
    Box::new(interp::Interp::logged(log))
}

/// What each hart with M-mode is made of.
fn parts_of(parts: &Parts) -> impl Iterator<Item = HartParts> + '_ {
    parts.pins.iter().enumerate().map(|(id, pins)| HartParts {
        config: privileged::Config::new(parts.isa, id as u64),
        ram: parts.ram.clone(),
        bus: parts.bus.clone(),
        clock: parts.clock.clone(),
        pins: pins.clone(),
        alone: parts.pins.len() == 1,
    })
}
