//! What executes the harts: the board's seam, filled with the engines there are.

mod interp;
mod kvm;

use board::Engine;

use crate::cli;
use crate::commit_log::CommitLog;

/// The engine that the user chose.
pub fn of(choice: cli::Engine) -> Box<dyn Engine> {
    match choice {
        cli::Engine::Interp => Box::new(interp::Interp::default()),
        cli::Engine::Kvm => Box::new(kvm::Kvm),
    }
}

/// The interpreter, with every retired instruction written to `log`.
pub fn logged(log: CommitLog) -> Box<dyn Engine> {
    Box::new(interp::Interp::logged(log))
}
