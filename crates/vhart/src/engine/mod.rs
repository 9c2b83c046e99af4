//! What executes the harts: the board's seam, filled with the engines there are.

#[cfg(feature = "machine")]
mod interp;
#[cfg(feature = "machine")]
mod jit;
mod kvm;
#[cfg(feature = "machine")]
mod own;
#[cfg(not(feature = "machine"))]
#[path = "own_missing.rs"]
mod own;

use board::Engine;

use crate::cli::{self, MachineOptions};

#[cfg(feature = "machine")]
pub use own::logged;

/// The engine that the user chose, else the fastest that this computer has.
pub fn of(options: &MachineOptions) -> Box<dyn Engine> {
    match options.engine {
        Some(cli::Engine::Kvm) => Box::new(kvm::Kvm::of(options)),
        _ => own::engine(options),
    }
}
