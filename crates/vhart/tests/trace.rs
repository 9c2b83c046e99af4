//! `vhart trace`: a small hypervisor's events in a file, and what is made of them.

#[allow(dead_code, reason = "each test uses its part")]
mod common;

use std::path::{Path, PathBuf};

use common::{Programs, say, say_of};

const LIMIT: &[&str] = &["--timeout", "60s"];

/// The path of a trace of the hypervisor, made with these filters.
fn traced(programs: &Programs, engine: &str, filter: &str) -> PathBuf {
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    let to = programs.path(&format!("{engine}.vht"));
    let option = format!("{}{filter}", to.display());
    let words = ["run", "--deterministic", "--trace", &option, "--engine", engine, "--kernel"];
    let said = say_of(&words, &file, LIMIT);
    assert_eq!(said.status, Some(0), "{}", said.err);
    to
}

fn lines(trace: &Path, more: &[&str]) -> Vec<String> {
    let said = say(&[&["trace", trace.to_str().unwrap()], more].concat());
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    said.out.lines().map(str::to_owned).collect()
}

#[test]
fn events_are_those_that_happened_on_either_engine() {
    let programs = Programs::new();
    let [jit, interp] = ["jit", "interp"].map(|engine| lines(&traced(&programs, engine, ",event=all"), &[]));
    let count = |words: &str| jit.iter().filter(|line| line.contains(words)).count();
    assert_eq!(count("desc=ecall from VS-mode, to HS"), 8);
    assert_eq!(count("desc=load guest-page fault, to HS"), 4);
    assert_eq!(count("gpa:0x0000000010001004"), 1);
    assert_eq!(count("desc=virtual instruction, to HS"), 2);
    assert_eq!(count("sbi: sbi_probe_extension"), 5);
    assert_eq!(count("fence: hfence.gvma"), 2);
    assert_eq!(count("csr: hgatp 0000000000000000 -> 8"), 1);
    assert_eq!(count("csr: stvec"), 1);
    assert!(count("walk: load in VS") >= 4 && count("return: VS") == 14, "{jit:#?}");
    // which walks are saved by tables that remember is an engine's own
    let others = |lines: &[String]| lines.iter().filter(|line| !line.contains("walk: ")).cloned().collect::<Vec<_>>();
    assert_eq!(others(&jit), others(&interp));
}

/// A device's request, from the notification to the acknowledgement.
#[test]
fn devices_tell_what_they_do_by_themselves() {
    let programs = Programs::new();
    let file = programs.bare("rng", &[]);
    let by_engine = ["jit", "interp"].map(|engine| {
        let trace = programs.path(engine);
        let words = ["run", "--firmware", "none", "--deterministic", "--rng", "bus=virtio-mmio-bus.0"];
        let words = [&words[..], &["--engine", engine, "--trace", trace.to_str().unwrap(), "--kernel"]].concat();
        assert_eq!(say_of(&words, &file, LIMIT).status, Some(0));
        let of_devices = lines(&trace, &["--filter", "event=irq+virtio"]);
        let expected =
            ["virtio: virtio0 queue 0 completed, 16 bytes written", "irq: virtio0 raised", "irq: virtio0 lowered"];
        let said: Vec<&str> =
            of_devices.iter().filter_map(|line| line.split_once("devices        ")).map(|it| it.1).collect();
        assert_eq!(said, expected, "{engine}");
        assert!(lines(&trace, &["--filter", "hart=0"]).iter().all(|line| !line.contains("devices")), "{engine}");
        lines(&trace, &[])
    });
    assert_eq!(by_engine[0], by_engine[1]);
    assert!(by_engine[0].iter().any(|line| line.contains("mmio: write4 virtio0+0x50 value:0x0")));
}

