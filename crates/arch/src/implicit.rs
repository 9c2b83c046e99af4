//! The page walker's own accesses to page tables of the VS-stage, as traps tell of them.
//!
//! H extension, "Transformed Instruction or Pseudoinstruction for `mtinst` or `htinst`", table "Special
//! pseudoinstruction values for guest-page faults".

use crate::GuestPhys;

/// An access that the walker itself makes, to a VS-stage page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implicit {
    /// It reads an entry.
    Read,
    /// It updates A and D.
    Write,
}

impl Implicit {
    /// What stands for it in `mtinst` or `htinst`, where entries have 64 bits.
    pub const fn pseudoinstruction(self) -> u64 {
        match self {
            Implicit::Read => 0x3000,
            Implicit::Write => 0x3020,
        }
    }

    /// What a value of `mtinst` or `htinst` stands for, if it is a pseudoinstruction: entries may have 32 bits too.
    pub const fn of_tinst(tinst: u64) -> Option<Implicit> {
        match tinst {
            0x2000 | 0x3000 => Some(Implicit::Read),
            0x2020 | 0x3020 => Some(Implicit::Write),
            _ => None,
        }
    }
}

/// The guest-physical address of a guest-page fault. H extension, "Hypervisor Trap Value (`htval`) Register": its bits
/// 1 and 0 are those of `xtval`, where an access of the guest itself failed; where a walk did, that is the address of
/// an entry.
pub const fn fault_address(tval: u64, tval2: u64, tinst: u64) -> GuestPhys {
    let low = match Implicit::of_tinst(tinst) {
        Some(_) => 0,
        None => tval & 3,
    };
    GuestPhys(tval2 << 2 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudoinstructions_stand_for_what_they_are_made_of() {
        for access in [Implicit::Read, Implicit::Write] {
            assert_eq!(Implicit::of_tinst(access.pseudoinstruction()), Some(access));
        }
        assert_eq!((Implicit::of_tinst(0), Implicit::of_tinst(0x3021)), (None, None));
    }
}
