//! Which memory is free: in pieces of 2 MiB, some of them cut into pages.
//!
//! Guests get pieces, which the G-stage maps by one leaf each; page tables and stacks get pages. Nothing is kept in the
//! free memory itself: a bit stands for a piece, and 64 bytes for the pages of one that is cut.

use alloc::vec::Vec;
use core::ops::Range;

use arch::Phys;
use arch::addr::{PAGE_BYTES, PAGE_SHIFT};
use arch::pte::LEVEL_BITS;

/// Bytes of a piece: what a leaf one level up maps.
pub const PIECE_BYTES: u64 = PAGE_BYTES << LEVEL_BITS;
const PAGES: usize = 1 << LEVEL_BITS;
/// Bytes of a large piece: what a leaf two levels up maps.
pub const LARGE_BYTES: u64 = PIECE_BYTES << LEVEL_BITS;
const PIECES: usize = 1 << LEVEL_BITS;

/// A piece that is cut into pages.
struct Cut {
    base: u64,
    /// A bit for each page that is in use.
    used: [u64; PAGES / 64],
}

/// The free memory.
pub struct Frames {
    /// Pieces that are free and whole.
    whole: Vec<u64>,
    cut: Vec<Cut>,
    /// How many were cut at once, at most.
    most_cut: usize,
}

impl Frames {
    /// None.
    pub const fn new() -> Frames {
        Frames { whole: Vec::new(), cut: Vec::new(), most_cut: 0 }
    }

    /// Adds the whole pieces of `memory` that have nothing of `taken` in them. The lowest will be given first.
    pub fn add(&mut self, memory: Range<u64>, taken: &[Range<u64>]) {
        let first = memory.start.next_multiple_of(PIECE_BYTES);
        let is_free = |base: &u64| {
            let piece = *base..*base + PIECE_BYTES;
            !taken.iter().any(|range| range.start < piece.end && piece.start < range.end)
        };
        let pieces = (first..memory.end).step_by(PIECE_BYTES as usize).filter(|base| base + PIECE_BYTES <= memory.end);
        self.whole.extend(pieces.filter(is_free));
        self.whole.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// How much is free, in whole pieces.
    pub fn free_bytes(&self) -> u64 {
        self.whole.len() as u64 * PIECE_BYTES
    }

    /// How much was in pieces that are cut, and so not for guests, when it was most.
    pub fn most_cut_bytes(&self) -> u64 {
        self.most_cut as u64 * PIECE_BYTES
    }

    /// A piece. What is in it is anything.
    pub fn piece(&mut self) -> Option<Phys> {
        self.whole.pop().map(Phys)
    }

    /// Pieces side by side, as many as one leaf maps that is one level up from theirs, at a multiple of their size.
    pub fn large(&mut self) -> Option<Phys> {
        let is_first = |base: &&u64| base.is_multiple_of(LARGE_BYTES);
        let is_whole = |base: &&u64| {
            self.whole.iter().filter(|piece| (**base..**base + LARGE_BYTES).contains(*piece)).count() == PIECES
        };
        let base = *self.whole.iter().filter(is_first).find(is_whole)?;
        self.whole.retain(|piece| !(base..base + LARGE_BYTES).contains(piece));
        Some(Phys(base))
    }

    /// Takes a piece back.
    pub fn return_piece(&mut self, piece: Phys) {
        self.whole.push(piece.0);
    }

    /// `count` pages side by side, a power of two, at a multiple of their size. What is in them is anything.
    pub fn pages(&mut self, count: u64) -> Option<Phys> {
        if let Some(pages) = self.cut.iter_mut().find_map(|cut| cut.take(count)) {
            return Some(pages);
        }
        let Phys(base) = self.piece()?;
        self.cut.push(Cut { base, used: [0; PAGES / 64] });
        self.most_cut = self.most_cut.max(self.cut.len());
        self.cut.last_mut()?.take(count)
    }

    /// Takes pages back; a piece that is whole again is free as such.
    pub fn return_pages(&mut self, at: Phys, count: u64) {
        let Some(index) = self.cut.iter().position(|cut| (cut.base..cut.base + PIECE_BYTES).contains(&at.0)) else {
            return;
        };
        self.cut[index].give(at, count);
        if self.cut[index].used == [0; PAGES / 64] {
            self.whole.push(self.cut.swap_remove(index).base);
        }
    }
}

impl Default for Frames {
    fn default() -> Frames {
        Frames::new()
    }
}

impl Cut {
    fn take(&mut self, count: u64) -> Option<Phys> {
        let free =
            |first: &usize| (*first..*first + count as usize).all(|page| self.used[page / 64] >> (page % 64) & 1 == 0);
        let first = (0..PAGES).step_by(count as usize).find(free)?;
        (first..first + count as usize).for_each(|page| self.used[page / 64] |= 1 << (page % 64));
        Some(Phys(self.base + ((first as u64) << PAGE_SHIFT)))
    }

