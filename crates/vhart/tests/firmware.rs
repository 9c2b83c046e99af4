//! What a guest asks of the built-in firmware: the machine's end, sleep, and interrupts between harts; and counters, of
//! OpenSBI as well, where `VHART_OPENSBI` names its `fw_dynamic.bin` (`cargo xtask test` sets it).

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Programs, say_of};

const KERNEL: u64 = 0x8020_0000;

#[test]
fn kinds_and_reasons_of_resets_are_told_apart() {
    let programs = Programs::new();
    let ends = [
        (0, 0, 0, Some(0), ""),
        (0, 1, 0, Some(125), ""),
        (1, 0, 0, Some(0), "vhart: the guest asked for a cold reboot\n"),
        (2, 0, 0, Some(0), "vhart: the guest asked for a warm reboot\n"),
        (1, 1, 0, Some(125), ""),
        (1, 0, 1, Some(125), "vhart: the guest asked for a reset after a kernel panic\n"),
        (0, 0, 1, Some(0), ""),
    ];
    for (kind, reason, panic, status, told) in ends {
        let file = programs.assemble("reset", &[("KIND", kind), ("REASON", reason), ("PANIC", panic)], KERNEL);
        let said = say_of(&["run", "--no-reboot", "--timeout", "60s"], &file, &[]);
        assert_eq!((said.status, said.err.as_str()), (status, told), "kind {kind}, reason {reason}");
        assert!(said.out.ends_with("bye\n"), "{}", said.out);
    }
}

#[test]
fn a_reset_by_the_finisher_is_a_cold_one() {
    let programs = Programs::new();
    let said =
        say_of(&["run", "--no-reboot", "--firmware", "none"], &programs.bare("reboot", &[]), &["--timeout", "60s"]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), "vhart: the guest asked for a cold reboot\n"));
}

#[test]
fn a_suspended_hart_sleeps_until_its_timer() {
    let programs = Programs::new();
    let file = programs.assemble("suspend", &[], KERNEL);
    for words in [&["run"][..], &["run", "--harts", "2"], &["run", "--deterministic"], &["run", "--engine", "interp"]] {
        assert_eq!(say_of(words, &file, &["--timeout", "60s"]).status, Some(0), "{words:?}");
    }
}

/// Counts by either engine, with these options before the program.
fn counts(options: &[&str]) {
    let programs = Programs::new();
    let file = programs.assemble("pmu_any", &[], KERNEL);
    for engine in ["interp", "jit"] {
        let words = [&["run", "--timeout", "60s", "--engine", engine], options, &["--kernel"]].concat();
        let said = say_of(&words, &file, &[]);
        assert_eq!(said.status, Some(0), "{engine}: a case's number; {}", said.err);
    }
}

#[test]
fn counters_count_by_the_built_in_firmware() {
    counts(&[]);
}

#[test]
fn counters_count_by_opensbi() {
    let Some(firmware) = std::env::var_os("VHART_OPENSBI") else {
        println!("SKIPPED: VHART_OPENSBI names no fw_dynamic.bin");
        return;
    };
    counts(&["--firmware", firmware.to_str().unwrap()]);
}

/// Processes that only compute; ended when dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn new(count: usize) -> Busy {
        let busy = |_| Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().unwrap();
        Busy((0..count).map(busy).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How long `program` takes on two harts.
fn time(program: &Path) -> Duration {
    let start = Instant::now();
    let said = say_of(&["run", "--harts", "2", "--timeout", "100s"], program, &[]);
    assert_eq!((said.status, said.err.as_str(), said.out.as_str()), (Some(0), "", ""));
    start.elapsed()
}

/// Both programs, with PAUSE and without, side by side with `busy` processes.
fn compare(busy: usize) -> (Duration, Duration) {
    let programs = Programs::new();
    let assemble = |pause: u64| {
        let file = programs.assemble("ipi", &[("PAUSE", pause)], KERNEL);
        let named = programs.path(&format!("ipi-{pause}"));
        std::fs::rename(file, &named).unwrap();
        named
    };
    let (with, without) = (assemble(1), assemble(0));
    let _busy = Busy::new(busy);
    (time(&with), time(&without))
}

#[test]
fn interrupts_reach_a_hart_that_pauses_beside_four_busy_processes() {
    let (with, without) = compare(4);
    // chance of the host's scheduler, on top of the factor of two
    assert!(with < 2 * without + Duration::from_secs(3), "{with:?} with PAUSE, {without:?} without");
}
