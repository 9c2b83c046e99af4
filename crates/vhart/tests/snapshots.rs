//! Machines that are saved and loaded: they go on as if nothing had been, on either engine.

mod common;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use board::snapshot::SCHEMA;
use common::{Programs, Said, say, vhart};
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use rustix::process::{Pid, Signal, kill_process};

/// Where the built-in firmware starts a kernel.
const KERNEL: u64 = 0x8020_0000;
/// A guard against programs that do not end.
const LIMIT: &str = "60s";
/// Most turns after each of which a machine is saved.
const MANY: usize = 60;

fn run(words: &[&str], paths: &[(&str, &Path)]) -> Said {
    let paths = paths.iter().flat_map(|(option, path)| [(*option).to_owned(), path.display().to_string()]);
    let limit: &[&str] = if words.contains(&"--timeout") { &[] } else { &["--timeout", LIMIT] };
    let all = ["run"].iter().chain(limit).chain(words).map(|word| (*word).to_owned());
    say(&all.chain(paths).collect::<Vec<_>>())
}

/// The digest of the state at a run's end.
fn digest(said: &Said) -> &str {
    let line = said.err.lines().find_map(|line| line.strip_prefix("vhart: state sha256:"));
    line.and_then(|line| line.split(',').next()).unwrap_or_else(|| panic!("{}", said.err))
}

/// Saves a machine after its first turn, and what that makes of it after its next, again and again, on one engine after
/// the other, at most so many times. Answers what was printed, and the last snapshot.
fn in_pieces(programs: &Programs, words: &[&str], file: &Path, most: usize) -> (String, PathBuf) {
    let (from, to) = (programs.path("from.snapshot"), programs.path("to.snapshot"));
    let mut printed = String::new();
    for piece in 0..most {
        let engine = ["interp", "jit", "jit", "interp"][piece % 4];
        let words = [words, &["--engine", engine, "--save-at", "1"]].concat();
        let source = if piece == 0 { ("--kernel", file) } else { ("--load-snapshot", &*from) };
        let said = run(&words, &[source, ("--save-snapshot", &to)]);
        if piece > 0 && said.err.contains("the run ended before the machine was to be saved") {
            return (printed, from);
        }
        assert!(said.status == Some(0) && said.err.contains("vhart: saved to"), "piece {piece}: {}", said.err);
        printed += &said.out;
        std::fs::rename(&to, &from).unwrap();
    }
    (printed, from)
}

#[test]
fn a_machine_in_pieces_prints_and_ends_like_one_that_is_whole() {
    let programs = Programs::new();
    let supervisor = |name| programs.assemble(name, &[], KERNEL);
    for (words, file) in [
        (&["--deterministic", "--harts", "2"][..], supervisor("sbi")),
        (&["--deterministic"], supervisor("suspend")),
        (&["--deterministic", "--harts", "2"], programs.assemble("ipi", &[("PAUSE", 1)], KERNEL)),
        (&["--deterministic", "--aia", "aplic-imsic", "--harts", "2"], supervisor("sbi")),
        (&["--deterministic", "--aia", "aplic", "--harts", "2"], supervisor("sbi")),
    ] {
        let whole = run(words, &[("--kernel", &file)]);
        let (mut printed, last) = in_pieces(&programs, words, &file, MANY);
        let end = run(words, &[("--load-snapshot", &last)]);
        printed += &end.out;
        let ends = (whole.status, whole.out.as_str(), digest(&whole));
        assert_eq!((end.status, printed.as_str(), digest(&end)), ends, "{words:?} {}: {}", file.display(), end.err);
    }
}

#[test]
fn a_program_without_end_goes_on_where_it_was() {
    let programs = Programs::new();
    for (name, harts) in [("harts", "3"), ("spin", "1"), ("livelock", "1"), ("flood", "1"), ("rng", "2")] {
        let file = programs.bare(name, &[("SBI", 0)]);
        let words = ["--deterministic", "--firmware", "none", "--harts", harts];
        let limited =
            |turns: &'static str, source| run(&[&words[..], &["--max-instructions", turns]].concat(), &[source]);
        let whole = limited("120000", ("--kernel", &*file));
        let (mut printed, last) = in_pieces(&programs, &words, &file, 7);
        let end = limited("50000", ("--load-snapshot", &*last));
        printed += &end.out;
        assert!(printed == whole.out, "{name}");
        assert_eq!((end.status, digest(&end)), (whole.status, digest(&whole)), "{name}: {}", end.err);
    }
}

