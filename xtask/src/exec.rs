//! What `vhart exec` promises, tried in the machine: words, both outputs, input, statuses, signals, panic, time, pipes.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// How long a run may take, on a busy computer.
const LIMIT: &str = "3m";
/// How much a program writes that writes much.
const MUCH: usize = 200_000_000;

/// A run and what it must come to.
struct Case {
    what: &'static str,
    options: &'static [&'static str],
    words: &'static [&'static [u8]],
    input: &'static [u8],
    status: i32,
    out: &'static [u8],
    /// Part of standard error.
    err: &'static str,
}

const fn case(what: &'static str, words: &'static [&'static [u8]], status: i32, out: &'static [u8]) -> Case {
    Case { what, options: &[], words, input: b"", status, out, err: "" }
}

const CASES: &[Case] = &[
    case(
        "words of any bytes",
        &[b"printf", b"[%s]", b"a b", b"it's", b"$HOME", b"new\nline", b"\xff\xfe", b""],
        0,
        b"[a b][it's][$HOME][new\nline][\xff\xfe][]",
    ),
    Case {
        err: "apart",
        ..case("both outputs", &[b"sh", b"-c", b"printf 'out\\r\\n'; echo apart >&2; exit 3"], 3, b"out\r\n")
    },
    Case { input: b"one\0two\r\n\xff", ..case("input", &[b"cat"], 0, b"one\0two\r\n\xff") },
    case("KVM is there", &[b"test", b"-c", b"/dev/kvm"], 0, b""),
    Case { err: "signal 9 (SIGKILL)", ..case("a signal", &[b"sh", b"-c", b"kill -9 $$"], 137, b"") },
    Case { err: "the machine has no nosuch", ..case("a missing command", &[b"nosuch"], 127, b"") },
    Case { err: "there is no ./nosuch here", ..case("a missing file", &[b"./nosuch"], 127, b"") },
    Case {
        err: "TOML",
        options: &["--env", "WHAT=TOML", "--workdir", "/tmp"],
        ..case("environment and directory", &[b"sh", b"-c", b"pwd; echo $WHAT >&2"], 0, b"/tmp\n")
    },
    Case {
        err: "the kernel panicked while sh ran: Kernel panic - not syncing: sysrq",
        ..case("a panic", &[b"sh", b"-c", b"echo c >/proc/sysrq-trigger; sleep 100"], 123, b"")
    },
    Case { err: "time is up", options: &["--timeout", "20s"], ..case("time", &[b"sleep", b"1000"], 124, b"") },
    Case { err: "powered off while", ..case("a machine that goes", &[b"poweroff", b"-f"], 123, b"") },
    Case {
        input: b"deep",
        err: "err",
        options: &["--level", "guest"],
        ..case(
            "a guest",
            &[b"sh", b"-c", b"cat; echo err >&2; hostname; test ! -e /dev/kvm; exit 42"],
            42,
            b"deepguest\n",
        )
    },
    Case {
        options: &["--level", "guest", "--net", "user"],
        ..case("a guest with a network card", &[b"sh", b"-c", b"ls /sys/class/net | grep eth"], 0, b"eth0\n")
    },
    case("users, names and places", &[b"sh", b"-c", SYSTEM], 0, SYSTEM_SAYS),
    Case { options: &[ROOTFS, "debian"], ..case("a Debian", DEBIAN, 0, DEBIAN_SAYS) },
    Case { options: &[ROOTFS, "debian", "--level", "guest"], ..case("a guest with a Debian", DEBIAN, 0, DEBIAN_SAYS) },
    Case {
        options: &[ROOTFS, "debian"],
        ..case("a Debian whose KVM goes and comes again", &[b"sh", b"-c", RELOAD], 0, b"gone\n")
    },
];

/// What a test suite may expect of any system.
const SYSTEM: &[u8] = b"id -un; id -u nobody; su nobody -c 'id -un && rm $(mktemp)'; stat -c %a /tmp /var/tmp /dev/shm
    printf '#!/usr/bin/env sh\necho $0\n' >/tmp/script && chmod +x /tmp/script && /tmp/script
    for name in localhost $(hostname); do ping -c 1 -W 10 $name >/dev/null && echo $name; done
    echo read | cat /dev/stdin && echo written >/dev/stdout && test -c /dev/ptmx && ls -d /sbin/modprobe";
const SYSTEM_SAYS: &[u8] =
    b"root\n65534\nnobody\n1777\n1777\n1777\n/tmp/script\nlocalhost\nhost\nread\nwritten\n/sbin/modprobe\n";

/// A package, a program in it, and a file that no run after this one sees.
const DEBIAN: &[&[u8]] =
    &[b"bash", b"-c", b"dpkg -s apt | head -n 2; perl -e 'print 6 * 7'; test ! -e /left && touch /left"];
const DEBIAN_SAYS: &[u8] = b"Package: apt\nStatus: install ok installed\n42";
const RELOAD: &[u8] =
    b"rmmod kvm && test ! -e /dev/kvm && echo gone && insmod $(find /lib/modules/ -name kvm.ko) && test -c /dev/kvm";

/// The option of those that run in a Debian's root.
const ROOTFS: &str = "--rootfs";

/// Runs all of them, but those in a Debian where there is none; answers what was left out.
///
/// # Errors
/// Names the first that comes to something else.
pub fn check(without_debian: bool) -> anyhow::Result<Option<String>> {
    let (left_out, cases): (Vec<&Case>, Vec<&Case>) =
        CASES.iter().partition(|case| without_debian && case.options.contains(&ROOTFS));
    cases.into_iter().try_for_each(check_case)?;
    for check in [much, foreign, share, closed_pipe, interrupt, alike, several, several_alike] {
        check()?;
    }
    let count = left_out.len();
    Ok((count > 0).then(|| format!("{count} of exec's cases (no Debian in the cache)")))
}

fn check_case(case: &Case) -> anyhow::Result<()> {
    eprintln!("== exec, {}", case.what);
    let output = finish(start(case.options, &words(case.words), case.input)?)?;
    let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    let as_told = output.status.code() == Some(case.status) && output.stdout == case.out && err.contains(case.err);
    ensure!(as_told, "exec, {}: {:?}, {out:?}\n{err}", case.what, output.status);
    Ok(())
}

/// The program of these sources.
fn vhart() -> anyhow::Result<PathBuf> {
    std::path::absolute(crate::booted::VHART).context("no current directory")
}

fn words(words: &[&[u8]]) -> Vec<OsString> {
    words.iter().map(|word| OsStr::from_bytes(word).to_owned()).collect()
}

fn start(options: &[&str], words: &[OsString], input: &'static [u8]) -> anyhow::Result<Child> {
    let mut command = Command::new(vhart()?);
    command.arg("exec").args(options);
    if !options.contains(&"--timeout") {
        command.args(["--timeout", LIMIT]);
    }
    command.arg("--").args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot run vhart")?;
    let mut to = child.stdin.take().context("there is a pipe")?;
    // A program that reads nothing closes it.
    std::thread::spawn(move || to.write_all(input));
    Ok(child)
}

fn finish(child: Child) -> anyhow::Result<Output> {
    child.wait_with_output().context("vhart did not end")
}

/// Much output comes whole: none is lost, whatever has no room.
fn much() -> anyhow::Result<()> {
    eprintln!("== exec, much output");
    let script = format!("head -c {MUCH} /dev/zero | tr '\\0' y; echo end >&2");
    let output = finish(start(&[], &["sh".into(), "-c".into(), script.into()], b"")?)?;
    ensure!(output.status.success() && output.stderr == b"end\n", "exec, much output: {}", output.status);
    ensure!(
        output.stdout.len() == MUCH && output.stdout.iter().all(|&byte| byte == b'y'),
        "exec, much output: not whole"
    );
    Ok(())
}

/// A program of this computer is told for what it is, before anything boots.
fn foreign() -> anyhow::Result<()> {
    eprintln!("== exec, a foreign program");
    let own = std::env::current_exe().context("this program has a file")?;
    let directory = tempfile::tempdir().context("no room")?;
    std::fs::copy(&own, directory.path().join("own")).context("no room")?;
    let mut command = Command::new(vhart()?);
    let output = command.current_dir(directory.path()).args(["exec", "--", "./own"]).output().context("no vhart")?;
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(126) && err.contains("this machine is riscv64"),
        "exec, a foreign program: {err}"
    );
    Ok(())
}

