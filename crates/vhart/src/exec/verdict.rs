//! What a run came to: the exit status, and a sentence where the status alone would not tell.

use std::time::Duration;

use board::Ending as MachineEnding;
use rustix::process::Signal;
use vcpu::SystemEvent;

use super::kernel_log::KernelLog;
use super::program::{Kind, Refusal};
use super::session::Stage;
use super::status::{BY_SIGNAL, CANNOT_RUN, NOT_FOUND, OOPS, OWN_FAILURE, PANIC, TIME_IS_UP};
use crate::ending::Ending as Wish;
use crate::errors;
use crate::terminal::Quit;
use crate::wire::{Ended, How, NotStarted};

/// A run's result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The exit status.
    pub status: u8,
    /// What there is to say.
    pub why: Option<String>,
    /// The kernel's last lines, where they tell more.
    pub kernel: Vec<String>,
}

/// All that is known when a program has ended, or its machine.
pub struct Known<'a> {
    /// The program's name.
    pub program: &'a str,
    /// How far it came.
    pub stage: &'a Stage,
    /// The first report of a fault in the kernel.
    pub oops: Option<String>,
    /// The time that it was allowed, where that was up.
    pub late: Option<Duration>,
    /// How the machine ended; none where it goes on.
    pub machine: Option<&'a MachineEnding>,
    /// Who ended it, if somebody did.
    pub wish: Option<Wish>,
    /// The time allowed for all.
    pub timeout: Option<Duration>,
    /// What the kernel said.
    pub log: &'a KernelLog,
    /// Why output was lost, where it was.
    pub lost: Option<String>,
}

impl Verdict {
    fn of(status: u8, why: impl Into<String>) -> Verdict {
        Verdict { status, why: Some(why.into()), kernel: Vec::new() }
    }

    /// A program that was not run at all.
    pub fn refused(refusal: Refusal) -> Verdict {
        Verdict::of(refusal.status, refusal.why)
    }

    /// Judges a run.
    pub fn judge(known: &Known<'_>) -> Verdict {
        let verdict = known.machines_end().unwrap_or_else(|| known.programs_end());
        match &known.lost {
            Some(lost) if verdict.status == 0 => Verdict::of(OWN_FAILURE, lost.clone()),
            _ => verdict,
        }
    }

    /// Says on standard error what there is to say.
    pub fn tell(&self) {
        self.tell_kernel();
        self.why.iter().for_each(errors::tell);
    }

    /// Shows there the kernel's last lines, where they tell more.
    pub fn tell_kernel(&self) {
        if !self.kernel.is_empty() {
            let lines: String = self.kernel.iter().map(|line| format!("  {line}\n")).collect();
            errors::say(format_args!("vhart: the kernel's last lines:\n{lines}"));
        }
    }
}

impl<'a> Known<'a> {
    /// Of a program of this name, in a machine that goes on.
    pub fn of(program: &'a str, stage: &'a Stage, log: &'a KernelLog) -> Known<'a> {
        Known { program, stage, oops: None, late: None, machine: None, wish: None, timeout: None, log, lost: None }
    }
}

impl Known<'_> {
    /// What the machine came to, where the program's end does not count, or did not come.
    fn machines_end(&self) -> Option<Verdict> {
        let Known { program, stage, .. } = self;
        let with_log = |verdict: Verdict| Verdict { kernel: self.log.last_lines(), ..verdict };
        if let (Some(panic), Some(_)) = (self.log.panic(), self.machine) {
            return Some(with_log(Verdict::of(PANIC, format!("the kernel panicked while {}: {panic}", self.doing()))));
        }
        if let (Some(oops), Stage::Running | Stage::Ended(_)) = (&self.oops, stage) {
            return Some(with_log(Verdict::of(OOPS, format!("the kernel reported '{oops}'{}", self.after_oops()))));
        }
        if let (Some(late), Stage::Running | Stage::Ended(_)) = (self.late, stage) {
            return Some(self.too_late(late));
        }
        let machine = self.machine?;
        if matches!(stage, Stage::Ended(_) | Stage::NotStarted(_)) {
            return None;
        }
        if let Some(why) = self.log.failure() {
            return Some(with_log(Verdict::of(OWN_FAILURE, format!("{program} was not run: {why}"))));
        }
        let verdict = match (self.wish, machine) {
            (Some(Wish::Quit(Quit::Signal(number))), _) => {
                let number = u8::try_from(number).unwrap_or(0);
                return Some(Verdict::of(
                    BY_SIGNAL.saturating_add(number),
                    format!("{} ended it while {}", signal_name(number), self.doing()),
                ));
            }
            (Some(Wish::Limit), _) | (_, MachineEnding::TimedOut) => {
                let limit = self.timeout.map(|limit| format!(" (--timeout, {limit:?})")).unwrap_or_default();
                Verdict::of(TIME_IS_UP, format!("time is up{limit} while {}", self.doing()))
            }
            (_, MachineEnding::Halted { hart, reason }) => {
                let why = reason.as_deref().unwrap_or("its engine does not say why");
                Verdict::of(OWN_FAILURE, format!("hart {hart} cannot go on: {why}"))
            }
            _ if **stage == Stage::Nonsense => {
                Verdict::of(OWN_FAILURE, "what came over the control port makes no sense; --vmm is of another version?")
            }
            (_, MachineEnding::Event(SystemEvent::Shutdown)) => {
                Verdict::of(PANIC, format!("the machine powered off while {}", self.doing()))
            }
            _ => Verdict::of(PANIC, format!("the machine ended while {}", self.doing())),
        };
        // A program that hangs says more than the kernel's last words.
        Some(if **stage == Stage::Running && verdict.status == TIME_IS_UP { verdict } else { with_log(verdict) })
    }

