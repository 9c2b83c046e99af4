//! A program that makes code, as a just-in-time compiler does: it writes instructions, executes FENCE.I, calls them by
//! several names of their page, and writes others over them, again and again.
//!
//! It runs in HS-mode under Sv39. A register sums up what the code that it made computes.

use arch::csr::{self, atp, status};
use arch::insn::{B, I, R, S, Shift};
use arch::{Insn, Mode, pte};

use crate::elf::Image;
use crate::lockstep::{MTIMECMP, RAM_BASE, TOHOST};
use kit::Code;

/// The page that code is written to, and its other names.
const BUFFER: u64 = RAM_BASE + 0x10_0000;
const NAMES: [u64; 2] = [0x1000, 0x2000];
/// Pieces of code in it, at offsets that are multiples of 64.
const SLOTS: u64 = 16;
const SLOT_BYTES: u64 = 64;
const TABLES: u64 = RAM_BASE + 0x20_0000;

/// What random numbers are multiplied with, and what is added (Knuth, MMIX).
const FACTOR: u64 = 6_364_136_223_846_793_005;
const ADDEND: u64 = 1_442_695_040_888_963_407;

/// Registers.
const LINK: u8 = 1;
const ROUNDS: u8 = 8;
const RANDOM: u8 = 9;
const SUM: u8 = 10;
const FACTOR_IN: u8 = 21;
const ADDEND_IN: u8 = 22;
const BUFFER_IN: u8 = 18;
const NAME_IN: [u8; 2] = [19, 20];
/// The offset of the slot, its address, and an instruction.
const OFFSET: u8 = 5;
const PLACE: u8 = 6;
const WORD: u8 = 7;
const TEMP: u8 = 28;

/// The program, which makes code `rounds` times.
pub fn program(rounds: u64) -> Image {
    let mut code = Code::new(RAM_BASE);
    start(&mut code);
    for (register, value) in [
        (ROUNDS, rounds),
        (RANDOM, 1),
        (SUM, 0),
        (FACTOR_IN, FACTOR),
        (ADDEND_IN, ADDEND),
        (BUFFER_IN, BUFFER),
        (NAME_IN[0], NAMES[0]),
        (NAME_IN[1], NAMES[1]),
    ] {
        code.li(register, value);
    }
    let again = code.here();
    round(&mut code);
    code.addi(ROUNDS, ROUNDS, -1);
    let imm = again.wrapping_sub(code.here()) as i32;
    code.put(Insn::Bne(B { rs1: ROUNDS, rs2: 0, imm }));
    code.li(OFFSET, TOHOST);
    code.addi(WORD, 0, 1);
    code.sd(WORD, OFFSET, 0);
    let here = code.here();
    code.jal(0, here);
    let nothing: Vec<u8> = (0..SLOTS).flat_map(|_| slot()).collect();
    Image {
        isa: crate::spike::ISA,
        entry: RAM_BASE,
        segments: vec![code.into_segment(), (BUFFER, nothing), (TABLES, tables()), (TOHOST, vec![0; 16])],
        symbols: vec![("tohost", TOHOST), ("fromhost", TOHOST + 8)],
    }
}

/// A slot before anything is written to it: it only returns.
fn slot() -> Vec<u8> {
    let mut bytes = ret().to_le_bytes().to_vec();
    bytes.resize(SLOT_BYTES as usize, 0);
    bytes
}

fn ret() -> u32 {
    Insn::Jalr(I { rd: 0, rs1: LINK, imm: 0 }).encode()
}

