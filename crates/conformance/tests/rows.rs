//! Loads and stores in a row off one register, which the translator checks together: of all widths, aligned and not, in
//! one page and in two, in pages that may be read only, that are not there and that are a device's.

mod common;

use arch::insn::{Class, OPCODES, Opcode};
use arch::{Mode, pte};
use common::{DEVICE, Pair, RAM_BASE};
use jit::{Backend, Host, Toy};
use kit::{Registers, Rng, encode as e};
use vcpu::{Exit, Vcpu};

const PROGRAMS: u64 = 300;
const ROWS: usize = 40;
const HANDLER: u64 = RAM_BASE;
const START: u64 = RAM_BASE + 0x1000;
/// Where the data is, in virtual memory: see [`tables`].
const DATA: u64 = 0x10_0000;
const PAGE: u64 = 4096;
/// NAPOT, read, write and execute.
const ALL_OPEN: u8 = 0x1f;
/// Held by generated code, and not.
const BASES: [u32; 4] = [11, 2, 29, 30];
/// What is loaded and stored: the bases are among them.
const REGISTERS: [u32; 8] = [10, 11, 2, 8, 28, 29, 31, 0];

/// The fields of a load or store: an offset from `rs1`.
fn access(rng: &mut Rng, opcode: Opcode, rs1: u32, offset: i64) -> u32 {
    let (pattern, other, offset) = (opcode.row().pattern, rng.pick(&REGISTERS), offset as u32);
    let fields = match opcode.row().class {
        Class::Store => other << 20 | (offset & 31) << 7 | (offset >> 5) << 25,
        _ => other << 7 | offset << 20,
    };
    (fields | rs1 << 15) & !pattern.mask | pattern.value
}

/// An instruction that computes; now and then it has the base for its result, which ends a row.
fn arithmetic(rng: &mut Rng, opcode: Opcode, base: u32) -> u32 {
    let rd = if rng.one_in(8) { base } else { rng.pick(&[10, 8, 28, 31]) };
    let operands = rd << 7 | rng.pick(&REGISTERS) << 15 | rng.pick(&REGISTERS) << 20;
    let pattern = opcode.row().pattern;
    (operands | rng.bits() as u32 & 0xfe00_7000) & !pattern.mask | pattern.value
}

/// A row: what it begins with puts an address into a register.
fn row(rng: &mut Rng, opcodes: &[Opcode], others: &[Opcode]) -> Vec<u32> {
    let base = rng.pick(&BASES);
    // near the beginning of a page, whichever it is, or anywhere
    let page = rng.below(8);
    let at = if rng.one_in(2) { rng.below(PAGE) } else { rng.below(80) };
    let (x, half) = (base as u8, (at / 2) as i32);
    let mut words = vec![e::lui(x, (DATA + page * PAGE) as i32), e::addi(x, x, half), e::addi(x, x, at as i32 - half)];
    let middle = rng.below(200) as i64 - 100;
    for _ in 0..1 + rng.below(12) {
        let offset = if rng.one_in(16) { rng.below(4000) as i64 - 2000 } else { middle + rng.below(160) as i64 - 80 };
        let opcode = rng.pick(opcodes);
        words.push(access(rng, opcode, base, offset));
        while rng.one_in(3) {
            let opcode = rng.pick(others);
            words.push(arithmetic(rng, opcode, base));
        }
    }
    words
}

/// Page tables for the data: RAM that may be written, that may be read only, that is not there, and a device, next to
/// each other. Code is where it is, and cannot be written, wherever a base leads.
fn tables<B: Backend>(pair: &Pair<B>) -> u64 {
    let [root, middle, low, code] = [0, 1, 2, 3].map(|number| conformance::pair::TABLES + number * PAGE);
    let entry = |at: u64, to: u64, flags: u64| pair.put(at, &(to >> 2 | flags | pte::V).to_le_bytes());
    let all = pte::R | pte::W | pte::A | pte::D;
    entry(root, middle, 0);
    entry(root + (RAM_BASE >> 30) * 8, code, 0);
    entry(code, RAM_BASE, pte::R | pte::X | pte::A);
    entry(middle, low, 0);
    let ram = RAM_BASE + 0x1_0000;
    let data = low + (DATA >> 12 & 0x1ff) * 8;
    let pages = [
        (ram, all),
        (ram + 3 * PAGE, all),
        (ram + PAGE, pte::R | pte::A),
        (ram + 2 * PAGE, all),
        (0, 0),
        (ram + 4 * PAGE, all & !pte::D),
        (DEVICE, all),
        (ram + 5 * PAGE, all),
    ];
    (0..)
        .zip(pages)
        .filter(|(_, (_, flags))| *flags != 0)
        .for_each(|(at, (to, flags))| entry(data + at * 8, to, flags));
    8 << 60 | root >> 12
}

#[test]
fn accesses_in_a_row_do_what_each_of_them_does() {
    programs::<Host>(PROGRAMS);
}

#[test]
fn so_they_do_by_the_back_end_for_tests() {
    programs::<Toy>(PROGRAMS / 4);
}

fn programs<B: Backend>(count: u64) {
    let is_access = |o: &Opcode| matches!(o.row().class, Class::Load | Class::Store);
    let opcodes: Vec<Opcode> = OPCODES.iter().copied().filter(is_access).collect();
    let others: Vec<Opcode> = OPCODES.iter().copied().filter(|o| o.row().class == Class::Alu).collect();
    assert!(opcodes.len() > 10 && others.len() > 90);
    let mut traps = 0;
    for seed in 1..=count {
        let mut rng = Rng::new(seed);
        let mut words: Vec<u32> = (0..ROWS).flat_map(|_| row(&mut rng, &opcodes, &others)).collect();
        words.push(e::wfi());
        let mut pair = Pair::<B>::on(None);
        // what traps is passed over
        let skip = [e::csrrs(1, arch::csr::MEPC, 0), e::addi(1, 1, 4), e::csrrw(0, arch::csr::MEPC, 1), e::mret()];
        pair.put_words(HANDLER, &skip);
        pair.put_words(START, &words);
        let satp = tables(&pair);
        let values: Vec<u64> = (0..32).map(|_| rng.integer()).collect();
        pair.both(|hart| {
            hart.set_pc(START);
            hart.set_all_x(&values);
            let state = hart.state_mut();
            (state.mode, state.satp, state.m.tvec) = (Mode::HS, satp, HANDLER);
            state.mstatus |= arch::csr::status::FS;
            (state.pmpcfg[0], state.pmpaddr[0]) = (ALL_OPEN, u64::MAX >> 10);
        });
        while !matches!(pair.run(7).unwrap_or_else(|why| panic!("seed {seed}: {why}")), Exit::Idle { .. }) {}
        traps += pair.jit.traps();
    }
    assert!(traps > count, "some pages are not there");
}
