//! `vhart hypervisor`: the machine, vhart's own hypervisor on it, and Linux guests on that.

mod check;
mod options;
mod prepared;
mod watch;

pub use options::Options;
pub use prepared::image;

use std::process::ExitCode;

use anyhow::Result;

use self::prepared::Prepared;
use crate::ending::Stopper;
use crate::linux::{Bars, Print};

/// Runs the subcommand.
///
/// # Errors
/// Where the images cannot be had, the machine cannot be run, or a check fails.
pub fn run(options: &Options) -> Result<ExitCode> {
    let stopper = Stopper::within(options.machine.timeout)?;
    crate::watchers::check_files(&options.machine)?;
    let port = crate::debugger::Port::open(&options.machine)?;
    let prepared = Prepared::of(options, &Bars::new())?;
    match options.print {
        Some(Print::Qemu) => prepared.print_qemu(options),
        None if options.check && options.machine.dump_dtb.is_none() => check::run(options, &prepared, &stopper, port),
        None => crate::run::run_until(&prepared.run_options(options), &stopper, port),
    }
}
