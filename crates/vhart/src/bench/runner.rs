//! One run of one place: a process, what it prints, and what its machine counted.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use images::work::Kernel;
use images::work::said::{Lines, MOST_TEXT, plain};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use super::board::{self, At};
use super::heard::{Heard, absent};
use super::model::{Invocation, Outcome, Settings};
use super::options::Place;
use super::peers::{Kind, Peers};
use super::progress::Meter;
use super::testbed::{self, Testbed};

/// How often a wish to end is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long a machine may take that has been told to end.
const GRACE: Duration = Duration::from_secs(20);
/// How much of standard error says why, in letters and lines.
const LAST_WORDS: usize = MOST_TEXT;
const LAST_LINES: usize = 20;
/// Lines of a process that may wait to be looked at.
const LINES: usize = 256;

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
    /// The signal by which the user wants an end; 0 so far.
    pub ended: Arc<AtomicU8>,
}

impl Runner {
    /// Whether the user wants an end.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed) != 0
    }

    /// Runs all workloads in a place.
    pub fn run(&self, place: Place, round: u32, meter: &mut Meter) -> Invocation {
        let start = Instant::now();
        meter.begin_run(place, round);
        let (mut outcomes, mut failed) = (Vec::new(), None);
        for testbed in Testbed::ALL {
            let wanted = self.settings.on(testbed);
            let (of_testbed, why) = match self.lacks(place, testbed) {
                Some(what) => (absent(&wanted, what), None),
                None => self.part(place, testbed, &wanted, meter),
            };
            outcomes.extend(of_testbed);
            failed = failed.or(why);
        }
        if self.settings.counts {
            // what is not the same each time
            outcomes.iter_mut().for_each(|outcome| outcome.processor = None);
        }
        let place = place.name().to_owned();
        Invocation { place, round, seconds: start.elapsed().as_secs_f64(), failed, outcomes }
    }

    /// Why there is no such testbed in a place.
    fn lacks(&self, place: Place, testbed: Testbed) -> Option<&'static str> {
        let is_spike = matches!(place, Place::SpikeHost | Place::SpikeGuest);
        match testbed {
            Testbed::Asked | Testbed::TwoHarts if place == Place::Bare => Some("it has no Linux"),
            Testbed::TwoHarts if is_spike => Some("its clock goes by instructions"),
            Testbed::Kernel(_) if is_spike || matches!(place, Place::Native | Place::Board) => {
                Some("no other kernel can be put there")
            }
            Testbed::Kernel(_) if self.settings.counts => Some("it is measured in time alone"),
            _ => None,
        }
    }

    /// Runs one process, whose work these are. Answers what came of it, and why it did not come to its end.
    fn part(
        &self,
        place: Place,
        testbed: Testbed,
        wanted: &[String],
        meter: &mut Meter,
    ) -> (Vec<Outcome>, Option<String>) {
        if wanted.is_empty() {
            return (Vec::new(), None);
        }
        let mut heard = Heard::of(wanted);
        let command = self.forget().and_then(|()| self.command(place, testbed));
        let failed = command.and_then(|command| self.attempt(command, place, &mut heard, meter));
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
        // whatever it starts has its end with it
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().context("cannot start another vhart")?;
        heard.watched = Kind::of(place).map(|kind| (kind, child.id()));
        let lines = lines(child.stdout.take().context("no standard output")?);
        let errors = lines_of_errors(&mut child)?;
        let in_time = self.listen(&child, &lines, heard, meter);
        // Spike does not end where its machine is off
        if !in_time || heard.over {
            tell(&child, Signal::KILL);
        }
        let status = child.wait().context("cannot wait for another vhart")?;
        let said = errors.recv_timeout(GRACE).unwrap_or_default();
        anyhow::ensure!(in_time, behind("took longer than --timeout", &heard.rest));
        // a workload that fails its check says so itself
        let may_be_1 = heard.outcomes.iter().any(|outcome| outcome.failed.is_some());
        let well = status.success() || heard.over || may_be_1 && status.code() == Some(1);
        anyhow::ensure!(well, behind(&format!("ended with {status}"), &said));
        let all = heard.kernel_is_done || heard.outcomes.len() >= heard.wanted.len();
        anyhow::ensure!(all, behind("ended before all workloads had run", &heard.rest));
        Ok(())
    }

    /// What does a testbed's work there.
    fn command(&self, place: Place, testbed: Testbed) -> Result<Command> {
        let mut command = match (place, testbed.kernel()) {
            (Place::Native, _) => self.native(testbed),
            (Place::Board, _) => {
                let at = self.at.as_ref().context("there is no board")?;
                // its standard input is how the program comes there
                return board::command(at, &self.program, &self.workloads, &self.of_board(testbed));
            }
            (Place::Host | Place::Bare, Some(kernel)) => self.kernel(testbed, &self.image(kernel)),
            (Place::Guest, Some(_)) => self.kernel_of_guest(testbed)?,
            (Place::Host | Place::Guest | Place::Bare, None) => self.exec(place, testbed),
            (Place::Hypervisor, _) => self.hypervisor(testbed)?,
            (Place::QemuHost | Place::QemuGuest | Place::SpikeHost | Place::SpikeGuest, _) => {
                self.peers()?.command(place, testbed).context("there is no such emulator")?
            }
        };
        command.stdin(Stdio::null());
        Ok(command)
    }

    fn peers(&self) -> Result<&Peers> {
        self.peers.as_ref().context("there is nothing to boot")
    }

    /// Where a kernel lies that does the work.
    fn image(&self, kernel: Kernel) -> PathBuf {
        self.files.join(kernel.name())
    }

    /// The program, on this computer itself.
    fn native(&self, testbed: Testbed) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("workload").args(["--part", &self.settings.part.to_string(), "--before", "workload"]);
        command.args(self.disk.iter().flat_map(|disk| [OsStr::new("--disk"), disk.as_os_str()]));
        command.args(self.settings.on(testbed));
        command
    }

    /// The program, in vhart's Linux. It does not hear where this computer's cache is: counts would vary with that.
    fn exec(&self, place: Place, testbed: Testbed) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("exec").arg(self.stat()).args(["--level", place.name(), "--argv0", "workloads"]);
        self.limits(&mut command, "--disk", "--net");
        command.args(testbed.options("exec", &self.options));
        command.arg("--").arg(&self.workloads).args(&self.orders);
        command.args((self.small_pages && place == Place::Guest).then_some("--small-pages"));
        command.args(self.settings.on(testbed));
        command
    }

    /// A machine that boots this kernel.
    fn kernel(&self, testbed: Testbed, file: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["run", "--no-reboot", "--kernel"]).arg(file);
        command.arg("--timeout").arg(format!("{}s", self.timeout.as_secs()));
        command.args(testbed.options("run", &self.options));
        command
    }

    /// A host whose guest is the machine's kernel.
    fn kernel_of_guest(&self, testbed: Testbed) -> Result<Command> {
        let host = self.peers()?.host(testbed)?;
        let mut command = self.kernel(testbed, &host.kernel);
        command.arg("--initrd").arg(&host.of_guest).args(["--append", &host.append]);
        command.args((!testbed::is_given("memory", "run", &self.options)).then_some("--memory=1G"));
        Ok(command)
    }

    /// What all machines of vhart's that boot a Linux have in common; options name a disk and a network card there.
    fn limits(&self, command: &mut Command, disk: &str, net: &str) {
        command.arg("--timeout").arg(format!("{}s", self.timeout.as_secs()));
        command.args(self.settings.counts.then_some("--deterministic"));
        if let Some(file) = &self.disk {
            command.arg(disk).arg(disk_value(file));
        }
        if self.network && !testbed::is_given("net", "exec", &self.options) {
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
    fn of_board(&self, testbed: Testbed) -> Vec<String> {
        let part = ["--part".to_owned(), self.settings.part.to_string()];
        part.into_iter().chain(self.settings.on(testbed)).collect()
    }

    /// A guest of vhart's hypervisor on one hart, whose init or whose kernel does the work; or on what the testbed has.
    fn hypervisor(&self, testbed: Testbed) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(["hypervisor", "--guests", "1"]);
        match testbed.kernel().map(|kernel| self.image(kernel)) {
            // it makes no marks to count between, and counting takes a part of what its operations take
            Some(file) => command.args(["--append", "", "--guest-initrd"]).arg(&file).arg("--guest-kernel").arg(&file),
            // kernel messages would break lines in two
            None => {
                command.args(["--append", "vhart.exec=bench loglevel=1"]).arg(self.stat());
                command.arg("--guest-initrd").arg(&self.peers()?.host(testbed)?.of_host)
            }
        };
        self.limits(&mut command, "--guest-disk", "--guest-net");
        let options = testbed.options("hypervisor", &self.options);
        command.args((!testbed::is_given("harts", "hypervisor", &options)).then_some("--harts=1")).args(options);
        Ok(command)
    }

    /// Takes what is printed until its end. Answers false where it has to be ended.
    fn listen(&self, child: &Child, lines: &Receiver<String>, heard: &mut Heard<'_>, meter: &mut Meter) -> bool {
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
            if self.is_ended() {
                // it ends by itself
                told.get_or_insert_with(|| {
                    tell(child, Signal::INT);
                    Instant::now()
                });
            }
            if told.is_some_and(|told: Instant| told.elapsed() > GRACE / 10) || start.elapsed() > self.timeout + GRACE {
                return false;
            }
        }
    }
}

