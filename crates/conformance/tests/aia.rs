//! The programs in `aia/`, which ask a hart with interrupt files about the Advanced Interrupt Architecture, interpreted
//! and translated.
//!
//! They run on QEMU as well (`aia/README.md`); what QEMU answers otherwise is in `differences.md`.

use std::process::Command;
use std::sync::{Arc, Mutex};

use arch::{Isa, Phys};
use bus::{Bus, IrqLine, SharedDevice};
use conformance::lockstep::{RAM_BASE, RAM_BYTES};
use devices::aplic::{Aplic, Domain, Harts};
use devices::{Clint, FileLevel, Finisher, ImsicPages, PowerSwitch, Uart16550};
use hart::{Hart, HartParts};
use kit::Rng;
use memory::Ram;
use privileged::Config;
use vcpu::{Clock, EmulatedHart, Exit, FileId, HartPins, ImsicShape, SystemEvent};

/// What a board as QEMU's has, by their bases.
const BASES: [u64; 6] = [0x1000_0000, 0x10_0000, 0x200_0000, 0xc00_0000, 0x2400_0000, 0x2800_0000];
const LENGTHS: [u64; 6] = [0x100, 0x1000, 0x1_0000, 0x8000, 0x1000, 0x4000];
/// The APLIC's source of the UART, and how many it has.
const UART_SOURCE: u32 = 10;
const SOURCES: u32 = 96;
/// Guest interrupt files of each hart.
const GUEST_FILES: u8 = 3;
/// Instructions of a turn, and ticks that go by in one.
const TURN: u64 = 1000;
const MOST_TURNS: u64 = 10_000;

/// Whether the user asked to go without binutils, which assemble the programs.
fn is_left_out() -> bool {
    let left_out = std::env::var("VHART_NO_BINUTILS").is_ok_and(|value| value == "1");
    if left_out {
        println!("SKIPPED: VHART_NO_BINUTILS is set");
    }
    left_out
}

