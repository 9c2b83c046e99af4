//! `vhart run`: boots a kernel or firmware.

use std::process::ExitCode;
use std::sync::Arc;

use ::devices::ConsoleOut;
use anyhow::{Result, bail};
use board::{Machine, MachineConfig, Plug, TimeSource};
use vcpu::{Reset, SystemEvent};
use virtio::Interface;

use crate::cli::{Firmware, MachineOptions, RunOptions};
use crate::debugger::Port;
use crate::ending::{Ending, Stopper};
use crate::onlookers::Onlookers;
use crate::panic::Panic;
use crate::pidfile::PidFile;
use crate::ports::Ports;
use crate::screen::Screen;
use crate::snapshots::Snapshots;
use crate::terminal::{self, Keys, Taker};
use crate::{debugger, devices, engine, errors, explaining, serial};

/// A tick of 100 ns for ten instructions: harts of 100 MHz.
pub const INSTRUCTION_TIME: TimeSource = TimeSource::Instructions { per_tick: 10 };

/// Runs the subcommand.
///
/// # Errors
/// A file or a device is not what the machine needs, or the machine cannot go on.
pub fn run(options: &RunOptions) -> Result<ExitCode> {
    run_until(options, &Stopper::within(options.machine.timeout)?, Port::open(&options.machine)?)
}

/// The same for a command that has begun already, whose end is in `stopper`'s hands and whose debuggers come to `port`.
///
/// # Errors
/// As [`run`]'s.
pub fn run_until(options: &RunOptions, stopper: &Stopper, port: Port) -> Result<ExitCode> {
    let panic = Panic::default();
    let (console, typist) = serial::open(&options.serial)?;
    let mut snapshots = Snapshots::wanted(&options.snapshots)?;
    let mut ports = Ports::open(&options.ports)?;
    let onlookers = Onlookers::wanted(&options.machine, options.kernel())?;
    let others = ports.plug().into_iter().collect();
    let config = config_with(options, panic.listen(onlookers.listen(snapshots.listen(console))), others)?;
    let mut machine = snapshots.machine(onlookers.join(config), &mut *engine::of(&options.machine))?;
    if let Some(file) = &options.machine.dump_dtb {
        errors::write_file("device tree", file, machine.device_tree())?;
        return Ok(ExitCode::SUCCESS);
    }
    machine.warnings().iter().for_each(errors::tell);
    stopper.stops(machine.stopper());
    onlookers.watchers.meet(&machine);
    let keys = Keys {
        on_look: onlookers.watchers.on_look(),
        on_explain: explaining::on_explain(&machine),
        on_save: on_save(&snapshots, &options.machine),
    };
    let keyboard = machine.keyboard();
    let ported = ports.attach(stopper, &keys)?;
    let attached = typist.attach(Taker::of(move |bytes| keyboard.type_in(bytes)), stopper, keys)?;
    // whoever knows the number may send signals
    let _pidfile = options.pidfile.as_deref().map(PidFile::write).transpose()?;
    let debugger = port.lead_to(&machine, &onlookers.watchers)?;
    let ending = drive(&mut machine, stopper, &onlookers, &snapshots);
    let ending = ending.map(|ending| after_reset(ending, &panic));
    debugger.end(ending.as_ref().map_or(1, |ending| ending.status()));
    drop((attached, ported));
    onlookers.report(&machine)?;
    Ok(ending?.into())
}

/// What saves the machine while it runs.
fn on_save(snapshots: &Snapshots, options: &MachineOptions) -> terminal::OnSave {
    let (wishes, is_host_s) = (snapshots.wishes(), options.is_host_s());
    Arc::new(move |file| match is_host_s {
        true => Err("machines whose harts the host executes cannot be saved; choose --engine jit or interp"),
        false => wishes.save(file),
    })
}

/// What a run has come to that may have ended with a reset. That is told, as nothing else tells which it was.
fn after_reset(ending: Ending, panic: &Panic) -> Ending {
    let Ending::Reset(kind) = ending else { return ending };
    if panic.is_recent() {
        errors::tell("the guest asked for a reset after a kernel panic");
        return Ending::SystemFailure;
    }
    errors::tell(format!("the guest asked for {}", reset_name(kind)));
    ending
}

/// A reset in words.
pub fn reset_name(kind: Reset) -> &'static str {
    match kind {
        Reset::Cold => "a cold reboot",
        Reset::Warm => "a warm reboot",
        Reset::AfterFailure => "a reboot after a failure of its system",
    }
}

/// The machine that the options describe, with its serial port's output going to `console`.
///
/// # Errors
/// A disk cannot be opened, or a forwarded port is taken.
#[cfg(feature = "linux")]
pub fn config(options: &RunOptions, console: ConsoleOut) -> Result<MachineConfig> {
    config_with(options, console, Vec::new())
}

