//! The machine that makes a Debian disk: boots what `images` has prepared, and hands on what its console shows.

use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context, Result, bail};
use board::{Ending, Machine};
use devices::ConsoleOut;
use images::Making;
use vcpu::SystemEvent;
use virtio::{Cache, Discard};

use crate::cli::{Disk, MachineOptions, RunOptions};
use crate::{engine, errors, run};

/// More harts than this do not make it faster.
const HARTS: usize = 4;
/// Room for what is unpacked and not yet on the disk.
const MEMORY_BYTES: u64 = 1 << 30;
/// A line longer than this is cut.
const LONGEST_LINE: usize = 1000;

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

/// Cuts what the console shows into lines.
fn console(lines: Sender<String>) -> ConsoleOut {
    let mut line = Vec::new();
    Box::new(move |bytes| {
        for &byte in bytes {
            match byte {
                b'\n' => {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    // Whoever listened has gone, and with them the run.
                    let _ = lines.send(text);
                }
                _ if line.len() < LONGEST_LINE => line.push(byte),
                _ => {}
            }
        }
    })
}
