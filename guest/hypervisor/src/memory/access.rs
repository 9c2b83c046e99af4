//! An access to an address where no memory is: which it was, and what becomes of its register.
//!
//! H extension, "Transformed Instruction or Pseudoinstruction for `mtinst` or `htinst`": what the hart tells of the
//! instruction; where it tells nothing, the instruction itself is read.

use arch::insn::{decode, decompress};
use arch::isa::Isa;
use arch::{Implicit, Insn};

/// A load or a store of an integer register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Which way.
    pub kind: Kind,
    /// 1, 2, 4 or 8.
    pub len_bytes: u8,
    /// Of the instruction, 2 or 4: where the next one is.
    pub instruction_bytes: u64,
}

/// Which way an access goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Into a register.
    Load {
        /// Which.
        rd: u8,
        /// How it is made 64 bits wide.
        extend: Extend,
    },
    /// Out of a register.
    Store {
        /// Which.
        rs2: u8,
    },
}

/// How a value is made 64 bits wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extend {
    /// With copies of its sign.
    Sign,
    /// With zeros.
    Zero,
}

impl Access {
    /// What `htinst` says. `None` where it says nothing, or where no device can answer what it says.
    ///
    /// A transformed instruction has its own bits but for the address's; "if bit 1 is zero, the original was
    /// compressed".
    pub fn of_htinst(htinst: u64) -> Option<Access> {
        if htinst == 0 || Implicit::of_tinst(htinst).is_some() {
            return None;
        }
        let instruction_bytes = if htinst & 2 == 0 { 2 } else { 4 };
        of(decode(htinst as u32 | 3, &Isa::ALL)?, instruction_bytes)
    }

    /// The same, of the instruction itself; `halves` has its 16-bit parts, the second only where it is needed.
    pub fn of_instruction(low: u16, high: impl FnOnce() -> Option<u16>) -> Option<Access> {
        match arch::insn::fetch_len(low) {
            2 => of(decompress(low, &Isa::ALL)?, 2),
            _ => of(decode(u32::from(high()?) << 16 | u32::from(low), &Isa::ALL)?, 4),
        }
    }

    /// What a register holds after a load of `bytes`.
    pub fn extended(self, bytes: u64) -> u64 {
        let unused = 64 - 8 * u32::from(self.len_bytes);
        match self.kind {
            Kind::Load { extend: Extend::Sign, .. } => ((bytes << unused) as i64 >> unused) as u64,
            _ => bytes << unused >> unused,
        }
    }
}

fn of(insn: Insn, instruction_bytes: u64) -> Option<Access> {
    use self::Extend::{Sign, Zero};
    let load = |rd, len_bytes, extend| Access { kind: Kind::Load { rd, extend }, len_bytes, instruction_bytes };
    let store = |rs2, len_bytes| Access { kind: Kind::Store { rs2 }, len_bytes, instruction_bytes };
    Some(match insn {
        Insn::Lb(i) => load(i.rd, 1, Sign),
        Insn::Lbu(i) => load(i.rd, 1, Zero),
        Insn::Lh(i) => load(i.rd, 2, Sign),
        Insn::Lhu(i) => load(i.rd, 2, Zero),
        Insn::Lw(i) => load(i.rd, 4, Sign),
        Insn::Lwu(i) => load(i.rd, 4, Zero),
        Insn::Ld(i) => load(i.rd, 8, Zero),
        Insn::Sb(i) => store(i.rs2, 1),
        Insn::Sh(i) => store(i.rs2, 2),
        Insn::Sw(i) => store(i.rs2, 4),
        Insn::Sd(i) => store(i.rs2, 8),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transformed_instruction_is_a_load_or_a_store() {
        // lw a5, 0(a4) is 0x0007_2783; its transformation has no rs1 and no immediate: 0x0000_2783
        let access = Access::of_htinst(0x2783).unwrap();
        assert_eq!(access.kind, Kind::Load { rd: 15, extend: Extend::Sign });
        assert_eq!((access.len_bytes, access.instruction_bytes), (4, 4));
        // sb a0, 4(a1) is 0x00a5_8223, transformed 0x00a0_0023
        let access = Access::of_htinst(0x00a0_0023).unwrap();
        assert_eq!((access.kind, access.len_bytes), (Kind::Store { rs2: 10 }, 1));
    }

    #[test]
    fn of_a_compressed_one_bit_1_is_zero() {
        // c.lw a5, 0(a4) stands for lw a5, 0(a4)
        let access = Access::of_htinst(0x2781).unwrap();
        assert_eq!((access.instruction_bytes, access.len_bytes), (2, 4));
    }

    #[test]
    fn what_no_device_answers_is_no_access() {
        assert_eq!(Access::of_htinst(0), None);
        // the walker's own read of an entry
        assert_eq!(Access::of_htinst(0x3000), None);
        // amoadd.w a0, a1, (a2) without its rs1; fld fa5, 0(a4) without its rs1
        assert_eq!((Access::of_htinst(0x00b0_252f), Access::of_htinst(0x3787)), (None, None));
    }

    #[test]
    fn the_instruction_itself_says_the_same() {
        // lbu a5, 5(a4); c.lw a5, 0(a4)
        let access = Access::of_instruction(0x4783, || Some(0x0057)).unwrap();
        assert_eq!((access.kind, access.len_bytes), (Kind::Load { rd: 15, extend: Extend::Zero }, 1));
        let access = Access::of_instruction(0x431c, || unreachable!("it has 16 bits")).unwrap();
        assert_eq!((access.kind, access.instruction_bytes), (Kind::Load { rd: 15, extend: Extend::Sign }, 2));
    }

    #[test]
    fn loads_are_made_64_bits_wide() {
        let load = |extend, len_bytes| Access { kind: Kind::Load { rd: 1, extend }, len_bytes, instruction_bytes: 4 };
        assert_eq!(load(Extend::Sign, 1).extended(0x1ff), u64::MAX);
        assert_eq!(load(Extend::Zero, 2).extended(0xf_ffff), 0xffff);
        assert_eq!(load(Extend::Sign, 4).extended(0x8000_0000), 0xffff_ffff_8000_0000);
        assert_eq!(load(Extend::Zero, 8).extended(7), 7);
    }
}
