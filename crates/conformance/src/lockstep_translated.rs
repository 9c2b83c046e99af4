//! Runs a program on Spike and on a translated hart, and compares at the end of each of the translator's quanta.
//!
//! Generated code does not say what each instruction did. So what Spike logs is summed up: registers, CSRs that only
//! writes change, memory. The hart runs a random number of instructions, some blocks, and must then be where Spike is
//! after as many. Where it must stop at a certain instruction (the program's end, a difference that is argued in
//! `differences.md`), the interpreter takes it there one by one.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use ::privileged::Config;
use arch::addr::PAGE_BYTES;
use arch::csr;
use hart::Step;
use jit::{JitHart, JitParts};
use memory::Ram;
use vcpu::{EmulatedHart, Exit, Reg, Vcpu};

use crate::commit::Commit;
use crate::elf::Image;
use crate::known_differences;
use crate::lockstep::{self, Agreement, Error, RAM_BASE, RAM_BYTES, Seen, is_atomic};
use crate::spike::Spike;
use kit::Rng;

/// The longest quantum, in instructions.
const LONGEST_QUANTUM: u64 = 200;
/// How far a quantum may go beyond its budget: a block.
const SLACK: u64 = 64;
/// The name of a reservation that Spike lost, in `differences.md`.
const LOST_RESERVATION: &str = "sc-fails-spuriously";

/// What the addresses are that a program stores to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Memory is compared.
    Physical,
    /// Memory is compared as far as the program reads it.
    Virtual,
}

/// Runs `image` until it stores to `tohost`, in quanta that `seed` decides.
///
/// # Errors
/// The first unargued difference, with what led to it.
///
/// # Panics
/// If the host does not let generated code run.
pub fn compare(image: &Image, seed: u64, addresses: Addresses) -> Result<Agreement, Error> {
    let mut spike = Spike::start(image, image.isa)?;
    let mut first = Commit::default();
    if !lockstep::find_entry(&mut spike, &mut first, image.entry) {
        return Err(Error::Difference(format!("Spike does not come to the entry: {}", spike.complaints())));
    }
    let mut log = Log::new(spike, image.symbol("tohost"));
    log.push(first);
    let mut run = Pair::new(image, log, addresses);
    let mut rng = Rng::new(seed ^ 0x7175_616e_7461);
    while !run.log.is_done() && run.agreement.endless == 0 {
        let quantum = 1 + rng.below(LONGEST_QUANTUM);
        run.advance(quantum).map_err(|why| Error::Difference(run.report(&why)))?;
        run.agreement.endless = u64::from(run.agreement.retired > lockstep::MOST_INSTRUCTIONS);
    }
    Ok(run.finish())
}

/// A hart with `image` in its memory, in front of the first instruction, that keeps so many bytes of code.
///
/// # Panics
/// If the host does not let generated code run.
pub fn hart_with(image: &Image, code_bytes: Option<usize>) -> JitHart {
    let parts = JitParts { hart: lockstep::parts_in(&lockstep::ram_with(image), image.isa), code_bytes };
    let mut hart = JitHart::new(parts).expect("the host lets generated code run");
    hart.reset_machine(image.entry);
    hart
}

/// What Spike retired and ours has not yet.
struct Log {
    spike: Spike,
    tohost: Option<u64>,
    ahead: VecDeque<Ahead>,
    /// The store to `tohost` is in it.
    complete: bool,
    /// Integer registers behind the last of it.
    x: [u64; 32],
    /// Address of the last LR.
    reserved: Option<u64>,
    /// What `xcause` of any mode was last read.
    cause: u64,
}

struct Ahead {
    commit: Commit,
    delicate: Option<Delicate>,
}

/// Why ours must stop in front of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delicate {
    /// An SC that failed on Spike, though its address was reserved.
    Reservation,
    /// A CSR that Spike may read otherwise.
    Read,
}

impl Log {
    fn new(spike: Spike, tohost: Option<u64>) -> Self {
        Log { spike, tohost, ahead: VecDeque::new(), complete: false, x: [0; 32], reserved: None, cause: 0 }
    }