/// A script in a shared directory is run there, and what it makes is here; in the guest, too.
fn share() -> anyhow::Result<()> {
    for level in ["host", "guest"] {
        eprintln!("== exec, a share, in the {level}");
        let directory = shared().context("no room")?;
        let share = directory.path().to_str().context("a name of a temporary directory")?;
        let output = finish(start(&["--level", level, "--share", share], &["./test.sh".into()], b"")?)?;
        let made = std::fs::read(directory.path().join("made")).unwrap_or_default();
        let as_told = output.stdout == b"/mnt/share\ngiven\n" && made == b"made\n";
        ensure!(as_told, "exec, a share: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// A directory with a script that reads and writes there.
fn shared() -> std::io::Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("test.sh");
    std::fs::write(&script, "#!/bin/sh\npwd; cat given; echo made >made\n")?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    std::fs::write(directory.path().join("given"), "given\n")?;
    Ok(directory)
}

/// Whoever reads one line ends a program that writes without end.
fn closed_pipe() -> anyhow::Result<()> {
    eprintln!("== exec, a closed pipe");
    let mut child = start(&[], &["yes".into()], b"")?;
    let mut some = [0; 2];
    child.stdout.take().context("there is a pipe")?.read_exact(&mut some).context("nothing came")?;
    let output = finish(child)?;
    ensure!(output.status.code() == Some(141), "exec, a closed pipe: {}", output.status);
    Ok(())
}

fn press_ctrl_c(vhart: &Child) -> anyhow::Result<()> {
    let status = Command::new("kill").args(["-INT", &vhart.id().to_string()]).status().context("no kill")?;
    ensure!(status.success(), "cannot signal vhart");
    Ok(())
}

/// Ctrl-C is the program's.
fn interrupt() -> anyhow::Result<()> {
    eprintln!("== exec, Ctrl-C");
    let words = ["sh", "-c", "trap 'echo caught; exit 9' INT; echo ready; sleep 1000 & wait"].map(OsString::from);
    let mut child = start(&[], &words, b"")?;
    let mut out = child.stdout.take().context("there is a pipe")?;
    out.read_exact(&mut [0; 6]).context("nothing came")?;
    press_ctrl_c(&child)?;
    let begin = Instant::now();
    let mut rest = String::new();
    out.read_to_string(&mut rest)?;
    let output = finish(child)?;
    ensure!(output.status.code() == Some(9) && rest == "caught\n", "exec, Ctrl-C: {}, {rest:?}", output.status);
    ensure!(begin.elapsed() < Duration::from_secs(20), "exec, Ctrl-C: it takes long");
    Ok(())
}

/// A deterministic run comes to the same twice.
fn alike() -> anyhow::Result<()> {
    eprintln!("== exec, deterministic, twice");
    let run = || -> anyhow::Result<Output> {
        let words = ["sh", "-c", "cat; head -c 16 /dev/urandom | od -x"].map(OsString::from);
        finish(start(&["--deterministic=7", "--harts", "2"], &words, b"input\n")?)
    };
    let (one, other) = (run()?, run()?);
    let is_same = (&one.stdout, &one.stderr) == (&other.stdout, &other.stderr);
    let [said, again] = [&one, &other].map(|output| String::from_utf8_lossy(&output.stderr));
    ensure!(one.status.success() && is_same, "exec, deterministic: {}\n{said}{again}", one.status);
    Ok(())
}

/// Commands of which some fail, each in its way, and what must be said of them.
const LIST: &str = "\
# good, bad, late, missing, and one that takes the machine along
sh -c 'echo one; echo err >&2; cat; touch /tmp/here'
sh -c 'test -e /tmp/here && exit 3'
sh -c 'echo two; sleep 1000'
./nosuch
sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
sh -c 'test ! -e /tmp/here && echo three'
";

/// Several commands in one machine, and in another after a panic.
fn several() -> anyhow::Result<()> {
    for level in ["host", "guest"] {
        eprintln!("== exec, several commands, in the {level}");
        let directory = tempfile::tempdir().context("no room")?;
        let (list, json) = (directory.path().join("list"), directory.path().join("json"));
        std::fs::write(&list, LIST).context("no room")?;
        let mut command = Command::new(vhart()?);
        command.args(["exec", "--level", level, "--timeout", LIMIT, "--each-timeout", "3s", "--each"]);
        let output = command.arg(&list).arg("--json").arg(&json).output().context("cannot run vhart")?;
        let err = String::from_utf8_lossy(&output.stderr);
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json)?)?;
        let statuses = report["commands"].as_array().context("no commands")?.iter().map(|it| it["status"].as_u64());
        let statuses = statuses.map(Option::unwrap_or_default).collect::<Vec<_>>();
        ensure!(
            output.status.code() == Some(1) && statuses == [0, 3, 124, 127, 123, 0],
            "exec, several: {}, {statuses:?}\n{err}",
            output.status
        );
        let said = ["stdout", "stderr"].map(|name| report["commands"][0][name].as_str().unwrap_or_default());
        ensure!(output.stdout == b"one\ntwo\nthree\n" && said == ["one\n", "err\n"], "exec, several: {report:#}");
        ensure!(err.contains("vhart: 2 of 6 passed, 4 failed"), "exec, several: {err}");
    }
    Ok(())
}

/// The same twice, where that was asked for: through a panic, too.
fn several_alike() -> anyhow::Result<()> {
    eprintln!("== exec, several commands, deterministic, twice");
    let directory = tempfile::tempdir().context("no room")?;
    let list = directory.path().join("list");
    std::fs::write(&list, LIST).context("no room")?;
    let run = || -> anyhow::Result<Output> {
        let mut command = Command::new(vhart()?);
        command.args(["exec", "--deterministic=7", "--timeout", LIMIT, "--each-timeout", "3s", "--each"]);
        command.arg(&list).output().context("cannot run vhart")
    };
    let (one, other) = (run()?, run()?);
    let same = (&one.stdout, &one.stderr) == (&other.stdout, &other.stderr);
    ensure!(
        one.status.code() == Some(1) && one.stdout == b"one\ntwo\nthree\n" && same,
        "exec, several, deterministic: {}\n{}{}",
        one.status,
        String::from_utf8_lossy(&one.stderr),
        String::from_utf8_lossy(&other.stderr)
    );
    Ok(())
}
