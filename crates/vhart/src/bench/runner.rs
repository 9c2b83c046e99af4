//! One run of one place: a process, what it prints, and what its machine counted.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::CommandFactory as _;
use images::work::Kernel;
use images::work::said::{Lines, MOST_TEXT, plain};
use serde_json::Value;

use super::board::{self, At};
use super::heard::{Heard, absent};
use super::model::{Outcome, Run, Settings};
use super::options::Place;
use super::peers::Peers;
use super::progress::Meter;
use crate::cli::Cli;

/// How often a wish to end is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long a machine may take that has been told to end.
const GRACE: Duration = Duration::from_secs(20);
/// How much of standard error says why, in letters and lines.
const LAST_WORDS: usize = MOST_TEXT;
const LAST_LINES: usize = 20;
/// Lines of a process that may wait to be looked at.
const LINES: usize = 256;

/// Options that mean the Linux of `vhart exec`, which is not what other subcommands boot.
const OF_LINUX: [&str; 5] = ["kernel", "initrd", "append", "disk", "net"];

/// What runs workloads.
pub struct Runner {
    /// This program.
    pub program: PathBuf,
    /// The riscv64 program.
    pub workloads: PathBuf,
    /// What is to be run.
    pub settings: Settings,
    /// More options of `vhart exec`.
    pub options: Vec<OsString>,
    /// What the riscv64 program is told, but for the workloads.
    pub orders: Vec<String>,
    /// The guest has small pages alone.
    pub small_pages: bool,
    /// The disk that workloads may write to.
    pub disk: Option<PathBuf>,
    /// Whether machines have a network card.
    pub network: bool,
    /// How long a run may take.
    pub timeout: Duration,
    /// Other emulators.
    pub peers: Option<Peers>,
    /// Where the programs are that are kernels, by their names, and machines write what they count.
    pub files: PathBuf,
    /// Where the board is.
    pub at: Option<At>,
    /// Whether the user wants an end.
    pub ended: Arc<AtomicBool>,
}

impl Runner {
    /// Runs all workloads in a place.
    pub fn run(&self, place: Place, round: u32, meter: &mut Meter) -> Run {
        let start = Instant::now();
        meter.begin_run(place, round);
        let programs = self.settings.programs();
        let (mut outcomes, mut failed) = match place {
            Place::Bare => (absent(&programs, "it has no Linux"), None),
            _ => self.part(self.command(place), place, &programs, meter),
        };
        for kernel in Kernel::ALL {
            let wanted = self.settings.of_kernel(kernel);
            let (of_kernel, why) = match self.kernel_command(place, kernel) {
                Some(_) if self.settings.counts => (absent(&wanted, "it is measured in time alone"), None),
                Some(command) => self.part(Ok(command), place, &wanted, meter),
                None => (absent(&wanted, "no other kernel can be put there"), None),
            };
            outcomes.extend(of_kernel);
            failed = failed.or(why);
        }
        if self.settings.counts {
            // what is not the same each time
            outcomes.iter_mut().for_each(|outcome| outcome.processor = None);
        }
        let place = place.name().to_owned();
        Run { place, round, seconds: start.elapsed().as_secs_f64(), failed, outcomes }
    }

    /// Runs one process, whose work these are. Answers what came of it, and why it did not come to its end.
    fn part(
        &self,
        command: Result<Command>,
        place: Place,
        wanted: &[String],
        meter: &mut Meter,
    ) -> (Vec<Outcome>, Option<String>) {
        if wanted.is_empty() {
            return (Vec::new(), None);
        }
        let mut heard = Heard::of(wanted);
        let failed = self.forget().and(command);
        let failed = failed.and_then(|command| self.attempt(command, place, &mut heard, meter));
        let failed = failed.err().map(|why| format!("{why:#}"));
        (heard.outcomes(failed.as_deref(), &self.counted()), failed)
    }

    /// Where machines write what they count.
    fn statistics(&self) -> PathBuf {
        self.files.join("statistics")
    }

    /// Nothing is counted so far.
    fn forget(&self) -> Result<()> {
        std::fs::write(self.statistics(), b"").context("no room for files")
    }

