//! Pages that code was translated from: who writes to one is noted.
//!
//! A translator watches the pages it has read code from. The first write to such a page, by a hart, a device or a
//! loader, ends the watch and notes the page; whoever translates looks at what was noted when a FENCE.I asks for it.
//!
//! Stores that a hart makes through its data tables are not seen here: it must not give itself the right to write to a
//! watched page, and drops it where it has it when another hart starts a watch. Until all have done so
//! ([`Watcher::follow`]), the page counts as written to at every FENCE.I of the hart that watches. Nobody waits for
//! anybody: a hart that executes nothing ([`Watcher::rest`]) follows before it goes on.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

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
        self.push_if(page, || true);
    }

    /// Pushes a page if `begins` says so, which nobody else does meanwhile.
    fn push_if(&self, page: u64, begins: impl FnOnce() -> bool) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !begins() {
            return;
        }
        if last.pages.len() == KEPT {
            last.pages.drain(..KEPT / 2);
            last.dropped += KEPT / 2;
        }
        last.pages.push(page);
        // in one order with the places of those who rest
        self.len.store(last.dropped + last.pages.len(), Ordering::SeqCst);
    }

    /// How much was pushed.
    #[inline]
    fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    /// What came after `place`, which moves on; `None`: more than is kept.
    #[inline]
    fn since(&self, place: &mut usize) -> Option<Vec<u64>> {
        if self.len() == *place {
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
    /// How far each hart has followed `watched`, or [`RESTS`].
    places: RwLock<Vec<Arc<AtomicUsize>>>,
}

/// The place of a hart that executes nothing, and will follow before it does.
const RESTS: usize = usize::MAX;

impl CodeWatch {
    fn bit(&self, page: u64) -> Option<(&AtomicU64, u64)> {
        self.0.bits.get((page / 64) as usize).map(|word| (word, 1 << (page % 64)))
    }

    /// One more hart. It rests until it first follows.
    pub fn join(&self) -> Watcher {
        let place = Arc::new(AtomicUsize::new(RESTS));
        let mut places = self.0.places.write().unwrap_or_else(PoisonError::into_inner);
        places.push(place.clone());
        Watcher { watch: self.clone(), shown: place, rests: true, followed: 0, written: 0, open: Vec::new() }
    }

    /// Starts to watch a page.
    fn watch(&self, page: u64) {
        let Some((word, bit)) = self.bit(page) else { return };
        // who finds that another has begun finds it in the log as well
        self.0.watched.push_if(page, || word.fetch_or(bit, Ordering::AcqRel) & bit == 0);
    }

    /// Whether the page at this offset in RAM is watched.
    #[inline]
    pub fn is_watched(&self, offset: u64) -> bool {
        self.bit(offset / PAGE_BYTES).is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Notes a write that is done, by who is not a hart that executes: [`Watcher::follow`] says of those when they are.
    #[inline]
    pub fn note_written(&self, offset: u64, len: u64) {
        // the write comes before the look at the watch, as the watch comes before the reading of what is watched
        fence(Ordering::SeqCst);
        self.note_write(offset, len);
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
}

/// A hart's part in the watch.
#[derive(Debug)]
pub struct Watcher {
    watch: CodeWatch,
    /// How far this hart has followed the watches of others, for them to see.
    shown: Arc<AtomicUsize>,
    rests: bool,
    followed: usize,
    /// How far it has read what was written to.
    written: usize,
    /// Pages that it watches and others may still write to unseen: (page, the place that they must have reached).
    open: Vec<(u64, usize)>,
}

impl Watcher {
    /// Starts to watch a page. To be called before its bytes are read.
    pub fn watch(&mut self, page: u64) {
        self.watch.watch(page);
        let place = self.watch.0.watched.len();
        if self.others_followed() >= place {
            return;
        }
        match self.open.iter_mut().find(|(open, _)| *open == page) {
            Some((_, known)) => *known = place,
            None => self.open.push((page, place)),
        }
    }

    /// Pages that were written to, or may have been, since this was last asked; `None`: they may be any.
    pub fn written(&mut self) -> Option<Vec<u64>> {
        // before the log is read: who has followed notes what he writes
        let followed = if self.open.is_empty() { RESTS } else { self.others_followed() };
        let mut pages = self.watch.0.written.since(&mut self.written)?;
        if !self.open.is_empty() {
            pages.extend(self.open.iter().map(|&(page, _)| page));
            self.open.retain(|&(_, place)| followed < place);
        }
        Some(pages)
    }

    /// How far all others have followed.
    fn others_followed(&self) -> usize {
        let places = self.watch.0.places.read().unwrap_or_else(PoisonError::into_inner);
        let others = places.iter().filter(|place| !Arc::ptr_eq(place, &self.shown));
        others.map(|place| place.load(Ordering::SeqCst)).min().unwrap_or(RESTS)
    }

    /// Whether there is nothing to follow.
    #[inline]
    pub fn is_up_to_date(&self) -> bool {
        !self.rests && self.followed == self.watch.0.watched.len()
    }

    /// Follows the watches that began since: `forbid` takes away the hart's right to write to these pages, or to any
    /// where it gets `None`.
    pub fn follow(&mut self, forbid: impl FnOnce(Option<Vec<u64>>)) {
        if std::mem::take(&mut self.rests) {
            // before the log is read: who starts a watch from now on sees that this hart must follow
            self.shown.store(self.followed, Ordering::SeqCst);
        }
        forbid(self.watch.0.watched.since(&mut self.followed));
        self.shown.store(self.followed, Ordering::SeqCst);
    }

    /// Until it follows again, the hart writes nothing.
    pub fn rest(&mut self) {
        self.rests = true;
        self.shown.store(RESTS, Ordering::SeqCst);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut places = self.watch.0.places.write().unwrap_or_else(PoisonError::into_inner);
        places.retain(|place| !Arc::ptr_eq(place, &self.shown));
    }
}

impl<'a> WithBitmapSlice<'a> for CodeWatch {
    type S = RefSlice<'a, CodeWatch>;
}

/// What devices write to guest memory is noted here by `vm_memory`.
impl Bitmap for CodeWatch {
    fn mark_dirty(&self, offset: usize, len: usize) {
        self.note_written(offset as u64, len as u64);
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

    fn pages() -> CodeWatch {
        CodeWatch::with_len(0x4000)
    }

    fn follow(hart: &mut Watcher) -> Option<Vec<u64>> {
        let mut seen = None;
        hart.follow(|pages| seen = pages);
        seen
    }

    #[test]
    fn a_write_ends_the_watch_and_is_noted_once() {
        let watch = pages();
        let mut hart = watch.join();
        hart.watch(2);
        watch.note_write(0x1fff, 1);
        assert_eq!(hart.written(), Some(vec![]));
        watch.note_write(0x1ffe, 4);
        watch.note_write(0x2000, 8);
        assert_eq!(hart.written(), Some(vec![2]));
        assert!(!watch.is_watched(0x2000));
        assert_eq!(hart.written(), Some(vec![]));
    }

    #[test]
    fn each_follower_has_its_place() {
        let watch = pages();
        let (mut one, mut other) = (watch.join(), watch.join());
        one.watch(1);
        assert_eq!(follow(&mut one), Some(vec![1]));
        one.watch(1);
        one.watch(3);
        assert_eq!(follow(&mut one), Some(vec![3]));
        assert_eq!(follow(&mut other), Some(vec![1, 3]));
        assert!(one.is_up_to_date() && other.is_up_to_date());
    }

    #[test]
    fn until_others_have_followed_a_page_counts_as_written_to() {
        let watch = pages();
        let (mut one, mut other) = (watch.join(), watch.join());
        follow(&mut other);
        one.watch(1);
        assert_eq!((one.written(), one.written()), (Some(vec![1]), Some(vec![1])));
        follow(&mut other);
        // once more: what the other wrote before it followed was not noted
        assert_eq!((one.written(), one.written()), (Some(vec![1]), Some(vec![])));
    }

    #[test]
    fn who_rests_is_not_waited_for_and_follows_when_it_goes_on() {
        let watch = pages();
        let (mut one, mut other) = (watch.join(), watch.join());
        follow(&mut other);
        other.rest();
        one.watch(1);
        assert_eq!(one.written(), Some(vec![]));
        assert!(!other.is_up_to_date());
        assert_eq!(follow(&mut other), Some(vec![1]));
    }

    #[test]
    fn who_is_far_behind_may_write_to_nothing() {
        let watch = CodeWatch::with_len((KEPT + 1) * PAGE_BYTES as usize);
        let (mut one, mut other) = (watch.join(), watch.join());
        (0..=KEPT as u64).for_each(|page| one.watch(page));
        assert_eq!(follow(&mut other), None);
        assert_eq!(follow(&mut other), Some(vec![]));
    }

    #[test]
    fn a_reader_far_behind_is_told_so_once() {
        let watch = pages();
        let (mut one, mut other) = (watch.join(), watch.join());
        for _ in 0..3 * KEPT {
            one.watch(1);
            watch.note_write(0x1000, 1);
            assert_eq!(one.written(), Some(vec![1]));
        }
        assert_eq!(other.written(), None);
        assert_eq!(other.written(), Some(vec![]));
    }

    #[test]
    fn nothing_outside_is_watched() {
        let watch = CodeWatch::with_len(0x1000);
        watch.join().watch(1 << 40);
        watch.note_write(u64::MAX, 8);
        assert!(!watch.is_watched(1 << 52));
    }
}
