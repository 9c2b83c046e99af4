//! `vhart exec`: one program on a RISC-V Linux with KVM, as if it ran here.
//!
//! The host Linux boots, and its first process is the agent ([`crate::agent`]), which hears over a port of the virtio
//! console what to run. The program's input and output have ports of their own, so that they come byte for byte and
//! apart; the serial port has the kernel's messages alone.
//!
//! # How a program runs in it
//!
//! `vhart exec` (`vhart::exec`) boots the host Linux with four ports of the virtio console (`virtio::console`): a
//! program's input, its outputs, and orders and reports (`vhart::wire`). `vhart agent`, in the initramfs as the
//! VMM, starts the program and carries its bytes; in a guest the ports lead on through the host's
//! (`docs/adr/0014`). What has no room on its way stays in the guest's rings; nothing is spliced or kept. With
//! `--rootfs debian` the agent begins in the Debian on the machine's last disk. The serial port has the kernel's
//! messages, by which a panic or an oops is known. Of several commands (`exec::several`) the next is ordered when
//! all that the one before wrote is out; where runs are to be the same all orders are there from the beginning, and
//! the agent goes on by itself. What has become of each is kept in one `exec::record::Record`, over as many
//! machines as it takes.

mod commands;
mod conductor;
mod conversation;
mod end;
mod heard;
mod input;
mod kernel_log;
mod machine;
mod options;
mod program;
mod record;
mod reports;
mod sections;
mod session;
mod several;
pub mod status;
mod verdict;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

pub use options::Options;

use crate::debugger::Port;
use crate::ending::Stopper;
use crate::errors;
use commands::Command;
use heard::Heard;
use machine::Machines;
use reports::Outcome;
use verdict::Verdict;

/// Runs the subcommand. What the program does not answer for itself is an exit status here, never an error.
pub fn run(options: &Options) -> ExitCode {
    let status = match attempt(options) {
        Ok(status) => status,
        Err(error) => {
            errors::report(&error);
            status::OWN_FAILURE
        }
    };
    ExitCode::from(status)
}

fn attempt(options: &Options) -> Result<u8> {
    let stopper = Stopper::within(options.machine.timeout)?;
    reports::check_files(options)?;
    crate::linux::lacking(options.machine.isa.as_ref()).iter().for_each(errors::tell);
    match &options.each {
        Some(file) => several::run(options, file, &stopper),
        None => one(options, &stopper),
    }
}

fn one(options: &Options, stopper: &Stopper) -> Result<u8> {
    let start = Instant::now();
    let command = Command(options.words.clone());
    let (verdict, heard) = match command.find(options) {
        Ok(program) => {
            let port = Port::open(&options.machine)?;
            Machines::prepare(options, stopper)?.run_one(&command, program, port)?
        }
        Err(refusal) => (Verdict::refused(refusal), Heard::default()),
    };
    verdict.tell();
    let (status, mut outcome) = (verdict.status, Outcome::of(command));
    outcome.end(verdict, start.elapsed(), heard.next_section());
    reports::write(options, std::slice::from_ref(&outcome), status, start.elapsed())?;
    if let (Some(directory), false) = (&options.keep, outcome.passed()) {
        reports::keep(&heard::directory_of(directory, None), &outcome, &heard.log)?;
    }
    Ok(status)
}
