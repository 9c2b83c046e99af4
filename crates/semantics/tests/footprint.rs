//! Every text reads and writes exactly the registers that its row's operands name.

mod machine;

use arch::Isa;
use arch::insn::{Insn, OPCODES, Opcode, decode};
use machine::Random;
use semantics::Footprint;

/// The set of the register in a field, if the operands name it so.
fn named(insn: &Insn, operand: &str, low: u32) -> u32 {
    let is_named = insn.row().operands.split(|c: char| !c.is_ascii_alphanumeric()).any(|name| name == operand);
    if is_named { 1 << (insn.encode() >> low & 31) } else { 0 }
}

/// What the operands of an instruction say. `rd` of `amocas` is read too; that of `amocas.q` and its rs2 are pairs,
/// which the test below sees to.
fn expected(insn: &Insn) -> Footprint {
    let rd = named(insn, "rd", 7);
    let compared = if matches!(insn, Insn::AmocasW(_) | Insn::AmocasD(_)) { rd } else { 0 };
    let is_ignored = matches!(insn, Insn::MopR(_) | Insn::MopRr(_) | Insn::PrefetchI(_) | Insn::PrefetchR(_))
        || matches!(insn, Insn::PrefetchW(_));
    let read = named(insn, "rs1", 15) | named(insn, "rs2", 20) | compared;
    Footprint {
        x_read: if is_ignored { 0 } else { read & !1 },
        x_written: rd & !1,
        f_read: named(insn, "fs1", 15) | named(insn, "fs2", 20) | named(insn, "fs3", 27),
        f_written: named(insn, "fd", 7),
    }
}

#[test]
fn every_text_touches_the_registers_of_its_operands() {
    let mut random = Random::new();
    for opcode in OPCODES.iter().filter(|&&o| o != Opcode::AmocasQ) {
        let pattern = opcode.row().pattern;
        for _ in 0..100 {
            let raw = random.bits() as u32 & !pattern.mask | pattern.value;
            let insn = decode(raw, &Isa::ALL).expect("an instruction");
            assert_eq!(Footprint::of(&insn), expected(&insn), "{insn}");
        }
    }
}

#[test]
fn amocas_q_touches_pairs() {
    let insn = decode(0x2802_c52f | 12 << 20, &Isa::ALL).expect("amocas.q a0,a2,(t0)"); // Zacas
    let pairs = Footprint { x_read: 0x3c20, x_written: 0xc00, ..Footprint::default() };
    assert_eq!(insn.to_string(), "amocas.q a0,a2,(t0)");
    assert_eq!(Footprint::of(&insn), pairs);
}
