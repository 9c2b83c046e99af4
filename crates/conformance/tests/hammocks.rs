//! Branches over one or two instructions, which the translator makes conditional moves of: all of the base's
//! arithmetic, on registers that generated code holds and such as it does not.

mod common;

use arch::insn::{Class, OPCODES, Opcode};
use common::{Pair, RAM_BASE};
use jit::{Backend, Host, Toy};
use kit::{Registers, Rng, encode as e};
use vcpu::{Exit, Vcpu};

const PROGRAMS: u64 = 600;
const HAMMOCKS: usize = 250;
const HANDLER: u64 = RAM_BASE;
const START: u64 = RAM_BASE + 0x1000;
/// Held by generated code, and not; x0 is read only.
const REGISTERS: [u32; 8] = [10, 11, 12, 8, 28, 29, 31, 0];
/// BEQ, BNE, BLT, BGE, BLTU, BGEU.
const BRANCHES: [u32; 6] = [0, 1, 4, 5, 6, 7];

/// A branch on two registers over `skipped` instructions.
fn branch(rng: &mut Rng, skipped: u64) -> u32 {
    const OPCODE: u32 = 0x63;
    let offset = 4 * (skipped as u32 + 1);
    let (rs1, rs2) = (rng.pick(&REGISTERS), rng.pick(&REGISTERS));
    OPCODE | (offset >> 1 & 15) << 8 | rng.pick(&BRANCHES) << 12 | rs1 << 15 | rs2 << 20
}

/// An instruction that writes `rd`, and reads it half the time.
fn instruction(rng: &mut Rng, opcode: Opcode, rd: u32) -> u32 {
    let mut source = || if rng.one_in(2) { rd } else { rng.pick(&REGISTERS) };
    let operands = rd << 7 | source() << 15 | source() << 20;
    // of the fields above that are no registers, any bits are some immediate
    let rest = rng.bits() as u32 & 0xfe00_7000;
    let pattern = opcode.row().pattern;
    (operands | rest) & !pattern.mask | pattern.value
}

#[test]
fn a_branch_over_few_instructions_does_what_they_do() {
    programs::<Host>(PROGRAMS);
}

#[test]
fn so_it_does_by_the_back_end_for_tests() {
    programs::<Toy>(PROGRAMS / 4);
}

fn programs<B: Backend>(count: u64) {
    let arithmetic: Vec<Opcode> = OPCODES.iter().copied().filter(|o| o.row().class == Class::Alu).collect();
    assert!(arithmetic.len() > 90);
    for seed in 1..=count {
        let mut rng = Rng::new(seed);
        let mut words = Vec::new();
        for _ in 0..HAMMOCKS {
            let skipped = 1 + rng.below(2);
            words.push(branch(&mut rng, skipped));
            let rd = rng.pick(&REGISTERS[..7]);
            words.extend((0..skipped).map(|_| {
                let opcode = rng.pick(&arithmetic);
                instruction(&mut rng, opcode, rd)
            }));
        }
        words.push(e::wfi());
        let mut pair = Pair::<B>::on(None);
        pair.put_words(HANDLER, &[e::wfi()]);
        pair.put_words(START, &words);
        let values: Vec<u64> = (0..32).map(|_| rng.integer()).collect();
        pair.both(|hart| {
            hart.set_pc(START);
            hart.set_all_x(&values);
            hart.state_mut().m.tvec = HANDLER;
        });
        while !matches!(pair.run(7).unwrap_or_else(|why| panic!("seed {seed}: {why}")), Exit::Idle { .. }) {}
        assert_eq!(pair.jit.traps(), 0, "seed {seed}: all of them are legal");
    }
}
