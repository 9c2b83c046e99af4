//! The machine that runs the program, from power on to the program's end.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Result;
use board::Machine;
use images::Mode;

use super::commands::Command;
use super::conductor::Interrupts;
use super::conversation::Conversation;
use super::end::End;
use super::heard::Heard;
use super::kernel_log::WriteMode;
use super::options::{HOME, Level, Options, Rootfs};
use super::program::Program;
use super::record::Record;
use super::verdict::{Known, Verdict};
use crate::cli::{Disk, Net, RunOptions};
use crate::debugger::Port;
use crate::ending::Stopper;
use crate::linux::Bars;
use crate::linux::images::{self as software, Images, Own};
use crate::onlookers::Onlookers;
use crate::wire::Task;
use crate::{engine, run};

/// How long output that has left the machine may take to be written, where it ended before its program did.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the machines of a run boot, and who ends them.
pub struct Machines<'a> {
    options: &'a Options,
    images: Images,
    /// The Debian's, where there is to be one.
    disk: Option<Disk>,
    stopper: &'a Stopper,
    interrupts: Interrupts,
    /// There was a machine before.
    again: OnceCell<()>,
}

impl<'a> Machines<'a> {
    /// Has the images made.
    ///
    /// # Errors
    /// They cannot be had.
    pub fn prepare(options: &'a Options, stopper: &'a Stopper) -> Result<Machines<'a>> {
        let rootfs = match options.rootfs {
            Rootfs::Busybox => images::Rootfs::Busybox,
            Rootfs::Debian => images::Rootfs::Debian,
        };
        let own = Own { shares: !options.shares.is_empty(), rootfs, ..Own::default() };
        let images = Images::of(&options.software, Mode::Interactive, own, &Bars::new())?;
        let disk = match options.rootfs {
            Rootfs::Busybox => None,
            Rootfs::Debian => Some(software::debian_disk(&options.software, &options.machine, &images, &Bars::new())?),
        };
        Ok(Machines { options, images, disk, stopper, interrupts: Interrupts::default(), again: OnceCell::new() })
    }

    /// Boots a machine and runs one command in it.
    ///
    /// # Errors
    /// The machine cannot be made.
    pub fn run_one(&self, command: &Command, program: Program, port: Port) -> Result<(Verdict, Heard)> {
        let tasks = vec![task(self.options, command, program)];
        let end = self.run(Conversation::open(self.options, tasks, None)?, port)?;
        let verdict = Verdict::judge(&Known {
            oops: end.heard.log.oops(),
            machine: Some(&end.ending),
            wish: self.stopper.ending(),
            timeout: self.options.machine.timeout,
            lost: end.lost,
            ..Known::of(&command.name(), &end.stage, &end.heard.log)
        });
        end.debugger.end(verdict.status);
        Ok((verdict, end.heard))
    }

    /// Boots a machine and runs one command after the other in it, as far as they come. What becomes of them is
    /// `record`'s.
    ///
    /// # Errors
    /// The machine cannot be made.
    pub fn run_several(&self, commands: Vec<(Command, Program)>, record: &Record, port: Port) -> Result<End> {
        let task = |(command, program)| task(self.options, &command, program);
        let tasks = commands.into_iter().map(task).collect();
        self.run(Conversation::open(self.options, tasks, Some(record))?, port)
    }

    fn run(&self, conversation: Conversation, port: Port) -> Result<End> {
        let Machines { options, images, disk, stopper, interrupts, again } = self;
        let log = conversation.heard.log.clone();
        let mode = if again.set(()).is_ok() { WriteMode::Truncate } else { WriteMode::Append };
        let onlookers = Onlookers::wanted(&options.machine, None)?;
        let console = onlookers.listen(log.console(options.dmesg.as_deref(), mode)?);
        let Conversation { plug, conductor, session, heard, lost } = conversation;
        let config = run::config_with(&run_options(options, images, disk.clone()), console, vec![plug])?;
        let mut machine = Machine::new(onlookers.join(config), &mut *engine::of(&options.machine))?;
        stopper.stops(machine.stopper());
        onlookers.watchers.meet(&machine);
        interrupts.are_for(&conductor, &session, stopper)?;
        let outlets = conductor.outlets.clone();
        let conducting = conductor.begin(machine.stopper())?;
        let debugger = port.lead_to(&machine, &onlookers.watchers)?;
        let ended = |_: &_| outlets.iter().for_each(|outlet| outlet.finish(PATIENCE));
        let ending = onlookers.run(&mut machine, stopper, ended)?;
        // With it whoever tells of stages goes.
        drop(machine);
        let stuck = conducting.finish();
        let lost = lost.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(End { ending, stage: session.stage(), heard, lost, stuck, debugger })
    }
}

/// What the agent is to run.
fn task(options: &Options, command: &Command, program: Program) -> Task {
    let variable = |name: &str, value: &OsStr| [name.as_bytes(), b"=", value.as_bytes()].concat();
    let mut environment = vec![
        variable("PATH", OsStr::new("/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin")),
        variable("HOME", OsStr::new(HOME)),
    ];
    // A run that is the same again is the same in another terminal.
    let term = std::env::var_os("TERM").filter(|_| options.machine.deterministic.is_none());
    environment.extend(term.map(|term| variable("TERM", &term)));
    environment.extend(options.variables.iter().map(|variable| variable.clone().into_vec()));
    let mut words: Vec<_> = command.0.iter().map(|word| word.clone().into_vec()).collect();
    if let (Program::Ours(_), Some(name)) = (&program, &options.argv0) {
        words[0] = name.clone().into_vec();
    }
    Task {
        words,
        environment,
        directory: options.directory().into_vec(),
        program: match program {
            Program::Machines => None,
            Program::Ours(content) => Some(content),
        },
        powers_off: options.machine.deterministic.is_some(),
        tells_cores: options.keep.is_some(),
    }
}

/// What `vhart run` would have to be told.
fn run_options(options: &Options, images: &Images, disk: Option<Disk>) -> RunOptions {
    let mut run = images.machine(&options.machine);
    // Behind the user's, which keep their names.
    run.disks = options.disks.iter().cloned().chain(disk).collect();
    run.shares = options.shares.clone();
    run.net = options.net.clone();
    run.forwards = options.forwards.clone();
    run.append.get_or_insert_default().push_str(&words(options));
    run
}

/// What the agent that starts programs finds on the kernel's command line.
fn words(options: &Options) -> String {
    let level = match options.level {
        Level::Host => "here",
        Level::Guest => "guest",
    };
    let mut words = format!(" rdinit=/etc/vhart/exec.sh vhart.exec={level}");
    if matches!(options.net, Some(Net::User(_))) || !options.forwards.is_empty() {
        words.push_str(" vhart.net");
    }
    if options.keep.is_some() {
        words.push_str(" vhart.cores");
    }
    words
}
