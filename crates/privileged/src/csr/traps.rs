//! The registers of trap handlers, one bank per level, and delegation of exceptions.
//!
//! Privileged architecture, "Machine Trap-Vector Base-Address (`mtvec`) Register" to "Machine Trap Value (`mtval`)
//! Register" and "Machine Trap Delegation (`medeleg` and `mideleg`) Registers"; H extension, "Hypervisor Trap
//! Delegation (`hedeleg` and `hideleg`) Registers".

use arch::Exception::{self, *};
use arch::Extension;

use crate::Config;

/// `xtvec`: of the modes only 0 and 1 exist; the upper bit of MODE is zero.
pub const TVEC: u64 = !2;

/// `xepc`: the bits of an address that an instruction can have.
pub fn epc(config: &Config) -> u64 {
    if config.has(Extension::Zca) { !1 } else { !3 }
}

/// A set of exceptions.
const fn set(exceptions: &[Exception]) -> u64 {
    let (mut bits, mut i) = (0, 0);
    while i < exceptions.len() {
        bits |= 1 << exceptions[i] as u32;
        i += 1;
    }
    bits
}

/// What every delegation register can delegate.
const COMMON: u64 = set(&[
    InstructionAccessFault,
    IllegalInstruction,
    Breakpoint,
    LoadAddressMisaligned,
    LoadAccessFault,
    StoreAddressMisaligned,
    StoreAccessFault,
    EcallFromU,
    InstructionPageFault,
    LoadPageFault,
    StorePageFault,
    HardwareError,
]);

/// What the hypervisor extension adds to `medeleg`.
const HYPERVISOR: u64 =
    set(&[EcallFromVS, InstructionGuestPageFault, LoadGuestPageFault, VirtualInstruction, StoreGuestPageFault]);

/// The exceptions of `medeleg`. With Zca no instruction address is misaligned.
pub fn medeleg(config: &Config) -> u64 {
    let misaligned = if config.has(Extension::Zca) { 0 } else { set(&[InstructionAddressMisaligned]) };
    COMMON | set(&[EcallFromHS]) | misaligned | config.bits_if(Extension::H, HYPERVISOR)
}

/// The exceptions of `hedeleg`, misaligned instruction addresses always among them.
pub const HEDELEG: u64 = COMMON | set(&[InstructionAddressMisaligned]);

#[cfg(test)]
mod tests {
    use super::Extension;
    use crate::csr::testing::{hart, legalised};
    use arch::csr::*;

    #[test]
    fn delegation_keeps_its_legal_bits() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, MEDELEG, u64::MAX), 0xf8_b7fe);
        assert_eq!(legalised(&mut state, &config, HEDELEG, u64::MAX), 0x8_b1ff);
    }

    #[test]
    fn each_level_has_its_bank() {
        let (mut state, config) = hart();
        for (address, value) in [(MTVAL, 1), (STVAL, 2), (VSTVAL, 3), (MTVAL2, 4), (HTVAL, 5), (MTINST, 6), (HTINST, 7)]
        {
            assert_eq!(legalised(&mut state, &config, address, value), value);
        }
        assert_eq!([state.m.tval, state.s.tval, state.vs.tval], [1, 2, 3]);
        assert_eq!([state.m.tval2, state.s.tval2, state.m.tinst, state.s.tinst], [4, 5, 6, 7]);
    }

    #[test]
    fn reserved_modes_of_tvec_lose_their_upper_bit() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, STVEC, 0x1003), 0x1001);
        assert_eq!(legalised(&mut state, &config, MTVEC, 0x1002), 0x1000);
    }

    #[test]
    fn epc_is_aligned_as_instructions_are() {
        let (mut state, mut config) = hart();
        assert_eq!(legalised(&mut state, &config, SEPC, 0x1007), 0x1006);
        config.isa = config.isa.without(Extension::Zca);
        assert_eq!(legalised(&mut state, &config, VSEPC, 0x1007), 0x1004);
    }
}