/// A snapshot of a small machine.
fn saved(programs: &Programs, words: &[&str]) -> PathBuf {
    let (file, to) = (programs.bare("spin", &[]), programs.path("a.snapshot"));
    let words = [&["--firmware", "none", "--memory", "8M", "--save-at", "20000"], words].concat();
    let said = run(&words, &[("--kernel", &file), ("--save-snapshot", &to)]);
    assert_eq!(said.status, Some(0), "{}", said.err);
    to
}

/// What is said of a snapshot that is not loaded.
fn refusal(words: &[&str], snapshot: &Path) -> String {
    let said = run(words, &[("--load-snapshot", snapshot)]);
    assert_eq!(said.status, Some(1), "{}", said.err);
    said.err
}

#[test]
fn a_file_that_is_not_whole_or_not_ours_is_refused_in_a_sentence() {
    let programs = Programs::new();
    let (good, bad) = (saved(&programs, &["--deterministic"]), programs.path("b.snapshot"));
    let bytes = std::fs::read(&good).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&bad, bytes).unwrap();
        refusal(&["--firmware", "none"], &bad)
    };
    for len in [17, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(refused(&bytes[..len]).contains("it ends in its midst"), "{len}");
    }
    for (at, what) in [(30, "its head"), (1000, "the machine in it"), (bytes.len() - 40, "memory")] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert!(refused(&bytes).contains(&format!("it is damaged: {what} is not as it was written")), "{at}");
    }
    assert!(refused(&[&bytes[..], b"x"].concat()).contains("something follows its end"));
    assert!(refused(b"").contains("it is no snapshot of vhart's") && refused(&bytes[1..]).contains("no snapshot"));
    let other = [&bytes[..16], &[0xff, 0xff, 0, 0], &bytes[20..]].concat();
    assert!(refused(&other).contains("it has version 65535 of the format, and this vhart reads version"));
    assert!(refusal(&[], Path::new("/nowhere/x")).contains("cannot load snapshot '/nowhere/x': No such file"));
}

#[test]
fn another_machine_is_refused_with_what_differs_and_what_is_not_said_is_the_snapshot_s() {
    let programs = Programs::new();
    let snapshot = saved(&programs, &["--harts", "2"]);
    let limit = ["--max-instructions", "20000"];
    assert_eq!(run(&limit, &[("--load-snapshot", &snapshot)]).status, Some(124));
    let text = refusal(&["--harts", "3", "--memory", "16M", "--isa", "rv64gc"], &snapshot);
    assert!(text.contains("harts 2, not 3, memory 8 MiB, not 16 MiB, instruction set"), "{text}");
    assert!(text.contains("it was made by \"vhart run") && text.contains("--harts 2"), "{text}");
}

