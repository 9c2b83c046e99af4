//! What a guest asks of the built-in firmware: the machine's end, sleep, and interrupts between harts.

mod common;

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
