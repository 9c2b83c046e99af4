//! Runs a program on Spike and on the hart, instruction by instruction, and compares.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use ::privileged::{Aia, Cause, Config, MachineIds, State};
use arch::addr::PAGE_BYTES;
use arch::{Isa, Mode, Phys, Privilege};
use bus::Device;
use hart::engine::NOT_RESERVED;
use hart::{Hart, HartParts, Record, Step};
use memory::Ram;
use vcpu::{EmulatedHart, Reg, Vcpu};

use crate::commit::{Commit, Store};
use crate::elf::Image;
use crate::known_differences;
use crate::spike::{self, Spike};

/// Where RAM is.
pub const RAM_BASE: u64 = 0x8000_0000;
/// Where random programs have the numbers that they load.
pub const CONSTANTS: u64 = RAM_BASE + 0xc0_0000;
/// Where programs made here have `tohost`, and `fromhost` behind it.
pub const TOHOST: u64 = RAM_BASE + 0xe0_0000;
/// How much RAM there is.
pub const RAM_BYTES: u64 = 16 << 20;
/// Where Spike has `mtimecmp` of hart 0. Programs set it to all ones, so that time decides nothing.
pub const MTIMECMP: u64 = 0x0200_4000;
/// Traps in a row without an instruction between them: a loop.
pub(crate) const MOST_TRAPS: u32 = 1000;
/// More instructions than any program has that comes to its end: random stores may turn one into a loop, on both sides.
pub(crate) const MOST_INSTRUCTIONS: u64 = 3_000_000;
/// Instructions shown before a difference.
pub(crate) const SHOWN: usize = 20;

/// What a comparison found when both agreed.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// Instructions compared.
    pub retired: u64,
    /// Programs that both harts ran without end; they were left.
    pub endless: u64,
    /// Instructions among them that the interpreter executed, where a translated hart had to stop at a certain one.
    pub stepped: u64,
    /// Traps that the hart took.
    pub traps: BTreeMap<String, u64>,
    /// Differences that are argued in `differences.md`, by name.
    pub known: BTreeMap<&'static str, u64>,
}

impl Agreement {
    /// Adds another program's.
    pub fn add(&mut self, other: Agreement) {
        self.retired += other.retired;
        self.endless += other.endless;
        self.stepped += other.stepped;
        for (name, count) in other.traps {
            *self.traps.entry(name).or_default() += count;
        }
        for (name, count) in other.known {
            *self.known.entry(name).or_default() += count;
        }
    }
}

/// Why two harts do not agree.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Spike does not run.
    #[error(transparent)]
    Spike(#[from] spike::Error),
    /// They differ.
    #[error("{0}")]
    Difference(String),
}

/// Runs `image` until it stores to `tohost`.
///
/// # Errors
/// The first unargued difference, with what led to it.
pub fn compare(image: &Image) -> Result<Agreement, Error> {
    let mut spike = Spike::start(image, image.isa)?;
    let mut pair = Pair::new(image);
    if !find_entry(&mut spike, &mut pair.theirs, image.entry) {
        return Err(Error::Difference(format!("Spike does not come to the entry: {}", spike.complaints())));
    }
    loop {
        pair.advance().map_err(|why| Error::Difference(pair.report(&why)))?;
        if pair.ours.commit.stores.iter().any(|store| Some(store.address) == image.symbol("tohost")) {
            return Ok(pair.agreement);
        }
        if pair.agreement.retired > MOST_INSTRUCTIONS {
            pair.agreement.endless = 1;
            return Ok(pair.agreement);
        }
        if !spike.next_into(&mut pair.theirs) {
            let why = format!("Spike ends: {}", spike.complaints());
            return Err(Error::Difference(pair.report(&why)));
        }
    }
}

/// Skips Spike's boot ROM, up to the instruction at `entry`, which is then in `theirs`.
pub(crate) fn find_entry(spike: &mut Spike, theirs: &mut Commit, entry: u64) -> bool {
    while spike.next_into(theirs) {
        if theirs.pc == entry {
            return true;
        }
    }
    false
}

