//! The command line: what the user can say.
//!
//! Only words and their meaning; what is done about them is in the file of each subcommand.

mod aia;
mod cpu;
pub mod disk;
#[cfg(feature = "machine")]
mod elf;
#[cfg(feature = "machine")]
mod explain;
#[cfg(not(feature = "machine"))]
#[path = "cli/explain_missing.rs"]
mod explain;
#[cfg(feature = "watch")]
mod gdb;
mod host_isa;
mod kvm;
mod load;
mod machine;
pub mod net;
pub mod port;
#[cfg(feature = "machine")]
mod profile;
#[cfg(not(feature = "machine"))]
#[path = "cli/profile_missing.rs"]
mod profile;
mod properties;
#[cfg(feature = "machine")]
mod qemu;
#[cfg(not(feature = "machine"))]
#[path = "cli/qemu_missing.rs"]
mod qemu;
mod random;
mod run;
mod serial;
mod share;
#[cfg(feature = "machine")]
mod snapshot;
#[cfg(not(feature = "machine"))]
#[path = "cli/snapshot_missing.rs"]
mod snapshot;
#[cfg(feature = "machine")]
mod trace;
#[cfg(feature = "watch")]
mod traced;
#[cfg(not(feature = "watch"))]
#[path = "cli/traced_missing.rs"]
mod traced;
pub mod value;
#[cfg(feature = "machine")]
mod wrapped;

pub use aia::AiaOptions;
#[cfg(feature = "linux")]
pub use aia::Kind as AiaKind;
pub use disk::Disk;
#[cfg(feature = "machine")]
pub use elf::ElfOptions;
pub use explain::ExplainOptions;
#[cfg(feature = "machine")]
pub use explain::TrapOptions;
pub use host_isa::IsaOption;
pub use kvm::{Irqchip, KvmOptions};
#[cfg(feature = "machine")]
pub use machine::MEMORY_BYTES;
pub use machine::{Engine, MachineOptions};
pub use net::{Net, User};
pub use port::Port;
pub use profile::ProfileOptions;
pub use run::{Firmware, RunOptions};
#[cfg(feature = "machine")]
pub use serial::{Address, Role};
pub use serial::{Serial, Socket};
pub use share::{Share, open as open_shares};
#[cfg(feature = "linux")]
pub use share::{check_mounted as check_mounted_shares, parse as parse_share, tags as share_tags};
pub use snapshot::SnapshotOptions;
#[cfg(feature = "machine")]
pub use trace::TraceOptions;
#[cfg(feature = "watch")]
pub use traced::Traced;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

const ABOUT: &str = "A RISC-V machine with the hypervisor extension: boots Linux, KVM, and a guest Linux inside it";

/// Where help has the options of the machine.
const MACHINE: &str = "Machine";

const AFTER: &str = "\
Examples:
  vhart linux                                     a host Linux with KVM, and a guest Linux in it
  vhart exec -- ./test                            a riscv64 program in that host, as if it ran here
  vhart bench --quick                             host against guest, measured
  vhart hypervisor                                vhart's own hypervisor, and two Linux guests on it
  vhart run --kernel Image --initrd initrd.gz     a kernel of your own, on the built-in firmware
  vhart run -m 2G --smp 4 --disk root.img Image   the same with a disk, four harts and 2 GiB
  vhart elf rv64ui-p-add                          a bare-metal test program
  vhart explain scause=0x15 stval=0x1000          a trap from a log, in plain words

On the console, Ctrl-A X quits and Ctrl-A H lists what else there is.";

/// To whoever says what an option was called before.
const RENAMED: &str = "--stats is called --engine-stats: what the engine did; who did what is --stat";

