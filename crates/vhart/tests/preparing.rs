//! Before anything boots: what a user brings is looked at, and whoever interrupts is told what becomes of the rest.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The binary with nothing to read, whose words are kept.
fn vhart(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vhart"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A flat image with Linux's header, and EFI's that promises a section of so many bytes (Linux,
/// Documentation/arch/riscv/boot-image-header.rst; "PE Format" of Microsoft's).
fn image(promised: u16) -> Vec<u8> {
    let mut content = vec![0; 0x58 + 40];
    content[0x38..0x3c].copy_from_slice(b"RSC\x05");
    content[0x3c] = 0x40;
    content[0x40..0x44].copy_from_slice(b"PE\0\0");
    content[0x46] = 1;
    content[0x58 + 16..0x58 + 18].copy_from_slice(&promised.to_le_bytes());
    content
}

/// Files of the user's, in a directory with an empty cache.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn pipe(&self) -> PathBuf {
        let pipe = self.0.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    }

    /// What `vhart` says, which is to be one line, and exit status 1. Nothing is fetched, nothing boots.
    fn refusal(&self, words: &[&str]) -> String {
        let cache = self.0.path().join("cache");
        let place = ["--timeout", "60s", "--mirror", "http://127.0.0.1:9/", "--cache", text(&cache)];
        let output = vhart(&[words, &place].concat()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{words:?}: {err}");
        let told: Vec<&str> = err.lines().filter(|line| line.starts_with("vhart: ")).collect();
        assert_eq!(told.len(), 1, "{words:?}: {err}");
        told[0].to_owned()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_guests_kernel_that_is_none_is_refused_in_a_sentence() {
    let files = Files::new();
    let (whole, cut) = (files.file("whole", &image(128)), files.file("cut", &image(1000)));
    let (noise, initrd) = (files.file("noise", &[0x13; 200]), files.file("initrd", b"070701"));
    let others = ["--hypervisor", "ready", "--guest-initrd", text(&initrd)];
    for (kernel, expected) in [
        (&cut, "is truncated or corrupt: it has 128 bytes, its header tells of 1000"),
        (&noise, "is no flat image with Linux's header"),
        (&files.file("empty", b""), "is empty"),
    ] {
        for (option, guests) in [("--guest-kernel", None), ("--other-kernel", Some(&whole))] {
            let linux = guests.iter().flat_map(|kernel| ["--guest-kernel", text(kernel)]);
            let words = ["hypervisor", "--check", option, text(kernel)].into_iter().chain(others).chain(linux);
            let said = files.refusal(&words.collect::<Vec<_>>());
            assert!(said.contains(text(kernel)) && said.contains(expected), "{option}: {said}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_named_before_anything_is_fetched() {
    let files = Files::new();
    let (pipe, directory) = (files.pipe(), files.0.path().to_owned());
    let hypervisors =
        ["--guest-kernel", "--guest-initrd", "--other-kernel", "--hypervisor"].map(|option| ("hypervisor", option));
    let linuxes = ["--kernel", "--initrd", "--vmm", "--firmware"].map(|option| ("linux", option));
    for (command, option) in hypervisors.into_iter().chain(linuxes) {
        let refusal = |file: &Path| files.refusal(&[command, "--check", option, text(file)]);
        assert!(refusal(&pipe).contains("pipe is a pipe or a device, and is read more than once"), "{option}");
        assert!(refusal(&directory).to_lowercase().ends_with("is a directory"), "{option}");
        assert!(refusal(Path::new("/nowhere/file")).ends_with("cannot read /nowhere/file: No such file or directory"));
    }
    let said = files.refusal(&["hypervisor", "--check", "--guest-disk", "/nowhere/disk"]);
    assert!(said.ends_with("cannot read /nowhere/disk: No such file or directory"), "{said}");
}

/// An archive that takes a question and never answers; and whoever has asked.
struct Silent(TcpListener);

impl Silent {
    fn address(&self) -> String {
        format!("http://{}/debian", self.0.local_addr().unwrap())
    }

    fn question(&self) -> TcpStream {
        let (sender, question) = channel();
        let listener = self.0.try_clone().unwrap();
        std::thread::spawn(move || sender.send(listener.accept().unwrap().0));
        question.recv_timeout(Duration::from_secs(60)).expect("nobody asks")
    }
}

#[test]
fn whoever_interrupts_what_is_prepared_is_told_that_the_next_run_goes_on() {
    let commands = [&["linux", "--check"][..], &["hypervisor", "--check"], &["exec", "--", "true"]];
    for (command, signal) in
        commands.iter().flat_map(|command| [Signal::INT, Signal::TERM].map(|signal| (command, signal)))
    {
        let (place, archive) = (tempfile::tempdir().unwrap(), Silent(TcpListener::bind("127.0.0.1:0").unwrap()));
        let (first, rest) = command.split_first().unwrap();
        let (cache, mirror) = (place.path().join("cache"), archive.address());
        let words = [&[*first, "--mirror", &mirror, "--cache", text(&cache)], rest].concat();
        let child = vhart(&words).spawn().unwrap();
        let _question = archive.question();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        // A shell makes 128 and the number of it.
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{command:?}: {err}");
        let expected =
            "vhart: interrupted: what is fetched and built so far is kept, and the same command goes on from there";
        assert_eq!(err.lines().last(), Some(expected), "{command:?}");
    }
}