    /// What the machine has counted, which it writes in the end.
    fn counted(&self) -> Value {
        let text = std::fs::read_to_string(self.statistics()).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn attempt(&self, mut command: Command, place: Place, heard: &mut Heard<'_>, meter: &mut Meter) -> Result<()> {
        let peer = self.peers.as_ref().and_then(|peers| peers.kind(place));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start another vhart")?;
        heard.watched = peer.map(|kind| (kind, child.id()));
        let lines = lines(child.stdout.take().context("no standard output")?);
        let errors = lines_of_errors(&mut child)?;
        let in_time = self.listen(&lines, heard, meter);
        if !in_time {
            // It may have ended in this moment.
            let _ = child.kill();
        }
        if heard.over {
            // Spike does not end where its machine is off.
            let _ = child.kill();
        }
        let status = child.wait().context("cannot wait for another vhart")?;
        let said = errors.join().unwrap_or_default();
        anyhow::ensure!(in_time, "took longer than --timeout: {}", last_words(&heard.rest));
        // a workload that fails its check says so itself
        let may_be_1 = heard.outcomes.iter().any(|outcome| outcome.failed.is_some());
        let well = status.success() || heard.over || may_be_1 && status.code() == Some(1);
        anyhow::ensure!(well, "ended with {status}: {}", last_words(&said));
        let all = heard.kernel_is_done || heard.outcomes.len() >= heard.wanted.len();
        anyhow::ensure!(all, "ended before all workloads had run: {}", last_words(&heard.rest));
        Ok(())
    }

    /// What runs them there.
    fn command(&self, place: Place) -> Result<Command> {
        if let (Place::Board, Some(at)) = (place, &self.at) {
            return board::command(at, &self.program, &self.workloads, &self.of_board());
        }
        let mut command = match &self.peers {
            Some(peers) if place == Place::Hypervisor => {
                self.hypervisor("vhart.exec=bench loglevel=1", peers.initrd(), None)
            }
            Some(peers) if peers.kind(place).is_some() => peers.command(place).context("there is no such emulator")?,
            _ => self.own(place),
        };
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// What runs the program that is a kernel there, where there is a place for it.
    fn kernel_command(&self, place: Place, kernel: Kernel) -> Option<Command> {
        let file = self.files.join(kernel.name());
        let mut command = match place {
            Place::Bare | Place::Host => self.machine_with(&file, kernel),
            Place::Guest => {
                let (host, initrd, append) = self.peers.as_ref()?.host_of_kernel(kernel);
                let mut command = self.machine_with(host, kernel);
                command.arg("--initrd").arg(initrd).args(["--append", append]);
                command.args((!self.has_option("--memory")).then_some("--memory=1G"));
                command
            }
            Place::Hypervisor => {
                let mut command = self.hypervisor("", &file, Some(kernel));
                command.arg("--guest-kernel").arg(&file);
                command
            }
            _ => self.peers.as_ref()?.kernel_command(place, kernel, &file)?,
        };
        command.stdin(Stdio::null());
        Some(command)
    }

    fn has_option(&self, name: &str) -> bool {
        let is_it = |text: &str| text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
        self.options.iter().any(|option| option.to_str().is_some_and(is_it))
    }

    /// The machine for work of that kernel, which boots this file.
    fn machine_with(&self, file: &Path, kernel: Kernel) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["run", "--no-reboot", "--kernel"]).arg(file).args(of_kernel(kernel).iter().flatten());
        let options = self.options_for("run", Some(kernel));
        command.arg("--timeout").arg(format!("{}s", self.timeout.as_secs())).args(options);
        command
    }

    /// The user's options, which are of `vhart exec`, as far as another subcommand has them, too.
    fn options_for(&self, subcommand: &str, kernel: Option<Kernel>) -> Vec<&OsString> {
        let set = |long: &str| {
            let words = kernel.into_iter().flat_map(of_kernel).flatten();
            words.filter_map(|word| word.strip_prefix("--")).any(|word| word == long)
                || long == "aia-guests" && kernel == Some(Kernel::Interrupts)
        };
        let cli = Cli::command();
        let known = |long: &str| {
            let of = cli.find_subcommand(subcommand);
            let mut names =
                of.into_iter().flat_map(|of| of.get_arguments()).filter_map(|of| of.get_long_and_visible_aliases());
            names.any(|names| names.contains(&long))
        };
        let mut kept = true;
        let mut keep = |option: &&OsString| {
            let text = option.to_str().unwrap_or_default();
            // what begins without dashes is the value of what stood before; short options are all of the machine's
            if let Some(name) = text.strip_prefix("--") {
                let long = name.split('=').next().unwrap_or_default();
                kept = known(long) && !OF_LINUX.contains(&long) && !set(long);
            } else if text.starts_with('-') {
                kept = true;
            }
            kept
        };
        self.options.iter().filter(|option| keep(option)).collect()
    }

    /// What runs programs of Linux's in places that vhart has.
    fn own(&self, place: Place) -> Command {
        let mut command = Command::new(&self.program);
        let part = self.settings.part.to_string();
        match place {
            Place::Native => {
                command.arg("workload").args(["--part", &part, "--before", "workload"]);
                command.args(self.disk.iter().flat_map(|disk| [OsStr::new("--disk"), disk.as_os_str()]));
            }
            _ => {
                command.arg("exec").arg(self.stat()).args(["--level", place.name()]);
                self.machine(&mut command, "--disk", "--net");
                command.args(&self.options);
                command.arg("--").arg(&self.workloads).args(&self.orders);
                command.args((self.small_pages && place == Place::Guest).then_some("--small-pages"));
            }
        };
        command.args(self.settings.programs());
        command
    }

