//! Which instructions have generated code.

use std::sync::Arc;

use arch::insn::{OPCODES, Opcode, decode};
use arch::isa::Isa;
use arch::{Mode, Phys};
use bus::Bus;
use hart::{Hart, HartParts};
use memory::Ram;
use vcpu::{Clock, HartPins};

use crate::compile::Compiler;
use crate::expr::Heap;
use crate::host::{Backend, Made, Places};
use crate::x64::Host;

/// Operands of all instructions: a0, a1, a2 and a3 where there are registers, `rm` 7, `sscratch` where there is a CSR,
/// 1 where there is an immediate of five bits.
const OPERANDS: u32 = 10 << 7 | 7 << 12 | 11 << 15 | 12 << 20 | 13 << 27;
const CSR: u32 = (arch::csr::SSCRATCH as u32) << 20;

/// Every instruction of `isa`, and whether it has generated code: for the usual operands, in HS-mode. The others, and
/// all in the cases where generated code does not fit, run through the interpreter.
///
/// # Errors
/// The host gives no memory.
pub fn coverage(isa: Isa) -> Result<Vec<(Opcode, bool)>, memory::Error> {
    coverage_by::<Host>(isa)
}

/// [`coverage`], by any back end.
fn coverage_by<B: Backend>(isa: Isa) -> Result<Vec<(Opcode, bool)>, memory::Error> {
    let mut hart = Hart::new(HartParts {
        config: privileged::Config::new(isa, 0),
        ram: Ram::new(Phys(0x8000_0000), 0x1000)?,
        bus: Arc::new(Bus::default()),
        clock: Arc::new(Clock::virtual_time()),
        pins: HartPins::new(),
        alone: true,
        crowded: false,
    });
    hart.state_mut().mode = Mode::HS;
    let has = |opcode: &&Opcode| opcode.row().needs.met_by(isa);
    Ok(OPCODES.iter().filter(has).map(|&opcode| (opcode, is_generated::<B>(opcode, &hart, isa))).collect())
}

fn is_generated<B: Backend>(opcode: Opcode, hart: &Hart, isa: Isa) -> bool {
    let pattern = opcode.row().pattern;
    let operands = if opcode.row().class == arch::insn::Class::Csr { OPERANDS & 0xf_ffff | CSR } else { OPERANDS };
    // registers and immediates of some instructions do not mean anything with these: rs2 without its lowest bit is even
    let Some(insn) = decode(pattern.value | operands & !pattern.mask, &isa) else { return false };
    let heap = Heap::new();
    let places = Places { hot: 0x10_0000, cold: 0x20_0000, slow_paths: 0x30_0000 };
    let emitter = B::emitter(places, Default::default(), Made::default());
    let (pc, next) = (0x8000_0000, 0x8000_0004);
    Compiler::new(emitter, &heap, &hart.core).instruction(&insn, pc, next).is_ok()
}

#[cfg(test)]
mod tests {
    use arch::insn::Class;

    use super::*;
    use crate::toy::Toy;

    /// What the emitter for tests refuses is refused above the seam, or has no one value: the whole instruction set
    /// goes through the seam.
    #[test]
    fn all_that_can_be_generated_goes_through_the_seam() {
        let generated = |all: Vec<(Opcode, bool)>| {
            let names = all.into_iter().filter(|(_, generated)| *generated).map(|(opcode, _)| opcode.row().function);
            names.collect::<Vec<_>>()
        };
        let host = generated(coverage_by::<Host>(Isa::ALL).unwrap());
        let toy = generated(coverage_by::<Toy>(Isa::ALL).unwrap());
        let missing: Vec<&&str> = host.iter().filter(|name| !toy.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let arithmetic = OPCODES.iter().filter(|opcode| matches!(opcode.row().class, Class::Fp | Class::Alu));
        let refused: Vec<&str> =
            arithmetic.map(|opcode| opcode.row().function).filter(|name| !toy.contains(name)).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}
