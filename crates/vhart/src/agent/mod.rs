//! What runs in the machine of `vhart exec`: starts the program, carries its input and output, and
//! tells how it ended.

mod pump;
mod start;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, waitpid};

use crate::wire::{Core, Ended, How, Order, Output, PORTS, Report, Task};
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
    let powers_off = serve(Ends::open()?).context("the agent cannot go on")?;
    if powers_off {
        return Ok(ExitCode::SUCCESS);
    }
    // Whoever has heard of the end ends the machine.
    loop {
        std::thread::park();
    }
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

/// Serves one program from its start to its end. Answers whether the machine is to power off then.
fn serve(ends: Ends) -> io::Result<bool> {
    let Ends { input, outputs: [out, err], mut control } = ends;
    let Order::Run(task) = first_order(&mut control)? else { return Err(crate::wire::nonsense()) };
    // Before the program can do anything: it may end the machine in its first instant.
    let report = || drop(control.write_all(&Report::Started.frame()));
    let mut child = match start::start(&task, report) {
        Ok(child) => child,
        Err(why) => {
            control.write_all(&Report::NotStarted(why).frame())?;
            return Ok(task.powers_off);
        }
    };
    let drains = [
        Drain::begin(child.stdout.take().map(Into::into), out)?,
        Drain::begin(child.stderr.take().map(Into::into), err)?,
    ];
    let fed = Input::begin(child.stdin.take(), input);
    let obey = Obey { child: child.id(), input: fed, drains: [drains[0].unwanted(), drains[1].unwanted()] };
    let orders = control.try_clone()?;
    std::thread::spawn(move || obey.all(orders));
    let how = end_of(&child)?;
    let [out, err] = drains.map(Drain::finish);
    if task.tells_cores {
        send_cores(&mut control)?;
    }
    rustix::fs::sync();
    unmount_disks();
    control.write_all(&Report::Ended(Ended { how, written: [out, err] }).frame())?;
    Ok(task.powers_off)
}

/// The first order; a port that nobody has connected yet has an end at once.
fn first_order(control: &mut File) -> io::Result<Order> {
    struct Patient<'a>(&'a mut File);
    impl io::Read for Patient<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            pump::read_on(self.0, buffer)
        }
    }
    Order::read(&mut Patient(control))
}

/// Who carries out orders while the program runs.
struct Obey {
    child: u32,
    input: Arc<Input>,
    drains: [pump::Unwanted; 2],
}

impl Obey {
    fn all(self, mut control: File) {
        while let Ok(order) = first_order(&mut control) {
            match order {
                Order::Run(Task { .. }) => {}
                Order::InputEnds(total) => self.input.ends_at(total),
                Order::Signal(number) => self.signal(number),
                Order::Unwanted(Output::Out) => self.drains[0].tell(),
                Order::Unwanted(Output::Err) => self.drains[1].tell(),
            }
        }
    }

    /// To the program and what it has started, as a terminal does.
    fn signal(&self, number: i32) {
        let pid = i32::try_from(self.child).ok().and_then(Pid::from_raw);
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
        let Ok(mut file) = File::open(entry.path()) else { continue };
        let (name, mut buffer) = (entry.file_name().into_encoded_bytes(), vec![0; PIECE]);
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            let core = Core { name: name.clone(), piece: buffer[..count].to_vec() };
            control.write_all(&Report::Core(core).frame())?;
        }
    }
    Ok(())
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
