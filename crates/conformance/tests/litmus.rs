//! Litmus tests: small programs on several harts at once, and outcomes that the memory model forbids.
//!
//! The manual, "RVWMO Memory Consistency Model" and "RVWMO Explanatory Material": what each test forbids follows from
//! the preserved program order of the rule it names. Outcomes that are allowed may come or not.

mod common;

use std::sync::Mutex;

use arch::Insn;
use arch::insn::{Amo, B, Bare, Fence, I, Lr, R, S};
use board::Firmware;
use common::machine::{By, run, word};
use conformance::elf::Image;
use kit::Code;
use memory::Ram;

const BASE: u64 = 0x8000_0000;
/// Where each hart's own code begins, from [`BASE`].
const CODE_STRIDE: u64 = 0x1000;
const BARRIER: u64 = BASE + 0x10_0000;
/// Shared variables, a cache line each, new ones for each round.
const VARS: u64 = BASE + 0x20_0000;
const LINE: u64 = 64;
/// Variables in a round at most.
const VARS_OF_ROUND: u64 = 2;
/// Results, by hart.
const RESULTS: u64 = BASE + 0x180_0000;
const RESULTS_STRIDE: u64 = 0x40_0000;
/// Rounds of a test of two harts, unless VHART_LITMUS_ROUNDS says otherwise; those of more get fewer.
const ROUNDS: u64 = 10_000;
const MOST_ROUNDS: u64 = 50_000;
const FINISHER: u64 = 0x10_0000;
const PASS: u64 = 0x5555;

// Registers. Results of loads are in a2 and those behind it.
const T: u8 = 5;
const T2: u8 = 6;
const DEPENDENCY: u8 = 7;
const ROUND: u8 = 8;
const FIRST_RESULT: u8 = 12;
const VAR: u8 = 20;
const RESULT: u8 = 21;
const AT_BARRIER: u8 = 22;
const EXPECTED: u8 = 23;
const SPIN: u8 = 24;

/// Sets of accesses in a fence.
const R_: u8 = 0b0010;
const W_: u8 = 0b0001;
const RW: u8 = R_ | W_;
/// Ordering bits of an atomic.
const AQ: u8 = 0b10;
const RL: u8 = 0b01;

/// What a hart does in a round.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// Stores a value to a variable.
    Store(u64, u32),
    /// Loads a variable: the next result.
    Load(u64),
    /// The same, with an address that depends on the last result.
    LoadDependent(u64),
    /// Stores one to a variable, with data that depend on the last result.
    StoreDependent(u64),
    /// A fence: predecessors and successors.
    Fence(u8, u8),
    /// FENCE.TSO.
    FenceTso,
    /// Stores one to a variable by AMOSWAP.
    Swap(u64, u8),
    /// Loads a variable by AMOOR with x0.
    LoadAmo(u64, u8),
    /// Loads a variable by LR.
    LoadReserved(u64, u8),
}
use Op::*;

/// A test: what each hart does, and the outcome that must not be, by all results in the order of harts and the
/// variables' last values.
struct Litmus {
    name: &'static str,
    harts: &'static [&'static [Op]],
    forbidden: fn(&[u64], &[u64]) -> bool,
}

const X: u64 = 0;
const Y: u64 = 1;

