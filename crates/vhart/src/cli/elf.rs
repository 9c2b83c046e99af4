//! `vhart elf`: options.

use std::path::PathBuf;

use clap::Args;

use super::{Engine, MachineOptions};

const AFTER: &str = "\
The program runs in M-mode on the same board as everything else. It ends by a write to 'tohost' (HTIF) or to the test \
finisher.

Exit status: 0 when it passed, its test number or code when it failed (255 for larger ones), 124 when time or \
instructions ran out, 1 when it could not be run, 2 for wrong usage, 128 and the signal's number after a signal.";

/// Options of `vhart elf`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct ElfOptions {
    /// The program: a RISC-V ELF executable
    pub file: PathBuf,

    /// Write the memory between begin_signature and end_signature to a file, as hexadecimal lines
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub signature: Option<PathBuf>,

    /// Bytes in a line of the signature
    #[arg(long, value_name = "BYTES", default_value = "16", value_parser = granularity, help_heading = "Results")]
    pub signature_granularity: usize,

    /// Write every retired instruction and its effects to a file, in the format of Spike's commit log
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub commit_log: Option<PathBuf>,

    #[command(flatten)]
    pub machine: MachineOptions,
}

impl ElfOptions {
    /// Refuses what does not make sense together.
    pub fn check(&self) -> Result<(), String> {
        if self.machine.engine == Some(Engine::Kvm) {
            return Err("engine kvm has no M-mode, in which bare-metal programs start".into());
        }
        self.machine.check()
    }
}

fn granularity(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ (1 | 2 | 4 | 8 | 16 | 32 | 64)) => Ok(bytes),
        _ => Err("a line has 1, 2, 4, 8, 16, 32 or 64 bytes".into()),
    }
}