    fn is_done(&self) -> bool {
        self.complete && self.ahead.is_empty()
    }

    /// Reads on, until there are so many instructions or the program ends.
    fn fill(&mut self, count: u64) -> Result<(), String> {
        while (self.ahead.len() as u64) < count && !self.complete {
            let mut commit = Commit::default();
            if !self.spike.next_into(&mut commit) {
                return Err(format!("Spike ends: {}", self.spike.complaints()));
            }
            self.push(commit);
        }
        Ok(())
    }

    fn push(&mut self, commit: Commit) {
        let delicate = self.delicate(&commit);
        if is_atomic(commit.raw, 0b00010) {
            self.reserved = commit.loads.first().copied();
        } else if is_atomic(commit.raw, 0b00011) {
            self.reserved = None;
        }
        for &(register, value) in &commit.x {
            self.x[usize::from(register & 31)] = value;
        }
        if let (true, Some(&(_, cause))) = (is_cause_read(&commit), commit.x.first()) {
            self.cause = cause;
        }
        self.complete = commit.stores.iter().any(|store| Some(store.address) == self.tohost);
        self.ahead.push_back(Ahead { commit, delicate });
    }

    /// See `lockstep::Pair::lose_reservation`, and `known_differences`.
    fn delicate(&self, commit: &Commit) -> Option<Delicate> {
        let base = self.x[(commit.raw >> 15 & 31) as usize];
        if is_atomic(commit.raw, 0b00011)
            && commit.stores.is_empty()
            && self.reserved.is_some_and(|at| (at ^ base).is_multiple_of(PAGE_BYTES))
        {
            return Some(Delicate::Reservation);
        }
        let reads = commit.raw & 0x7f == 0x73 && commit.raw >> 20 == u32::from(csr::SCOUNTOVF);
        let block =
            known_differences::may_be_block(commit, self.cause).is_some() || known_differences::reads_top(commit);
        (block || reads && commit.privilege == 3).then_some(Delicate::Read)
    }

    /// How many instructions are in front of the first delicate one.
    fn clear(&self) -> u64 {
        self.ahead.iter().position(|ahead| ahead.delicate.is_some()).unwrap_or(self.ahead.len()) as u64
    }
}

/// Whether an instruction reads a cause, as handlers do first.
const fn is_cause_read(commit: &Commit) -> bool {
    let address = (commit.raw >> 20) as u16;
    commit.raw & 0x7f == 0x73 && matches!(address, csr::MCAUSE | csr::SCAUSE | csr::VSCAUSE)
}

/// What Spike's log comes to.
#[derive(Default)]
struct Sum {
    /// Registers that were written.
    x: [Option<u64>; 32],
    f: [Option<u64>; 32],
    fflags: u64,
    frm: u64,
    /// CSRs that nothing but a write of themselves changes.
    csrs: BTreeMap<u16, u64>,
    /// Bytes stored since the last comparison.
    bytes: BTreeMap<u64, u8>,
}

/// Whether a CSR changes by its own writes only, so that the last one in the log says what it is.
const fn is_lasting(address: u16) -> bool {
    use arch::csr::*;
    matches!(
        address,
        MTVEC
            | STVEC
            | VSTVEC
            | MSCRATCH
            | SSCRATCH
            | VSSCRATCH
            | SATP
            | VSATP
            | HGATP
            | MEDELEG
            | HEDELEG
            | MCOUNTEREN
            | SCOUNTEREN
            | HCOUNTEREN
            | MCOUNTINHIBIT
            | MENVCFG
            | SENVCFG
            | HTIMEDELTA
            | STIMECMP
            | VSTIMECMP
            | PMPADDR0..0x3f0
    )
}

impl Sum {
    fn add(&mut self, commit: &Commit, addresses: Addresses) {
        for &(register, value) in &commit.x {
            self.x[usize::from(register & 31)] = Some(value);
        }
        for &(register, value) in &commit.f {
            self.f[usize::from(register & 31)] = Some(value);
        }
        commit.csrs.iter().for_each(|&(address, value)| self.add_csr(address, value));
        if addresses == Addresses::Physical {
            self.bytes.extend(lockstep::bytes_of(&commit.stores));
        }
    }

