//! Pages that code was translated from: who writes to one is noted.
//!
//! A translator watches the pages it has read code from. The first write to such a page, by a hart, a device or a
//! loader, ends the watch and notes the page; whoever translates looks at what was noted when a FENCE.I asks for it.
//! Stores that a hart makes through its data tables are not seen here: it must not give itself the right to write to a
//! watched page, and drops it where it has it when another hart starts a watch ([`CodeWatch::watched_since`]).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arch::addr::PAGE_BYTES;
use vm_memory::bitmap::{Bitmap, NewBitmap, RefSlice, WithBitmapSlice};

/// What a [`Log`] keeps. A reader that is further behind must take it that something happened to every page.
const KEPT: usize = 1 << 14;

/// Pages in the order in which something happened to them, for several readers that each remember their place.
#[derive(Debug, Default)]
struct Log {
    len: AtomicUsize,
    last: Mutex<Last>,
}

/// The end of a log.
#[derive(Debug, Default)]
struct Last {
    pages: Vec<u64>,
    /// What came before and is forgotten.
    dropped: usize,
}

impl Log {
    fn push(&self, page: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.pages.len() == KEPT {
            last.pages.drain(..KEPT / 2);
            last.dropped += KEPT / 2;
        }
        last.pages.push(page);
        self.len.store(last.dropped + last.pages.len(), Ordering::Release);
    }

    /// What came after `place`, which moves on; `None`: more than is kept.
    #[inline]
    fn since(&self, place: &mut usize) -> Option<Vec<u64>> {
        if self.len.load(Ordering::Acquire) == *place {
            return Some(Vec::new());
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = std::mem::replace(place, last.dropped + last.pages.len());
        last.pages.get(read.checked_sub(last.dropped)?..).map(<[u64]>::to_vec)
    }
}

/// The watched pages of a RAM, numbered from its start. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct CodeWatch(Arc<Pages>);

#[derive(Debug, Default)]
struct Pages {
    /// A bit per page.
    bits: Box<[AtomicU64]>,
    watched: Log,
    written: Log,
}

impl CodeWatch {
    fn bit(&self, page: u64) -> Option<(&AtomicU64, u64)> {
        self.0.bits.get((page / 64) as usize).map(|word| (word, 1 << (page % 64)))
    }

    /// Starts to watch a page.
    pub fn watch(&self, page: u64) {
        if let Some((word, bit)) = self.bit(page)
            && word.fetch_or(bit, Ordering::AcqRel) & bit == 0
        {
            self.0.watched.push(page);
        }
    }

    /// Whether the page at this offset in RAM is watched.
    #[inline]
    pub fn is_watched(&self, offset: u64) -> bool {
        self.bit(offset / PAGE_BYTES).is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Notes a write of `len` bytes (at least one) at this offset in RAM.
    #[inline]
    pub fn note_write(&self, offset: u64, len: u64) {
        let last = offset.saturating_add(len.saturating_sub(1)) / PAGE_BYTES;
        for page in offset / PAGE_BYTES..=last {
            if let Some((word, bit)) = self.bit(page)
                && word.load(Ordering::Acquire) & bit != 0
                && word.fetch_and(!bit, Ordering::AcqRel) & bit != 0
            {
                self.0.written.push(page);
            }
        }
    }

    /// Pages whose watch began after `place`, which moves on; `None`: they may be any.
    pub fn watched_since(&self, place: &mut usize) -> Option<Vec<u64>> {
        self.0.watched.since(place)
    }

    /// Pages that were written to, which ended their watch, after `place`, which moves on; `None`: they may be any.
    pub fn written_since(&self, place: &mut usize) -> Option<Vec<u64>> {
        self.0.written.since(place)
    }
}

impl<'a> WithBitmapSlice<'a> for CodeWatch {
    type S = RefSlice<'a, CodeWatch>;
}

/// What devices write to guest memory is noted here by `vm_memory`.
impl Bitmap for CodeWatch {
    fn mark_dirty(&self, offset: usize, len: usize) {
        self.note_write(offset as u64, len as u64);
    }
    fn dirty_at(&self, offset: usize) -> bool {
        !self.is_watched(offset as u64)
    }
    fn slice_at(&self, offset: usize) -> RefSlice<'_, CodeWatch> {
        RefSlice::new(self, offset)
    }
}

impl NewBitmap for CodeWatch {
    fn with_len(len: usize) -> Self {
        let words = (len as u64).div_ceil(PAGE_BYTES).div_ceil(64);
        CodeWatch(Arc::new(Pages { bits: (0..words).map(|_| AtomicU64::new(0)).collect(), ..Pages::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_ends_the_watch_and_is_noted_once() {
        let watch = CodeWatch::with_len(0x4000);
        let mut place = 0;
        watch.watch(2);
        watch.note_write(0x1fff, 1);
        assert_eq!(watch.written_since(&mut place), Some(vec![]));
        watch.note_write(0x1ffe, 4);
        watch.note_write(0x2000, 8);
        assert_eq!(watch.written_since(&mut place), Some(vec![2]));
        assert!(!watch.is_watched(0x2000));
        assert_eq!(watch.written_since(&mut place), Some(vec![]));
    }

    #[test]
    fn each_reader_has_its_place() {
        let watch = CodeWatch::with_len(0x4000);
        let (mut one, mut other) = (0, 0);
        watch.watch(1);
        assert_eq!(watch.watched_since(&mut one), Some(vec![1]));
        watch.watch(1);
        watch.watch(3);
        assert_eq!(watch.watched_since(&mut one), Some(vec![3]));
        assert_eq!(watch.watched_since(&mut other), Some(vec![1, 3]));
    }

    #[test]
    fn a_reader_far_behind_is_told_so_once() {
        let watch = CodeWatch::with_len(0x4000);
        let (mut one, mut other) = (0, 0);
        for _ in 0..3 * KEPT {
            watch.watch(1);
            watch.note_write(0x1000, 1);
            assert_eq!(watch.written_since(&mut one), Some(vec![1]));
        }
        assert_eq!(watch.written_since(&mut other), None);
        assert_eq!(watch.written_since(&mut other), Some(vec![]));
    }

    #[test]
    fn nothing_outside_is_watched() {
        let watch = CodeWatch::with_len(0x1000);
        watch.watch(1 << 40);
        watch.note_write(u64::MAX, 8);
        assert!(!watch.is_watched(1 << 52));
    }
}