    /// What all machines of vhart's have in common; options name a disk and a network card there.
    fn machine(&self, command: &mut Command, disk: &str, net: &str) {
        command.arg("--timeout").arg(format!("{}s", self.timeout.as_secs()));
        command.args(self.settings.counts.then_some("--deterministic"));
        if let Some(file) = &self.disk {
            command.arg(disk).arg(disk_value(file));
        }
        if self.network && !self.has_option("--net") {
            command.args([net, "user"]);
        }
    }

    /// Has a machine write what it counts. It prints what guests print, which is nothing to go by.
    fn stat(&self) -> OsString {
        let mut word = OsString::from("--stat=");
        word.push(self.statistics());
        word
    }

    /// What the program is told on a board, whose disks and serial ports are somebody's.
    fn of_board(&self) -> Vec<String> {
        let part = ["--part".to_owned(), self.settings.part.to_string()];
        part.into_iter().chain(self.settings.programs()).collect()
    }

    /// A guest of vhart's hypervisor on one hart, whose init runs the work; or on what a kernel needs.
    fn hypervisor(&self, append: &str, initrd: &Path, kernel: Option<Kernel>) -> Command {
        let mut command = Command::new(&self.program);
        // kernel messages would break lines in two
        command.arg("hypervisor").args(["--guests", "1", "--append", append]);
        // a kernel makes no marks to count between, and counting takes a part of what its operations take
        command.args(kernel.is_none().then(|| self.stat()));
        command.arg("--guest-initrd").arg(initrd);
        match kernel.and_then(of_kernel) {
            Some(words) => command.args(words).arg("--vcpus=2"),
            None => command.args((!self.has_option("--harts")).then_some("--harts=1")),
        };
        self.machine(&mut command, "--guest-disk", "--guest-net");
        command.args(self.options_for("hypervisor", kernel));
        command
    }

    /// Takes what is printed until its end. Answers false where it has to be ended.
    fn listen(&self, lines: &Receiver<String>, heard: &mut Heard<'_>, meter: &mut Meter) -> bool {
        let start = Instant::now();
        let mut told = None;
        loop {
            match lines.recv_timeout(LOOK) {
                Ok(line) => heard.take(&line, meter),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if heard.over {
                return true;
            }
            meter.tick();
            if self.ended.load(Ordering::Relaxed) {
                // the terminal's signal went to the machine as well, which ends by itself
                told.get_or_insert_with(Instant::now);
            }
            if told.is_some_and(|told: Instant| told.elapsed() > GRACE / 10) || start.elapsed() > self.timeout + GRACE {
                return false;
            }
        }
    }
}

/// What a machine must have for work of this kernel, whatever it has otherwise.
fn of_kernel(kernel: Kernel) -> Option<[&'static str; 4]> {
    (kernel == Kernel::Interrupts).then_some(["--aia", "aplic-imsic", "--harts", "2"])
}

/// A disk's file, for an option of vhart's.
fn disk_value(file: &Path) -> OsString {
    let mut value = OsString::from("file=");
    // a comma would begin the next property
    value.push(file.to_string_lossy().replace(',', ",,"));
    value
}

/// Reads lines on a thread of its own.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    // whoever prints faster than is listened waits
    let (to, lines) = sync_channel(LINES);
    std::thread::spawn(move || {
        for line in Lines(BufReader::new(from)) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The last of standard error.
fn lines_of_errors(child: &mut Child) -> Result<std::thread::JoinHandle<String>> {
    let from = child.stderr.take().context("no standard error")?;
    let read = move || {
        let mut last = VecDeque::new();
        for line in Lines(BufReader::new(from)) {
            last.push_back(line);
            last.drain(..last.len().saturating_sub(LAST_LINES));
        }
        last.make_contiguous().join("\n")
    };
    std::thread::Builder::new().name("errors".into()).spawn(read).context("no thread")
}

/// The end of what a process said, in a line.
fn last_words(said: &str) -> String {
    let words = said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("; ");
    let start = words.char_indices().rev().nth(LAST_WORDS - 1).map_or(0, |(at, _)| at);
    plain(&words[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_a_line() {
        assert_eq!(last_words("one\n\n\x1b[2Jtwo\n"), "one;  [2Jtwo");
        let end = last_words(&("é".repeat(1000) + "end"));
        assert!(end.ends_with("éend") && end.chars().count() == LAST_WORDS, "{end}");
    }
}