#[test]
fn a_disk_is_the_same_or_the_snapshot_is_refused() {
    let programs = Programs::new();
    let (disk, other) = (programs.path("disk.img"), programs.path("other.img"));
    std::fs::write(&disk, [1; 4096]).unwrap();
    std::fs::write(&other, [1; 8192]).unwrap();
    let snapshot = saved(&programs, &["--disk", &disk.display().to_string()]);
    let with = |path: &Path| {
        let words = ["--max-instructions", "20000", "--disk", &path.display().to_string()];
        run(&words, &[("--load-snapshot", &snapshot)])
    };
    assert_eq!(with(&disk).status, Some(124));
    assert!(with(&other).err.contains(r#"its disk image was "disk.img" of 4096 bytes, not "other.img" of 8192"#));
    assert!(refusal(&[], &snapshot).contains("device virtio7 does not fit"));
    std::thread::sleep(std::time::Duration::from_millis(20));
    std::fs::write(&disk, [2; 4096]).unwrap();
    let changed = r#"disk image "disk.img" was written to since the snapshot was taken"#;
    let refused = with(&disk).err;
    assert!(refused.contains(changed) && refused.contains("add --load-changed-disks"), "{refused}");
    let taken = |path: &Path| {
        let words = ["--max-instructions", "20000", "--load-changed-disks", "--disk", &path.display().to_string()];
        run(&words, &[("--load-snapshot", &snapshot)])
    };
    let said = taken(&disk);
    assert_eq!(said.status, Some(124), "{}", said.err);
    assert!(said.err.contains(&format!("{changed}; what the guest remembers of it may be wrong")), "{}", said.err);
    assert!(taken(&other).err.contains("of 4096 bytes, not \"other.img\" of 8192: name the one that the machine had"));
    std::fs::rename(&disk, programs.path("renamed.img")).unwrap();
    assert_eq!(taken(&programs.path("renamed.img")).status, Some(124));
}

/// Waits until a file has a text so often. Answers what is in it then.
fn wait_for(path: &Path, text: &str, often: usize, child: &mut Child) -> String {
    let start = Instant::now();
    loop {
        let there = std::fs::read_to_string(path).unwrap_or_default();
        if there.matches(text).count() >= often {
            return there;
        }
        assert!(child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60), "{text}: {there}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The instructions after which machines were saved.
fn saved_after(told: &str) -> Vec<u64> {
    let numbers =
        told.lines().filter_map(|line| line.split_once(" after ")?.1.split_once(" instructions")?.0.parse().ok());
    numbers.collect()
}

#[test]
fn a_machine_that_a_signal_saves_goes_on() {
    let programs = Programs::new();
    let file = programs.bare("spin", &[]);
    for (name, words) in [("threads", &["--harts", "2"][..]), ("turns", &["--harts", "2", "--deterministic"])] {
        let [to, pid, told] = ["snapshot", "pid", "told"].map(|what| programs.path(&format!("{name}.{what}")));
        let fixed = ["run", "--firmware", "none", "--memory", "8M", "--serial", "null", "--timeout", LIMIT];
        let err = std::fs::File::create(&told).unwrap();
        let mut command = vhart(&[&fixed, words].concat());
        command.arg("--kernel").arg(&file).arg("--save-snapshot").arg(&to).arg("--pidfile").arg(&pid);
        let mut child = command.stdout(Stdio::null()).stderr(err).spawn().unwrap();
        wait_for(&pid, "\n", 1, &mut child);
        for often in 1..=2 {
            kill_process(Pid::from_child(&child), Signal::USR1).unwrap();
            wait_for(&told, "the machine goes on", often, &mut child);
            let limit = ["--max-instructions", "20000"];
            let later = run(&[&limit, &words[2..]].concat(), &[("-loadvm", &to)]);
            assert_eq!(later.status, Some(124), "{}", later.err);
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143));
        let told = std::fs::read_to_string(&told).unwrap();
        let after = saved_after(&told);
        assert!(after.len() == 3 && after.is_sorted_by(|one, next| one < next), "{name}: {told}");
    }
}

#[test]
fn a_snapshot_that_cannot_be_written_leaves_nothing() {
    let programs = Programs::new();
    let file = programs.bare("spin", &[]);
    let nowhere = run(&["--firmware", "none"], &[("--kernel", &file), ("--save-snapshot", Path::new("/nowhere/x"))]);
    assert!(nowhere.err.contains("cannot save the machine to '/nowhere/x'"), "{}", nowhere.err);
    let file = programs.bare("finisher", &[("RESULT", 0x5555)]);
    let to = programs.path("none.snapshot");
    let words = ["--firmware", "none", "--save-when", "nobody says this"];
    let ended = run(&words, &[("--kernel", &file), ("--save-snapshot", &to)]);
    assert!(ended.status == Some(1) && ended.err.contains("ended before the machine was to be saved"), "{}", ended.err);
    assert!(!to.exists());
    let left = std::fs::read_dir(to.parent().unwrap()).unwrap();
    assert!(!left.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".vhart-")));
}

#[test]
fn a_machine_is_saved_at_a_text_and_when_its_time_is_up() {
    let programs = Programs::new();
    let (file, to) = (programs.assemble("sbi", &[], KERNEL), programs.path("text.snapshot"));
    let words = ["--harts", "2", "--deterministic", "--save-when", "started"];
    let said = run(&words, &[("--kernel", &file), ("--save-snapshot", &to)]);
    let said_later = run(&["--deterministic"], &[("--load-snapshot", &to)]);
    assert_eq!((said.status, said_later.status), (Some(0), Some(0)), "{}{}", said.err, said_later.err);
    assert_eq!(said.out + &said_later.out, "booted.\nstarted\ntimer..\nipi....\n");
    let spin = programs.bare("spin", &[]);
    for words in [&["--timeout", "1s", "--harts", "2"][..], &["--max-instructions", "100000"]] {
        let words = [words, &["--firmware", "none"]].concat();
        let said = run(&words, &[("--kernel", &spin), ("--save-snapshot", &to)]);
        assert!(said.status == Some(124) && said.err.contains("saved to"), "{}", said.err);
        let later = run(&["--max-instructions", "100000"], &[("--load-snapshot", &to)]);
        assert_eq!(later.status, Some(124), "{}", later.err);
    }
}

/// The snapshots that are kept, each taken by a vhart of its version: of `sbi.s` on two harts, when it had said
/// "started". Those of a new version are made with VHART_UPDATE set; the old ones stay, to be refused.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// What is kept of each version, by the machine's `--aia`, and the digest of its end, as of one that was never saved.
const ENDS: [(&str, &str); 2] = [
    ("none", "4ef3f6b3bb9f497a7e3c08410ec4ef9ee997d502cef2e3e518e598ce200f32e8"),
    ("aplic-imsic", "10e5e78a6ac4a790c752bc83023ab52b2ba98a4a3ce369b9936def883e6dc8b1"),
];

/// Takes a snapshot that is to be kept. Its head has the command in it, which names no place of this computer's.
fn take(programs: &Programs, aia: &str, to: &Path) {
    programs.assemble("sbi", &[], KERNEL);
    let words =
        "run --deterministic --harts 2 --memory 8M --kernel sbi --save-snapshot taken --save-when started --aia";
    let mut command = vhart(&words.split(' ').chain([aia]).collect::<Vec<_>>());
    assert!(command.current_dir(programs.path("")).status().unwrap().success());
    let taken = File::open(programs.path("taken")).unwrap();
    io::copy(&mut GzEncoder::new(taken, Compression::best()), &mut File::create(to).unwrap()).unwrap();
}

fn unpacked(programs: &Programs, kept: &Path) -> PathBuf {
    let to = programs.path("kept.snapshot");
    let from = File::open(kept).unwrap_or_else(|why| panic!("{}: {why}; set VHART_UPDATE once", kept.display()));
    io::copy(&mut GzDecoder::new(from), &mut File::create(&to).unwrap()).unwrap();
    to
}

#[test]
fn a_snapshot_that_is_kept_goes_on_to_the_end_that_it_had() {
    let programs = Programs::new();
    for (aia, end) in ENDS {
        let file = kept().join(format!("v{SCHEMA}-{aia}.snapshot.gz"));
        if std::env::var_os("VHART_UPDATE").is_some() {
            take(&programs, aia, &file);
        }
        let snapshot = unpacked(&programs, &file);
        for engine in ["interp", "jit"] {
            let said = run(&["--deterministic", "--engine", engine], &[("--load-snapshot", &snapshot)]);
            let ended = (said.status, said.out.as_str(), digest(&said));
            assert_eq!(ended, (Some(0), "timer..\nipi....\n", end), "{aia}, {engine}: {}", said.err);
        }
    }
}

#[test]
fn a_snapshot_that_is_kept_of_another_version_is_refused_by_its_number() {
    let programs = Programs::new();
    let names = std::fs::read_dir(kept()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let current = format!("v{SCHEMA}-");
    let others: Vec<String> = names.filter(|name| !name.starts_with(&current)).collect();
    assert!(!others.is_empty());
    for name in others {
        let version = name.trim_start_matches('v').split('-').next().unwrap();
        let told =
            format!("it has version {version} of the format, and this vhart reads version {SCHEMA}; take it anew");
        let text = refusal(&[], &unpacked(&programs, &kept().join(&name)));
        assert!(text.contains(&told), "{name}: {text}");
    }
}
