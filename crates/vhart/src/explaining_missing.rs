//! The build that runs guests only explains nothing: their traps are the host's.

use std::sync::Arc;

use anyhow::Result;
use board::{Machine, Show};

use crate::cli::ExplainOptions;
use crate::errors;

/// What Ctrl-A E does.
pub fn on_explain(_machine: &Machine) -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(|| errors::tell("engine kvm cannot explain faults: the host's KVM has them"))
}

/// Shows nothing.
pub fn show() -> Show {
    Box::new(|_| ())
}

/// Nothing can be asked.
///
/// # Errors
/// None.
pub fn at_end(_machine: &Machine, _options: &ExplainOptions) -> Result<()> {
    Ok(())
}

/// No files are written.
///
/// # Errors
/// None.
#[cfg(feature = "watch")]
pub fn check_files(_options: &ExplainOptions) -> Result<()> {
    Ok(())
}

/// Explains nothing.
pub fn halted(_machine: &Machine, _number: usize) {}
