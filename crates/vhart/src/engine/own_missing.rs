//! The build that runs guests only: it has no engine of its own.

use board::{Engine, Harts, Modes, Parts};

use super::kvm::Kvm;
use crate::cli::MachineOptions;

/// KVM, unless the user asks for an engine that is not here.
pub fn engine(options: &MachineOptions) -> Box<dyn Engine> {
    match options.engine {
        None => Box::new(Kvm::of(options)),
        Some(_) => Box::new(Missing),
    }
}

/// An engine that this build lacks.
struct Missing;

impl Engine for Missing {
    fn modes(&self) -> Modes {
        Modes::All
    }

    fn harts(&mut self, _parts: Parts) -> Result<Harts, Box<dyn std::error::Error + Send + Sync>> {
        Err("this build of vhart runs guests in /dev/kvm only: choose --engine kvm, or take a full build".into())
    }
}
