//! vhart: a RISC-V machine with the hypervisor extension.
//!
//! The command line. Every subcommand is a file of this crate; the machine is in the crates below it.

#![forbid(unsafe_code)]

mod agent;
#[cfg(feature = "linux")]
mod bench;
#[cfg(feature = "machine")]
mod beside;
#[cfg(feature = "machine")]
mod chains;
mod cli;
#[cfg(feature = "machine")]
mod commit_log;
#[cfg(feature = "watch")]
mod debugger;
#[cfg(not(feature = "watch"))]
#[path = "debugger_missing.rs"]
mod debugger;
mod devices;
mod digest;
#[cfg(feature = "machine")]
mod elf;
mod ending;
mod engine;
mod errors;
#[cfg(feature = "linux")]
mod exec;
#[cfg(feature = "machine")]
mod explaining;
#[cfg(not(feature = "machine"))]
#[path = "explaining_missing.rs"]
mod explaining;
#[cfg(feature = "machine")]
mod generate;
#[cfg(feature = "linux")]
mod hypervisor;
#[cfg(feature = "linux")]
mod images;
#[cfg(feature = "machine")]
mod isa;
mod kvm_check;
mod kvm_info;
#[cfg(feature = "linux")]
mod linux;
#[cfg(feature = "machine")]
mod naming;
#[cfg(all(feature = "watch", not(feature = "machine")))]
#[path = "naming_missing.rs"]
mod naming;
mod onlookers;
mod panic;
mod pidfile;
mod ports;
#[cfg(feature = "machine")]
mod profile;
#[cfg(all(feature = "watch", not(feature = "machine")))]
#[path = "profile_missing.rs"]
mod profile;
mod run;
mod screen;
mod serial;
#[cfg(feature = "machine")]
mod signature;
#[cfg(feature = "machine")]
mod snapshots;
#[cfg(not(feature = "machine"))]
#[path = "snapshots_missing.rs"]
mod snapshots;
#[cfg(feature = "machine")]
mod standstill;
#[cfg(feature = "watch")]
mod stat;
mod stats;
#[cfg(feature = "linux")]
mod sweep;
mod terminal;
#[cfg(feature = "machine")]
mod trace;
#[cfg(feature = "machine")]
mod trap;
#[cfg(feature = "watch")]
mod watchers;
#[cfg(not(feature = "watch"))]
#[path = "watchers_missing.rs"]
mod watchers;
mod wire;

use std::process::ExitCode;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::from_process();
    let done = match cli.command {
        Command::Run(options) => run::run(&options),
        #[cfg(feature = "machine")]
        Command::Elf(options) => elf::run(&options),
        #[cfg(feature = "linux")]
        Command::Linux(options) => linux::run(&options),
        #[cfg(feature = "linux")]
        Command::Exec(options) => Ok(exec::run(&options)),
        Command::Agent => agent::run(),
        #[cfg(feature = "linux")]
        Command::Bench(options) => bench::run(&options),
        #[cfg(feature = "linux")]
        Command::Sweep(options) => sweep::run(&options),
        #[cfg(feature = "linux")]
        Command::Workload { words } => Ok(bench::workload(&words)),
        #[cfg(feature = "linux")]
        Command::Hypervisor(options) => hypervisor::run(&options),
        #[cfg(feature = "linux")]
        Command::Images(options) => images::run(&options),
        #[cfg(feature = "machine")]
        Command::Explain(options) => trap::run(&options),
        #[cfg(feature = "machine")]
        Command::Stat(_) | Command::Profile(_) => unreachable!("it was read as the command that it wraps"),
        #[cfg(feature = "machine")]
        Command::Trace(options) => trace::run(&options),
        #[cfg(feature = "machine")]
        Command::Isa { isa } => isa::print(isa.unwrap_or_default()),
        Command::KvmCheck => kvm_check::run(),
        Command::KvmInfo { json } => kvm_info::print(json),
        #[cfg(feature = "machine")]
        Command::Completion { shell } => generate::completion(shell),
        #[cfg(feature = "machine")]
        Command::Man { directory } => generate::man(directory.as_deref()),
    };
    terminal::restore();
    done.unwrap_or_else(|error| errors::report(&error))
}
