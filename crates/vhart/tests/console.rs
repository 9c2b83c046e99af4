//! The user's terminal: nothing typed is lost, and every end ends, whoever reads.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use common::{Programs, vhart};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// How long an end may take, with what a loaded computer needs besides.
const SOON: Duration = Duration::from_secs(5);

/// A terminal with somebody, or nobody, in front of it.
struct Terminal {
    user: File,
    program: OwnedFd,
}

impl Terminal {
    fn new() -> Terminal {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let program = ioctl_tiocgptpeer(&user, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        Terminal { user: user.into(), program }
    }

    fn run(&self, words: &[&str], file: &Path) -> Child {
        let end = || Stdio::from(self.program.try_clone().unwrap());
        vhart(words).arg(file).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(self.program.as_fd()).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    fn wait_until_raw(&self) {
        let start = Instant::now();
        while !self.is_raw() {
            assert!(start.elapsed() < Duration::from_secs(60), "vhart does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Waits for the end; a program that does not end is killed and none.
fn end_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// What ends a machine whose terminal nobody reads, and the status that follows.
enum End {
    By(Signal),
    Typed,
    Timeout,
}

fn stuck_machine_ends(programs: &Path, words: &[&str], end: &End) {
    let terminal = Terminal::new();
    let limit: &[&str] = if matches!(end, End::Timeout) { &["--timeout", "2s"] } else { &[] };
    let place = tempfile::tempdir().unwrap();
    let pidfile = place.path().join("pid");
    let mut child = terminal.run(&[words, limit, &["--pidfile", pidfile.to_str().unwrap()]].concat(), programs);
    terminal.wait_until_raw();
    // long enough to fill what the terminal keeps
    std::thread::sleep(Duration::from_secs(1));
    let expected = match end {
        End::By(signal) => {
            kill_process(Pid::from_child(&child), *signal).unwrap();
            128 + signal.as_raw()
        }
        End::Typed => {
            (&terminal.user).write_all(b"hello\x01x").unwrap();
            0
        }
        End::Timeout => 124,
    };
    let status = end_within(&mut child, SOON);
    assert_eq!(status.and_then(|status| status.code()), Some(expected), "{words:?}");
    assert!(!terminal.is_raw() && !pidfile.exists(), "{words:?}");
}

#[test]
fn a_terminal_that_nobody_reads_keeps_no_end_from_ending() {
    let programs = Programs::new();
    let (bare, sbi) = (programs.bare("flood", &[("SBI", 0)]), programs.path("flood-sbi"));
    std::fs::rename(bare, programs.path("flood-bare")).unwrap();
    std::fs::rename(programs.assemble("flood", &[("SBI", 1)], 0x8020_0000), &sbi).unwrap();
    let bare = programs.path("flood-bare");
    let ends = [End::By(Signal::TERM), End::By(Signal::INT), End::By(Signal::HUP), End::Typed, End::Timeout];
    std::thread::scope(|scope| {
        for end in &ends {
            scope.spawn(|| stuck_machine_ends(&bare, &["run", "--firmware", "none"], end));
            scope.spawn(|| stuck_machine_ends(&sbi, &["run", "--harts", "2"], end));
        }
    });
}

/// Types `text` at a terminal into a program that sends all back, and reads what comes.
fn echoed(words: &[&str], program: &Path, text: &[u8]) -> Vec<u8> {
    let terminal = Terminal::new();
    let mut child = terminal.run(words, program);
    terminal.wait_until_raw();
    let mut back = vec![0; text.len()];
    std::thread::scope(|scope| {
        scope.spawn(|| (&terminal.user).write_all(text).unwrap());
        (&terminal.user).read_exact(&mut back).unwrap();
    });
    assert_eq!(end_within(&mut child, SOON).and_then(|status| status.code()), Some(0), "{words:?}");
    back
}

#[test]
fn a_machine_is_saved_by_a_command_and_goes_on() {
    let programs = Programs::new();
    let (echo, to) = (programs.bare("echo", &[]), programs.path("a.snapshot"));
    let terminal = Terminal::new();
    let mut child = terminal.run(&["run", "--firmware", "none", "--memory", "8M", "--timeout", "60s"], &echo);
    terminal.wait_until_raw();
    let typed = |text: String| (&terminal.user).write_all(text.as_bytes()).unwrap();
    typed(format!("a\x01csavevm\rsavevm {}\r", to.display()));
    let shown = shown_until(&terminal, "the machine goes on");
    assert!(shown.contains("(vhart) savevm\r\nvhart: save it where?"), "{shown}");
    typed("wrong\r\x01cb.".to_owned());
    let shown = shown_until(&terminal, "b.");
    assert!(shown.contains("no command 'wrong'"), "{shown}");
    assert_eq!(end_within(&mut child, SOON).and_then(|status| status.code()), Some(0));
    let mut later = terminal.run(&["run", "--timeout", "60s", "-loadvm"], &to);
    terminal.wait_until_raw();
    typed("c.".to_owned());
    assert_eq!(
        end_within(&mut later, SOON).and_then(|status| status.code()),
        Some(0),
        "{}",
        shown_until(&terminal, "c.")
    );
}

/// Letters in an order that tells which are missing, and a full stop.
fn text(len: usize) -> Vec<u8> {
    let mut letters = fastrand::Rng::with_seed(len as u64);
    (1..len).map(|_| letters.lowercase() as u8).chain([b'.']).collect()
}

#[test]
fn a_long_paste_arrives_whole() {
    let programs = Programs::new();
    let bare = ["run", "--firmware", "none", "--timeout", "100s"];
    let firmware = ["run", "--timeout", "100s"];
    for len in [5_000, 1_000_000] {
        let text = text(len);
        assert!(echoed(&bare, &programs.bare("echo", &[]), &text) == text, "serial port, {len}");
        for legacy in [0, 1] {
            let program = programs.assemble("echo_sbi", &[("LEGACY", legacy)], 0x8020_0000);
            assert!(echoed(&firmware, &program, &text) == text, "SBI, legacy {legacy}, {len}");
        }
    }
}

#[test]
fn output_that_cannot_be_written_is_told_once() {
    let programs = Programs::new();
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let said: common::Said = vhart(&["run", "--firmware", "none"]).arg(&file).stdout(full).output().unwrap().into();
    assert_eq!((said.status, said.err.lines().count()), (Some(0), 1), "{}", said.err);
    assert!(said.err.contains("standard output: No space left"), "{}", said.err);
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let status =
        vhart(&["run", "--engine-stats", "--firmware", "none"]).arg(&file).stdout(full()).stderr(full()).status();
    assert_eq!(status.unwrap().code(), Some(0), "nobody to tell is no reason to fail");
}

#[test]
fn what_cannot_be_told_is_no_reason_to_fail() {
    let programs = Programs::new();
    let (file, cache) = (programs.bare("finisher", &[("RESULT", 0x5555)]), programs.path("cache"));
    let ends = |words: &[&str], file: &Path| {
        let full = File::options().write(true).open("/dev/full").unwrap();
        vhart(words).arg(file).stderr(full).status().unwrap().code()
    };
    let noted = ["run", "--firmware", "none", "-name", "a", "--forward", "0:22"];
    assert_eq!(ends(&noted, &file), Some(0));
    // there are no packages in it: that is told as well
    let linux = ["linux", "--check", "--cache", cache.to_str().unwrap(), "--packages"];
    assert_eq!(ends(&linux, programs.path("").as_path()), Some(1));
}

#[test]
fn a_commit_log_that_cannot_be_written_ends_the_run_at_once() {
    let programs = Programs::new();
    let file = programs.bare("spin", &[]);
    let start = Instant::now();
    let said = common::say_of(&["elf", "--commit-log", "/dev/full", "--timeout", "60s"], &file, &[]);
    assert_eq!((said.status, said.err.lines().count()), (Some(1), 1), "{}", said.err);
    assert_eq!(said.out, "");
    assert!(said.err.contains("cannot write commit log '/dev/full': No space left"), "{}", said.err);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn a_file_that_does_not_open_keeps_no_timeout_from_ending() {
    let programs = Programs::new();
    let pipe = programs.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for words in [&["run", "--timeout", "1s"], &["elf", "--timeout", "1s"]] {
        let mut child = vhart(words).arg(&pipe).stderr(Stdio::piped()).spawn().unwrap();
        let status = end_within(&mut child, Duration::from_secs(6));
        assert_eq!(status.and_then(|status| status.code()), Some(124), "{words:?}");
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("--timeout") && said.lines().count() == 1, "{words:?}: {said}");
    }
}

/// What is shown at a terminal, up to and with `words`.
fn shown_until(terminal: &Terminal, words: &str) -> String {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(words) {
        let mut piece = [0; 4096];
        let count = (&terminal.user).read(&mut piece).unwrap();
        shown.extend(&piece[..count]);
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn statistics_begin_at_a_key_and_are_shown_at_the_next() {
    let programs = Programs::new();
    let file = programs.bare("wait", &[]);
    let terminal = Terminal::new();
    let mut child = terminal.run(&["run", "--firmware", "none"], &file);
    terminal.wait_until_raw();
    (&terminal.user).write_all(b"\x01s").unwrap();
    shown_until(&terminal, "counting begins now");
    (&terminal.user).write_all(b"\x01s").unwrap();
    let table = shown_until(&terminal, "1 hart");
    assert!(table.contains("so far\r\nworld"), "{table}");
    (&terminal.user).write_all(b"\x01x").unwrap();
    assert_eq!(end_within(&mut child, SOON).and_then(|status| status.code()), Some(0));
}

/// Reads what the terminal shows, until it has all of `wanted`.
fn shown(mut user: &File, wanted: &[&str]) -> String {
    let (mut text, mut buffer, start) = (String::new(), [0; 4096], Instant::now());
    while !wanted.iter().all(|wanted| text.contains(wanted)) {
        assert!(start.elapsed() < Duration::from_secs(60), "{text}");
        let count = user.read(&mut buffer).unwrap();
        text += &String::from_utf8_lossy(&buffer[..count]);
    }
    text
}

#[test]
fn ctrl_a_e_explains_the_last_faults_of_harts_that_run_and_of_those_that_wait() {
    let programs = Programs::new();
    let fault = programs.assemble("guestfault", &[], 0x8020_0000);
    let wait = programs.bare("wait", &[]);
    let explained = ["load guest-page fault in VS-mode", "more traps followed"];
    for (words, program, unasked, wanted) in [
        (&["run", "--kernel"][..], &fault, &explained[..], &explained[..]),
        (&["run", "--firmware", "none", "--kernel"], &wait, &[], &["hart 0 has had no fault"]),
    ] {
        let terminal = Terminal::new();
        let mut child = terminal.run(words, program);
        terminal.wait_until_raw();
        shown(&terminal.user, unasked);
        (&terminal.user).write_all(b"\x01e").unwrap();
        shown(&terminal.user, wanted);
        (&terminal.user).write_all(b"\x01x").unwrap();
        assert!(end_within(&mut child, SOON).is_some());
    }
}