/// What a hart's instruction did.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) commit: Commit,
}

impl Record for Seen {
    fn begin(&mut self, mode: Mode, pc: u64, raw: u32) {
        self.commit.reset(mode.privilege as u8, pc, raw);
    }
    fn x(&mut self, register: u8, value: u64) {
        self.commit.x.push((register, value));
    }
    fn f(&mut self, register: u8, value: u64) {
        self.commit.f.push((register, value));
    }
    fn csr(&mut self, address: u16, value: u64) {
        self.commit.csrs.push((address, value));
    }
    fn load(&mut self, address: u64, _bytes: u8) {
        self.commit.loads.push(address);
    }
    fn store(&mut self, address: u64, value: u64, bytes: u8) {
        let mask = u64::MAX >> (64 - 8 * u32::from(bytes.clamp(1, 8)));
        self.commit.stores.push(Store { address, value: value & mask, len_bytes: bytes });
    }
}

/// A device that takes everything and gives zero.
struct Sink;

impl Device for Sink {
    fn read(&mut self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }
    fn write(&mut self, _offset: u64, _data: &[u8]) {}
}

/// The configuration that Spike has with [`spike::ISA`].
pub fn config() -> Config {
    config_of(spike::ISA)
}

/// The configuration that Spike has with this ISA.
///
/// # Panics
/// If the ISA string names what does not exist here.
pub fn config_of(isa: &str) -> Config {
    let isa = Isa::parse(isa).expect("every extension of the string exists");
    let isa = [arch::Extension::Sv48, arch::Extension::Sv57].into_iter().fold(isa, Isa::with).closed();
    Config {
        pmp_entries: 16,
        transformed_instructions: false,
        guest_external_interrupts: 0,
        aia: Aia::LEAST,
        // Spike's count nothing
        programmable_counters: 0,
        ids: MachineIds { vendor: 0, arch: 5, implementation: 0 },
        ..Config::new(isa, 0)
    }
}

/// A hart with `image` in its memory, in front of the first instruction, and that memory.
///
/// # Panics
/// If the image does not fit into RAM.
pub fn hart_with(image: &Image) -> (Hart, Ram) {
    let ram = ram_with(image);
    let mut hart = Hart::new(parts_in(&ram, image.isa));
    hart.reset_machine(image.entry);
    (hart, ram)
}

/// Memory with `image` in it.
pub(crate) fn ram_with(image: &Image) -> Ram {
    let ram = Ram::new(Phys(RAM_BASE), RAM_BYTES).expect("memory for the test machine");
    for (address, bytes) in &image.segments {
        ram.write_bytes(address - RAM_BASE, bytes).expect("the program fits into RAM");
    }
    ram
}

/// A hart with this memory, in front of the instruction at `entry`.
///
/// # Panics
/// If the bus is not empty, which it is.
pub fn hart_in(ram: &Ram, entry: u64) -> Hart {
    let mut hart = Hart::new(parts_in(ram, spike::ISA));
    hart.reset_machine(entry);
    hart
}

/// What a hart with this memory is made of.
pub(crate) fn parts_in(ram: &Ram, isa: &str) -> HartParts {
    let parts = HartParts { config: config_of(isa), ..kit::alone(Isa::ALL, ram.clone()) };
    parts.bus.map("clint", Phys(0x0200_0000), 0x1_0000, Arc::new(Mutex::new(Sink))).expect("an empty bus");
    parts
}

/// Both harts, at the same instruction.
struct Pair {
    hart: Hart,
    config: Config,
    ours: Seen,
    theirs: Commit,
    /// `fflags` before the instruction.
    fflags: u8,
    /// Traps of ours since the last instruction.
    trapped: Vec<Cause>,
    /// What Spike retired last, a ring.
    history: Vec<Commit>,
    /// Address of the last LR.
    reserved: Option<u64>,
    agreement: Agreement,
}

