//! Code that is written to: what was decoded before is not executed behind FENCE.I, nor for long without one.

use arch::insn::{B, I, J, S};
use arch::{Insn, Isa};
use kit::{RAM_BASE, Registers};
use vcpu::Vcpu;

/// Holds the address of the first instruction.
const FIRST: u8 = 5;
/// Holds what is written there.
const NEW: u8 = 6;
/// Written by the first instruction: [`OLD`] before it is written to, 1 afterwards.
const RESULT: u8 = 10;
const OLD: i32 = 0;
const PASSED: u8 = 11;

const fn set(rd: u8, imm: i32) -> Insn {
    Insn::Addi(I { rd, rs1: 0, imm })
}

const WRITE: Insn = Insn::Sw(S { rs1: FIRST, rs2: NEW, imm: 0 });

/// Executes `program` from its first instruction on, and answers what is in [`RESULT`].
fn result(program: &[Insn], budget: u64) -> u64 {
    let ram = kit::ram(1 << 16);
    for (offset, insn) in (0..).step_by(4).zip(program) {
        ram.store_u32(offset, insn.encode()).unwrap();
    }
    let mut hart = kit::hart(Isa::default(), ram);
    hart.set_pc(RAM_BASE);
    hart.set_x([(FIRST, RAM_BASE), (NEW, set(RESULT, 1).encode().into())]);
    hart.run(budget);
    hart.x(RESULT)
}

#[test]
fn a_store_reaches_fetches_behind_fence_i() {
    let program = [
        set(RESULT, OLD),
        Insn::Beq(B { rs1: PASSED, rs2: 0, imm: 8 }),
        Insn::Jal(J { rd: 0, imm: 0 }),
        set(PASSED, 1),
        WRITE,
        Insn::FenceI(I { rd: 0, rs1: 0, imm: 0 }),
        Insn::Jal(J { rd: 0, imm: -24 }),
    ];
    assert_eq!(result(&program, 1000), 1);
}

/// Ziccid.
#[test]
fn a_store_reaches_fetches_without_fence_i_in_the_end() {
    let program =
        [set(RESULT, OLD), WRITE, Insn::Beq(B { rs1: RESULT, rs2: 0, imm: -8 }), Insn::Jal(J { rd: 0, imm: 0 })];
    assert_eq!(result(&program, 4_000_000), 1);
}
