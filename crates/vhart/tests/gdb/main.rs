//! Debuggers at the port of `--gdb`: a client of a few lines, for what GDB and LLDB send.

mod client;
#[path = "../common/mod.rs"]
mod common;
mod harts;
mod real;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use client::{Debugged, text};
use common::{Programs, say_of};

/// Where `debug.s` counts, stores, and writes its CSR.
const WORK: u64 = 0x8000_0100;
const STORED: u64 = WORK + 8;
const WRITTEN: u64 = WORK + 12;
const COUNTER: u64 = 0x8000_1000;
/// Rounds that take seconds on the slowest engine, and are not waited for.
const LONG: u64 = 1 << 40;

/// Every way to run a bare-metal program: threads and turns, both engines.
fn ways() -> impl Iterator<Item = Vec<&'static str>> {
    let all = |engine| [vec!["elf", "--engine", engine], vec!["run", "--firmware", "none", "--engine", engine]];
    ["interp", "jit"].into_iter().flat_map(all)
}

/// GDB's number of a CSR.
fn csr(address: u16) -> usize {
    65 + usize::from(address)
}

const S0: usize = 8;
const MSCRATCH: u16 = arch::csr::MSCRATCH;
const PRIV: usize = 65 + 4096;

#[test]
fn breakpoints_steps_registers_and_memory() {
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", LONG)]);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let mut client = machine.client();
        assert_eq!(client.ask("?"), "T05thread:p01.01;", "{way:?}");
        assert!(client.ask(&format!("Z0,{WORK:x},4")) == "OK" && client.go().contains("swbreak:;"), "{way:?}");
        assert_eq!((client.pc(), client.register(S0)), (WORK, 0));
        client.step();
        assert_eq!((client.pc(), client.register(S0)), (WORK + 4, 1));
        client.step();
        assert_eq!((client.pc(), client.memory(COUNTER)), (STORED, 1));
        client.step();
        assert_eq!((client.pc(), client.register(csr(MSCRATCH))), (WRITTEN, 1));
        // again: code has been made of all of it by now
        for round in 1..100 {
            assert!(client.go().contains("swbreak:;"), "{way:?}");
            assert_eq!((client.pc(), client.register(S0)), (WORK, round), "{way:?}");
        }
        assert_eq!((client.ask(&format!("z0,{WORK:x},4")), client.ask(&format!("Z1,{STORED:x},4"))), two("OK"));
        assert!(client.go().contains("hwbreak:;") && client.pc() == STORED, "{way:?}");
        assert_eq!(client.ask(&format!("P8={}", "00c0ffee00000000")), "OK");
        assert_eq!(client.ask(&format!("P{:x}=efbeadde00000000", csr(MSCRATCH))), "OK");
        assert_eq!((client.register(S0), client.register(csr(MSCRATCH))), (0xeeff_c000, 0xdead_beef));
        assert_eq!(
            (client.ask(&format!("M{COUNTER:x},2:abcd")), client.memory(COUNTER) & 0xffff),
            ("OK".into(), 0xcdab)
        );
        assert_eq!((client.register(PRIV), client.ask("m0,4")), (3, "E0e".into()));
    }
}

fn two(text: &str) -> (String, String) {
    (text.into(), text.into())
}

#[test]
fn a_breakpoint_is_met_in_code_that_was_made_before() {
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", LONG)]);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &[]);
        std::thread::sleep(Duration::from_millis(50));
        let mut client = machine.client();
        for address in [WORK, STORED, WRITTEN, WORK + 4] {
            assert_eq!(client.ask(&format!("Z0,{address:x},4")), "OK");
            assert!(client.go().contains("swbreak:;") && client.pc() == address, "{way:?} {address:#x}");
            assert_eq!(client.ask(&format!("z0,{address:x},4")), "OK");
            client.send("vCont;c");
            std::thread::sleep(Duration::from_millis(20));
            client.stream.write_all(&[3]).unwrap();
            assert!(client.reply().starts_with("T02"), "{way:?}");
        }
    }
}