impl Pair {
    fn new(image: &Image) -> Self {
        Pair {
            hart: hart_with(image).0,
            config: config_of(image.isa),
            ours: Seen::default(),
            theirs: Commit::default(),
            fflags: 0,
            trapped: Vec::new(),
            history: vec![Commit::default(); SHOWN],
            reserved: None,
            agreement: Agreement::default(),
        }
    }

    /// Lets ours retire one instruction and compares it with theirs.
    fn advance(&mut self) -> Result<(), String> {
        self.lose_reservation();
        self.retire()?;
        let ours = &self.ours.commit;
        let difference = self.difference();
        if let Some(what) = difference {
            let found = known_differences::recognise(&self.theirs, ours, self.hart.state());
            let Some(found) = found else { return Err(what) };
            found.apply(&mut self.hart, &self.config);
            *self.agreement.known.entry(found.name).or_default() += 1;
        }
        self.remember();
        Ok(())
    }

    /// Spike loses reservations at the end of its time slices, where ours does not know them: "The failure of an SC may
    /// be spurious." Only an SC to the address of the last LR may, or to another address of the same memory: these have
    /// the offset in their pages in common.
    fn lose_reservation(&mut self) {
        if !is_atomic(self.theirs.raw, 0b00011) {
            return;
        }
        let base = self.hart.reg(Reg::X((self.theirs.raw >> 15 & 31) as u8));
        if self.theirs.stores.is_empty() && self.reserved.is_some_and(|at| (at ^ base).is_multiple_of(PAGE_BYTES)) {
            self.hart.core.reservation = NOT_RESERVED;
            *self.agreement.known.entry("sc-fails-spuriously").or_default() += 1;
        }
        self.reserved = None;
    }

    fn retire(&mut self) -> Result<(), String> {
        self.trapped.clear();
        self.fflags = self.hart.state().fflags;
        for _ in 0..MOST_TRAPS {
            match self.hart.step(&mut self.ours) {
                Step::Retired => return Ok(()),
                Step::Trapped(cause) => {
                    *self.agreement.traps.entry(name_of(cause)).or_default() += 1;
                    self.trapped.push(cause);
                }
                Step::Exit(exit) => return Err(format!("ours stops: {exit:?}")),
            }
        }
        Err("ours traps without end".into())
    }

    /// What differs, if anything.
    fn difference(&self) -> Option<String> {
        let (ours, theirs) = (&self.ours.commit, &self.theirs);
        if (ours.privilege, ours.pc, ours.raw) != (theirs.privilege, theirs.pc, theirs.raw) {
            return Some("another instruction".into());
        }
        let same_x = same(&ours.x, &theirs.x);
        if !same_x {
            return Some("integer registers".into());
        }
        if !same(&ours.f, &theirs.f) {
            return Some("floating-point registers".into());
        }
        if !same_stores(ours, theirs) {
            return Some("stores".into());
        }
        if !ours.loads.iter().chain(&theirs.loads).all(|at| ours.loads.contains(at) && theirs.loads.contains(at)) {
            return Some("loads".into());
        }
        self.csr_difference()
    }

    fn csr_difference(&self) -> Option<String> {
        let theirs = &self.theirs.csrs;
        let flags_logged = theirs.iter().any(|&(address, _)| matches!(address, 1 | 3));
        if !flags_logged && self.hart.state().fflags != self.fflags {
            return Some(format!("ours changes fflags to {:#x}", self.hart.state().fflags));
        }
        if theirs.is_empty() {
            return None;
        }
        let state = in_machine_mode(self.hart.state());
        theirs.iter().find_map(|&(address, value)| {
            let own = machine_view(&state, &self.config, address)?;
            (own != value).then(|| format!("CSR {}: ours {own:#x}", csr_name(address)))
        })
    }

