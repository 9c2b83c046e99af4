//! What a virtual hart is to forget of its translations: by address and address space where that is little, else
//! everything.
//!
//! SBI 3.0, "RFENCE Extension": "`start_addr` and `size` are both 0 [...] or `size` is equal to 2^XLEN-1" is
//! everything.

use arch::addr::PAGE_BYTES;

/// Ranges that are kept; who is asked for more forgets everything.
const MOST: usize = 8;
/// Pages that are forgotten one by one.
const MOST_PAGES: u64 = 64;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first page's address, and how many there are; none is everything.
    pub pages: Option<(u64, u64)>,
    /// In this address space alone.
    pub asid: Option<u64>,
}

impl Range {
    /// Of a call's arguments.
    pub fn new(start: u64, len_bytes: u64, asid: Option<u64>) -> Range {
        let first = start & !(PAGE_BYTES - 1);
        let pages = start.checked_add(len_bytes).map(|end| (end - first).div_ceil(PAGE_BYTES));
        let few = pages.filter(|count| (start, len_bytes) != (0, 0) && *count <= MOST_PAGES);
        Range { pages: few.map(|count| (first, count)), asid }
    }
}

/// All that is to be forgotten.
#[derive(Debug, Default)]
pub struct Fences {
    ranges: [Option<Range>; MOST],
    everything: bool,
}

impl Fences {
    /// One more.
    pub fn add(&mut self, range: Range) {
        match self.ranges.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(range),
            None => self.everything = true,
        }
    }

    /// Takes them all: none is everything.
    pub fn take(&mut self) -> Option<impl Iterator<Item = Range> + use<>> {
        let Fences { ranges, everything } = core::mem::take(self);
        (!everything).then(|| ranges.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn few_pages_are_named_and_many_are_everything() {
        assert_eq!(Range::new(0x1800, 0x1000, Some(7)), Range { pages: Some((0x1000, 2)), asid: Some(7) });
        assert_eq!(Range::new(0x1000, 0, None).pages, Some((0x1000, 0)));
        for (start, len) in [(0, 0), (0, u64::MAX), (0x1000, 65 << 12), (u64::MAX, 1)] {
            assert_eq!(Range::new(start, len, None).pages, None, "{start:#x} {len:#x}");
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_everything() {
        let mut fences = Fences::default();
        let page = |page: u64| Range::new(page << 12, 0x1000, None);
        (1..=8).for_each(|n| fences.add(page(n)));
        assert_eq!(fences.take().unwrap().collect::<Vec<_>>(), (1..=8).map(page).collect::<Vec<_>>());
        (1..=9).for_each(|n| fences.add(page(n)));
        assert!(fences.take().is_none() && fences.take().unwrap().next().is_none());
    }
}
