//! `--explain` and `vhart explain`, as a user meets them.

mod common;

use std::path::Path;

use common::{Programs, say, say_of};

/// A hypervisor whose guest takes a guest-page fault, at its end after so many instructions and traps.
fn explained(file: &Path, words: &[&str]) -> common::Said {
    let before = [&["run", "--deterministic", "--timeout", "3s"], words, &["--kernel"]].concat();
    say_of(&before, file, &[])
}

#[test]
fn questions_are_answered_at_the_end_on_standard_error_and_in_files() {
    let programs = Programs::new();
    let file = programs.assemble("guestfault", &[], 0x8020_0000);
    let (json, svg) = (programs.path("walk.json"), programs.path("walk.svg"));
    let (json_word, svg_word) = (json.to_string_lossy(), svg.to_string_lossy());
    let questions = ["--explain", "fault,to=hs", "--explain", "0x40001238,world=vs,access=w"];
    let files = ["--explain-json", &*json_word, "--explain-svg", &*svg_word];
    let said = explained(&file, &[&questions[..], &files[..]].concat());
    assert_eq!(said.status, Some(124), "{}", said.err);
    assert!(said.err.contains("a store at 0x40001238 in VS-mode raises store/AMO guest-page fault"), "{}", said.err);
    assert!(!said.err.contains('\x1b'), "a file is not coloured");
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let finding = &json["explanations"][1]["finding"];
    assert_eq!((&finding["stage"], &finding["level"]), (&"G".into(), &2.into()));
    assert_eq!((&finding["check"], &finding["bits"][0]["field"]), (&"not-valid".into(), &"V".into()));
    assert_eq!(json["schema"], 1);
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("class=\"bad\""), "{svg}");
}

#[test]
fn the_pc_of_a_program_is_explained() {
    let programs = Programs::new();
    let file = programs.bare("spin", &[]);
    let said = say_of(&["elf", "--max-instructions", "1000", "--explain", "pc"], &file, &[]);
    assert_eq!(said.status, Some(124), "{}", said.err);
    assert!(said.err.contains("in M-mode goes to physical address 0x8000"), "{}", said.err);
    assert!(said.err.contains("M-mode translates nothing"), "{}", said.err);
}

#[test]
fn a_question_that_cannot_be_asked_says_why() {
    let wrong = |question| {
        let said = say(&["run", "--explain", question, "kernel"]);
        assert_eq!(said.status, Some(2), "{question}");
        said.err
    };
    assert!(wrong("nonsense").contains("'nonsense' is neither fault, exit, pc nor an address"));
    assert!(wrong("0x1000,world=w").contains("it is one of m, hs, u, vs, vu"));
    assert!(wrong("fault,hart=4").contains("the machine has harts 0 to 0"));
}

#[test]
fn a_trap_from_a_log_is_told_in_plain_words() {
    let said = say(&["explain", "trap", "scause=0x15", "stval=0x40001238", "htval=0x1000048e", "htinst=0x3000"]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    let told = "for a guest's load at 0x40001238 the hart went through the guest's own page table, and hgatp's does not map its \
                entry at guest-physical 0x40001238";
    assert!(said.out.contains(told), "{}", said.out);
    let said = say(&["explain", "scause=13", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&json["cause"], &json["interrupt"]), (&13.into(), &false.into()));
}

#[test]
fn a_log_without_a_trap_and_a_word_that_is_none_are_refused() {
    let programs = Programs::new();
    let log = programs.path("log");
    std::fs::write(&log, "nothing happened\n").unwrap();
    let said = say_of(&["explain"], &log, &[]);
    assert!(said.status == Some(1) && said.err.contains("has no register of a trap"), "{}", said.err);
    let said = say(&["explain", "cost=1"]);
    assert!(said.status == Some(2) && said.err.contains("'cost' is no register of a trap: known are"), "{}", said.err);
    let said = say(&["explain", "stval=1"]);
    assert!(said.status == Some(1) && said.err.contains("there is no cause"), "{}", said.err);
}
