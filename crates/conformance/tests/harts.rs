//! What harts do to each other through the firmware, and through memory that the other executes or translates with.

mod common;

use arch::insn::{B, Bare, Csr, Fence, I, S};
use arch::{Insn, csr, pte};
use board::Firmware;
use common::machine::{By, run, word};
use conformance::elf::Image;
use kit::Code;
use sbi::function::{Hsm, Ipi, Rfence};
use sbi::{Function, register};

const BASE: u64 = 0x8000_0000;
/// Where hart 1 starts.
const SECOND: u64 = BASE + 0x1000;
/// Two pages of one word each.
const PAGE_A: u64 = BASE + 0x4000;
const PAGE_B: u64 = BASE + 0x5000;
/// A function that hart 0 writes and hart 1 calls.
const FUNCTION: u64 = BASE + 0x6000;
/// The number of the round, and the last that hart 1 has done.
const ROUND_AT: u64 = BASE + 0x7000;
const DONE_AT: u64 = BASE + 0x7040;
/// What went wrong in hart 1.
const WRONG_AT: u64 = BASE + 0x7080;
/// How often hart 1 did what it does.
const COUNT_AT: u64 = BASE + 0x70c0;
/// Page tables: the root, and two for one page of its own.
const ROOT: u64 = BASE + 0x10_0000;
const MIDDLE: u64 = ROOT + 0x1000;
const LEAF: u64 = ROOT + 0x2000;
/// The page whose translation changes.
const MOVING: u64 = 8 << 30;
const FINISHER: u64 = 0x10_0000;
const PASS: u64 = 0x5555;

const A0: u8 = register::A0;
const T: u8 = 5;
const T2: u8 = 6;
const ROUND: u8 = 8;
const ROUNDS: u8 = 9;
/// Bases of the addresses above.
const S2: u8 = 18;
const S3: u8 = 19;
const S4: u8 = 20;
const S5: u8 = 21;

fn fence(code: &mut Code) {
    code.put(Insn::Fence(Fence { rd: 0, rs1: 0, succ: 0b11, pred: 0b11, fm: 0 }));
}

fn call(code: &mut Code, function: impl Into<Function>, args: &[u64]) {
    for (register, &value) in (A0..).zip(args) {
        code.li(register, value);
    }
    call_prepared(code, function);
}

fn call_prepared(code: &mut Code, function: impl Into<Function>) {
    let (eid, fid) = function.into().ids();
    code.li(register::A6, fid);
    code.li(register::A7, eid.into());
    code.put(Insn::Ecall(Bare {}));
}

fn branch(code: &mut Code, make: fn(B) -> Insn, rs1: u8, rs2: u8, target: u64) {
    let imm = target.wrapping_sub(code.here()) as i32;
    code.put(make(B { rs1, rs2, imm }));
}

/// Waits until the word at `base` is the register.
fn wait_for(code: &mut Code, base: u8, value: u8) {
    let again = code.here();
    code.put(Insn::Pause(Bare {}));
    code.ld(T, base, 0);
    branch(code, Insn::Bne, T, value, again);
}

/// Counts rounds from 1 on.
fn rounds(code: &mut Code, count: u64, body: impl FnOnce(&mut Code)) {
    code.addi(ROUND, 0, 1);
    code.li(ROUNDS, count);
    let round = code.here();
    body(code);
    code.addi(ROUND, ROUND, 1);
    branch(code, Insn::Bge, ROUNDS, ROUND, round);
}

fn power_off(code: &mut Code) {
    code.li(T, FINISHER);
    code.li(T2, PASS);
    code.put(Insn::Sw(S { rs1: T, rs2: T2, imm: 0 }));
    let here = code.here();
    code.jal(0, here);
}

fn bases(code: &mut Code) {
    for (register, address) in [(S2, ROUND_AT), (S3, DONE_AT), (S4, WRONG_AT), (S5, COUNT_AT)] {
        code.li(register, address);
    }
}

fn paging(code: &mut Code) {
    code.set_csr(csr::SATP, T, 8 << 60 | ROOT >> 12);
    code.put(Insn::SfenceVma(arch::insn::Rs { rs1: 0, rs2: 0 }));
}

const FULL: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;

fn pte_of(address: u64, flags: u64) -> u64 {
    address >> 2 | flags
}

