//! Situations that random programs come to too seldom, forced: full caches, code that changes, pages that move, faults
//! and interrupts in the middle of blocks.

mod common;

use arch::{csr, pte};
use common::{DEVICE, Pair, RAM_BASE};
use kit::{Registers, encode as e};
use vcpu::debug::Debuggee;
use vcpu::{Exit, Vcpu};

/// Where a test's program is.
const START: u64 = RAM_BASE + 0x1000;
/// Another page of code.
const OTHER: u64 = RAM_BASE + 0x2000;
/// The trap handler, which waits.
const HANDLER: u64 = RAM_BASE;
const DATA: u64 = RAM_BASE + 0x8000;
const TABLES: u64 = RAM_BASE + 0x10_0000;

/// Both harts in M-mode at [`START`], with s1 at [`DATA`].
fn pair(code_bytes: Option<usize>) -> Pair {
    let mut pair = Pair::new(code_bytes);
    pair.put_words(HANDLER, &[e::wfi()]);
    pair.both(|hart| {
        hart.set_pc(START);
        hart.set_x([(9, DATA)]);
        hart.state_mut().m.tvec = HANDLER;
    });
    pair
}

/// Runs to WFI.
fn finish(pair: &mut Pair) {
    for _ in 0..100_000 {
        if let Exit::Idle { .. } = pair.run(10_000).unwrap() {
            return;
        }
    }
    panic!("the program does not end");
}

fn again(pair: &mut Pair, pc: u64) {
    pair.both(|hart| hart.set_pc(pc));
}

#[test]
fn a_full_cache_is_emptied_and_filled_again() {
    let mut pair = pair(Some(0));
    // 200 pages of blocks, run through 3 times
    let base = RAM_BASE + 0x2_0000;
    for page in 0..200 {
        let mut words = Vec::new();
        for _ in 0..100 {
            words.extend([
                e::addi(10, 10, 3),
                e::ld(11, 9, 0),
                e::add(11, 11, 10),
                e::sd(11, 9, 0),
                e::bne(11, 0, 8),
                e::wfi(),
            ]);
        }
        words.push(e::jal(0, 4096 - 4 * words.len() as i32));
        pair.put_words(base + page * 4096, &words);
    }
    pair.put_words(base + 200 * 4096, &[e::addi(12, 12, -1), e::bne(12, 0, 8), e::wfi(), e::jalr(0, 13, 0)]);
    pair.both(|hart| {
        hart.set_pc(base);
        hart.set_x([(12, 3), (13, base)]);
    });
    finish(&mut pair);
    let counters = pair.jit.counters();
    assert!(counters.flushes > 10, "{counters:?}");
}

#[test]
fn a_quantum_of_one_instruction_gets_on() {
    let program =
        [e::addi(12, 0, 500), e::addi(10, 10, 7), e::sd(10, 9, 8), e::addi(12, 12, -1), e::bne(12, 0, -12), e::wfi()];
    let mut tiny = pair(None);
    tiny.put_words(START, &program);
    let mut quanta = 0;
    while !matches!(tiny.run(1).unwrap(), Exit::Idle { .. }) {
        quanta += 1;
    }
    let mut long = pair(None);
    long.put_words(START, &program);
    finish(&mut long);
    assert!(quanta > 20, "{quanta}");
    assert_eq!(tiny.jit.all_x(), long.jit.all_x());
    assert_eq!(tiny.jit.hart().state(), long.jit.hart().state());
}

/// A loop that begins with floating point, which it looks at in its first round only, stops at each quantum, and traps
/// when FS is off by then.
#[test]
fn a_loop_of_floating_point_ends_with_its_quantum() {
    use arch::csr::status;
    const ROUNDS: i32 = 1000;
    let fld = arch::insn::Insn::Fld(arch::insn::I { rd: 10, rs1: 9, imm: 0 }).encode();
    let fadd = arch::insn::Insn::FaddD(arch::insn::Rm { rd: 11, rs1: 11, rs2: 10, rm: 7 }).encode();
    let program = [e::addi(12, 0, ROUNDS), fld, fadd, e::addi(12, 12, -1), e::bne(12, 0, -12), e::wfi()];
    let mut pair = pair(None);
    pair.put_words(START, &program);
    pair.put(DATA, &1f64.to_bits().to_le_bytes());
    pair.both(|hart| hart.state_mut().mstatus |= status::FS);
    let mut traps = 0;
    for quantum in 0.. {
        let exit = pair.run(1 + quantum % 7).unwrap();
        if matches!(exit, Exit::Idle { .. }) {
            if pair.jit.hart().state().mstatus & status::FS != 0 {
                break;
            }
            traps += 1;
            let back = pair.jit.hart().state().m.epc;
            pair.both(|hart| hart.state_mut().mstatus |= status::FS);
            again(&mut pair, back);
        } else if quantum % 5 == 0 {
            pair.both(|hart| hart.state_mut().mstatus &= !status::FS);
        }
    }
    assert!(traps > 10, "{traps}");
    assert_eq!(f64::from_bits(pair.jit.f(11)), f64::from(ROUNDS));
}