/// Sends a signal to a process and to all that it has started, which may have ended in this moment.
fn tell(child: &Child, signal: Signal) {
    let _ = kill_process_group(Pid::from_child(child), signal);
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
fn lines_of_errors(child: &mut Child) -> Result<Receiver<String>> {
    let from = child.stderr.take().context("no standard error")?;
    let (to, said) = sync_channel(1);
    let read = move || {
        let mut last = VecDeque::new();
        for line in Lines(BufReader::new(from)) {
            last.push_back(line);
            last.drain(..last.len().saturating_sub(LAST_LINES));
        }
        // nobody waits for it where the process was not in time
        let _ = to.send(last.make_contiguous().join("\n"));
    };
    std::thread::Builder::new().name("errors".into()).spawn(read).context("no thread")?;
    Ok(said)
}

/// What became of a process, with the last that it said.
fn behind(fate: &str, said: &str) -> String {
    match last_words(said).trim() {
        "" => fate.to_owned(),
        words => format!("{fate}: {words}"),
    }
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
    fn who_said_nothing_has_no_last_words() {
        assert_eq!(behind("ended", " \n"), "ended");
        assert_eq!(behind("ended", "why\n"), "ended: why");
    }

    #[test]
    fn last_words_are_a_line() {
        assert_eq!(last_words("one\n\n\x1b[2Jtwo\n"), "one;  [2Jtwo");
        let end = last_words(&("é".repeat(1000) + "end"));
        assert!(end.ends_with("éend") && end.chars().count() == LAST_WORDS, "{end}");
    }
}
