//! vhart: a RISC-V machine with the hypervisor extension.
//!
//! The command line. Every subcommand is a file of this crate; the machine is in the crates below it.

#![forbid(unsafe_code)]

mod cli;
mod elf;
mod ending;
mod errors;
mod generate;
mod images;
mod linux;
mod run;
mod terminal;

use std::process::ExitCode;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::from_process();
    let done = match cli.command {
        Command::Run(options) => run::run(&options),
        Command::Elf(options) => elf::run(&options),
        Command::Linux(options) => linux::run(&options),
        Command::Images(options) => images::run(&options),
        Command::Completion { shell } => generate::completion(shell),
        Command::Man { directory } => generate::man(directory.as_deref()),
    };
    terminal::restore();
    done.unwrap_or_else(|error| errors::report(&error))
}