/// Stores the instruction in x14 over the first of [`OTHER`], and calls that before and after FENCE.I.
#[test]
fn a_store_to_code_is_seen_behind_fence_i() {
    let mut pair = pair(None);
    let call = [e::jalr(1, 13, 0)];
    pair.put_words(OTHER, &[e::addi(10, 10, 1), e::jalr(0, 1, 0)]);
    pair.put_words(START, &[&call[..], &[e::sw(14, 13, 0), e::fence_i()], &call, &[e::wfi()]].concat());
    pair.both(|hart| hart.set_x([(13, OTHER), (14, e::addi(10, 10, 0x100).into())]));
    finish(&mut pair);
    assert_eq!(pair.jit.x(10), 0x101);
    assert_eq!(pair.jit.counters().changed_pages, 1);
    // the block is its own page's: stores over what is behind it, and executes that
    pair.put_words(START + 0x100, &[e::sw(14, 9, 0), e::fence_i(), e::addi(10, 10, 1), e::wfi()]);
    pair.both(|hart| hart.set_x([(9, START + 0x108)]));
    again(&mut pair, START + 0x100);
    finish(&mut pair);
    assert_eq!(pair.jit.x(10), 0x201);
}

/// A jump to a few instructions and an indirect jump has a copy of them behind it: both copies change.
#[test]
fn a_dispatch_that_is_repeated_changes_with_its_page() {
    const DISPATCH: u64 = START + 0x40;
    let mut pair = pair(None);
    pair.put_words(START, &[e::addi(10, 10, 1), e::jal(0, 0x3c)]);
    pair.put_words(DISPATCH, &[e::addi(11, 11, 1), e::jalr(0, 13, 0)]);
    pair.put_words(START + 0x80, &[e::wfi()]);
    pair.put_words(OTHER, &[e::sw(14, 15, 0), e::fence_i(), e::jalr(0, 16, 0)]);
    pair.both(|hart| {
        let new = e::addi(11, 11, 0x100).into();
        hart.set_x([(13, START + 0x80), (14, new), (15, DISPATCH), (16, START)]);
    });
    finish(&mut pair);
    again(&mut pair, OTHER);
    finish(&mut pair);
    assert_eq!((pair.jit.x(10), pair.jit.x(11)), (2, 0x101));
}

#[test]
fn a_fault_in_the_middle_of_a_block_is_exact() {
    let mut pair = pair(None);
    let bad = [e::addi(10, 10, 1), e::addi(11, 10, 1), e::ld(10, 8, 0), e::addi(10, 10, 1), e::addi(11, 11, 1)];
    pair.put_words(START, &bad);
    finish(&mut pair);
    let (hart, state) = (&pair.jit, pair.jit.hart().state());
    assert_eq!((hart.x(10), hart.x(11), hart.traps()), (1, 2, 1));
    assert_eq!((state.m.epc, state.instret), (START + 8, 3));
}

#[test]
fn a_device_store_in_the_middle_of_a_block_interrupts_behind_it() {
    let mut pair = pair(None);
    // the interrupt stays pending: WFI would not wait
    pair.put_words(HANDLER, &[e::jal(0, 0)]);
    pair.put_words(START, &[e::addi(10, 0, 1), e::sb(10, 8, 0), e::addi(11, 11, 1), e::addi(11, 11, 1), e::wfi()]);
    pair.both(|hart| {
        hart.set_x([(8, DEVICE)]);
        let state = hart.state_mut();
        (state.mie, state.mstatus) = (csr::ip::MSIP, state.mstatus | csr::status::MIE);
    });
    for _ in 0..10 {
        let _ = pair.run(1).unwrap();
    }
    assert_eq!((pair.jit.x(11), pair.jit.traps(), pair.jit.hart().state().m.epc), (0, 1, START + 8));
}