/// Each time that a timer is set to comes, once, whether the hart has a comparator or the firmware keeps the time.
#[test]
fn timers_fire_once_for_each_time_that_they_are_set() {
    let programs = Programs::new();
    let file = programs.assemble("suspend", &[], 0x8020_0000);
    for (isa, name) in [("rv64", "stimecmp"), ("rv64,sstc=off", "sbi")] {
        let trace = programs.path(name);
        let option = format!("{},event=timer", trace.display());
        let words = ["run", "--deterministic", "--isa", isa, "--trace", &option, "--kernel"];
        assert_eq!(say_of(&words, &file, LIMIT).status, Some(0), "{isa}");
        let lines = lines(&trace, &[]);
        let times = |words: &str| -> Vec<String> {
            let words = format!("timer: {name} {words} ");
            lines.iter().filter_map(|line| line.split_once(&words)).map(|(_, time)| time.to_owned()).collect()
        };
        let (set, fired) = (times("fires at"), times("has fired, set to"));
        assert!(set.len() == 2 && set == fired, "{lines:#?}");
    }
}

#[test]
fn filters_choose_when_it_is_written_and_when_it_is_read() {
    let programs = Programs::new();
    let whole = traced(&programs, "jit", "");
    let exits = lines(&whole, &["--filter", "event=vswitch,vmid=5"]);
    let switches = |line: &&String| line.contains(" trap: ") || line.contains(" return: ");
    assert_eq!(exits.iter().filter(switches).count(), 28);
    let part = lines(&traced(&programs, "jit", ",event=vswitch,vmid=5"), &[]);
    assert_eq!(part.iter().filter(switches).count(), 28);
    assert_eq!(
        lines(&whole, &["--filter", "event=sbi,world=U"]).iter().filter(|line| line.contains("sbi:")).count(),
        0
    );
}

#[test]
fn symbols_name_addresses() {
    let programs = Programs::new();
    let trace = traced(&programs, "jit", "");
    let symbols = format!("host={}", programs.path("hypervisor").display());
    let lines = lines(&trace, &["--symbols", &symbols]);
    assert!(lines.iter().any(|line| line.contains("return: ") && line.contains("<map+0x")), "{lines:#?}");
}

#[test]
fn what_is_damaged_is_read_up_to_there() {
    let programs = Programs::new();
    let trace = traced(&programs, "jit", "");
    let bytes = std::fs::read(&trace).unwrap();
    std::fs::write(&trace, &bytes[..bytes.len() - 1]).unwrap();
    let said = say(&["trace", trace.to_str().unwrap()]);
    assert!(said.status == Some(1) && said.err.contains("it is cut off in the chunk at byte"), "{}", said.err);
    std::fs::write(&trace, b"something else").unwrap();
    let said = say(&["trace", trace.to_str().unwrap()]);
    assert!(said.status == Some(1) && said.err.contains("is not a trace of vhart's"), "{}", said.err);
}

#[test]
fn packets_for_perfetto_are_written() {
    let programs = Programs::new();
    let (trace, to) = (traced(&programs, "jit", ""), programs.path("run.pftrace"));
    assert_eq!(lines(&trace, &["--perfetto", to.to_str().unwrap()]), Vec::<String>::new());
    let packets = std::fs::read(&to).unwrap();
    let count = |text: &str| packets.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    assert_eq!((count("VM, VMID 5"), count("ecall from VS-mode: sbi_probe_extension")), (2, 5));
}

#[test]
fn whoever_traces_changes_nothing() {
    let programs = Programs::new();
    let file = programs.assemble("hypervisor", &[], 0x8020_0000);
    let trace = format!("{},event=all", programs.path("t.vht").display());
    for engine in ["jit", "interp"] {
        let digests = |more: &[&str]| {
            let said =
                say_of(&[&["run", "--deterministic", "--engine", engine], more, &["--kernel"]].concat(), &file, LIMIT);
            said.err.lines().filter(|line| line.contains("sha256:")).map(str::to_owned).collect::<Vec<_>>()
        };
        let plain = digests(&[]);
        assert!(!plain.is_empty());
        assert_eq!(digests(&["--trace", &trace]), plain, "{engine}");
    }
}