#[test]
fn watchpoints_stop_behind_the_access() {
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", LONG)]);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let mut client = machine.client();
        assert_eq!(client.ask(&format!("Z2,{:x},1", COUNTER + 1)), "OK");
        for round in 1..5 {
            let stop = client.go();
            assert!(stop.contains(&format!("watch:{:x};", COUNTER + 1)), "{way:?}: {stop}");
            assert_eq!((client.pc(), client.memory(COUNTER)), (STORED, round), "{way:?}");
        }
        assert_eq!(
            (client.ask(&format!("z2,{:x},1", COUNTER + 1)), client.ask(&format!("Z3,{COUNTER:x},8"))),
            two("OK")
        );
        // one that GDB does not know of is told in words, as GDB would go on
        client.monitor(&format!("watch phys {:#x} len 4", COUNTER + 4));
        assert_eq!(client.ask(&format!("z3,{COUNTER:x},8")), "OK");
        client.send("vCont;c");
        let said = text(client.reply().strip_prefix('O').unwrap());
        assert_eq!(said, format!("hart 0: watch write phys {:#x} len 4\n", COUNTER + 4), "{way:?}");
        assert!(client.reply().starts_with("T05thread"), "{way:?}");
        client.monitor("delete");
        assert!(client.monitor("stop-on csr mscratch").contains("1: stop-on csr mscratch"));
        client.send("vCont;c");
        assert!(text(client.reply().strip_prefix('O').unwrap()).contains("mscratch becomes 0x5"), "{way:?}");
        assert!(client.reply().starts_with("T05") && client.pc() == WRITTEN, "{way:?}");
    }
}

#[test]
fn a_change_of_worlds_is_seen_and_points_are_limited_to_one() {
    let programs = Programs::new();
    let file = programs.bare("guest", &[]);
    let (handler, guest) = (0x8000_0200, 0x8000_0300);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let mut client = machine.client();
        client.monitor("stop-on vswitch");
        for (there, priv_there) in [(guest, 5), (handler, 3), (guest + 12, 5), (handler, 3)] {
            client.send("vCont;c");
            let said = client.reply();
            assert!(said.starts_with('O') && client.reply().starts_with("T05"), "{way:?}: {said}");
            assert_eq!((client.pc(), client.register(PRIV)), (there, priv_there), "{way:?}");
        }
        let world = client.ask("qXfer:threads:read::0,fff");
        assert!(world.contains("name=\"hart 0 (M, ASID 0)\""), "{world}");
        client.monitor("delete");
        client.monitor(&format!("break {guest:#x} mode M"));
        client.monitor("stop-on csr vsscratch");
        client.send("vCont;c");
        assert!(text(&client.reply()[1..]).contains("vsscratch becomes 0x7"), "{way:?}");
        assert!(client.reply().starts_with("T05") && client.pc() == guest + 8, "{way:?}");
        assert_eq!(
            (client.register(csr(arch::csr::VSSCRATCH)), client.register(csr(arch::csr::SSCRATCH))),
            (7, 0),
            "{way:?}"
        );
        client.monitor("delete");
        client.monitor("stop-on trap EcallFromVS");
        client.send("vCont;c");
        assert!(text(&client.reply()[1..]).contains("EcallFromVS at pc 0x80000308: from VS to M"), "{way:?}");
        assert!(client.reply().starts_with("T05"));
        client.monitor("delete");
        client.monitor(&format!("break gphys {:#x} mode VS", guest + 8));
        assert!(client.go().starts_with("T05") && client.pc() == guest + 8, "{way:?}");
        let translated = client.monitor(&format!("translate {guest:#x}"));
        assert!(translated.contains("guest-physical 0x80000300") && translated.contains("RAM"), "{translated}");
        let explained = client.monitor("explain pc");
        assert!(explained.contains("VS-mode") && explained.contains("hgatp"), "{explained}");
        assert_eq!(client.monitor("explain"), "hart 0 has had no such fault\n");
        assert_eq!(client.monitor("explain pc,hart=1"), "there is no hart 1\n");
        assert!(client.monitor("explain sense").contains("'sense' is neither fault, exit, pc nor an address"));
    }
}

#[test]
fn whatever_a_client_does_the_machine_goes_on() {
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", LONG)]);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        // one that waits for nobody comes first: the machine stays where it is
        let mut rubbish = TcpStream::connect(("127.0.0.1", machine.port)).unwrap();
        // it is thrown out before it has said all, and the machine let go
        let _ = rubbish.write_all(&[0xff; 100_000]);
        let mut client = machine.client();
        assert_eq!(client.ask(&format!("Z0,{WORK:x},4")), "OK");
        assert!(client.go().contains("swbreak"), "{way:?}");
        let nearly = (LONG - 1000).swap_bytes();
        assert_eq!(client.ask(&format!("P{S0:x}={nearly:016x}")), "OK");
        client.send("vCont;c");
        // gone without a word, with a breakpoint set
        drop(client);
        let (status, said) = machine.end();
        assert_eq!(status, Some(0), "{way:?}: {said}");
        assert!(
            said.contains("does not speak GDB's remote protocol") && said.contains("gone without a word"),
            "{said}"
        );
    }
}