/// A program, assembled and linked for the beginning of RAM.
fn assembled(name: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let [object, program, binary] = ["o", "elf", "bin"].map(|name| directory.path().join(name));
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/aia");
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|e| panic!("{e}; `cargo xtask test` gets the binutils"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let mut assembler = Command::new("riscv64-linux-gnu-as");
    assembler.args(["-march=rv64gc", "-mabi=lp64d", "-fpic", "-I", sources, "-o"]);
    run(assembler.arg(&object).arg(format!("{sources}/{name}.s")));
    let mut linker = Command::new("riscv64-linux-gnu-ld");
    linker.args(["--build-id=none", "--omagic", &format!("-Ttext={RAM_BASE:#x}"), "-o"]);
    run(linker.arg(&program).arg(&object));
    run(Command::new("riscv64-linux-gnu-objcopy").args(["-O", "binary"]).args([&program, &binary]));
    std::fs::read(&binary).unwrap()
}

/// A machine with one hart in front of a program.
struct Machine {
    hart: Box<dyn EmulatedHart>,
    clock: Arc<Clock>,
    power: Arc<PowerSwitch>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Machine {
    fn new(program: &[u8], make: impl Fn(HartParts) -> Box<dyn EmulatedHart>) -> Machine {
        let ram = kit::ram(RAM_BYTES);
        ram.write_bytes(0, program).unwrap();
        let pins = HartPins::with_imsic(ImsicShape { identities: ImsicShape::IDENTITIES, guest_files: GUEST_FILES });
        let (clock, said) = (Arc::new(Clock::virtual_time()), Arc::new(Mutex::new(Vec::new())));
        let power = PowerSwitch::new(vec![pins.clone()]);
        let text = said.clone();
        let out = Box::new(move |bytes: &[u8]| text.lock().unwrap().extend_from_slice(bytes));
        let file = |level| -> SharedDevice { Arc::new(Mutex::new(ImsicPages::new(vec![pins.clone()], level))) };
        let [machine, supervisor] = [FileLevel::Machine, FileLevel::Supervisor].map(file);
        // messages lead to the files alone
        let files = Bus::default();
        files.map("files", Phys(BASES[4]), LENGTHS[4], machine.clone()).unwrap();
        let aplic = Aplic::new(SOURCES, Harts::Messaged { count: 1, guest_files: GUEST_FILES, files: Arc::new(files) });
        let devices: [SharedDevice; 6] = [
            Arc::new(Mutex::new(Uart16550::new(out, IrqLine::new(aplic.clone(), UART_SOURCE)))),
            Arc::new(Mutex::new(Finisher::new(power.clone()))),
            Arc::new(Mutex::new(Clint::new(clock.clone(), vec![pins.clone()]))),
            Arc::new(Mutex::new(aplic.registers(Domain::Machine))),
            machine,
            supervisor,
        ];
        let bus = Bus::default();
        for ((base, len), device) in BASES.into_iter().zip(LENGTHS).zip(devices) {
            bus.map("device", Phys(base), len, device).unwrap();
        }
        let config = pins.fitting(Config::new(Isa::ALL, 0));
        let (bus, time) = (Arc::new(bus), clock.clone());
        let mut hart = make(HartParts { config, bus, clock: time, pins, ..kit::alone(Isa::ALL, ram) });
        hart.reset_machine(RAM_BASE);
        Machine { hart, clock, power, said }
    }

    /// Runs the program to its end. Answers what it said.
    fn run(mut self) -> String {
        for _ in 0..MOST_TURNS {
            let exit = self.hart.run(TURN);
            let asleep = match exit {
                Exit::Idle { until } => until.map_or(TURN, |until| until.saturating_sub(self.clock.now())),
                _ => 1,
            };
            self.clock.advance(asleep.max(1));
            if let Some(event) = self.power.take() {
                let said = String::from_utf8(self.said.lock().unwrap().clone()).unwrap();
                assert_eq!(event, SystemEvent::Shutdown, "{said}");
                return said;
            }
        }
        panic!("the program does not end: {}", String::from_utf8_lossy(&self.said.lock().unwrap()));
    }
}

/// What the program says where all is as it should be: how much it asked.
fn all_is_well(make: impl Fn(HartParts) -> Box<dyn EmulatedHart>) {
    if is_left_out() {
        return;
    }
    let said = Machine::new(&assembled("aia"), make).run();
    let asked =
        said.strip_prefix("aia: asked 0x").and_then(|rest| rest.strip_suffix(", differing 0x0000000000000000\n"));
    let asked = asked.unwrap_or_else(|| panic!("{said}"));
    assert!(u64::from_str_radix(asked, 16).unwrap() > 380, "{said}");
}

#[test]
fn the_interpreter_s_hart_is_as_the_specification_says() {
    all_is_well(|parts| Box::new(Hart::new(parts)));
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn the_translator_s_hart_is_as_the_specification_says() {
    all_is_well(|hart| Box::new(jit::JitHart::new(jit::JitParts { hart, code_bytes: None }).unwrap()));
}

/// Two harts that move an interrupt file to and fro, by turns that a seed decides, with messages between them.
struct Movers {
    harts: Vec<Box<dyn EmulatedHart>>,
    pins: Vec<Arc<HartPins>>,
    ram: Ram,
    sent: [u64; 256],
}

/// What `move.s` shares, by offset in RAM.
const SHARED: u64 = 0x10_0000;
const TARGET: u64 = SHARED;
const MOVE: u64 = SHARED + 16;
const MOVES: u64 = SHARED + 24;
const CLAIMS: u64 = SHARED + 64;

impl Movers {
    fn new(make: impl Fn(HartParts) -> Box<dyn EmulatedHart>) -> Movers {
        let shared = kit::alone(Isa::ALL, kit::ram(RAM_BYTES));
        shared.ram.write_bytes(0, &assembled("move")).unwrap();
        let shape = ImsicShape { identities: ImsicShape::IDENTITIES, guest_files: GUEST_FILES };
        let pins: Vec<_> = (0..2).map(|_| HartPins::with_imsic(shape)).collect();
        let hart = |(id, pins): (u64, &Arc<HartPins>)| {
            let mut hart = make(kit::one_of_many(&shared, id, pins));
            hart.reset_machine(RAM_BASE);
            hart.set_pace(vcpu::Pace::Instruction);
            hart
        };
        let harts = (0..).zip(&pins).map(hart).collect();
        Movers { harts, pins, ram: shared.ram, sent: [0; 256] }
    }

    fn shared(&self, offset: u64) -> u64 {
        self.ram.load_u64(offset).unwrap()
    }

    fn claims(&self, identity: usize) -> u64 {
        self.shared(CLAIMS + 8 * identity as u64)
    }

    /// A message, unless the last with the same identity still waits: pending bits do not count.
    fn send(&mut self, identity: usize) {
        if self.claims(identity) == self.sent[identity] {
            self.sent[identity] += 1;
            let target = self.shared(TARGET) as usize;
            self.pins[target].message(FileId::Guest(1), identity as u32);
        }
    }

    /// What a seed decides; at its end all that was sent has been claimed, and nothing else.
    fn race(&mut self, seed: u64) {
        let mut rng = Rng::new(seed);
        for _ in 0..60 {
            let hart = rng.below(2) as usize;
            self.harts[hart].run(1 + rng.below(40));
            if rng.one_in(3) {
                let identity = if rng.one_in(2) { 1 + rng.below(8) } else { 1 + rng.below(255) };
                self.send(identity as usize);
            }
            if rng.one_in(8) {
                self.ram.write_bytes(MOVE, &1u64.to_le_bytes()).unwrap();
            }
        }
        for _ in 0..200 {
            if (1..256).all(|identity| self.claims(identity) == self.sent[identity]) {
                return;
            }
            self.harts.iter_mut().for_each(|hart| _ = hart.run(100));
        }
        let lost: Vec<_> = (1..256).filter(|&identity| self.claims(identity) != self.sent[identity]).collect();
        panic!("seed {seed}: identities {lost:?} were lost or doubled");
    }
}

fn no_message_is_lost(seeds: u64, make: impl Fn(HartParts) -> Box<dyn EmulatedHart>) {
    if is_left_out() {
        return;
    }
    let mut movers = Movers::new(make);
    (0..seeds).for_each(|seed| movers.race(seed));
    let (moves, messages) = (movers.shared(MOVES), movers.sent.iter().sum::<u64>());
    assert!(moves > seeds / 4 && messages > 2 * seeds, "{moves} moves, {messages} messages");
}

#[test]
fn no_message_is_lost_or_doubled_while_a_file_moves() {
    no_message_is_lost(10_000, |parts| Box::new(Hart::new(parts)));
}

#[cfg(all(target_arch = "x86_64", unix))]
#[test]
fn no_message_is_lost_or_doubled_while_a_file_moves_translated() {
    no_message_is_lost(2000, |hart| Box::new(jit::JitHart::new(jit::JitParts { hart, code_bytes: None }).unwrap()));
}