/// The first and the third gigabyte as they are, and [`MOVING`] on page A.
fn tables() -> Vec<(u64, Vec<u8>)> {
    let table = |at: u64, entries: &[(u64, u64)]| {
        let mut bytes = vec![0; 0x1000];
        for &(index, entry) in entries {
            bytes[index as usize * 8..][..8].copy_from_slice(&entry.to_le_bytes());
        }
        (at, bytes)
    };
    vec![
        table(ROOT, &[(0, pte_of(0, FULL)), (2, pte_of(BASE, FULL)), (MOVING >> 30, pte_of(MIDDLE, pte::V))]),
        table(MIDDLE, &[(0, pte_of(LEAF, pte::V))]),
        table(LEAF, &[(0, pte_of(PAGE_A, FULL))]),
    ]
}

/// Runs hart 0's and hart 1's code, the second started by the first; answers what went wrong in it and how often it did
/// what it does.
fn two(by: By, first: impl FnOnce(&mut Code), second: impl FnOnce(&mut Code)) -> (u64, u64) {
    let mut one = Code::new(BASE);
    bases(&mut one);
    call(&mut one, Hsm::HartStart, &[1, SECOND, 0]);
    first(&mut one);
    power_off(&mut one);
    let mut other = Code::new(SECOND);
    bases(&mut other);
    second(&mut other);
    let here = other.here();
    other.put(Insn::Wfi(Bare {}));
    other.jal(0, here);
    let mut segments = vec![one.into_segment(), other.into_segment()];
    segments.extend([PAGE_A, PAGE_B, FUNCTION, ROUND_AT].map(|at| (at, vec![0; 0x1000])));
    segments.extend(tables());
    let ram = run(
        by,
        2,
        Firmware::Builtin,
        &Image { isa: conformance::spike::ISA, entry: BASE, segments, symbols: Vec::new() },
    );
    (word(&ram, WRONG_AT), word(&ram, COUNT_AT))
}

fn on_both(test: impl Fn(By)) {
    [By::Translator, By::Interpreter].into_iter().for_each(test);
}

/// SBI 2.0, "RFENCE Extension": when the call returns, nobody uses the old translation.
#[test]
fn after_a_remote_fence_nobody_reads_through_the_old_translation() {
    on_both(|by| {
        let first = |code: &mut Code| {
            paging(code);
            code.li(22, LEAF);
            code.li(23, PAGE_A);
            code.li(24, pte_of(PAGE_A, FULL));
            code.li(25, pte_of(PAGE_B, FULL));
            // not before the other reads
            let again = code.here();
            code.put(Insn::Pause(Bare {}));
            code.ld(T, S5, 0);
            branch(code, Insn::Beq, T, 0, again);
            rounds(code, 2_000, |code| {
                code.sd(25, 22, 0);
                call(code, Rfence::RemoteSfenceVma, &[0b10, 0, MOVING, 0x1000]);
                code.sd(ROUND, 23, 0);
                // it is there to be read by who should not for as long as a hart may take to look at what is asked of
                // it
                code.li(T, 5_000);
                let longer = code.here();
                code.addi(T, T, -1);
                branch(code, Insn::Bne, T, 0, longer);
                code.sd(0, 23, 0);
                fence(code);
                code.sd(24, 22, 0);
                call(code, Rfence::RemoteSfenceVma, &[0b10, 0, MOVING, 0x1000]);
            });
        };
        let second = |code: &mut Code| {
            paging(code);
            code.li(22, MOVING);
            code.addi(23, 0, 0);
            let again = code.here();
            code.addi(23, 23, 1);
            code.sd(23, S5, 0);
            code.ld(T, 22, 0);
            branch(code, Insn::Beq, T, 0, again);
            code.sd(T, S4, 0);
        };
        let (wrong, count) = two(by, first, second);
        assert_eq!(wrong, 0, "{by:?}: in this round the old page was read");
        assert!(count > 1_000, "{count}");
    });
}

/// Hart 0 writes a function anew in each round, and hart 1 calls it.
fn function_of_the_round(by: By, written: impl Fn(&mut Code), seen: impl Fn(&mut Code)) {
    const COUNT: u64 = 1_500;
    let first = |code: &mut Code| {
        code.li(22, FUNCTION);
        code.li(23, Insn::Addi(I { rd: A0, rs1: 0, imm: 0 }).encode().into());
        code.li(24, Insn::Jalr(I { rd: 0, rs1: 1, imm: 0 }).encode().into());
        code.put(Insn::Sw(S { rs1: 22, rs2: 24, imm: 4 }));
        rounds(code, COUNT, |code| {
            // the immediate of ADDI
            code.put(Insn::Slli(arch::insn::Shift { rd: T, rs1: ROUND, shamt: 20 }));
            code.put(Insn::Add(arch::insn::R { rd: T, rs1: T, rs2: 23 }));
            code.put(Insn::Sw(S { rs1: 22, rs2: T, imm: 0 }));
            written(code);
            code.sd(ROUND, S2, 0);
            wait_for(code, S3, ROUND);
        });
    };
    let second = |code: &mut Code| {
        code.li(22, FUNCTION);
        rounds(code, COUNT, |code| {
            wait_for(code, S2, ROUND);
            seen(code);
            code.put(Insn::Jalr(I { rd: 1, rs1: 22, imm: 0 }));
            let right = code.branch_over(Insn::Beq, A0, ROUND);
            code.sd(ROUND, S4, 0);
            code.land(right);
            code.sd(ROUND, S5, 0);
            fence(code);
            code.sd(ROUND, S3, 0);
        });
    };
    assert_eq!(two(by, first, second), (0, COUNT), "{by:?}: the round whose function was not the one called");
}

