//! `vhart exec`: one program on a RISC-V Linux with KVM, as if it ran here.
//!
//! The host Linux boots, and its first process is the agent ([`crate::agent`]), which hears over a port of the virtio console
//! what to run. The program's input and output have ports of their own, so that they come byte for byte and apart; the serial
//! port has the kernel's messages alone.

mod input;
mod kernel_log;
mod machine;
mod options;
mod program;
mod reports;
mod session;
mod verdict;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

pub use options::Options;

use crate::debugger::Port;
use crate::ending::Stopper;
use crate::errors;
use program::Program;
use verdict::Verdict;

/// Runs the subcommand. What the program does not answer for itself is an exit status here, never an error.
pub fn run(options: &Options) -> ExitCode {
    let status = match attempt(options) {
        Ok(status) => status,
        Err(error) => {
            errors::report(&error);
            verdict::OWN_FAILURE
        }
    };
    ExitCode::from(status)
}

fn attempt(options: &Options) -> Result<u8> {
    let stopper = Stopper::within(options.machine.timeout)?;
    reports::check_files(options)?;
    let start = Instant::now();
    let found = match options.shares_program() {
        true => Ok(Program::Machines),
        false => program::find(options.program(), options.rootfs, &|path| std::fs::read(path)),
    };
    let (verdict, heard) = match found {
        Ok(program) => machine::run(options, program, &stopper, Port::open(&options.machine)?)?,
        Err(refusal) => (Verdict::refused(refusal), reports::Heard::default()),
    };
    verdict.tell();
    reports::write(options, &verdict, &heard, start.elapsed())?;
    Ok(verdict.status)
}
