//! Leaves: the pages, of both stages, that an entry of a table comes from.

use arch::addr::PAGE_BYTES;
use privileged::Translation;

/// No page has this tag: bits below the page number are never all set in one.
pub const NO_PAGE: u64 = u64::MAX;

/// The pages, of the first and of the second stage, that an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafPages {
    /// Log2 of the size of the first stage's page.
    pub page_bits: u32,
    /// The address between the stages.
    pub guest_phys: u64,
    /// Log2 of the size of the second stage's page.
    pub guest_page_bits: u32,
}

impl LeafPages {
    /// What a walk found.
    pub fn of(found: &Translation) -> LeafPages {
        let Translation { page_bits, guest_phys, guest_page_bits, .. } = *found;
        LeafPages { page_bits, guest_phys: guest_phys.0, guest_page_bits }
    }

    /// In one word.
    pub fn pack(self) -> PackedLeafPages {
        let sizes = u64::from(self.guest_page_bits.min(63)) << 6 | u64::from(self.page_bits.min(63));
        PackedLeafPages(self.guest_phys & !(PAGE_BYTES - 1) | sizes)
    }
}

/// A [`LeafPages`] in one word: the guest-physical page, and below it the two sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedLeafPages(pub u64);

impl PackedLeafPages {
    /// Log2 of the size of the first stage's page.
    pub fn page_bits(self) -> u32 {
        (self.0 & 63) as u32
    }

    /// Log2 of the size of the second stage's page.
    pub fn guest_page_bits(self) -> u32 {
        (self.0 >> 6 & 63) as u32
    }

    /// Whether the first stage's page, which holds `page`, holds `va` too.
    pub fn holds(self, page: u64, va: u64) -> bool {
        (page ^ va) >> self.page_bits() == 0
    }

    /// Whether the second stage's page holds `gpa`.
    pub fn holds_guest(self, gpa: u64) -> bool {
        (self.0 ^ gpa) >> self.guest_page_bits() == 0
    }
}