/// Sv39 for HS-mode: gigabyte 0 holds pages that a test maps, the rest of RAM is mapped as it is.
fn supervisor(pair: &mut Pair, pc: u64) {
    let leaf = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;
    let pointer = |to: u64| (to >> 2 | pte::V).to_le_bytes();
    pair.put(TABLES, &pointer(TABLES + 0x1000));
    pair.put(TABLES + 16, &(RAM_BASE >> 2 | leaf).to_le_bytes());
    pair.put(TABLES + 0x1000, &pointer(TABLES + 0x2000));
    pair.both(|hart| {
        let state = hart.state_mut();
        state.satp = 8 << 60 | 1 << 44 | TABLES >> 12;
        (state.pmpaddr[0], state.pmpcfg[0]) = ((1 << 54) - 1, 0x1f);
        hart.set_mode(arch::Mode::HS);
        hart.set_pc(pc);
    });
}

/// The entry that maps page `number` to `to`.
fn entry(number: u64, to: u64) -> (u64, u64) {
    (TABLES + 0x2000 + 8 * number, to >> 2 | pte::V | pte::R | pte::X | pte::A)
}

fn map(pair: &Pair, number: u64, to: u64) {
    let (at, value) = entry(number, to);
    pair.put(at, &value.to_le_bytes());
}

#[test]
fn a_page_written_by_one_name_changes_under_another() {
    let mut pair = pair(None);
    pair.put_words(OTHER, &[e::addi(10, 10, 1), e::jalr(0, 1, 0)]);
    for number in [1, 2] {
        map(&pair, number, OTHER);
    }
    let calls = [e::jalr(1, 13, 0), e::jalr(1, 15, 0)];
    pair.put_words(START, &[&calls[..], &[e::sw(14, 12, 0), e::fence_i()], &calls, &[e::wfi()]].concat());
    supervisor(&mut pair, START);
    pair.both(|hart| {
        hart.set_x([(12, OTHER), (13, 0x1000), (14, e::addi(10, 10, 0x100).into()), (15, 0x2000)]);
    });
    finish(&mut pair);
    assert_eq!(pair.jit.x(10), 0x202);
}

#[test]
fn sfence_vma_moves_code_whatever_it_names() {
    use arch::insn::{Insn, Rs};
    for (rs1, rs2) in [(0, 0), (13, 0), (0, 15), (13, 15)] {
        let mut pair = pair(None);
        pair.put_words(OTHER, &[e::addi(10, 10, 1), e::jalr(0, 1, 0)]);
        pair.put_words(OTHER + 0x1000, &[e::addi(10, 10, 0x100), e::jalr(0, 1, 0)]);
        map(&pair, 1, OTHER);
        let (at, value) = entry(1, OTHER + 0x1000);
        let fence = Insn::SfenceVma(Rs { rs1, rs2 }).encode();
        pair.put_words(START, &[e::jalr(1, 13, 0), e::sd(14, 12, 0), fence, e::jalr(1, 13, 0), e::wfi()]);
        supervisor(&mut pair, START);
        pair.both(|hart| hart.set_x([(12, at), (13, 0x1000), (14, value), (15, 1)]));
        finish(&mut pair);
        assert_eq!(pair.jit.x(10), 0x101, "sfence.vma x{rs1},x{rs2}");
    }
}

