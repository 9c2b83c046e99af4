//! Transformed instructions for `mtinst` and `htinst`.
//!
//! H extension, "Transformed Instruction or Pseudoinstruction for `mtinst` or `htinst`". The pseudoinstructions come
//! from the page walker ([`crate::translate`]), which sets `Trap::tinst`; a transformed instruction goes where that is
//! zero.

use arch::{Exception, Trap};

/// How long the instruction is as the program has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// 16 bits: its expansion is transformed.
    Compressed,
    /// 32 bits.
    Full,
}

const LOAD: u32 = 0x03;
const LOAD_FP: u32 = 0x07;
const STORE: u32 = 0x23;
const STORE_FP: u32 = 0x27;
const AMO: u32 = 0x2f;
const SYSTEM: u32 = 0x73;

/// Field rs1, which Addr. Offset replaces.
const RS1: u32 = 0x1f << 15;
/// funct3 of HLV, HLVX and HSV.
const FUNCT3_HYPERVISOR: u32 = 4;

/// The transformation of `instruction`, 32 bits or the 32-bit expansion of a compressed one; 0 where none is defined.
///
/// `offset` is the distance from the original virtual address to the faulting one (`xtval`): nonzero only for
/// misaligned accesses.
pub const fn transformed(instruction: u32, length: Length, offset: u64) -> u64 {
    let kept = match instruction & 0x7f {
        // funct3, rd, opcode.
        LOAD | LOAD_FP => instruction & 0x7fff,
        // rs2, funct3, opcode.
        STORE | STORE_FP => instruction & 0x01f0_707f,
        AMO => instruction & !RS1,
        SYSTEM if instruction >> 12 & 7 == FUNCT3_HYPERVISOR => instruction & !RS1,
        _ => return 0,
    };
    let not_compressed = match length {
        Length::Compressed => !2,
        Length::Full => !0,
    };
    ((kept | (offset as u32 & 0x1f) << 15) & not_compressed) as u64
}

/// Completes a trap from an explicit memory access with the transformed instruction, where one is allowed and the
/// walker did not give a pseudoinstruction. `address` is the original virtual address of the access.
///
/// Table "Values that may be automatically written to the trap instruction register on an exception trap".
#[inline]
pub fn complete(trap: Trap, instruction: impl FnOnce() -> u32, length: Length, address: u64) -> Trap {
    if trap.tinst != 0 || !is_explicit_access(trap.cause) {
        return trap;
    }
    Trap { tinst: transformed(instruction(), length, trap.tval.wrapping_sub(address)), ..trap }
}

/// Whether `cause` comes from a load, store or AMO.
const fn is_explicit_access(cause: Exception) -> bool {
    matches!(
        cause,
        Exception::LoadAddressMisaligned
            | Exception::LoadAccessFault
            | Exception::StoreAddressMisaligned
            | Exception::StoreAccessFault
            | Exception::LoadPageFault
            | Exception::StorePageFault
            | Exception::LoadGuestPageFault
            | Exception::StoreGuestPageFault
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // Encodings by the GNU assembler.
    const LW_A0_12_A1: u32 = 0x00c5_a503;
    const SD_A0_MINUS_8_A1: u32 = 0xfea5_bc23;
    const AMOADD_W_A0_A2_A1: u32 = 0x00c5_a52f;
    const HLV_W_A0_A1: u32 = 0x6805_c573;
    const CBO_ZERO_A0: u32 = 0x0045_200f;

    #[test]
    fn a_load_loses_its_offset_and_base() {
        assert_eq!(transformed(LW_A0_12_A1, Length::Full, 0), 0x2503);
    }

    #[test]
    fn a_store_keeps_its_source_only() {
        assert_eq!(transformed(SD_A0_MINUS_8_A1, Length::Full, 0), 0x00a0_3023);
    }

    #[test]
    fn a_compressed_one_has_bit_1_clear() {
        assert_eq!(transformed(LW_A0_12_A1, Length::Compressed, 0), 0x2501);
    }

    #[test]
    fn atomics_and_hypervisor_accesses_lose_only_rs1() {
        assert_eq!(transformed(AMOADD_W_A0_A2_A1, Length::Full, 0), 0x00c0_252f);
        assert_eq!(transformed(HLV_W_A0_A1, Length::Full, 0), 0x6800_4573);
    }

    #[test]
    fn the_offset_of_a_misaligned_access_replaces_rs1() {
        assert_eq!(transformed(LW_A0_12_A1, Length::Full, 3), 0x0001_a503);
    }

    #[test]
    fn other_instructions_have_no_transformation() {
        assert_eq!(transformed(CBO_ZERO_A0, Length::Full, 0), 0);
    }

    #[test]
    fn a_pseudoinstruction_stays() {
        let trap = Trap { tinst: 0x3000, ..Trap::new(Exception::LoadGuestPageFault, 0x1000) };
        assert_eq!(complete(trap, || LW_A0_12_A1, Length::Full, 0x1000), trap);
    }
}
