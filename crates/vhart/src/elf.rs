//! `vhart elf`: runs a bare-metal program.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::ElfOptions;

/// Runs the subcommand.
///
/// # Errors
/// Always: the board does not exist yet.
pub fn run(_options: &ElfOptions) -> Result<ExitCode> {
    bail!("the board does not exist yet")
}