#[test]
fn a_client_that_floods_holds_nothing_up() {
    let programs = Programs::new();
    let way = ["run", "--firmware", "none"];
    // while the machine runs: what is sent then is for nobody
    let machine = Debugged::start(&way, &programs.bare("debug", &[("LIMIT", 1_000_000)]), &["--paused"]);
    let mut client = machine.client();
    client.send("vCont;c");
    while client.stream.write_all(b"$m80001000,8#5a").is_ok() {}
    assert_eq!(machine.end().0, Some(0));
    // while it stands, asking for much and reading nothing
    let machine = Debugged::start(&way, &programs.bare("debug", &[("LIMIT", LONG)]), &["--paused"]);
    let mut client = machine.client();
    while client.stream.write_all(b"$qXfer:features:read:target.xml:0,ffb#79").is_ok() {}
    machine.client().send("k");
    let (status, said) = machine.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("does not read what it asked for") && said.contains("the machine goes on"), "{said}");
}

#[test]
fn events_and_statistics_are_told() {
    let programs = Programs::new();
    let file = programs.bare("guest", &[]);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let mut client = machine.client();
        assert_eq!(client.monitor("events"), "hart 0 has had no events since the debugger came\n");
        assert!(client.monitor("stat").contains("monitor stat again shows"));
        client.monitor("stop-on trap");
        (0..3).for_each(|_| {
            client.send("vCont;c");
            assert!(client.reply().starts_with('O') && client.reply().starts_with("T05"), "{way:?}");
        });
        let events = client.monitor("events 2");
        let lines: Vec<&str> = events.lines().collect();
        assert_eq!(lines.len(), 2, "{way:?}: {events}");
        let wanted = ["VS:0   sbi: sbi_set_timer", "VS:0   trap: async:0"];
        assert!(lines.iter().zip(wanted).all(|(line, wanted)| line.contains(wanted)), "{way:?}: {events}");
        assert_eq!(client.monitor("events").lines().filter(|line| line.contains("trap:")).count(), 3, "{way:?}");
        let stat = client.monitor("stat");
        assert!(stat.contains("VS, VMID 0") && stat.contains("ecall from VS-mode"), "{way:?}: {stat}");
        assert!(client.monitor("events many").contains("'many' is no number"));
        assert_eq!(client.ask("D;1"), "OK");
        std::thread::sleep(Duration::from_millis(50));
        // nothing is kept of what was before
        assert!(machine.client().monitor("events").contains("no events"), "{way:?}");
    }
}

#[test]
fn detach_lets_go_kill_ends_and_the_end_is_told() {
    let programs = Programs::new();
    let long = programs.bare("debug", &[("LIMIT", LONG)]);
    for way in ways() {
        let machine = Debugged::start(&way, &long, &[]);
        let mut client = machine.client();
        assert_eq!(client.ask(&format!("Z0,{WORK:x},4")), "OK");
        assert!(client.go().contains("swbreak"), "{way:?}");
        let count = client.memory(COUNTER);
        assert_eq!(client.ask("D;1"), "OK");
        std::thread::sleep(Duration::from_millis(100));
        let mut client = machine.client();
        assert!(client.memory(COUNTER) > count + 10, "{way:?}: the breakpoint was left behind");
        client.send("k");
        let begun = Instant::now();
        assert_eq!(machine.end().0, Some(0), "{way:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{way:?}");
    }
    let short = programs.bare("debug", &[("LIMIT", 1000)]);
    for way in ways() {
        let machine = Debugged::start(&way, &short, &["--paused"]);
        assert_eq!(machine.client().go(), "W00", "{way:?}");
    }
}

#[test]
fn a_run_that_a_debugger_looked_at_is_the_same_run() {
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", 100_000)]);
    let way = ["run", "--firmware", "none", "--deterministic"];
    let digests =
        |said: &str| said.lines().filter(|line| line.contains("sha256")).map(String::from).collect::<Vec<_>>();
    let alone = digests(&say_of(&way, &file, &[]).err);
    assert!(!alone.is_empty());
    let machine = Debugged::start(&way, &file, &["--paused"]);
    let mut client = machine.client();
    assert_eq!(client.ask(&format!("Z0,{STORED:x},4")), "OK");
    (0..50).for_each(|_| assert!(client.go().contains("swbreak")));
    assert_eq!(client.ask("D;1"), "OK");
    assert_eq!(digests(&machine.end().1), alone);
}

#[test]
fn a_port_that_is_taken_is_said_in_a_sentence() {
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", LONG)]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("--gdb={}", taken.local_addr().unwrap());
    let said = say_of(&["elf", &port], &file, &[]);
    assert_eq!((said.status, said.err.lines().count()), (Some(1), 1), "{}", said.err);
    assert!(said.err.contains("debuggers cannot come to 127.0.0.1"), "{}", said.err);
    assert_eq!(say_of(&["elf", "--paused"], &file, &[]).status, Some(2));
    assert_eq!(say_of(&["elf", "--gdb=0.0.0.0:0"], &file, &[]).status, Some(2));
}
