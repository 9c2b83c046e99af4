//! The same machine twice, executed by each engine, and compared.
//!
//! The translator ends a quantum between blocks, so [`Pair::run`] lets it run first, and then lets the interpreter
//! execute as many instructions and traps, one by one. Both must be in the same state then.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arch::pte;
use arch::{Isa, Mode, Phys};
use hart::{Hart, HartParts, Record};
use jit::{Backend, Host, JitHart, JitParts};
use memory::{Ram, Watcher};
use privileged::Config;
use vcpu::{Exit, Vcpu};
use vm_memory::{Bytes, GuestAddress};

pub use crate::lockstep::RAM_BASE;

/// How much RAM there is.
pub const RAM_BYTES: u64 = 2 << 20;
/// Where the device is.
pub const DEVICE: u64 = 0x1000_0000;
/// Where programs have their page tables.
pub const TABLES: u64 = RAM_BASE + 0x10_0000;
/// Instructions shown before a difference.
const SHOWN: usize = 24;

/// What a machine is made of.
pub fn parts(config: Config) -> (HartParts, Ram) {
    let ram = kit::ram(RAM_BYTES);
    let parts = HartParts { config, ..kit::alone(Isa::ALL, ram.clone()) };
    let echo = kit::Echo::new(parts.pins.clone());
    parts.bus.map("echo", Phys(DEVICE), 0x1000, Arc::new(Mutex::new(echo))).unwrap();
    (parts, ram)
}

/// The last instructions that began.
#[derive(Default)]
struct Trail(VecDeque<(Mode, u64, u32)>);

impl Record for Trail {
    fn begin(&mut self, mode: Mode, pc: u64, raw: u32) {
        if self.0.len() == SHOWN {
            self.0.pop_front();
        }
        self.0.push_back((mode, pc, raw));
    }
}

impl Trail {
    fn text(&self) -> String {
        let mut text = String::new();
        for &(mode, pc, raw) in &self.0 {
            let len = if raw & 3 == 3 { 4 } else { 2 };
            let insn = hart::engine::decode(raw, len, &Isa::ALL);
            let name = insn.map_or("illegal".to_owned(), |insn| insn.to_string());
            let _ = writeln!(text, "  {mode:?} {pc:#x}: {raw:08x} {name}");
        }
        text
    }
}

/// The same machine twice. `B` is whom the translator makes code for.
pub struct Pair<B: Backend = Host> {
    /// Translated.
    pub jit: JitHart<B>,
    /// Interpreted.
    pub plain: Hart,
    /// Memory of the one and of the other.
    pub rams: [Ram; 2],
    trail: Trail,
    watcher: Watcher,
}

impl Pair {
    /// Two harts after reset.
    pub fn new(code_bytes: Option<usize>) -> Pair {
        Pair::on(code_bytes)
    }

    /// Two harts after reset that can do what `config` says.
    pub fn with(config: Config, code_bytes: Option<usize>) -> Pair {
        Pair::on_with(config, code_bytes)
    }
}

impl<B: Backend> Pair<B> {
    /// [`Pair::new`], with any back end.
    pub fn on(code_bytes: Option<usize>) -> Self {
        Pair::on_with(Config::new(Isa::ALL, 0), code_bytes)
    }

    /// [`Pair::with`], with any back end.
    pub fn on_with(config: Config, code_bytes: Option<usize>) -> Self {
        let (one, ram) = parts(config.clone());
        let (other, plain_ram) = parts(config);
        let jit = JitHart::on(JitParts { hart: one, code_bytes }).unwrap();
        let watcher = ram.watch().join();
        Pair { jit, plain: Hart::new(other), rams: [ram, plain_ram], trail: Trail::default(), watcher }
    }

    /// Does the same to both harts.
    pub fn both(&mut self, mut change: impl FnMut(&mut Hart)) {
        change(self.jit.hart_mut());
        change(&mut self.plain);
    }

    /// Writes the same to both memories.
    pub fn put(&self, address: u64, bytes: &[u8]) {
        for ram in &self.rams {
            ram.write_bytes(address - RAM_BASE, bytes).unwrap();
        }
    }