/// Zifencei: the writer's "data FENCE before requesting that all remote RISC-V harts execute a FENCE.I".
#[test]
fn what_another_hart_wrote_is_executed_behind_a_remote_fence_i() {
    on_both(|by| function_of_the_round(by, |code| call(code, Rfence::RemoteFenceI, &[0b10, 0]), |_| ()));
}

#[test]
fn what_another_hart_wrote_is_executed_behind_fence_i() {
    let seen = |code: &mut Code| {
        fence(code);
        code.put(Insn::FenceI(I { rd: 0, rs1: 0, imm: 0 }));
    };
    on_both(|by| function_of_the_round(by, fence, seen));
}

/// Waits in WFI for an IPI, and takes it.
fn take_ipi(code: &mut Code) {
    let again = code.here();
    code.csrr(T, csr::SIP);
    code.put(Insn::Andi(I { rd: T, rs1: T, imm: 2 }));
    let there = code.branch_over(Insn::Bne, T, 0);
    code.put(Insn::Wfi(Bare {}));
    code.jal(0, again);
    code.land(there);
    code.put(Insn::Csrrci(arch::insn::CsrI { rd: 0, uimm: 2, csr: csr::SIP }));
}

#[test]
fn no_ipi_is_lost_on_a_hart_that_sleeps() {
    const COUNT: u64 = 2_000;
    let ready = |code: &mut Code| {
        code.li(T, 2);
        code.put(Insn::Csrrw(Csr { rd: 0, rs1: T, csr: csr::SIE }));
    };
    on_both(|by| {
        let first = |code: &mut Code| {
            ready(code);
            rounds(code, COUNT, |code| {
                call(code, Ipi::SendIpi, &[0b10, 0]);
                take_ipi(code);
            });
        };
        let second = |code: &mut Code| {
            ready(code);
            rounds(code, COUNT, |code| {
                take_ipi(code);
                code.sd(ROUND, S5, 0);
                call(code, Ipi::SendIpi, &[0b01, 0]);
            });
        };
        // hart 1 is started before its interrupts are enabled: WFI waits for nothing else
        assert_eq!(two(by, first, second), (0, COUNT), "{by:?}");
    });
}

#[test]
fn a_hart_stops_and_starts_again_and_again() {
    const COUNT: u64 = 1_000;
    const STOPPED: u64 = 1;
    on_both(|by| {
        let wait_until_stopped = |code: &mut Code| {
            let again = code.here();
            code.put(Insn::Pause(Bare {}));
            // also while it is about to stop
            call(code, Rfence::RemoteSfenceVma, &[0b10, 0, 0, 0]);
            call(code, Hsm::HartGetStatus, &[1]);
            code.addi(T, 0, STOPPED as i32);
            branch(code, Insn::Bne, 11, T, again);
        };
        let first = |code: &mut Code| {
            wait_until_stopped(code);
            rounds(code, COUNT, |code| {
                code.li(A0, 1);
                code.li(11, SECOND);
                code.addi(12, ROUND, 0);
                call_prepared(code, Hsm::HartStart);
                code.put(Insn::Or(arch::insn::R { rd: 22, rs1: A0, rs2: 0 }));
                wait_until_stopped(code);
                code.ld(T, S5, 0);
                let right = code.branch_over(Insn::Beq, T, ROUND);
                code.sd(ROUND, S4, 0);
                code.land(right);
                let started = code.branch_over(Insn::Beq, 22, 0);
                code.sd(ROUND, S4, 0);
                code.land(started);
            });
        };
        let second = |code: &mut Code| {
            code.sd(11, S5, 0);
            call(code, Hsm::HartStop, &[]);
        };
        assert_eq!(two(by, first, second), (0, COUNT), "{by:?}");
    });
}