    /// How the program ended after all.
    fn after_oops(&self) -> String {
        let program = self.program;
        match self.stage {
            Stage::Ended(Ended { how: How::Status(status), .. }) => format!("; {program} ended with status {status}"),
            Stage::Ended(Ended { how: How::Signal(number), .. }) => {
                format!("; {program} was ended by {}", signal_name(*number))
            }
            _ => String::new(),
        }
    }

    /// A program's own time was up.
    fn too_late(&self, limit: Duration) -> Verdict {
        let stuck = match self.stage {
            Stage::Running => "; it could not be ended",
            _ => "",
        };
        Verdict::of(TIME_IS_UP, format!("time is up (--each-timeout, {limit:?}) while {}{stuck}", self.doing()))
    }

    fn doing(&self) -> String {
        match self.stage {
            Stage::Booting | Stage::Nonsense => "it booted".to_owned(),
            Stage::Between => format!("{} was to begin", self.program),
            _ => format!("{} ran", self.program),
        }
    }

    /// What the program came to.
    fn programs_end(&self) -> Verdict {
        match self.stage {
            Stage::Ended(Ended { how: How::Status(status), .. }) => Verdict { status: *status, ..Verdict::default() },
            // Whoever closed the pipe knows.
            Stage::Ended(Ended { how: How::Signal(number), .. }) if i32::from(*number) == Signal::PIPE.as_raw() => {
                Verdict { status: BY_SIGNAL + number, ..Verdict::default() }
            }
            Stage::Ended(Ended { how: How::Signal(number), .. }) => Verdict::of(
                BY_SIGNAL.saturating_add(*number),
                format!("{} was ended by {}", self.program, signal_name(*number)),
            ),
            Stage::NotStarted(why) => not_started(self.program, why),
            Stage::Booting | Stage::Running | Stage::Between | Stage::Nonsense => {
                Verdict::of(PANIC, "the machine ended")
            }
        }
    }
}

/// Why the machine's kernel did not start the program.
fn not_started(program: &str, why: &NotStarted) -> Verdict {
    if why.not_found {
        let hint = if program.contains('/') { "" } else { "; a program from here is written with a slash, as ./NAME" };
        return match why.error {
            ENOENT => Verdict::of(NOT_FOUND, format!("the machine has no {program}{hint}")),
            error => Verdict::of(CANNOT_RUN, format!("{program} cannot be started: {}", system_error(error))),
        };
    }
    let kind = Kind::of(&why.head);
    match why.error {
        EACCES => Verdict::of(CANNOT_RUN, format!("{program} is not executable in the machine: chmod +x makes it so")),
        ENOENT if kind == Kind::Static => {
            Verdict::of(NOT_FOUND, format!("{program} cannot begin: there is no such --workdir in the machine"))
        }
        ENOENT => Verdict::of(NOT_FOUND, format!("{program} {}", kind.fault())),
        ENOEXEC => Verdict::of(CANNOT_RUN, format!("{program} {}", kind.fault())),
        error => Verdict::of(CANNOT_RUN, format!("{program} cannot be started: {}", system_error(error))),
    }
}

/// Linux's numbers, which are the same on every architecture that vhart runs on.
const ENOENT: u32 = 2;
const ENOEXEC: u32 = 8;
const EACCES: u32 = 13;

