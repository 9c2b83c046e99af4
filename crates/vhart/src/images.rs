//! `vhart images`: what `vhart linux` has fetched and built, and where it is.

use std::process::ExitCode;

use anyhow::{Result, bail};

/// Options of `vhart images`.
#[derive(clap::Args, Debug)]
pub struct Options {}

/// Runs the subcommand.
///
/// # Errors
/// Always: it does not exist yet.
pub fn run(_options: &Options) -> Result<ExitCode> {
    bail!("'vhart images' does not exist yet")
}
