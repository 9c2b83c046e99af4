//! The machine that makes a Debian disk: boots what `images` has prepared, and hands on what its console shows.

use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context, Result, bail};
use board::{Ending, Machine};
use devices::ConsoleOut;
use images::Making;
use vcpu::SystemEvent;
use virtio::{Cache, Discard};

use super::lines::Lines;
use crate::cli::{Disk, MachineOptions, RunOptions};
use crate::{engine, errors, run};

/// More harts than this do not make it faster.
const HARTS: usize = 4;
/// Room for what is unpacked and not yet on the disk.
const MEMORY_BYTES: u64 = 1 << 30;

/// Boots it, and hands each line of its console to `line`; `asked` says what executes it.
///
/// # Errors
/// Why it did not power off by itself.
pub fn boot(asked: &MachineOptions, making: &Making, line: &mut dyn FnMut(&str)) -> Result<(), String> {
    let options = run_options(asked, making);
    let (sender, lines) = channel();
    let machine = thread::Builder::new().name("making".into()).spawn(move || run(&options, sender));
    let machine = machine.map_err(|why| format!("no thread: {}", errors::without_number(&why.to_string())))?;
    lines.iter().for_each(|text: String| line(&text));
    let ended = machine.join().map_err(|_| "its thread ended")?;
    ended.map_err(|why| format!("{why:#}"))
}

/// The machine. Nothing of what the user wants to know of theirs is about it.
fn run_options(asked: &MachineOptions, making: &Making) -> RunOptions {
    let harts = thread::available_parallelism().map_or(1, usize::from).min(HARTS);
    let machine = MachineOptions {
        harts: harts as u32,
        memory: MEMORY_BYTES,
        isa: None,
        deterministic: None,
        gdb: None,
        paused: false,
        timeout: None,
        max_instructions: None,
        stats: false,
        stat: None,
        trace: None,
        dump_dtb: None,
        ..asked.clone()
    };
    let [initrd, more] = making.initrds.clone();
    let disk = Disk { cache: Cache::Unsafe, discard: Discard::Unmap, ..Disk::new(making.disk.clone()) };
    let packages = Disk { readonly: true, ..Disk::new(making.packages.clone()) };
    RunOptions {
        kernel: Some(making.kernel.clone()),
        initrd: Some(initrd),
        initrd_more: vec![more],
        append: Some(making.append.clone()),
        disks: vec![disk, packages],
        no_reboot: true,
        ..RunOptions::of(machine)
    }
}

fn run(options: &RunOptions, lines: Sender<String>) -> Result<()> {
    let config = run::config(options, console(lines))?;
    let mut machine = Machine::new(config, &mut *engine::of(&options.machine))?;
    match machine.run().context("the machine cannot go on")? {
        Ending::Event(SystemEvent::Shutdown) => Ok(()),
        Ending::Halted { hart, reason } => {
            bail!("hart {hart} cannot go on: {}", reason.as_deref().unwrap_or("its engine does not say why"))
        }
        _ => bail!("its kernel gave up"),
    }
}

/// Hands on what the console shows, line by line.
fn console(sender: Sender<String>) -> ConsoleOut {
    let mut lines = Lines::default();
    // Whoever listened may have gone, and with them the run.
    Box::new(move |bytes| lines.feed(bytes, |line| drop(sender.send(line.to_owned()))))
}