    fn remember(&mut self) {
        if is_atomic(self.theirs.raw, 0b00010) {
            self.reserved = self.theirs.loads.first().copied();
        }
        let place = self.agreement.retired as usize % SHOWN;
        std::mem::swap(&mut self.history[place], &mut self.theirs);
        self.agreement.retired += 1;
    }

    /// Everything that helps to understand a difference.
    fn report(&self, why: &str) -> String {
        let mut text = format!("after {} instructions: {why}\n", self.agreement.retired);
        let oldest = self.agreement.retired as usize;
        for commit in (0..SHOWN).map(|i| &self.history[(oldest + i) % SHOWN]).filter(|c| c.pc != 0) {
            let _ = writeln!(text, "  before {}", with_text(commit));
        }
        for cause in &self.trapped {
            let _ = writeln!(text, "  ours traps: {cause:x?}");
        }
        let _ = writeln!(text, "  Spike  {}", with_text(&self.theirs));
        let _ = writeln!(text, "  ours   {}", with_text(&self.ours.commit));
        let state = self.hart.state();
        let _ = write!(text, "  ours is in {:?} at {:#x}", state.mode, self.hart.reg(Reg::Pc));
        text
    }
}

/// What a CSR reads in `state`, which is in M-mode, where that is what Spike logs.
pub(crate) fn machine_view(state: &State, config: &Config, address: u16) -> Option<u64> {
    match address {
        1 => return Some(state.fflags.into()),
        2 => return Some(state.frm.into()),
        // They go on counting.
        0xb00..0xc00 => return None,
        // Logged without what other registers and wires add; reads show it.
        arch::csr::MIP | arch::csr::SIP | arch::csr::HIP | arch::csr::VSIP | arch::csr::HVIP | arch::csr::MVIP => {
            return None;
        }
        _ => {}
    }
    ::privileged::csr::read(state, config, address).ok()
}

/// The same state, in M-mode.
pub(crate) fn in_machine_mode(state: &State) -> State {
    State { mode: Mode { privilege: Privilege::Machine, virt: false }, ..state.clone() }
}

/// Whether `raw` is the atomic instruction `funct5`, of 32 or 64 bits.
pub(crate) const fn is_atomic(raw: u32, funct5: u32) -> bool {
    raw & 0xf800_607f == funct5 << 27 | 0x202f
}

pub(crate) fn csr_name(address: u16) -> String {
    arch::csr::name(address).map_or_else(|| format!("{address:#x}"), |name| name.to_string())
}

/// A commit and its disassembly.
pub(crate) fn with_text(commit: &Commit) -> String {
    let isa = Isa::ALL;
    let insn = match arch::insn::fetch_len(commit.raw as u16) {
        2 => arch::insn::decompress(commit.raw as u16, &isa),
        _ => arch::decode(commit.raw, &isa),
    };
    insn.map_or_else(|| commit.to_string(), |insn| format!("{commit}   {insn}"))
}

pub(crate) fn name_of(cause: Cause) -> String {
    match cause {
        Cause::Exception(trap) => format!("{:?}", trap.cause),
        Cause::Interrupt(interrupt) | Cause::Asserted(interrupt, _) => format!("{interrupt:?} interrupt"),
    }
}

/// Whether the same registers were written, in any order. Writes of x0 do not show.
fn same(ours: &[(u8, u64)], theirs: &[(u8, u64)]) -> bool {
    ours == theirs || ours.len() == theirs.len() && ours.iter().all(|write| theirs.contains(write))
}

/// Whether the same bytes were written.
fn same_stores(ours: &Commit, theirs: &Commit) -> bool {
    ours.stores == theirs.stores || bytes_of(&ours.stores) == bytes_of(&theirs.stores)
}

pub(crate) fn bytes_of(stores: &[Store]) -> BTreeMap<u64, u8> {
    let bytes = |store: &Store| {
        let (address, value) = (store.address, store.value);
        (0..u64::from(store.len_bytes.min(8))).map(move |i| (address.wrapping_add(i), (value >> (8 * i)) as u8))
    };
    stores.iter().flat_map(bytes).collect()
}