const TESTS: &[Litmus] = &[
    Litmus {
        name: "SB+fence.rw.rws",
        harts: &[&[Store(X, 1), Fence(RW, RW), Load(Y)], &[Store(Y, 1), Fence(RW, RW), Load(X)]],
        forbidden: |r, _| r == [0, 0],
    },
    Litmus {
        name: "SB+fence.w.rs",
        harts: &[&[Store(X, 1), Fence(W_, R_), Load(Y)], &[Store(Y, 1), Fence(W_, R_), Load(X)]],
        forbidden: |r, _| r == [0, 0],
    },
    Litmus {
        name: "SB+amoswap.aqs",
        harts: &[&[Swap(X, AQ), Load(Y)], &[Swap(Y, AQ), Load(X)]],
        forbidden: |r, _| r == [0, 0],
    },
    Litmus {
        name: "SB+lr.aqrls",
        harts: &[&[Store(X, 1), LoadReserved(Y, AQ | RL)], &[Store(Y, 1), LoadReserved(X, AQ | RL)]],
        forbidden: |r, _| r == [0, 0],
    },
    Litmus {
        name: "MP+fence.w.w+fence.r.r",
        harts: &[&[Store(X, 1), Fence(W_, W_), Store(Y, 1)], &[Load(Y), Fence(R_, R_), Load(X)]],
        forbidden: |r, _| r == [1, 0],
    },
    Litmus {
        name: "MP+fence.w.w+addr",
        harts: &[&[Store(X, 1), Fence(W_, W_), Store(Y, 1)], &[Load(Y), LoadDependent(X)]],
        forbidden: |r, _| r == [1, 0],
    },
    Litmus {
        name: "MP+amoswap.rl+amoor.aq",
        harts: &[&[Store(X, 1), Swap(Y, RL)], &[LoadAmo(Y, AQ), Load(X)]],
        forbidden: |r, _| r == [1, 0],
    },
    Litmus {
        name: "MP+amoswap.rl+lr.aq",
        harts: &[&[Store(X, 1), Swap(Y, RL)], &[LoadReserved(Y, AQ), Load(X)]],
        forbidden: |r, _| r == [1, 0],
    },
    Litmus {
        name: "LB+fence.rw.rws",
        harts: &[&[Load(X), Fence(RW, RW), Store(Y, 1)], &[Load(Y), Fence(RW, RW), Store(X, 1)]],
        forbidden: |r, _| r == [1, 1],
    },
    Litmus {
        name: "MP+fence.tsos",
        harts: &[&[Store(X, 1), FenceTso, Store(Y, 1)], &[Load(Y), FenceTso, Load(X)]],
        forbidden: |r, _| r == [1, 0],
    },
    Litmus {
        name: "LB+fence.tsos",
        harts: &[&[Load(X), FenceTso, Store(Y, 1)], &[Load(Y), FenceTso, Store(X, 1)]],
        forbidden: |r, _| r == [1, 1],
    },
    Litmus {
        name: "LB+datas",
        harts: &[&[Load(X), StoreDependent(Y)], &[Load(Y), StoreDependent(X)]],
        forbidden: |r, _| r == [1, 1],
    },
    Litmus { name: "CoRR", harts: &[&[Store(X, 1)], &[Load(X), Load(X)]], forbidden: |r, _| r == [1, 0] },
    Litmus {
        name: "CoWR",
        harts: &[&[Store(X, 1), Load(X)], &[Store(X, 2)]],
        forbidden: |r, last| r == [0] || r == [2] && last[0] == 1,
    },
    Litmus {
        name: "2+2W+fence.w.ws",
        harts: &[&[Store(X, 1), Fence(W_, W_), Store(Y, 2)], &[Store(Y, 1), Fence(W_, W_), Store(X, 2)]],
        forbidden: |_, last| last == [1, 1],
    },
    Litmus {
        name: "R+fence.w.w+fence.w.r",
        harts: &[&[Store(X, 1), Fence(W_, W_), Store(Y, 1)], &[Store(Y, 2), Fence(W_, R_), Load(X)]],
        forbidden: |r, last| r == [0] && last[1] == 2,
    },
    Litmus {
        name: "S+fence.w.w+data",
        harts: &[&[Store(X, 2), Fence(W_, W_), Store(Y, 1)], &[Load(Y), StoreDependent(X)]],
        forbidden: |r, last| r == [1] && last[0] == 2,
    },
    Litmus {
        name: "WRC+fence.rw.w+fence.r.r",
        harts: &[&[Store(X, 1)], &[Load(X), Fence(RW, W_), Store(Y, 1)], &[Load(Y), Fence(R_, R_), Load(X)]],
        forbidden: |r, _| r == [1, 1, 0],
    },
    Litmus {
        name: "IRIW+fence.r.rs",
        harts: &[
            &[Store(X, 1)],
            &[Load(X), Fence(R_, R_), Load(Y)],
            &[Load(Y), Fence(R_, R_), Load(X)],
            &[Store(Y, 1)],
        ],
        forbidden: |r, _| r == [1, 0, 1, 0],
    },
];

/// One test at a time: each wants the host's processors for itself.
static ALONE: Mutex<()> = Mutex::new(());