    /// Writes instructions to both memories.
    pub fn put_words(&self, address: u64, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(address, &bytes);
    }

    /// Runs both for about `budget` instructions. Answers how the translator's run ended.
    ///
    /// # Errors
    /// What differs then.
    pub fn run(&mut self, budget: u64) -> Result<Exit, String> {
        let before = self.jit.hart().core.work();
        let exit = self.jit.run(budget);
        let end = self.jit.hart().core.work();
        if exit == Exit::Quantum && end == before {
            return Err("a quantum without progress".to_owned());
        }
        while self.plain.core.work() != end {
            self.plain.step(&mut self.trail);
            if self.plain.core.exit.is_some() {
                break;
            }
        }
        self.compare().map(|()| exit)
    }

    /// Whether code was written to since this was last asked. Until the next FENCE.I translated code may be what was
    /// there before, and the interpreter, which fetches each instruction when it steps, executes what is there now.
    pub fn code_was_written(&mut self) -> bool {
        self.watcher.written().is_none_or(|pages| !pages.is_empty())
    }

    fn compare(&self) -> Result<(), String> {
        let mut text = String::new();
        let (ours, plain) = (&self.jit.hart().core, &self.plain.core);
        let mut differ = |name: &str, ours: u64, plain: u64| {
            if ours != plain {
                let _ = writeln!(text, "{name}: translated {ours:#x}, interpreted {plain:#x}");
            }
        };
        differ("pc", ours.pc, plain.pc);
        differ("traps", ours.traps, plain.traps);
        differ("waiting", ours.wfi.waiting.into(), plain.wfi.waiting.into());
        differ("reserved", (ours.reservation != 0).into(), (plain.reservation != 0).into());
        for at in 0..32 {
            differ(&format!("x{at}"), ours.x[at], plain.x[at]);
            differ(&format!("f{at}"), ours.f[at], plain.f[at]);
        }
        if ours.state != plain.state {
            let (ours, plain) = (format!("{:#?}", ours.state), format!("{:#?}", plain.state));
            for (ours, plain) in ours.lines().zip(plain.lines()).filter(|(a, b)| a != b) {
                let _ = writeln!(text, "translated {}, interpreted {}", ours.trim(), plain.trim());
            }
        }
        if let Some((at, ours, plain)) = self.memory_difference() {
            let _ = writeln!(text, "memory at {at:#x}: translated {ours:#x}, interpreted {plain:#x}");
        }
        if text.is_empty() { Ok(()) } else { Err(format!("{text}after\n{}", self.trail.text())) }
    }

    /// Compares what programs reach: the first pages, and page tables.
    fn memory_difference(&self) -> Option<(u64, u8, u8)> {
        [0..0x2_0000, TABLES - RAM_BASE..TABLES - RAM_BASE + 0x4_0000].into_iter().find_map(|range| {
            let [ours, plain] = self.rams.each_ref().map(|ram| copy(ram, &range));
            if ours == plain { None } else { difference(RAM_BASE + range.start, &ours, &plain) }
        })
    }
}

/// A part of memory in one go, as devices read: byte by byte it would take most of a comparison's time.
fn copy(ram: &Ram, range: &Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    ram.guest_memory().read_slice(&mut bytes, GuestAddress(RAM_BASE + range.start)).unwrap();
    bytes
}

/// The first difference of memory at `start`.
fn difference(start: u64, ours: &[u8], plain: &[u8]) -> Option<(u64, u8, u8)> {
    // At a quantum's end the translator may have looked up code that does not execute yet. "The A bit may be set as a
    // result of speculation", says the manual: in page tables, one more of them is no difference.
    let is_entry = |at: usize| start >= TABLES && at.is_multiple_of(8);
    let same = |at: usize| ours[at] == plain[at] || is_entry(at) && ours[at] == plain[at] | pte::A as u8;
    let at = (0..ours.len()).find(|&at| !same(at))?;
    Some((start + at as u64, ours[at], plain[at]))
}