    fn add_csr(&mut self, address: u16, value: u64) {
        match address {
            csr::FFLAGS => self.fflags = value,
            csr::FRM => self.frm = value,
            csr::FCSR => (self.fflags, self.frm) = (value & 0x1f, value >> 5),
            _ if is_lasting(address) => _ = self.csrs.insert(address, value),
            _ => {}
        }
    }
}

/// Both harts.
struct Pair {
    hart: JitHart,
    ram: Ram,
    config: Config,
    addresses: Addresses,
    log: Log,
    sum: Sum,
    /// What Spike retired last.
    history: VecDeque<Commit>,
    /// Quanta in a row in which nothing retired.
    idle: u32,
    agreement: Agreement,
}

impl Pair {
    fn new(image: &Image, log: Log, addresses: Addresses) -> Self {
        let hart = hart_with(image, None);
        let ram = hart.hart().core.ram.clone();
        Pair {
            hart,
            ram,
            config: lockstep::config_of(image.isa),
            addresses,
            log,
            sum: Sum::default(),
            history: VecDeque::new(),
            idle: 0,
            agreement: Agreement::default(),
        }
    }

    fn finish(mut self) -> Agreement {
        self.agreement.traps.insert("all".to_owned(), self.hart.hart().core.traps);
        self.agreement
    }

    /// Runs about `quantum` instructions and compares.
    fn advance(&mut self, quantum: u64) -> Result<(), String> {
        self.log.fill(quantum + SLACK + 1)?;
        match self.log.clear() {
            0 => self.delicate()?,
            clear @ ..=SLACK => self.interpreted(clear)?,
            clear => self.translated(quantum.min(clear - SLACK))?,
        }
        self.take_traps()?;
        self.compare()
    }

    fn retired(&self) -> u64 {
        self.hart.hart().state().instret
    }

    /// Runs translated code.
    fn translated(&mut self, budget: u64) -> Result<(), String> {
        let before = self.retired();
        let exit = self.hart.run(budget);
        let retired = self.retired().wrapping_sub(before);
        if exit != Exit::Quantum || retired > budget + SLACK {
            return Err(format!("ours retires {retired} and stops: {exit:?}"));
        }
        self.idle = if retired == 0 { self.idle + 1 } else { 0 };
        if self.idle > lockstep::MOST_TRAPS {
            return Err("ours traps without end".to_owned());
        }
        self.consume(retired);
        Ok(())
    }

    /// Runs to a certain instruction.
    fn interpreted(&mut self, count: u64) -> Result<(), String> {
        for _ in 0..count {
            self.step(&mut Seen::default())?;
        }
        self.consume(count);
        Ok(())
    }

    /// Retires one instruction through the interpreter.
    fn step(&mut self, seen: &mut Seen) -> Result<(), String> {
        self.agreement.stepped += 1;
        for _ in 0..lockstep::MOST_TRAPS {
            match self.hart.hart_mut().step(seen) {
                Step::Retired => return Ok(()),
                Step::Trapped(_) => {}
                Step::Exit(exit) => return Err(format!("ours stops: {exit:?}")),
            }
        }
        Err("ours traps without end".to_owned())
    }

    /// Executes the instruction that may end otherwise than on Spike, and goes on as Spike does.
    fn delicate(&mut self) -> Result<(), String> {
        let Some(Ahead { delicate: Some(kind), commit }) = self.log.ahead.front() else { return Ok(()) };
        let (kind, theirs) = (*kind, commit.clone());
        if kind == Delicate::Reservation {
            self.hart.hart_mut().core.reservation = hart::engine::NOT_RESERVED;
            *self.agreement.known.entry(LOST_RESERVATION).or_default() += 1;
        }
        let mut ours = Seen::default();
        self.step(&mut ours)?;
        if ours.commit.x != theirs.x
            && let Some(found) = known_differences::recognise(&theirs, &ours.commit, self.hart.hart().state())
        {
            found.apply(self.hart.hart_mut(), &self.config);
            *self.agreement.known.entry(found.name).or_default() += 1;
        }
        self.consume(1);
        Ok(())
    }

