//! `vhart run`: boots a kernel or firmware.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::RunOptions;

/// Runs the subcommand.
///
/// # Errors
/// Always: the board does not exist yet.
pub fn run(_options: &RunOptions) -> Result<ExitCode> {
    bail!("the board does not exist yet")
}
