//! `vhart elf`: runs a bare-metal program.
//!
//! Time follows the instructions, so that a program does the same whenever it runs.

use std::process::ExitCode;

use anyhow::{Context, Result};
use board::{Engine, Machine, MachineConfig};

use crate::cli::{ElfOptions, SnapshotOptions};
use crate::commit_log::CommitLog;
use crate::ending::{Ending, Stopper};
use crate::onlookers::Onlookers;
use crate::signature::Signature;
use crate::snapshots::Snapshots;
use crate::{debugger, engine, errors, run, terminal};

/// Runs the subcommand.
///
/// # Errors
/// The program cannot be run, or a result cannot be written.
pub fn run(options: &ElfOptions) -> Result<ExitCode> {
    let stopper = Stopper::within(options.machine.timeout)?;
    let log = CommitLog::default();
    let port = debugger::Port::open(&options.machine)?;
    let onlookers = Onlookers::wanted(&options.machine, Some(&options.file))?;
    let mut machine = Machine::new(config(options, &onlookers), &mut *engine(options, &log))?;
    onlookers.watchers.meet(&machine);
    if let Some(file) = &options.machine.dump_dtb {
        errors::write_file("device tree", file, machine.device_tree())?;
        return Ok(ExitCode::SUCCESS);
    }
    let signature = options.signature.as_ref().map(|_| Signature::of(&machine)).transpose();
    let signature = signature.with_context(|| format!("'{}'", options.file.display()))?;
    stopper.stops(machine.stopper());
    if let Some(file) = &options.commit_log {
        let machine = machine.stopper();
        // what it could not write is the error that the run ends with
        log.open(file, Box::new(move || machine.stop()))?;
    }
    terminal::watch_signals(stopper.on_quit(), None)?;
    let debugger = port.lead_to(&machine, &onlookers.watchers)?;
    let snapshots = Snapshots::wanted(&SnapshotOptions::default())?;
    let ending = run::drive(&mut machine, &stopper, &onlookers, &snapshots);
    debugger.end(ending.as_ref().map_or(1, |ending| ending.status()));
    onlookers.report(&machine)?;
    log.close()?;
    let ending = ending?;
    if let (Some(file), Some(signature), true) = (&options.signature, signature, is_result(ending)) {
        let text = signature.text(&machine, options.signature_granularity);
        errors::write_file("signature", file, text.as_bytes())?;
    }
    Ok(ending.into())
}

fn config(options: &ElfOptions, onlookers: &Onlookers) -> MachineConfig {
    onlookers.join(MachineConfig {
        firmware: board::Firmware::None,
        kernel: Some(options.file.clone()),
        time: run::INSTRUCTION_TIME,
        no_reboot: true,
        ..run::bare(&options.machine, onlookers.listen(run::standard_output()))
    })
}

fn engine(options: &ElfOptions, log: &CommitLog) -> Box<dyn Engine> {
    match options.commit_log {
        // the log is the interpreter's: it sees every instruction
        Some(_) => engine::logged(log.clone()),
        None => engine::of(&options.machine),
    }
}

/// Whether the program came to its own end, so that its signature is complete.
fn is_result(ending: Ending) -> bool {
    matches!(ending, Ending::PowerOff | Ending::Reset(_) | Ending::Fail(_))
}