    /// Adds up what Spike retired meanwhile.
    fn consume(&mut self, count: u64) {
        for Ahead { commit, .. } in self.log.ahead.drain(..count as usize) {
            self.sum.add(&commit, self.addresses);
            self.history.push_back(commit);
        }
        let old = self.history.len().saturating_sub(lockstep::SHOWN.max(count as usize));
        self.history.drain(..old);
        self.agreement.retired += count;
    }

    /// Spike logs no traps. Where ours is not in front of what Spike retires next, it must trap to there.
    fn take_traps(&mut self) -> Result<(), String> {
        self.log.fill(1)?;
        let Some(Ahead { commit: next, .. }) = self.log.ahead.front() else { return Ok(()) };
        for _ in 0..lockstep::MOST_TRAPS {
            if self.hart.reg(Reg::Pc) == next.pc {
                return Ok(());
            }
            if !matches!(self.hart.hart_mut().step(&mut ()), Step::Trapped(_)) {
                return Err("another instruction".to_owned());
            }
        }
        Err("ours traps without end".to_owned())
    }

    fn compare(&mut self) -> Result<(), String> {
        let mut text = String::new();
        let mut differ = |name: &dyn std::fmt::Display, ours: u64, theirs: u64| {
            if ours != theirs {
                let _ = writeln!(text, "{name}: ours {ours:#x}, Spike {theirs:#x}");
            }
        };
        let core = &self.hart.hart().core;
        for at in 0..32 {
            differ(&format_args!("x{at}"), core.x[at], self.sum.x[at].unwrap_or(core.x[at]));
            differ(&format_args!("f{at}"), core.f[at], self.sum.f[at].unwrap_or(core.f[at]));
        }
        differ(&"fflags", core.state.fflags.into(), self.sum.fflags);
        differ(&"frm", core.state.frm.into(), self.sum.frm);
        if let Some(next) = self.log.ahead.front() {
            differ(&"privilege", core.state.mode.privilege as u64, next.commit.privilege.into());
        }
        let state = lockstep::in_machine_mode(&core.state);
        for (address, theirs) in self.sum.csrs.iter().map(|(&a, &v)| (a, v)).chain(self.fresh()) {
            let ours = lockstep::machine_view(&state, &self.config, address).unwrap_or(theirs);
            differ(&lockstep::csr_name(address), ours, theirs);
        }
        for (address, theirs) in std::mem::take(&mut self.sum.bytes) {
            let mut ours = [theirs];
            if (RAM_BASE..RAM_BASE + RAM_BYTES).contains(&address) {
                self.ram.read_bytes(address - RAM_BASE, &mut ours);
            }
            differ(&format_args!("memory at {address:#x}"), ours[0].into(), theirs.into());
        }
        if text.is_empty() { Ok(()) } else { Err(text) }
    }

    /// The CSRs that the last instruction wrote, if no trap came after it.
    fn fresh(&self) -> impl Iterator<Item = (u16, u64)> {
        let goes_on = |last: &Commit| {
            let behind = last.pc.wrapping_add(arch::insn::fetch_len(last.raw as u16) as u64);
            self.log.ahead.front().is_some_and(|next| next.commit.pc == behind)
        };
        self.history.back().filter(|last| goes_on(last)).into_iter().flat_map(|last| last.csrs.iter().copied())
    }

    /// Everything that helps to understand a difference.
    fn report(&self, why: &str) -> String {
        let mut text = format!("after {} instructions: {why}\n", self.agreement.retired);
        for commit in &self.history {
            let _ = writeln!(text, "  before {}", lockstep::with_text(commit));
        }
        if let Some(next) = self.log.ahead.front() {
            let _ = writeln!(text, "  next   {}", lockstep::with_text(&next.commit));
        }
        let _ = write!(text, "  ours is in {:?} at {:#x}", self.hart.hart().state().mode, self.hart.reg(Reg::Pc));
        text
    }
}
