//! What is generated from the definition of the command line: shell completion and manual pages.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

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
    let mut command = Cli::command();
    command.build();
    match directory {
        Some(directory) => write_pages(&command, directory)?,
        None => errors::print(page(&command)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_pages(command: &Command, directory: &Path) -> Result<()> {
    let failed = || format!("cannot write manual pages to '{}'", directory.display());
    std::fs::create_dir_all(directory).with_context(failed)?;
    for command in std::iter::once(command).chain(command.get_subcommands()) {
        let file = directory.join(Man::new(command.clone()).get_filename());
        std::fs::write(&file, page(command)?).with_context(failed)?;
    }
    Ok(())
}

/// A manual page. What stands behind a command's help keeps its lines here: examples are not to be run together.
fn page(command: &Command) -> Result<Vec<u8>> {
    let (man, mut page) = (Man::new(command.clone()), Vec::new());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(more) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        more_section(&more.to_string()).to_writer(&mut page)?;
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// The section of examples and what else there is to say: paragraphs, and lines that begin with blanks as they are.
fn more_section(text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [if text.starts_with("Examples:") { "EXAMPLES" } else { "NOTES" }]);
    for line in text.lines().filter(|line| *line != "Examples:") {
        match line {
            "" => roff.control("PP", []),
            _ if line.starts_with(' ') => roff.control("nf", []).text([roman(line)]).control("fi", []),
            _ => roff.text([roman(line)]),
        };
    }
    roff
}