#[test]
fn an_instruction_across_pages_is_fetched_anew() {
    let mut pair = pair(None);
    // the second half of addi x10,x10,imm is in the page that moves
    let word = |imm| e::addi(10, 10, imm).to_le_bytes();
    let ret = e::jalr(0, 1, 0).to_le_bytes();
    pair.put(OTHER + 0xffe, &word(1)[..2]);
    for (page, imm) in [(OTHER + 0x2000, 1), (OTHER + 0x3000, 0x100)] {
        pair.put(page, &word(imm)[2..]);
        pair.put(page + 2, &ret);
    }
    map(&pair, 1, OTHER);
    map(&pair, 2, OTHER + 0x2000);
    let (at, value) = entry(2, OTHER + 0x3000);
    let fence = arch::insn::Insn::SfenceVma(arch::insn::Rs { rs1: 0, rs2: 0 }).encode();
    let call = e::jalr(1, 13, 0);
    // moved once, then gone
    let program = [call, e::sd(14, 12, 0), fence, call, e::sd(0, 12, 0), fence, call];
    pair.put_words(START, &program);
    supervisor(&mut pair, START);
    pair.both(|hart| hart.set_x([(12, at), (13, 0x1ffe), (14, value)]));
    finish(&mut pair);
    assert_eq!((pair.jit.x(10), pair.jit.traps()), (0x101, 1));
    let trap = &pair.jit.hart().state().m;
    assert_eq!((trap.epc, trap.tval), (0x1ffe, 0x2000));
}

#[test]
fn an_instruction_across_pages_runs_as_code_until_its_end_changes() {
    const CALLS: i32 = 1000;
    let mut pair = pair(None);
    let word = |imm| e::addi(10, 10, imm).to_le_bytes();
    pair.put(OTHER + 0xffe, &word(1));
    pair.put_words(OTHER + 0x1002, &[e::jalr(0, 1, 0)]);
    let call = e::jalr(1, 13, 0);
    let calls = [e::addi(12, 0, CALLS), call, e::addi(12, 12, -1), e::bne(12, 0, -8)];
    pair.put_words(START, &[&calls[..], &[e::sb(14, 15, 3), call, e::wfi()]].concat());
    pair.both(|hart| hart.set_x([(13, OTHER + 0xffe), (14, word(0x101)[3].into()), (15, OTHER + 0xffe)]));
    finish(&mut pair);
    assert_eq!(pair.jit.x(10), CALLS as u64 + 0x101);
    let counters = pair.jit.counters();
    assert!(counters.finds < CALLS as u64 / 2, "{counters:?}");
}

#[test]
fn the_floating_point_csrs_are_accessed_in_place() {
    use arch::csr::status;
    let mut pair = pair(None);
    let accesses = [e::csrrw(0, csr::FCSR, 0), e::csrrw(10, csr::FFLAGS, 14), e::csrrs(11, csr::FCSR, 0)];
    let again_and_end = [e::addi(12, 12, -1), e::bne(12, 0, -16), e::wfi()];
    pair.put_words(START, &[&[e::addi(12, 0, 1000)], &accesses[..], &again_and_end].concat());
    pair.both(|hart| {
        hart.state_mut().mstatus |= status::FS;
        hart.set_x([(14, 0x35)]);
    });
    finish(&mut pair);
    assert_eq!(pair.jit.x(11), 0x15);
    let calls = pair.jit.counters().calls;
    assert!(calls.csr < 10, "{calls:?}");
}

/// Odd, as the jump table's empty entries are: bit 0 is cleared before anything is found.
#[test]
fn a_jump_to_the_last_address_traps() {
    let mut pair = pair(None);
    pair.put_words(START, &[e::jalr(0, 10, 0)]);
    pair.both(|hart| hart.set_x([(10, u64::MAX)]));
    finish(&mut pair);
}

#[test]
fn a_hart_that_begins_at_the_last_address_traps() {
    use vcpu::{EmulatedHart, Reg};
    let begins: [fn(&mut dyn EmulatedHart); 2] =
        [|hart| hart.reset_machine(u64::MAX), |hart| hart.set_reg(Reg::Pc, u64::MAX)];
    for begin in begins {
        let mut pair = pair(None);
        begin(&mut pair.jit);
        begin(&mut pair.plain);
        pair.both(|hart| hart.state_mut().m.tvec = HANDLER);
        finish(&mut pair);
    }
}

/// A product without carries is a factor of another, in what a branch skips.
#[test]
fn a_product_of_products_without_carries_is_computed_at_once() {
    let mut pair = pair(None);
    let clmul = |rd, rs1, rs2| arch::Insn::Clmul(arch::insn::R { rd, rs1, rs2 }).encode();
    pair.put_words(START, &[e::bne(11, 0, 12), clmul(29, 31, 31), clmul(29, 10, 29), e::wfi()]);
    pair.both(|hart| hart.set_x([(10, 0x1234_5678_9abc), (31, 0x1_0001)]));
    finish(&mut pair);
}