fn rounds_of(harts: u64) -> u64 {
    let asked = std::env::var("VHART_LITMUS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    asked.unwrap_or(if harts > 2 { ROUNDS / 10 } else { ROUNDS }).min(MOST_ROUNDS)
}

fn var(variable: u64) -> i32 {
    (variable * LINE) as i32
}

/// Emits what a hart does in a round; answers how many results there are.
fn emit(code: &mut Code, ops: &[Op]) -> u8 {
    let mut results = 0;
    let last = |results: u8| FIRST_RESULT + results.saturating_sub(1);
    for &op in ops {
        let next = FIRST_RESULT + results;
        match op {
            Store(variable, value) => {
                code.addi(T, 0, value as i32);
                code.put(Insn::Sw(S { rs1: VAR, rs2: T, imm: var(variable) }));
            }
            Load(variable) => code.put(Insn::Lw(I { rd: next, rs1: VAR, imm: var(variable) })),
            LoadDependent(variable) => {
                let r = last(results);
                code.put(Insn::Xor(R { rd: DEPENDENCY, rs1: r, rs2: r }));
                code.put(Insn::Add(R { rd: DEPENDENCY, rs1: DEPENDENCY, rs2: VAR }));
                code.put(Insn::Lw(I { rd: next, rs1: DEPENDENCY, imm: var(variable) }));
            }
            StoreDependent(variable) => {
                let r = last(results);
                code.put(Insn::Xor(R { rd: DEPENDENCY, rs1: r, rs2: r }));
                code.addi(DEPENDENCY, DEPENDENCY, 1);
                code.put(Insn::Sw(S { rs1: VAR, rs2: DEPENDENCY, imm: var(variable) }));
            }
            Op::Fence(pred, succ) => code.put(Insn::Fence(Fence { rd: 0, rs1: 0, succ, pred, fm: 0 })),
            FenceTso => code.put(Insn::FenceTso(Bare {})),
            Swap(variable, aqrl) => {
                code.addi(T, 0, 1);
                code.addi(T2, VAR, var(variable));
                code.put(Insn::AmoswapW(Amo { rd: 0, rs1: T2, rs2: T, aqrl }));
            }
            LoadAmo(variable, aqrl) => {
                code.addi(T2, VAR, var(variable));
                code.put(Insn::AmoorW(Amo { rd: next, rs1: T2, rs2: 0, aqrl }));
            }
            LoadReserved(variable, aqrl) => {
                code.addi(T2, VAR, var(variable));
                code.put(Insn::LrW(Lr { rd: next, rs1: T2, aqrl }));
            }
        }
        results += u8::from(matches!(op, Load(_) | LoadDependent(_) | LoadAmo(..) | LoadReserved(..)));
    }
    results
}

/// Waits until all harts are here as often as this one.
fn barrier(code: &mut Code, harts: u64) {
    code.addi(T, 0, 1);
    code.put(Insn::AmoaddW(Amo { rd: 0, rs1: AT_BARRIER, rs2: T, aqrl: AQ | RL }));
    code.addi(EXPECTED, EXPECTED, harts as i32);
    let again = code.here();
    code.put(Insn::Pause(Bare {}));
    code.put(Insn::Lw(I { rd: T, rs1: AT_BARRIER, imm: 0 }));
    branch_back(code, Insn::Blt, T, EXPECTED, again);
}

fn branch_back(code: &mut Code, make: fn(B) -> Insn, rs1: u8, rs2: u8, target: u64) {
    let imm = target.wrapping_sub(code.here()) as i32;
    code.put(make(B { rs1, rs2, imm }));
}

/// Ends the machine from hart 0; the others wait.
fn finish(code: &mut Code, hart: u64) {
    if hart == 0 {
        code.li(T, FINISHER);
        code.li(T2, PASS);
        code.put(Insn::Sw(S { rs1: T, rs2: T2, imm: 0 }));
    }
    let wait = code.here();
    code.put(Insn::Wfi(Bare {}));
    code.jal(0, wait);
}

/// A program in which each hart has code of its own.
fn program(harts: u64, body: impl Fn(&mut Code, u64)) -> Image {
    let mut entry = Code::new(BASE);
    entry.put(Insn::Slli(arch::insn::Shift { rd: T, rs1: 10, shamt: CODE_STRIDE.trailing_zeros() as u8 }));
    entry.li(T2, BASE + CODE_STRIDE);
    entry.put(Insn::Add(R { rd: T, rs1: T, rs2: T2 }));
    entry.jump_register(T);
    let mut segments = vec![entry.into_segment()];
    for hart in 0..harts {
        let mut code = Code::new(BASE + CODE_STRIDE * (1 + hart));
        code.li(AT_BARRIER, BARRIER);
        code.addi(EXPECTED, 0, 0);
        body(&mut code, hart);
        barrier(&mut code, harts);
        finish(&mut code, hart);
        segments.push(code.into_segment());
    }
    Image { isa: conformance::spike::ISA, entry: BASE, segments, symbols: Vec::new() }
}

/// The rounds of one hart.
fn rounds(code: &mut Code, hart: u64, harts: u64, ops: &[Op]) {
    code.li(VAR, VARS);
    code.li(RESULT, RESULTS + hart * RESULTS_STRIDE);
    code.li(ROUND, rounds_of(harts));
    let round = code.here();
    barrier(code, harts);
    // the harts come out of the barrier a little apart, and differently each time
    code.put(Insn::Andi(I { rd: SPIN, rs1: ROUND, imm: if hart.is_multiple_of(2) { 7 } else { 28 } }));
    let spin = code.here();
    code.addi(SPIN, SPIN, -1);
    branch_back(code, Insn::Bge, SPIN, 0, spin);
    let results = emit(code, ops);
    for result in 0..results {
        code.sd(FIRST_RESULT + result, RESULT, 8 * i32::from(result));
    }
    code.addi(RESULT, RESULT, 8 * i32::from(results));
    code.addi(VAR, VAR, (VARS_OF_ROUND * LINE) as i32);
    code.addi(ROUND, ROUND, -1);
    branch_back(code, Insn::Bne, ROUND, 0, round);
}

/// All results of a round in the order of harts, and the variables' last values.
fn outcome(ram: &Ram, test: &Litmus, round: u64) -> (Vec<u64>, Vec<u64>) {
    let mut results = Vec::new();
    for (hart, ops) in test.harts.iter().enumerate() {
        let mut scratch = Code::new(0);
        let count = u64::from(emit(&mut scratch, ops));
        let start = RESULTS + hart as u64 * RESULTS_STRIDE + 8 * count * round;
        results.extend((0..count).map(|n| word(ram, start + 8 * n)));
    }
    let vars = (0..VARS_OF_ROUND).map(|v| word(ram, VARS + (round * VARS_OF_ROUND + v) * LINE)).collect();
    (results, vars)
}

fn check(by: By, test: &Litmus) {
    let harts = test.harts.len() as u64;
    let image = program(harts, |code, hart| rounds(code, hart, harts, test.harts[hart as usize]));
    let ram = run(by, test.harts.len(), Firmware::None, &image);
    let rounds = rounds_of(harts);
    let mut seen = std::collections::BTreeMap::<_, u64>::new();
    for round in 0..rounds {
        let (results, last) = outcome(&ram, test, round);
        assert!(!(test.forbidden)(&results, &last), "{}: round {round}: results {results:?}, last {last:?}", test.name);
        *seen.entry((results, last)).or_default() += 1;
    }
    println!("{} ({by:?}): {seen:?}", test.name);
}

#[test]
fn forbidden_outcomes_do_not_come_in_translated_code() {
    let _alone = ALONE.lock();
    TESTS.iter().for_each(|test| check(By::Translator, test));
}

#[test]
fn forbidden_outcomes_do_not_come_in_the_interpreter() {
    let _alone = ALONE.lock();
    TESTS.iter().filter(|test| test.harts.len() == 2).for_each(|test| check(By::Interpreter, test));
}

/// Adds one to a doubleword, or a word, at [`VARS`], atomically; with names for what it is tried with.
type Increment = (&'static str, fn(&mut Code));

/// Loops until `condition`, a register, is zero.
fn while_not_zero(code: &mut Code, condition: u8, start: u64) {
    branch_back(code, Insn::Bne, condition, 0, start);
}

fn reserve_and_store(code: &mut Code, reserve: fn(Lr) -> Insn, store: fn(Amo) -> Insn) {
    let start = code.here();
    code.put(reserve(Lr { rd: T, rs1: VAR, aqrl: 0 }));
    code.addi(T, T, 1);
    code.put(store(Amo { rd: T, rs1: VAR, rs2: T, aqrl: 0 }));
    while_not_zero(code, T, start);
}

fn compare_and_swap(code: &mut Code, load: fn(I) -> Insn, swap: fn(Amo) -> Insn) {
    let start = code.here();
    code.put(load(I { rd: T, rs1: VAR, imm: 0 }));
    code.addi(DEPENDENCY, T, 0);
    code.addi(T2, T, 1);
    code.put(swap(Amo { rd: T, rs1: VAR, rs2: T2, aqrl: 0 }));
    code.put(Insn::Xor(R { rd: T, rs1: T, rs2: DEPENDENCY }));
    while_not_zero(code, T, start);
}

const ONE: u8 = 9;
const INCREMENTS: &[Increment] = &[
    ("amoadd.d", |code| code.put(Insn::AmoaddD(Amo { rd: 0, rs1: VAR, rs2: ONE, aqrl: 0 }))),
    ("amoadd.w", |code| code.put(Insn::AmoaddW(Amo { rd: T, rs1: VAR, rs2: ONE, aqrl: 0 }))),
    ("lr.d and sc.d", |code| reserve_and_store(code, Insn::LrD, Insn::ScD)),
    ("lr.w and sc.w", |code| reserve_and_store(code, Insn::LrW, Insn::ScW)),
    ("amocas.d", |code| compare_and_swap(code, Insn::Ld, Insn::AmocasD)),
    ("amocas.w", |code| compare_and_swap(code, Insn::Lw, Insn::AmocasW)),
    // both halves are counted; where they ever differ, what is read is torn, and the sum is wrong for good
    ("amocas.q", |code| {
        let start = code.here();
        for (rd, imm) in [(12, 0), (13, 8)] {
            code.ld(rd, VAR, imm);
            code.addi(rd + 2, rd, 1);
            code.addi(rd + 4, rd, 0);
        }
        code.put(Insn::AmocasQ(Amo { rd: 12, rs1: VAR, rs2: 14, aqrl: 0 }));
        code.put(Insn::Xor(R { rd: T, rs1: 12, rs2: 16 }));
        code.put(Insn::Xor(R { rd: T2, rs1: 13, rs2: 17 }));
        code.put(Insn::Or(R { rd: T, rs1: T, rs2: T2 }));
        while_not_zero(code, T, start);
    }),
    ("a lock of amoswap.aq and a release by amoswap.rl", |code| {
        code.addi(T2, VAR, 32);
        let start = code.here();
        code.put(Insn::Pause(Bare {}));
        code.put(Insn::AmoswapW(Amo { rd: T, rs1: T2, rs2: ONE, aqrl: AQ }));
        while_not_zero(code, T, start);
        code.ld(T, VAR, 0);
        code.addi(T, T, 1);
        code.sd(T, VAR, 0);
        code.put(Insn::AmoswapW(Amo { rd: 0, rs1: T2, rs2: 0, aqrl: RL }));
    }),
];

/// No increment is lost, whatever it is made of.
fn count(by: By) {
    const HARTS: u64 = 3;
    let _alone = ALONE.lock();
    for (name, increment) in INCREMENTS {
        let image = program(HARTS, |code, _| {
            code.li(VAR, VARS);
            code.addi(ONE, 0, 1);
            code.li(ROUND, ROUNDS);
            barrier(code, HARTS);
            let round = code.here();
            increment(code);
            code.addi(ROUND, ROUND, -1);
            branch_back(code, Insn::Bne, ROUND, 0, round);
        });
        let ram = run(by, HARTS as usize, Firmware::None, &image);
        assert_eq!(word(&ram, VARS), HARTS * ROUNDS, "{name}, {by:?}");
        let other = if *name == "amocas.q" { HARTS * ROUNDS } else { 0 };
        assert_eq!(word(&ram, VARS + 8), other, "{name}, {by:?}");
    }
}

#[test]
fn no_increment_is_lost_in_translated_code() {
    count(By::Translator);
}

#[test]
fn no_increment_is_lost_in_the_interpreter() {
    count(By::Interpreter);
}