/// What `vhart` was asked to do.
#[derive(Parser, Debug)]
#[command(name = "vhart", version, about = ABOUT, after_help = AFTER)]
#[command(propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
#[allow(clippy::large_enum_variant, reason = "a process has one")]
pub enum Command {
    /// Boot a kernel or firmware on the virt board
    Run(RunOptions),
    /// Run a bare-metal ELF program; its result is the exit status
    #[cfg(feature = "machine")]
    Elf(ElfOptions),
    /// Boot a host Linux, load KVM, and boot a guest Linux inside it
    #[cfg(feature = "linux")]
    Linux(crate::linux::Options),
    /// Run a program on a RISC-V Linux with /dev/kvm, or in a guest of it, as if it ran here
    #[cfg(feature = "linux")]
    Exec(crate::exec::Options),
    /// Measure the same work on this computer, in the host Linux, and in its guest
    #[cfg(feature = "linux")]
    Bench(crate::bench::Options),
    /// Run 'vhart bench' for every combination of options that a file lists, here or on a cluster
    #[cfg(feature = "linux")]
    Sweep(crate::sweep::Options),
    /// Do work for 'vhart bench' on this computer
    #[cfg(feature = "linux")]
    #[command(hide = true)]
    Workload {
        /// What the riscv64 program would be told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Run what 'vhart exec' orders, in its machine
    #[command(hide = true)]
    Agent,
    /// Boot vhart's own hypervisor, and Linux guests on it
    #[cfg(feature = "linux")]
    Hypervisor(crate::hypervisor::Options),
    /// Run a command with --stat: who executed how much, and what the virtual machines were left for
    #[cfg(feature = "machine")]
    #[command(after_help = wrapped::AFTER_STAT, mut_arg("output", |arg| arg.help(wrapped::STAT_FILE)))]
    Stat(wrapped::WrappedOptions),
    /// Run a command with --profile: which functions of which world the instructions go to
    #[cfg(feature = "machine")]
    #[command(after_help = wrapped::AFTER_PROFILE, mut_arg("output", |arg| arg.help(wrapped::PROFILE_FILE)))]
    Profile(wrapped::WrappedOptions),
    /// Print a trace, or make one of it that Perfetto shows; with -o, run a command with --trace
    #[cfg(feature = "machine")]
    Trace(TraceOptions),
    /// Show or remove what 'vhart linux' has fetched and built
    #[cfg(feature = "linux")]
    Images(crate::images::Options),
    /// Say in plain words what a trap's registers mean: scause, stval, htval, htinst and their like, as from a log
    #[cfg(feature = "machine")]
    Explain(TrapOptions),
    /// List the instructions of the machine, and which the translator generates code for
    #[cfg(feature = "machine")]
    Isa {
        /// The instruction set, as for 'vhart run' [default: all there is]
        #[arg(long, value_name = "ISA", value_parser = cpu::isa)]
        isa: Option<arch::isa::Isa>,
    },
    /// Check this host's /dev/kvm with guests of a few instructions, and print a line for each check; exit status 1 if
    /// one fails
    KvmCheck,
    /// List what this host's /dev/kvm offers to guests: ISA and SBI extensions, interrupt controller, registers
    KvmInfo {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    ///
    /// For example: `vhart completion bash > ~/.local/share/bash-completion/completions/vhart`
    #[cfg(feature = "machine")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    ///
    /// For example: `vhart man | man -l -`
    #[cfg(feature = "machine")]
    Man {
        /// Write a page for every subcommand into this directory instead
        #[arg(long, value_name = "DIR")]
        directory: Option<std::path::PathBuf>,
    },
}

impl Cli {
    /// The command line of this process. Help goes to standard output, exit status 0; a wrong usage is explained on
    /// standard error, exit status 2.
    pub fn from_process() -> Self {
        let (cli, notes) = Cli::read(std::env::args_os()).unwrap_or_else(|wrong| wrong.exit());
        notes.iter().for_each(crate::errors::tell);
        cli
    }

    /// Reads a command line, the program's name first; also answers notes on it, a sentence each.
    ///
    /// # Errors
    /// It is wrong, or asks for help.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<(Self, Vec<String>), clap::Error> {
        let words: Vec<OsString> = words.into_iter().collect();
        let wrong = |why: String| wrong(words.get(1), why);
        let line = qemu::translate(words.iter().cloned(), &Cli::command()).map_err(|why| wrong(why.to_string()))?;
        let renamed = line.words.iter().any(|word| word.to_str() == Some("--stats")).then(|| RENAMED.to_owned());
        let cli = Cli::try_parse_from(line.words)?;
        if let Some(words) = cli.command.wrapped() {
            return Cli::read(words);
        }
        cli.command.check().map_err(wrong)?;
        Ok((cli, line.notes.into_iter().chain(renamed).collect()))
    }
}

/// What is wrong with a command line, with the usage of its subcommand if `name` is one.
fn wrong(name: Option<&OsString>, why: String) -> clap::Error {
    let mut vhart = Cli::command();
    // Names a subcommand in its usage by all its words.
    vhart.build();
    let subcommand = name.and_then(|name| name.to_str()).and_then(|name| vhart.find_subcommand_mut(name));
    let kind = clap::error::ErrorKind::ValueValidation;
    match subcommand {
        Some(command) => command.error(kind, why),
        None => vhart.error(kind, why),
    }
}

impl Command {
    /// The command line that a command around another stands for.
    fn wrapped(&self) -> Option<Vec<OsString>> {
        match self {
            #[cfg(feature = "machine")]
            Command::Stat(options) => Some(options.words("--stat")),
            #[cfg(feature = "machine")]
            Command::Profile(options) => Some(options.words("--profile")),
            #[cfg(feature = "machine")]
            Command::Trace(options) => options.words(),
            _ => None,
        }
    }

    /// Refuses options that do not make sense together.
    fn check(&self) -> Result<(), String> {
        match self {
            Command::Run(options) => options.check(),
            #[cfg(feature = "machine")]
            Command::Elf(options) => options.check(),
            #[cfg(feature = "linux")]
            Command::Linux(options) => options.check(),
            #[cfg(feature = "linux")]
            Command::Exec(options) => options.check(),
            #[cfg(feature = "linux")]
            Command::Bench(options) => options.check(),
            #[cfg(feature = "linux")]
            Command::Hypervisor(options) => options.check(),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    #[cfg(feature = "linux")]
    fn wrong_usage_shows_the_usage_of_its_subcommand() {
        let usage = |line: &str| {
            let wrong = Cli::read(line.split(' ').map(Into::into)).unwrap_err().to_string();
            wrong.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or_default().to_owned()
        };
        for line in
            ["vhart exec -M wings -- ls", "vhart exec --nosuch -- ls", "vhart exec --net none --forward 1:2 -- ls"]
        {
            assert_eq!(usage(line), "vhart exec [OPTIONS] -- <CMD>...", "{line}");
        }
        assert!(usage("vhart stat run --wings x").starts_with("vhart run "));
        assert_eq!(usage("vhart -M wings"), "vhart <COMMAND>");
    }
}
