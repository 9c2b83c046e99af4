//! Debuggers at the port of `--gdb`: a client of a few lines, for what GDB and LLDB send.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Programs, say_of, vhart};

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

/// A machine with a port for debuggers.
struct Debugged {
    process: Child,
    errors: BufReader<std::process::ChildStderr>,
    port: u16,
}

impl Debugged {
    fn start(way: &[&str], file: &Path, more: &[&str]) -> Debugged {
        let file = file.to_str().unwrap();
        let words = [way, &["--gdb=0", "--timeout", "100s"], more, &[file]].concat();
        let mut process = vhart(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("target remote") {
            line.clear();
            assert_ne!(errors.read_line(&mut line).unwrap(), 0, "it ended before there was a port");
        }
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Debugged { process, errors, port }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut client = Client { stream };
        assert!(client.ask("qSupported:multiprocess+;swbreak+;hwbreak+").contains("qXfer:threads:read+"));
        assert_eq!(client.ask("QStartNoAckMode"), "OK");
        client
    }

    /// The exit status, and what was said since.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.errors.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Client {
    stream: TcpStream,
}

impl Client {
    fn send(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.stream.write_all(format!("${packet}#{sum:02x}").as_bytes()).unwrap();
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).unwrap();
        byte[0]
    }

    /// The next packet, without acknowledgements.
    fn reply(&mut self) -> String {
        while self.byte() != b'$' {}
        let mut packet = Vec::new();
        loop {
            match self.byte() {
                b'#' => break,
                byte => packet.push(byte),
            }
        }
        let _checksum = [self.byte(), self.byte()];
        String::from_utf8(packet).unwrap()
    }

    fn ask(&mut self, packet: &str) -> String {
        self.send(packet);
        self.reply()
    }

    fn register(&mut self, number: usize) -> u64 {
        let digits = self.ask(&format!("p{number:x}"));
        u64::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("register {number}: {digits}")).swap_bytes()
    }

    fn pc(&mut self) -> u64 {
        self.register(32)
    }

    fn memory(&mut self, address: u64) -> u64 {
        let digits = self.ask(&format!("m{address:x},8"));
        u64::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("{address:#x}: {digits}")).swap_bytes()
    }

    /// Lets the machine go on, until it stops.
    fn go(&mut self) -> String {
        self.ask("vCont;c")
    }

    fn step(&mut self) {
        assert!(self.ask("vCont;s:p1.1;c").starts_with("T05"));
    }

    /// What a command of `monitor` says.
    fn monitor(&mut self, command: &str) -> String {
        let digits: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&format!("qRcmd,{digits}"));
        let mut said = String::new();
        loop {
            let reply = self.reply();
            if reply == "OK" {
                return said;
            }
            said += &text(reply.strip_prefix('O').unwrap());
        }
    }
}

fn text(digits: &str) -> String {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    String::from_utf8((0..digits.len()).step_by(2).map(byte).collect()).unwrap()
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
        assert!(client.monitor("stop-on csr mscratch").contains("1: stop-on csr mscratch"));
        client.send("vCont;c");
        assert!(text(client.reply().strip_prefix('O').unwrap()).contains("mscratch becomes 0x4"), "{way:?}");
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
        assert!(client.monitor("explain sense").contains("'sense' is neither fault, pc nor an address"));
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

/// Where the system has GDB; `cargo xtask test` counts this where it has not.
#[test]
fn gdb_itself_reads_the_registers_and_steps() {
    let gdb = |words: &[&str]| std::process::Command::new("gdb-multiarch").args(["-nx", "-batch"]).args(words).output();
    if gdb(&["-ex", "quit"]).is_err() {
        return;
    }
    let programs = Programs::new();
    let file = programs.bare("debug", &[("LIMIT", LONG)]);
    for way in ways() {
        let machine = Debugged::start(&way, &file, &["--paused"]);
        let target = format!("target remote 127.0.0.1:{}", machine.port);
        let script = [
            "set pagination off",
            &target,
            "break *work",
            "continue",
            "stepi",
            "printf \"s0 %d\\n\", $s0",
            "watch *(long *) &counter",
            "continue",
            "set $mscratch = 77",
            "printf \"mscratch %d priv %d\\n\", $mscratch, $priv",
            "print/x $misa",
            "print $fa0.double",
            "info threads",
            "info registers hgatp vsatp satp",
            "monitor csr mstatus",
            "kill",
        ];
        let words: Vec<&str> =
            [file.to_str().unwrap()].into_iter().chain(script.iter().flat_map(|line| ["-ex", line])).collect();
        let output = gdb(&words).unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        for wanted in [
            "Breakpoint 1, 0x0000000080000100 in work",
            "s0 1",
            "Hardware watchpoint 2",
            "New value = 1",
            "mscratch 77 priv 3",
            "hart 0 (M, ASID 0)",
            "vsatp",
            "mstatus",
        ] {
            assert!(said.contains(wanted), "{way:?}: no '{wanted}' in\n{said}");
        }
        assert!(!said.contains("warning") && !said.contains("rror"), "{way:?}: {said}");
    }
}