/// The same with `others` among its devices.
///
/// # Errors
/// As [`config`]'s.
pub fn config_with(options: &RunOptions, console: ConsoleOut, others: Vec<Plug>) -> Result<MachineConfig> {
    Ok(MachineConfig {
        firmware: firmware(&options.firmware),
        kernel: options.kernel().map(Into::into),
        loads: options.loads.clone(),
        tree: options.dtb.clone(),
        initrd: options.initrd.clone(),
        initrd_more: options.initrd_more.clone(),
        append: options.append.clone().unwrap_or_default(),
        plugs: devices::plugs(options, others)?,
        interface: if options.legacy_virtio { Interface::Legacy } else { Interface::Modern },
        no_reboot: options.no_reboot,
        ..bare(&options.machine, console)
    })
}

/// The machine of a user who says nothing, but for its console.
#[cfg(feature = "machine")]
pub fn usual() -> MachineConfig {
    MachineConfig { memory_bytes: crate::cli::MEMORY_BYTES, ..MachineConfig::default() }
}

fn firmware(option: &Firmware) -> board::Firmware {
    match option {
        Firmware::Builtin => board::Firmware::Builtin,
        Firmware::None => board::Firmware::None,
        Firmware::File(path) => board::Firmware::Image(path.clone()),
    }
}

/// A machine without software.
pub fn bare(options: &MachineOptions, console: ConsoleOut) -> MachineConfig {
    let isa = options.own_isa();
    if !options.is_host_s() {
        options.aia.note(isa).iter().for_each(errors::tell);
    }
    MachineConfig {
        harts: options.harts as usize,
        memory_bytes: options.memory,
        isa,
        trap_instruction: options.htinst.map_or_else(Default::default, Into::into),
        vmid_bits: options.vmid_bits.unwrap_or(board::MOST_VMID_BITS),
        aia: options.aia.of(isa),
        console,
        time: options.deterministic.map_or(TimeSource::Wall, |_| INSTRUCTION_TIME),
        seed: options.deterministic,
        max_instructions: options.max_instructions,
        debugging: debugger::debugging(options),
        tell: Box::new(|hart, what| errors::tell(format!("hart {hart} {what}"))),
        ..MachineConfig::default()
    }
}

/// Sends the serial port's output to standard output, byte by byte as it comes.
pub fn standard_output() -> ConsoleOut {
    let mut screen = Screen::of(rustix::stdio::stdout(), "standard output");
    Box::new(move |bytes| screen.show(bytes))
}

/// Runs `machine` to its end, within the limits and with the reports that the user asked for, and saves it where it
/// is to be.
///
/// # Errors
/// The machine cannot go on.
pub fn drive(machine: &mut Machine, stopper: &Stopper, onlookers: &Onlookers, snapshots: &Snapshots) -> Result<Ending> {
    let ending = onlookers.measure(machine, |machine| {
        let ending = snapshots.run(machine);
        terminal::restore();
        ending
    })?;
    snapshots.after(machine, &ending)?;
    onlookers.explain(machine, &ending, stopper)?;
    match ending {
        board::Ending::Event(SystemEvent::Shutdown) | board::Ending::Paused => Ok(Ending::PowerOff),
        board::Ending::Event(SystemEvent::Reset(Reset::AfterFailure) | SystemEvent::SystemFailure) => {
            Ok(Ending::SystemFailure)
        }
        board::Ending::Event(SystemEvent::Reset(kind)) => Ok(Ending::Reset(kind)),
        board::Ending::Event(SystemEvent::Fail(code)) => Ok(Ending::Fail(code)),
        board::Ending::Stopped => Ok(stopper.ending().unwrap_or(Ending::PowerOff)),
        board::Ending::TimedOut | board::Ending::OutOfInstructions => Ok(Ending::Limit),
        board::Ending::ToHost(value) => Ok(test_result(value)),
        board::Ending::Halted { hart, reason } => {
            onlookers.explainer.halted(machine, hart);
            bail!("hart {hart} cannot go on{}", reason.map(|reason| format!(": {reason}")).unwrap_or_default())
        }
    }
}

/// Whether a run ended because its time or its instructions were used up.
pub fn is_limit(ending: &board::Ending, stopper: &Stopper) -> bool {
    match ending {
        board::Ending::TimedOut | board::Ending::OutOfInstructions => true,
        board::Ending::Stopped => stopper.ending() == Some(Ending::Limit),
        _ => false,
    }
}

/// What a debugger is told of a run that is well where the machine powers off.
#[cfg(feature = "linux")]
pub fn unless_off(ending: &Result<board::Ending, board::Error>) -> u8 {
    u8::from(!matches!(ending, Ok(board::Ending::Event(SystemEvent::Shutdown))))
}

/// What a write to `tohost` says: 1 is success, and otherwise the test's number stands above the lowest bit.
fn test_result(value: u64) -> Ending {
    match value >> 1 {
        0 => Ending::PowerOff,
        code => Ending::Fail(u32::try_from(code).unwrap_or(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tohost_names_the_test_that_failed() {
        assert_eq!(test_result(1), Ending::PowerOff);
        assert_eq!(test_result(3 << 1 | 1).status(), 3);
        assert_eq!(test_result(1337).status(), 255);
        assert_eq!(test_result(u64::MAX).status(), 255);
    }
}
