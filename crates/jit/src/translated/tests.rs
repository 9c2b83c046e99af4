//! The quantum's end in front of a block: the hart stands there, wherever it is.

#![cfg(all(target_arch = "x86_64", unix))]

use std::sync::Arc;

use arch::insn::{I, J};
use arch::{Insn, Isa, Phys};
use bus::Bus;
use hart::HartParts;
use jit::{JitHart, JitParts};
use memory::Ram;
use privileged::Config;
use vcpu::{Clock, FullHart, HartPins, Vcpu};

const A0: u8 = 10;
const A1: u8 = 11;

/// A hart in front of a loop of two additions, at the start of RAM.
fn hart(base: u64) -> JitHart {
    let ram = Ram::new(Phys(base), 1 << 20).unwrap();
    let insns = [
        Insn::Addi(I { rd: A0, rs1: A0, imm: 1 }),
        Insn::Addi(I { rd: A1, rs1: A1, imm: 2 }),
        Insn::Jal(J { rd: 0, imm: -8 }),
    ];
    let bytes: Vec<u8> = insns.iter().flat_map(|insn| insn.encode().to_le_bytes()).collect();
    ram.write_bytes(0, &bytes).unwrap();
    let hart = HartParts {
        config: Config::new(Isa::ALL, 0),
        ram,
        bus: Arc::new(Bus::default()),
        clock: Arc::new(Clock::virtual_time()),
        pins: HartPins::new(),
        alone: true,
    };
    let mut hart = JitHart::new(JitParts { hart, code_bytes: None }).unwrap();
    hart.reset_machine(base);
    hart
}

/// The addresses differ in how many bytes tell them: those that are sign-extended from 32 bits take four.
#[test]
fn a_hart_goes_on_where_its_quantum_ended() {
    for base in [0x1000_0000, 0x8000_0000, 0x7f_8000_0000] {
        let mut hart = hart(base);
        for budget in [1, 2, 3, 5, 100, 16_384, 20_000] {
            hart.run(budget);
            let done = hart.instret().unwrap();
            let hart = hart.hart();
            let (rounds, rest) = (done / 3, done % 3);
            assert_eq!(hart.core.pc, base + 4 * rest, "{base:#x}");
            let a0 = rounds + u64::from(rest > 0);
            let a1 = 2 * (rounds + u64::from(rest > 1));
            assert_eq!((hart.core.x[usize::from(A0)], hart.core.x[usize::from(A1)]), (a0, a1), "{base:#x}");
        }
        assert!(hart.instret().unwrap() >= 36_000);
    }
}