    fn give(&mut self, at: Phys, count: u64) {
        let first = ((at.0 - self.base) >> PAGE_SHIFT) as usize;
        (first..(first + count as usize).min(PAGES)).for_each(|page| self.used[page / 64] &= !(1 << (page % 64)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16 MiB whose second piece is taken, in part.
    fn frames() -> Frames {
        let mut frames = Frames::new();
        let taken = 0x8030_0000..0x8030_0001;
        frames.add(0x8000_1000..0x8100_0000, core::slice::from_ref(&taken));
        frames
    }

    #[test]
    fn only_whole_pieces_that_are_nobodys_are_given_the_lowest_first() {
        let mut frames = frames();
        assert_eq!(frames.free_bytes(), 6 * PIECE_BYTES);
        let given: Vec<u64> = core::iter::from_fn(|| frames.piece()).map(|piece| piece.0).collect();
        assert_eq!(given, [0x8040_0000, 0x8060_0000, 0x8080_0000, 0x80a0_0000, 0x80c0_0000, 0x80e0_0000]);
        assert_eq!(frames.piece(), None);
    }

    #[test]
    fn pages_are_aligned_and_no_two_are_the_same() {
        let mut frames = frames();
        assert_eq!(frames.pages(1), Some(Phys(0x8040_0000)));
        assert_eq!(frames.pages(4), Some(Phys(0x8040_4000)));
        assert_eq!(frames.pages(1), Some(Phys(0x8040_1000)));
        let mut all: Vec<Phys> = core::iter::from_fn(|| frames.pages(1)).collect();
        assert_eq!(all.len(), 6 * PAGES - 6);
        all.dedup();
        assert_eq!(all.len(), 6 * PAGES - 6);
    }

    #[test]
    fn a_large_piece_is_whole_and_aligned() {
        let mut frames = Frames::new();
        let taken = 0x1_0030_0000..0x1_0030_0001;
        frames.add(0x8020_0000..0x1_8000_0000, core::slice::from_ref(&taken));
        // the first GiB lacks its first piece, the third one that is somebody's
        let free = frames.free_bytes();
        assert_eq!((frames.large(), frames.free_bytes()), (Some(Phys(0x1_4000_0000)), free - LARGE_BYTES));
        assert_eq!((frames.large(), frames.large()), (Some(Phys(0xc000_0000)), None));
        (0..512).for_each(|piece| frames.return_piece(Phys(0xc000_0000 + piece * PIECE_BYTES)));
        assert_eq!(frames.large(), Some(Phys(0xc000_0000)));
    }

    #[test]
    fn what_comes_back_is_a_piece_again() {
        let mut frames = frames();
        let (one, four) = (frames.pages(1).unwrap(), frames.pages(4).unwrap());
        assert_eq!(frames.free_bytes(), 5 * PIECE_BYTES);
        frames.return_pages(one, 1);
        frames.return_pages(four, 4);
        assert_eq!(frames.free_bytes(), 6 * PIECE_BYTES);
        assert_eq!(frames.most_cut_bytes(), PIECE_BYTES);
        assert_eq!(frames.piece(), Some(Phys(0x8040_0000)));
    }
}
