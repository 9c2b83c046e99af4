//! What was counted between a program's marks.
//!
//! A window begins and ends where a program says so ([`events::Mark`]). Of the hart that made the marks it has exactly
//! what was executed between them; of other harts what they had told of by then.

use std::collections::BTreeMap;
use std::time::Duration;

use events::Mark;

use super::counts::Counts;

/// Most names; marks that would need more are ignored.
const NAMES: usize = 256;
/// Most windows that are open at once.
const OPEN: usize = 32;

/// The windows of a run.
#[derive(Debug, Default)]
pub struct Windows {
    open: Vec<Open>,
    done: BTreeMap<[u64; 2], Window>,
    /// Marks that were ignored.
    pub ignored: u64,
}

#[derive(Debug)]
struct Open {
    name: [u64; 2],
    before: Counts,
    processor: Moment,
}

/// What was counted in the windows of a name.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// How many there were.
    pub times: u64,
    /// All of them together.
    pub counts: Counts,
    /// Processor time of the thread that executed the hart; none where the program moved to another hart in between.
    pub processor: Option<Duration>,
}

/// The processor time of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    thread: std::thread::ThreadId,
    spent: Duration,
}

impl Moment {
    /// Of this thread, now.
    pub fn now() -> Moment {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let nanoseconds = u32::try_from(spent.tv_nsec).unwrap_or_default();
        let spent = Duration::new(spent.tv_sec.try_into().unwrap_or_default(), nanoseconds);
        Moment { thread: std::thread::current().id(), spent }
    }

    fn until(self, later: Moment) -> Option<Duration> {
        (self.thread == later.thread).then(|| later.spent.saturating_sub(self.spent))
    }
}

impl Windows {
    /// Takes a mark, at which `now` had been counted.
    pub fn take(&mut self, mark: &Mark, now: impl FnOnce() -> Counts) {
        let taken = match mark.what {
            Mark::BEGIN => self.begin(mark.name, now),
            Mark::END => self.end(mark.name, now),
            _ => false,
        };
        self.ignored += u64::from(!taken);
    }

    fn begin(&mut self, name: [u64; 2], now: impl FnOnce() -> Counts) -> bool {
        let known = self.done.contains_key(&name) || self.done.len() + self.open.len() < NAMES;
        let may = known && self.open.len() < OPEN && self.open.iter().all(|open| open.name != name);
        if may {
            self.open.push(Open { name, before: now(), processor: Moment::now() });
        }
        may
    }

    fn end(&mut self, name: [u64; 2], now: impl FnOnce() -> Counts) -> bool {
        let processor = Moment::now();
        let Some(at) = self.open.iter().position(|open| open.name == name) else { return false };
        let open = self.open.swap_remove(at);
        let spent = open.processor.until(processor);
        let window = self.done.entry(name).or_default();
        window.processor = match window.times {
            0 => spent,
            _ => window.processor.zip(spent).map(|(sum, spent)| sum + spent),
        };
        window.times += 1;
        window.counts.merge_after(&now().since(&open.before));
        true
    }

    /// Whether one is open.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Those that have ended, by name.
    pub fn done(&self) -> impl Iterator<Item = (String, &Window)> {
        self.done.iter().map(|(&name, window)| (Mark { what: 0, name }.to_string(), window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(what: u64, name: u64) -> Mark {
        Mark { what, name: [name, 0] }
    }

    fn counts(instructions: u64) -> Counts {
        let mut counts = Counts::default();
        counts.instructions = instructions;
        counts
    }

    #[test]
    fn windows_of_a_name_are_added_up() {
        let mut windows = Windows::default();
        for (what, instructions) in [(Mark::BEGIN, 10), (Mark::END, 15), (Mark::BEGIN, 100), (Mark::END, 107)] {
            windows.take(&mark(what, 0x61), || counts(instructions));
        }
        let done: Vec<_> =
            windows.done().map(|(name, window)| (name, window.times, window.counts.instructions)).collect();
        assert_eq!((done, windows.ignored), (vec![("a".to_owned(), 2, 12)], 0));
        assert!(windows.done().all(|(_, window)| window.processor.is_some()));
    }

    #[test]
    fn what_a_guest_marks_without_sense_or_end_is_bounded() {
        let mut windows = Windows::default();
        windows.take(&mark(Mark::END, 1), Counts::default);
        windows.take(&mark(99, 1), Counts::default);
        (0..1000).for_each(|name| windows.take(&mark(Mark::BEGIN, name), Counts::default));
        assert_eq!((windows.open.len() as u64, windows.ignored), (OPEN as u64, 1000 - OPEN as u64 + 2));
        for name in 0..1000 {
            let marks = [Mark::END, Mark::BEGIN, Mark::END];
            marks.into_iter().for_each(|what| windows.take(&mark(what, name), Counts::default));
        }
        assert!(windows.done.len() <= NAMES && !windows.is_open());
    }
}
