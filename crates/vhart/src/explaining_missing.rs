//! The build that runs guests only explains nothing: their traps are the host's.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use board::{Machine, Show};

#[cfg(feature = "watch")]
use crate::cli::ExplainOptions;
use crate::cli::MachineOptions;
use crate::errors;

/// What Ctrl-A E does.
pub fn on_explain(_machine: &Machine) -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(|| errors::tell("engine kvm cannot explain faults: the host's KVM has them"))
}

/// Who explains nothing.
#[derive(Clone)]
pub struct Explainer;

impl Explainer {
    /// One of a machine whose harts are the host's.
    ///
    /// # Errors
    /// None.
    pub fn of(_options: &MachineOptions, _program: Option<&Path>) -> Result<Explainer> {
        Ok(Explainer)
    }

    /// Shows nothing.
    pub fn show(&self) -> Show {
        Box::new(|_| ())
    }

    /// Nothing can be asked.
    ///
    /// # Errors
    /// None.
    pub fn at_end(&self, _machine: &Machine) -> Result<()> {
        Ok(())
    }

    /// Explains nothing.
    pub fn halted(&self, _machine: &Machine, _number: usize) {}

    /// Whether it watches harts: no.
    #[cfg(feature = "watch")]
    pub fn watches(&self) -> bool {
        false
    }

    /// Nobody watches a hart for it.
    #[cfg(feature = "watch")]
    pub fn of_next_hart(&self) -> Option<Box<dyn events::Sink>> {
        None
    }

    /// Says nothing.
    pub fn at_limit(&self, _machine: &Machine) {}
}

/// No files are written.
///
/// # Errors
/// None.
#[cfg(feature = "watch")]
pub fn check_files(_options: &ExplainOptions) -> Result<()> {
    Ok(())
}