/// The page under its other names, and RAM where it is.
fn tables() -> Vec<u8> {
    let leaf = |to: u64| to >> 2 | pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;
    let pointer = |to: u64| to >> 2 | pte::V;
    let mut entries = vec![0u64; 3 * 512];
    entries[0] = pointer(TABLES + 0x1000);
    entries[(RAM_BASE >> 30) as usize] = leaf(RAM_BASE);
    entries[512] = pointer(TABLES + 0x2000);
    for name in NAMES {
        entries[1024 + (name >> 12) as usize] = leaf(BUFFER);
    }
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

/// From M-mode to HS-mode.
fn start(code: &mut Code) {
    const SV39: u64 = 8 << 60;
    code.li(OFFSET, MTIMECMP);
    code.li(WORD, u64::MAX);
    code.sd(WORD, OFFSET, 0);
    code.set_csr(csr::PMPADDR0, OFFSET, u64::MAX >> 10);
    code.set_csr(csr::PMPCFG0, OFFSET, 0x1f);
    code.set_csr(csr::SATP, OFFSET, SV39 | 1 << atp::ID_SHIFT | TABLES >> 12);
    code.set_csr(csr::MSTATUS, OFFSET, (Mode::HS.privilege as u64) << status::MPP_SHIFT);
    // behind `mret`, which is three instructions on
    code.put(Insn::Auipc(arch::insn::U { rd: OFFSET, imm: 0 }));
    code.addi(OFFSET, OFFSET, 16);
    code.csrw(csr::MEPC, OFFSET);
    code.xret(Mode::M);
}

/// Makes code in a random slot, and calls it and another by every name, before and after it is overwritten.
fn round(code: &mut Code) {
    code.put(Insn::Mul(R { rd: RANDOM, rs1: RANDOM, rs2: FACTOR_IN }));
    code.put(Insn::Add(R { rd: RANDOM, rs1: RANDOM, rs2: ADDEND_IN }));
    some_slot(code, OFFSET, 33);
    code.put(Insn::Add(R { rd: PLACE, rs1: BUFFER_IN, rs2: OFFSET }));
    // addi sum,sum,RANDOM
    code.put(Insn::Srli(Shift { rd: WORD, rs1: RANDOM, shamt: 52 }));
    code.put(Insn::Slli(Shift { rd: WORD, rs1: WORD, shamt: 20 }));
    or(code, Insn::Addi(I { rd: SUM, rs1: SUM, imm: 0 }));
    store(code, 0);
    // add or sub, which bit 30 tells apart
    code.put(Insn::Srli(Shift { rd: WORD, rs1: RANDOM, shamt: 63 }));
    code.put(Insn::Slli(Shift { rd: WORD, rs1: WORD, shamt: 30 }));
    or(code, Insn::Add(R { rd: SUM, rs1: SUM, rs2: RANDOM }));
    store(code, 4);
    code.li(WORD, ret().into());
    store(code, 8);
    code.put(Insn::FenceI(I { rd: 0, rs1: 0, imm: 0 }));
    calls(code);
    // another number in the first instruction
    code.put(Insn::Lw(I { rd: WORD, rs1: PLACE, imm: 0 }));
    code.li(TEMP, 1 << 20);
    code.put(Insn::Xor(R { rd: WORD, rs1: WORD, rs2: TEMP }));
    store(code, 0);
    code.put(Insn::FenceI(I { rd: 0, rs1: 0, imm: 0 }));
    calls(code);
    some_slot(code, OFFSET, 20);
    code.put(Insn::Add(R { rd: PLACE, rs1: BUFFER_IN, rs2: OFFSET }));
    calls(code);
}

/// Puts the offset of a slot into `rd`, from the bits of the random number at `shamt`.
fn some_slot(code: &mut Code, rd: u8, shamt: u8) {
    code.put(Insn::Srli(Shift { rd, rs1: RANDOM, shamt }));
    code.put(Insn::Andi(I { rd, rs1: rd, imm: ((SLOTS - 1) * SLOT_BYTES) as i32 }));
}

/// Adds the bits of an instruction to [`WORD`].
fn or(code: &mut Code, insn: Insn) {
    code.li(TEMP, insn.encode().into());
    code.put(Insn::Or(R { rd: WORD, rs1: WORD, rs2: TEMP }));
}

fn store(code: &mut Code, imm: i32) {
    code.put(Insn::Sw(S { rs1: PLACE, rs2: WORD, imm }));
}

/// Calls the slot by its three names.
fn calls(code: &mut Code) {
    for name in NAME_IN {
        code.put(Insn::Add(R { rd: TEMP, rs1: name, rs2: OFFSET }));
        code.put(Insn::Jalr(I { rd: LINK, rs1: TEMP, imm: 0 }));
    }
    code.put(Insn::Jalr(I { rd: LINK, rs1: PLACE, imm: 0 }));
}

/// What a slot computes.
#[derive(Clone, Copy)]
enum Slot {
    /// Nothing: it returns.
    Returns,
    /// It adds the number and then adds or subtracts the random number.
    Adds { number: i64, subtracts: bool },
}

impl Slot {
    fn call(self, random: u64, sum: u64) -> u64 {
        match self {
            Slot::Returns => sum,
            Slot::Adds { number, subtracts: false } => sum.wrapping_add_signed(number).wrapping_add(random),
            Slot::Adds { number, subtracts: true } => sum.wrapping_add_signed(number).wrapping_sub(random),
        }
    }
}

/// The number that 12 bits of an instruction mean.
const fn immediate(bits: u64) -> i64 {
    (bits << 52) as i64 >> 52
}

/// What `a0` is at the end of the program.
pub fn sum(rounds: u64) -> u64 {
    let mut slots = [Slot::Returns; SLOTS as usize];
    let (mut random, mut sum) = (1u64, 0u64);
    for _ in 0..rounds {
        random = random.wrapping_mul(FACTOR).wrapping_add(ADDEND);
        let some_slot = |shift: u32| ((random >> shift) / SLOT_BYTES % SLOTS) as usize;
        let calls = |slot: Slot, sum: u64| (0..3).fold(sum, |sum, _| slot.call(random, sum));
        for bits in [random >> 52, random >> 52 ^ 1] {
            slots[some_slot(33)] = Slot::Adds { number: immediate(bits), subtracts: random >> 63 != 0 };
            sum = calls(slots[some_slot(33)], sum);
        }
        sum = calls(slots[some_slot(20)], sum);
    }
    sum
}
