//! Names of addresses, what harts were doing when time was up, and profiles, as a user meets them.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use common::{Programs, say, say_of};

/// A program that a board with firmware runs, explained at its end.
fn explained(programs: &Programs, name: &str, words: &[&str]) -> common::Said {
    let file = programs.assemble(name, &[], 0x8020_0000);
    say_of(&[&["run", "--deterministic", "--max-instructions", "2000000"], words, &["--kernel"]].concat(), &file, &[])
}

#[test]
fn a_program_names_its_own_addresses() {
    let programs = Programs::new();
    let json = programs.path("why.json");
    let words = ["--explain", "pc", "--explain-json", json.to_str().unwrap()];
    let said = explained(&programs, "spin", &words);
    assert_eq!(said.status, Some(124), "{}", said.err);
    assert!(said.err.contains(" in _start\n"), "{}", said.err);
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(json["explanations"][0]["instruction"]["symbol"], "_start");
}

#[test]
fn the_users_files_name_a_guests_addresses() {
    let programs = Programs::new();
    let map = programs.path("guest.map");
    std::fs::write(&map, "0000000080200100 T planted_access\n").unwrap();
    for whose in ["guest", "guest:0"] {
        let symbols = format!("{whose}={}", map.display());
        let said = explained(&programs, "guestfault", &["--explain", "fault,to=hs", "--symbols", &symbols]);
        assert!(said.err.contains("in planted_access"), "{whose}: {}", said.err);
    }
}

#[test]
fn a_guests_trap_is_followed_to_its_re_entry() {
    let programs = Programs::new();
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    let json = programs.path("chain.json");
    let option = json.to_str().unwrap();
    let words = ["run", "--deterministic", "--explain", "exit", "--explain-json", option, "--kernel"];
    let said = say_of(&words, &file, &["--timeout", "60s"]);
    assert_eq!(said.status, Some(0), "{}", said.err);
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let chain = json["explanations"][0]["chain"].as_array().unwrap();
    let steps: Vec<&str> = chain.iter().map(|link| link["step"].as_str().unwrap()).collect();
    assert_eq!((steps[..2].to_vec(), steps.last()), (vec!["access", "exit"], Some(&"re-entry")), "{chain:#?}");
    assert_eq!(chain[1]["symbols"][0], "trap");
    assert!(json["explanations"][0]["trap"]["from"].as_str().unwrap().starts_with('V'), "{json:#}");
    assert!(chain.last().unwrap()["instructions"].as_u64().unwrap() > 1, "{chain:#?}");
    assert!(said.err.contains("re-entry VS:"), "{}", said.err);
}

#[test]
fn files_without_names_say_why() {
    let programs = Programs::new();
    let file = programs.assemble("spin", &[], 0x8020_0000);
    let hidden = programs.path("hidden");
    std::fs::write(&hidden, "0000000000000000 T _start\n").unwrap();
    let wrong = |symbols: &str| say_of(&["run", "--timeout", "1s", "--symbols", symbols, "--kernel"], &file, &[]);
    let said = wrong(&format!("host={}", hidden.display()));
    assert!(said.status == Some(1) && said.err.contains("copy /proc/kallsyms as root"), "{}", said.err);
    let said = wrong("host=/nowhere/map");
    assert!(said.status == Some(1) && said.err.contains("cannot read symbols from '/nowhere/map'"), "{}", said.err);
    assert_eq!(wrong("map").status, Some(2));
    assert_eq!(wrong("guest:x=map").status, Some(2));
}

#[test]
fn when_time_is_up_it_is_said_what_harts_were_doing() {
    let programs = Programs::new();
    let said = explained(&programs, "spin", &["--harts", "2"]);
    let told =
        "when the limit was reached, hart 0 executes in HS-mode, at 0x80200000 in _start; hart 1 was never started";
    assert!(said.err.contains(told), "{}", said.err);
}

#[test]
fn a_profile_is_the_same_on_either_engine_and_changes_nothing() {
    let programs = Programs::new();
    let file = programs.assemble("spin", &[], 0x8020_0000);
    let run = |engine: &str, more: &[&str]| {
        let begin = ["run", "--deterministic", "--max-instructions", "3000000", "--engine", engine];
        say_of(&[&begin, more, &["--kernel"]].concat(), &file, &[])
    };
    let digests = |said: &common::Said| {
        said.err.lines().filter(|line| line.contains("sha256:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut profiles = Vec::new();
    for engine in ["jit", "interp"] {
        let json = programs.path(&format!("{engine}.json"));
        let option = format!("--profile={}", json.display());
        let said = run(engine, &[&option, "--profile-every", "100k"]);
        assert!(!digests(&said).is_empty(), "{}", said.err);
        assert_eq!(digests(&said), digests(&run(engine, &[])), "{engine}");
        profiles.push(std::fs::read_to_string(json).unwrap());
    }
    assert_eq!(profiles[0], profiles[1]);
    let json: serde_json::Value = serde_json::from_str(&profiles[0]).unwrap();
    assert_eq!((&json["schema"], &json["every"]), (&1.into(), &100_000.into()));
    assert!(json["samples"].as_u64().unwrap() >= 20, "{json}");
}

#[test]
fn a_profile_is_a_table_a_flame_graph_or_folded_stacks() {
    let programs = Programs::new();
    let file = programs.assemble("spin", &[], 0x8020_0000);
    let svg = programs.path("spin.svg");
    let folded = programs.path("spin.folded");
    let symbols = format!("host={}", file.display());
    let run = |option: &str| {
        let every = ["--profile-every", "100k", "--max-instructions", "2000000", "--symbols", &symbols];
        say_of(&[&["run", option], &every[..], &["--kernel"]].concat(), &file, &[])
    };
    let table = run("--profile");
    assert!(
        table.err.contains("samples, one each 100000 instructions of a hart") && table.err.contains("_start"),
        "{}",
        table.err
    );
    run(&format!("--profile={}", svg.display()));
    run(&format!("--profile={}", folded.display()));
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("<title>_start ("), "{svg}");
    let folded = std::fs::read_to_string(folded).unwrap();
    assert!(folded.starts_with("HS;_start "), "{folded}");
    let said = say(&["profile", "-o", "/nowhere/x", "run", "--kernel", file.to_str().unwrap()]);
    assert!(said.status == Some(1) && said.err.contains("cannot write profile '/nowhere/x'"), "{}", said.err);
}
