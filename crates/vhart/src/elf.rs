//! `vhart elf`: runs a bare-metal program.
//!
//! Time follows the instructions, so that a program does the same whenever it runs.

use std::process::ExitCode;

use anyhow::{Context, Result};
use board::{Engine, Machine, MachineConfig};

use crate::cli::{ElfOptions, SnapshotOptions};
use crate::commit_log::CommitLog;
use crate::digest::Digests;
use crate::ending::{Ending, Stopper};
use crate::explaining::Explainer;
use crate::signature::Signature;
use crate::snapshots::Snapshots;
use crate::watchers::Watchers;
use crate::{debugger, engine, errors, run, terminal};

/// Runs the subcommand.
///
/// # Errors
/// The program cannot be run, or a result cannot be written.
pub fn run(options: &ElfOptions) -> Result<ExitCode> {
    let stopper = Stopper::within(options.machine.timeout)?;
    let log = CommitLog::default();
    let digests = Digests::wanted(&options.machine);
    let port = debugger::Port::open(&options.machine)?;
    let watchers = Watchers::wanted(&options.machine)?;
    let explainer = Explainer::of(&options.machine, Some(&options.file))?;
    let config = MachineConfig {
        watching: watchers.watching(&explainer),
        show: explainer.show(),
        sampling: watchers.sampling(),
        ..config(options, &digests)
    };
    let mut machine = Machine::new(config, &mut *engine(options, &log))?;
    watchers.meet(&machine);
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
    let debugger = port.lead_to(&machine, &watchers)?;
    let snapshots = Snapshots::wanted(&SnapshotOptions::default())?;
    let ending = run::drive(&mut machine, &options.machine, &stopper, &explainer, &snapshots);
    debugger.end(ending.as_ref().map_or(1, |ending| ending.status()));
    watchers.report(&machine)?;
    log.close()?;
    digests.print(&machine);
    let ending = ending?;
    if let (Some(file), Some(signature), true) = (&options.signature, signature, is_result(ending)) {
        let text = signature.text(&machine, options.signature_granularity);
        errors::write_file("signature", file, text.as_bytes())?;
    }
    Ok(ending.into())
}

fn config(options: &ElfOptions, digests: &Digests) -> MachineConfig {
    MachineConfig {
        firmware: board::Firmware::None,
        kernel: Some(options.file.clone()),
        time: run::INSTRUCTION_TIME,
        no_reboot: true,
        ..run::bare(&options.machine, digests.listen(run::standard_output()))
    }
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
