//! The instruction table against itself: every row decodes what it encodes.

use arch::insn::{OPCODES, decode};
use arch::isa::{Extension, Isa};
use fastrand::Rng;
use std::collections::HashMap;

/// The decimals of pi.
const SEED: u64 = 3_141_592_653_589_793;

#[test]
fn encode_inverts_decode_for_every_row() {
    let mut random = Rng::with_seed(SEED);
    for opcode in OPCODES {
        let pattern = opcode.row().pattern;
        for _ in 0..1000 {
            let raw = random.u32(..) & !pattern.mask | pattern.value;
            let insn = decode(raw, &Isa::ALL).expect("a row's encoding is an instruction");
            assert_eq!(insn.encode(), raw, "{insn}");
        }
    }
}

#[test]
fn every_row_is_reached() {
    let mut random = Rng::with_seed(SEED);
    for opcode in OPCODES {
        let pattern = opcode.row().pattern;
        let reached = (0..1000).any(|_| {
            let raw = random.u32(..) & !pattern.mask | pattern.value;
            decode(raw, &Isa::ALL).is_some_and(|insn| insn.opcode() == *opcode)
        });
        assert!(reached, "{opcode:?}");
    }
}

#[test]
fn names_are_unique() {
    let mut seen = HashMap::new();
    for opcode in OPCODES {
        assert_eq!(seen.insert(opcode.row().function, opcode), None);
    }
}

#[test]
fn overlapping_rows_differ_in_the_number_of_fixed_bits() {
    for (at, a) in OPCODES.iter().enumerate() {
        for b in &OPCODES[at + 1..] {
            let (p, q) = (a.row().pattern, b.row().pattern);
            let overlap = (p.value ^ q.value) & p.mask & q.mask == 0;
            assert!(!overlap || p.mask.count_ones() != q.mask.count_ones(), "{a:?} and {b:?}");
        }
    }
}

#[test]
fn either_of_two_extensions_brings_what_they_share() {
    use Extension::{Zbb, Zbkb};
    let name = |raw, isa: Isa| decode(raw, &isa).map(|insn| insn.row().function);
    let neither = Isa::ALL.without(Zbb).without(Zbkb);
    let (ror, packw) = (0x60c5_d533, 0x0805_c53b); // packw a0,a1,x0
    assert_eq!(name(ror, neither), None);
    assert_eq!(name(ror, neither.with(Zbb)), Some("ror"));
    assert_eq!(name(ror, neither.with(Zbkb)), Some("ror"));
    assert_eq!(name(packw, neither.with(Zbkb)), Some("packw"));
    assert_eq!(name(packw, neither.with(Zbkb).with(Zbb)), Some("zext_h"));
}

#[test]
fn an_instruction_is_illegal_without_its_extension() {
    for opcode in OPCODES {
        let row = opcode.row();
        let others = row.needs.or.into_iter().fold(Isa::ALL, Isa::without);
        for extension in Extension::ALL.iter().filter(|&&e| row.needs.all.has(e)) {
            let insn = decode(row.pattern.value, &others.without(*extension));
            assert_ne!(insn.map(|i| i.opcode()), Some(*opcode), "{opcode:?} without {extension:?}");
        }
    }
}
