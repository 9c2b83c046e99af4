//! `vhart linux`: a host Linux with KVM, and a guest Linux inside it.

use std::process::ExitCode;

use anyhow::{Result, bail};

/// Options of `vhart linux`.
#[derive(clap::Args, Debug)]
pub struct Options {}

/// Runs the subcommand.
///
/// # Errors
/// Always: it does not exist yet.
pub fn run(_options: &Options) -> Result<ExitCode> {
    bail!("'vhart linux' does not exist yet")
}