fn system_error(error: u32) -> String {
    let error = std::io::Error::from_raw_os_error(i32::try_from(error).unwrap_or(0));
    errors::without_number(&error.to_string())
}

/// Signals that end programs.
const SIGNALS: [(Signal, &str); 14] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL"),
    (Signal::TRAP, "SIGTRAP"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::KILL, "SIGKILL"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::TERM, "SIGTERM"),
    (Signal::SYS, "SIGSYS"),
];

/// A signal in words.
fn signal_name(number: u8) -> String {
    let name = SIGNALS.iter().find(|(signal, _)| signal.as_raw() == i32::from(number)).map(|(_, name)| *name);
    name.map_or_else(|| format!("signal {number}"), |name| format!("signal {number} ({name})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(stage: Stage, console: &str, wish: Option<Wish>) -> Verdict {
        let log = KernelLog::default();
        log.hear(console.as_bytes());
        let machine = MachineEnding::Event(SystemEvent::Shutdown);
        Verdict::judge(&Known { wish, machine: Some(&machine), ..known(&stage, &log) })
    }

    /// Of a machine that goes on.
    fn known<'a>(stage: &'a Stage, log: &'a KernelLog) -> Known<'a> {
        Known { oops: log.oops(), timeout: Some(Duration::from_secs(5)), ..Known::of("./a", stage, log) }
    }

    fn ended(how: How) -> Stage {
        Stage::Ended(Ended { how, written: [0, 0] })
    }

    #[test]
    fn a_programs_status_is_its_own() {
        assert_eq!(
            judge(ended(How::Status(7)), "Linux version 6\n", None),
            Verdict { status: 7, ..Verdict::default() }
        );
        let killed = judge(ended(How::Signal(9)), "", None);
        assert_eq!((killed.status, killed.why.as_deref()), (137, Some("./a was ended by signal 9 (SIGKILL)")));
    }

    #[test]
    fn panic_oops_time_and_power_off_are_told_apart() {
        let panic = "[    1.0] Kernel panic - not syncing: sysrq triggered crash\n";
        let oops = "[    1.0] Oops [#1]\n";
        assert_eq!(judge(Stage::Running, panic, None).status, PANIC);
        let oopsed = judge(ended(How::Status(0)), oops, None);
        assert_eq!(
            (oopsed.status, oopsed.why.as_deref()),
            (OOPS, Some("the kernel reported 'Oops [#1]'; ./a ended with status 0"))
        );
        let late = judge(Stage::Running, "", Some(Wish::Limit));
        assert_eq!((late.status, late.why.as_deref()), (TIME_IS_UP, Some("time is up (--timeout, 5s) while ./a ran")));
        assert_eq!(judge(Stage::Running, "", None).status, PANIC);
        assert_eq!(judge(Stage::Booting, "", Some(Wish::Quit(Quit::Signal(2)))).status, 130);
        assert_eq!(judge(Stage::Booting, "vhart failed: no KVM\n", None).status, OWN_FAILURE);
    }

    #[test]
    fn a_programs_own_time_is_told_from_the_runs() {
        let (log, late) = (KernelLog::default(), Some(Duration::from_secs(3)));
        let end = |stage| Verdict::judge(&Known { late, ..known(&stage, &log) });
        let (ended, stuck) = (end(ended(How::Signal(15))), end(Stage::Running));
        assert_eq!((ended.status, stuck.status), (TIME_IS_UP, TIME_IS_UP));
        assert_eq!(ended.why.as_deref(), Some("time is up (--each-timeout, 3s) while ./a ran"));
        assert!(stuck.why.unwrap().ends_with("it could not be ended"));
    }

    #[test]
    fn what_did_not_start_says_why() {
        let tell = |error, not_found, head: &[u8]| {
            let verdict = judge(Stage::NotStarted(NotStarted { error, not_found, head: head.to_vec() }), "", None);
            (verdict.status, verdict.why.unwrap())
        };
        assert_eq!(tell(ENOENT, true, b""), (127, "the machine has no ./a".to_owned()));
        let (status, why) = tell(ENOEXEC, false, b"hello");
        assert!(status == 126 && why.contains("no program"), "{why}");
        let (status, why) = tell(ENOENT, false, b"#!/bin/bash\n");
        assert!(status == 127 && why.contains("interpreter"), "{why}");
        assert_eq!(tell(EACCES, false, b"").0, 126);
    }
}
