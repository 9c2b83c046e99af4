//! What a table covers, or more: so that a fence need not look through it for what it does not have.

use arch::addr::PAGE_SHIFT;

use super::leaf::LeafPages;

/// Ranges of big pages that are noted one by one: more than a kernel has.
const RANGES: usize = 32;
/// Big pages that agree in the address bits above these are noted as one range: a kernel's map of all memory has
/// hundreds.
pub(super) const ZONE_BITS: u32 = 30;

/// Where the big pages are that entries of a table come from, or more.
#[derive(Default)]
pub struct BigPages {
    /// First and last addresses.
    ranges: [(u64, u64); RANGES],
    count: usize,
}

impl BigPages {
    /// Notes the page of `va`, if it is big.
    fn note(&mut self, va: u64, page_bits: u32) {
        if page_bits <= PAGE_SHIFT {
            return;
        }
        let offsets = (1 << page_bits.min(63)) - 1;
        let (first, last) = (va & !offsets, va | offsets);
        let ranges = &mut self.ranges[..self.count];
        if ranges.iter().any(|range| range.0 <= first && last <= range.1) {
            return;
        }
        match ranges.iter_mut().find(|range| (range.0 ^ first) >> ZONE_BITS == 0) {
            Some(range) => *range = (range.0.min(first), range.1.max(last)),
            None => self.push(first, last),
        }
    }

    fn push(&mut self, first: u64, last: u64) {
        // more than there is room for: one that has all addresses
        let all = self.count == RANGES - 1;
        self.ranges[self.count] = if all { (0, u64::MAX) } else { (first, last) };
        self.count += 1;
    }

    /// Whether `va` may be in one of them.
    pub fn covers(&self, va: u64) -> bool {
        self.ranges[..self.count].iter().any(|&(first, last)| first <= va && va <= last)
    }

    fn clear(&mut self) {
        self.count = 0;
    }
}

/// Words of a filter.
const FILTER_WORDS: usize = 64;
/// Log2 of the size of the pages that have a filter of their own, besides small ones.
const MIDDLE_BITS: u32 = 21;

/// Numbers, modulo the count of bits.
struct Filter([u64; FILTER_WORDS]);

impl Filter {
    fn place(number: u64) -> (usize, u64) {
        ((number / 64) as usize % FILTER_WORDS, 1 << (number % 64))
    }

    fn note(&mut self, number: u64) {
        let (word, bit) = Filter::place(number);
        self.0[word] |= bit;
    }

    fn may_have(&self, number: u64) -> bool {
        let (word, bit) = Filter::place(number);
        self.0[word] & bit != 0
    }
}

/// The guest-physical pages that entries of a table come from, or more. HFENCE.GVMA mostly names a page that was
/// not mapped before, for which no table need be looked through.
pub struct GuestPhysical {
    small: Filter,
    /// Pages of 2 MiB, and NAPOT ranges within.
    middle: Filter,
    big: BigPages,
}

impl Default for GuestPhysical {
    fn default() -> Self {
        let none = || Filter([0; FILTER_WORDS]);
        GuestPhysical { small: none(), middle: none(), big: BigPages::default() }
    }
}

impl GuestPhysical {
    /// Notes the page of `gpa`.
    pub fn note(&mut self, gpa: u64, page_bits: u32) {
        if page_bits <= PAGE_SHIFT {
            self.small.note(gpa >> PAGE_SHIFT);
        } else if page_bits <= MIDDLE_BITS {
            self.middle.note(gpa >> MIDDLE_BITS);
        } else {
            self.big.note(gpa, page_bits);
        }
    }

    /// Whether the page of `gpa` may be among them.
    pub fn may_have(&self, gpa: u64) -> bool {
        self.small.may_have(gpa >> PAGE_SHIFT) || self.may_be_in_larger(gpa)
    }

    /// Whether a page that is not small and holds `gpa` may be among them.
    pub fn may_be_in_larger(&self, gpa: u64) -> bool {
        self.middle.may_have(gpa >> MIDDLE_BITS) || self.big.covers(gpa)
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        *self = GuestPhysical::default();
    }
}

/// What a table covers, so that a fence need not look through it for what it does not have.
#[derive(Default)]
pub struct Covered {
    /// Big pages, by virtual address.
    pub big: BigPages,
    /// Pages of the second stage.
    pub guest: GuestPhysical,
}

impl Covered {
    /// Notes a page that is entered.
    pub fn note(&mut self, va: u64, leaves: &LeafPages) {
        self.big.note(va, leaves.page_bits);
        self.guest.note(leaves.guest_phys, leaves.guest_page_bits);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.big.clear();
        self.guest.clear();
    }
}
