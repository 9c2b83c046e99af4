//! What is generated from the definition of the command line: shell completion and manual pages.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::errors;

/// Prints the completion script for `shell`.
pub fn completion(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vhart", &mut script);
    errors::print(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of the program, or writes the pages of all subcommands into `directory`.
pub fn man(directory: Option<&Path>) -> Result<ExitCode> {
    if let Some(directory) = directory {
        let failed = || format!("cannot write manual pages to '{}'", directory.display());
        std::fs::create_dir_all(directory).with_context(failed)?;
        clap_mangen::generate_to(Cli::command(), directory).with_context(failed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    errors::print(&page)?;
    Ok(ExitCode::SUCCESS)
}
