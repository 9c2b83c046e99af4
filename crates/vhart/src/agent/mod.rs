//! What runs in the machine of `vhart exec`: starts programs, carries their input and output, and
//! tells how they ended.

mod limit;
mod orders;
mod pump;
pub mod start;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, waitpid};

use crate::wire::{Core, Ended, How, PORTS, Report, Task, Terms};
use limit::Limit;
use orders::{Orders, Running};
use pump::{Drain, Input};

/// How long the kernel may take to set up the ports.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for them.
const TICK: Duration = Duration::from_millis(1);

/// The ports' ends.
struct Ends {
    input: File,
    outputs: [File; 2],
    control: File,
}

/// Runs what vhart orders, and ends the machine.
///
/// # Errors
/// There are no ports, or nothing sensible comes from them.
pub fn run() -> Result<ExitCode> {
    serve(Ends::open()?).context("the agent cannot go on")?;
    Ok(ExitCode::SUCCESS)
}

impl Ends {
    fn open() -> Result<Ends> {
        let [input, out, err, control] = PORTS;
        Ok(Ends { input: port(input)?, outputs: [port(out)?, port(err)?], control: port(control)? })
    }
}

/// The port with this name, once it is there.
fn port(name: &str) -> Result<File> {
    let start = Instant::now();
    loop {
        if let Some(file) = find(name).and_then(|path| File::options().read(true).write(true).open(path).ok()) {
            return Ok(file);
        }
        anyhow::ensure!(start.elapsed() < PATIENCE, "there is no port '{name}'; is this a machine of 'vhart exec'?");
        std::thread::sleep(TICK);
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let ports = std::fs::read_dir("/sys/class/virtio-ports").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let named =
        |path: &PathBuf| std::fs::read(path.join("name")).is_ok_and(|text| text.trim_ascii() == name.as_bytes());
    ports.filter(named).find_map(|path| Some(PathBuf::from("/dev").join(path.file_name()?)))
}

/// Serves one program after the other, until the machine is to power off by itself; else whoever has heard of an end
/// ends it.
fn serve(ends: Ends) -> io::Result<()> {
    let Ends { input, outputs, control } = ends;
    let orders = Orders::obey(control.try_clone()?);
    let mut place = Channels { port: Some(input), input: Arc::default(), outputs, control };
    loop {
        let (terms, task) = orders.next()?;
        let runs_on = run_one(&mut place, &orders, terms, &task)?;
        if task.powers_off && !(terms.more && runs_on) {
            return Ok(());
        }
    }
}

/// What all programs have in common.
struct Channels {
    /// The input's, until somebody reads it: what comes early is the first program's.
    port: Option<File>,
    input: Arc<Input>,
    outputs: [File; 2],
    control: File,
}

/// Runs a program from its start to its end. Answers whether another may follow in this machine.
fn run_one(place: &mut Channels, orders: &Orders, terms: Terms, task: &Task) -> io::Result<bool> {
    let control = &mut place.control;
    // Before the program can do anything: it may end the machine in its first instant.
    let report = || drop(control.write_all(&Report::Started.frame()));
    let mut child = match start::start(task, report) {
        Ok(child) => child,
        Err(why) => {
            orders.begin(None);
            control.write_all(&Report::NotStarted(why).frame())?;
            return Ok(!terms.all_or_none);
        }
    };
    let [out, err] = &place.outputs;
    let drains = [
        Drain::begin(child.stdout.take().map(Into::into), out.try_clone()?)?,
        Drain::begin(child.stderr.take().map(Into::into), err.try_clone()?)?,
    ];
    place.input.lead_to(child.stdin.take());
    place.port.take().into_iter().for_each(|port| place.input.begin(port));
    let group = Group(child.id());
    let unwanted = drains.each_ref().map(Drain::unwanted);
    orders.begin(Some(Running { group, input: place.input.clone(), drains: unwanted }));
    let limit = terms.limit.map(|limit| Limit::begin(limit, group)).transpose()?;
    let how = end_of(&child)?;
    let late = limit.is_some_and(Limit::end);
    let [out, err] = drains.map(Drain::finish);
    if late {
        place.control.write_all(&Report::TimeIsUp.frame())?;
    }
    if task.tells_cores {
        send_cores(&mut place.control)?;
    }
    rustix::fs::sync();
    if !terms.more {
        unmount_disks();
    }
    place.control.write_all(&Report::Ended(Ended { how, written: [out, err] }).frame())?;
    let passed = how == How::Status(0) && !late;
    Ok(!kernel_has_failed() && (passed || !terms.all_or_none))
}

/// Whether the kernel has reported a fault of its own: what runs in it then may fail for that
/// (Linux, admin-guide/tainted-kernels: bit 7, "kernel died recently, i.e. there was an OOPS or BUG").
fn kernel_has_failed() -> bool {
    const DIED: u64 = 1 << 7;
    let tainted = std::fs::read_to_string("/proc/sys/kernel/tainted").unwrap_or_default();
    tainted.trim().parse::<u64>().is_ok_and(|bits| bits & DIED != 0)
}

/// A program and what it has started, but for what has left it, as a terminal sees them.
#[derive(Clone, Copy)]
struct Group(u32);

impl Group {
    fn signal(self, number: i32) {
        let pid = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(number)) {
            // It may have ended meanwhile.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// Waits for the program.
fn end_of(child: &Child) -> io::Result<How> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    loop {
        if let Some((_, status)) = waitpid(pid, WaitOptions::empty())?
            && let Some(how) = how(status)
        {
            return Ok(how);
        }
    }
}

fn how(status: WaitStatus) -> Option<How> {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    let exited = status.exit_status().map(|status| How::Status(byte(status)));
    exited.or_else(|| status.terminating_signal().map(|number| How::Signal(byte(number))))
}

/// Where the kernel puts cores; `init/exec.sh` says so to it.
const CORES: &str = "/run/cores";
/// Bytes at once: what Linux's driver of ports sends at once.
const PIECE: usize = 32 << 10;

fn send_cores(control: &mut File) -> io::Result<()> {
    for entry in std::fs::read_dir(CORES).into_iter().flatten().flatten() {
        let Ok(file) = File::open(entry.path()) else { continue };
        send_core(control, file, &entry.file_name().into_encoded_bytes())?;
        // Those of the next program are its own.
        let _ = std::fs::remove_file(entry.path());
    }
    Ok(())
}

fn send_core(control: &mut File, mut file: File, name: &[u8]) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let core = Core { name: name.to_vec(), piece: buffer[..count].to_vec() };
        control.write_all(&Report::Core(core).frame())?;
    }
}

/// Leaves file systems on disks as they are to be found again.
fn unmount_disks() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for line in mounts.lines().rev().filter(|line| line.starts_with("/dev/")) {
        // One that is in use was synced.
        let _ = line.split(' ').nth(1).map(|place| rustix::mount::unmount(place, rustix::mount::UnmountFlags::empty()));
    }
}

#[cfg(test)]
mod tests;
