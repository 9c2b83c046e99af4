//! Harts for tests.

use std::sync::Arc;

use arch::insn::{I, J};
use arch::{Insn, Isa, Phys};
use bus::Bus;
use hart::HartParts;
use memory::Ram;
use vcpu::EmulatedHart;

use crate::{JitHart, JitParts};

/// What the loop's first instruction adds 1 to.
pub const A0: u8 = 10;
/// What its second adds 2 to.
pub const A1: u8 = 11;

/// A hart in front of a loop of two additions, at the start of RAM.
pub fn looping(base: u64) -> JitHart {
    let insns = [
        Insn::Addi(I { rd: A0, rs1: A0, imm: 1 }),
        Insn::Addi(I { rd: A1, rs1: A1, imm: 2 }),
        Insn::Jal(J { rd: 0, imm: -8 }),
    ];
    in_front_of(base, &insns, Bus::default())
}

/// A hart in front of these instructions, at the start of RAM, with the devices of `bus`.
pub fn in_front_of(base: u64, insns: &[Insn], bus: Bus) -> JitHart {
    let hart = parts(base, bus);
    let bytes: Vec<u8> = insns.iter().flat_map(|insn| insn.encode().to_le_bytes()).collect();
    hart.ram.write_bytes(0, &bytes).unwrap();
    let mut hart = JitHart::new(JitParts { hart, code_bytes: None }).unwrap();
    hart.reset_machine(base);
    hart
}

/// What a hart is made of that is alone, with RAM at `base`.
pub fn parts(base: u64, bus: Bus) -> HartParts {
    HartParts { bus: Arc::new(bus), ..kit::alone(Isa::ALL, Ram::new(Phys(base), 1 << 20).unwrap()) }
}
