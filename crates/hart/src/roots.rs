//! A root table of the G-stage that is not where software put it: whoever waits for its guest is to be told.
//!
//! "The G-stage root page table is 16 KiB [...], so the lowest two bits of the physical page number (PPN) in `hgatp`
//! always read as zeros" (H extension, "Hypervisor Guest Address Translation and Protection (`hgatp`) Register"). A
//! hypervisor that takes any page gets another table walked, and its guest faults in ways that tell nothing.

use arch::csr::atp;

use crate::core::Core;

/// The bits of PPN that are zero.
const ZEROS: u64 = 3;

/// What is remembered of writes to `hgatp`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Roots {
    /// Where a root table was said to be.
    wrong: Option<u64>,
    told: bool,
}

impl Core {
    /// Notes that `value` was written to `hgatp`. One that sets every bit only asks which there are.
    pub(crate) fn note_root(&mut self, value: u64) {
        let translates =
            self.state.hgatp >> atp::MODE_SHIFT == value >> atp::MODE_SHIFT && value >> atp::MODE_SHIFT != 0;
        if translates && value & ZEROS != 0 && value & atp::PPN != atp::PPN {
            self.told.roots.wrong.get_or_insert((value & atp::PPN) << 12);
        }
    }

    /// A sentence about a root table that is not aligned, the first time that it is asked for.
    pub(crate) fn unaligned_root(&mut self) -> Option<String> {
        let wrong = self.told.roots.wrong.filter(|_| !self.told.roots.told)?;
        self.told.roots.told = true;
        let walked = wrong & !(ZEROS << 12);
        Some(format!(
            "wrote to hgatp that the root table of its guest is at {wrong:#x}; root tables begin at multiples of 16 KiB, so \
             that the one at {walked:#x} is walked (some emulators take any)"
        ))
    }
}
