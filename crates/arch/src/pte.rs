//! Page-table entries and translation schemes.
//!
//! Privileged architecture, "Sv39: Page-Based 39-bit Virtual-Memory System" and its siblings; "Svnapot", "Svpbmt"; for
//! the G-stage, H extension, "Guest Physical Address Translation".

use crate::addr::PAGE_SHIFT;
use crate::csr::atp;

/// Valid.
pub const V: u64 = 1;
/// Readable.
pub const R: u64 = 1 << 1;
/// Writable.
pub const W: u64 = 1 << 2;
/// Executable.
pub const X: u64 = 1 << 3;
/// For user mode.
pub const U: u64 = 1 << 4;
/// Global.
pub const G: u64 = 1 << 5;
/// Accessed.
pub const A: u64 = 1 << 6;
/// Dirty.
pub const D: u64 = 1 << 7;
/// Lowest bit of the physical page number.
pub const PPN_SHIFT: u32 = 10;
/// Bits reserved for future standard use: must be zero.
pub const RESERVED: u64 = 0x7f << 54;
/// Lowest bit of the page-based memory type.
pub const PBMT_SHIFT: u32 = 61;
/// Page-based memory type (Svpbmt). 3 is reserved.
pub const PBMT: u64 = 3 << PBMT_SHIFT;
/// Part of a naturally aligned power-of-two range (Svnapot).
pub const N: u64 = 1 << 63;
/// Bytes of an entry.
pub const PTE_BYTES: u64 = 8;
/// Bits of the virtual page number that one level resolves.
pub const LEVEL_BITS: u32 = 9;
/// Bits by which the G-stage widens its root level.
pub const WIDENED_BITS: u32 = 2;
/// Bits of the only NAPOT range there is: 64 KiB, 16 pages.
pub const NAPOT_BITS: u32 = 4;

/// A page-table entry of Sv39, Sv48 or Sv57.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pte(pub u64);

impl Pte {
    /// Whether all of `bits` are set.
    pub const fn has(self, bits: u64) -> bool {
        self.0 & bits == bits
    }

    /// Whether one of `bits` is set.
    pub const fn has_any(self, bits: u64) -> bool {
        self.0 & bits != 0
    }

    /// A pointer to the next level: valid, and none of R, W and X.
    pub const fn is_pointer(self) -> bool {
        self.0 & (V | R | W | X) == V
    }

    /// The physical page number.
    pub const fn ppn(self) -> u64 {
        self.0 >> PPN_SHIFT & atp::PPN
    }

    /// The page-based memory type: 0 PMA, 1 NC, 2 IO.
    pub const fn pbmt(self) -> u8 {
        (self.0 >> PBMT_SHIFT & 3) as u8
    }
}

/// A paged translation scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Three levels.
    Sv39,
    /// Four levels.
    Sv48,
    /// Five levels.
    Sv57,
}

impl Scheme {
    /// The scheme in the MODE field of `satp`, `vsatp` or `hgatp`; `None` is Bare (or reserved).
    pub const fn of_mode(mode: u64) -> Option<Scheme> {
        match mode {
            atp::SV39 => Some(Scheme::Sv39),
            atp::SV48 => Some(Scheme::Sv48),
            atp::SV57 => Some(Scheme::Sv57),
            _ => None,
        }
    }

    /// Levels of the page table.
    pub const fn levels(self) -> u32 {
        match self {
            Scheme::Sv39 => 3,
            Scheme::Sv48 => 4,
            Scheme::Sv57 => 5,
        }
    }

    /// Bits of a virtual address. The G-stage has two more ([`WIDENED_BITS`]).
    pub const fn address_bits(self) -> u32 {
        PAGE_SHIFT + self.levels() * LEVEL_BITS
    }
}
