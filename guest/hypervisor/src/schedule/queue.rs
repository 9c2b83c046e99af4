//! Who could run, who waits, and which harts have nothing to do.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Where a virtual hart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RunState {
    /// Stopped.
    Off,
    /// In the queue.
    Ready,
    /// On a hart.
    Running,
    /// It waits.
    Waiting,
    /// Its guest is paused.
    Paused,
}

impl RunState {
    /// Of its number.
    pub const fn of(number: u8) -> RunState {
        match number {
            1 => RunState::Ready,
            2 => RunState::Running,
            3 => RunState::Waiting,
            4 => RunState::Paused,
            _ => RunState::Off,
        }
    }
}

/// How often whoever comes first lets others go before it.
const PASSED_OVER: u32 = 4;

/// One that stands in the queue.
#[derive(Debug)]
struct Standing<V> {
    one: V,
    /// The harts that it may run on, a bit for each.
    harts: u64,
    /// How often others were taken before it, out of their turn.
    passed: u32,
}

/// The queue and the list. `V` stands for a virtual hart.
#[derive(Debug)]
pub struct Queue<V> {
    ready: VecDeque<Standing<V>>,
    waiting: Vec<(V, u64)>,
    /// A bit for each hart that has nothing to do.
    idle: u64,
}

impl<V: Copy + PartialEq> Queue<V> {
    /// Nobody, and no hart idle.
    pub const fn new() -> Queue<V> {
        Queue { ready: VecDeque::new(), waiting: Vec::new(), idle: 0 }
    }

    /// Puts one at the end of the queue; answers a hart of `harts` that could take it, which counts as busy from now
    /// on: `home`, if that is idle.
    pub fn make_ready(&mut self, one: V, home: usize, harts: u64) -> Option<usize> {
        self.ready.push_back(Standing { one, harts, passed: 0 });
        let idle = self.idle & harts;
        let at_home = home < u64::BITS as usize && idle >> home & 1 != 0;
        let hart = (idle != 0).then(|| if at_home { home } else { idle.trailing_zeros() as usize })?;
        self.idle &= !(1 << hart);
        Some(hart)
    }

    /// The next for `hart`, which is idle if there is none: the first that is at home there, for to move costs time;
    /// but whoever comes first is not passed over more than four times (`PASSED_OVER`).
    pub fn next(&mut self, hart: usize, is_at_home: impl Fn(&V) -> bool) -> Option<V> {
        let may = |standing: &Standing<V>| standing.harts >> hart & 1 != 0;
        let Some(first) = self.ready.iter().position(may) else {
            self.idle |= 1 << hart;
            return None;
        };
        self.idle &= !(1 << hart);
        let at_home = self.ready.iter().position(|standing| may(standing) && is_at_home(&standing.one));
        let index = at_home.filter(|_| self.ready[first].passed < PASSED_OVER).unwrap_or(first);
        if index != first {
            self.ready[first].passed += 1;
        }
        self.ready.remove(index).map(|standing| standing.one)
    }

    /// Whether somebody stands in the queue for `hart`.
    pub fn is_contended(&self, hart: usize) -> bool {
        self.ready.iter().any(|standing| standing.harts >> hart & 1 != 0)
    }

    /// One waits until `deadline`.
    pub fn wait(&mut self, one: V, deadline: u64) {
        self.waiting.push((one, deadline));
    }

    /// It waits no longer.
    pub fn wake(&mut self, one: V) {
        self.waiting.retain(|(waiting, _)| *waiting != one);
    }

    /// Takes one whose deadline has come off the list.
    pub fn expired(&mut self, now: u64) -> Option<V> {
        let index = self.waiting.iter().position(|(_, deadline)| *deadline <= now)?;
        Some(self.waiting.swap_remove(index).0)
    }

    /// The first deadline of those that wait.
    pub fn first_deadline(&self) -> Option<u64> {
        self.waiting.iter().map(|(_, deadline)| *deadline).min()
    }
}

impl<V: Copy + PartialEq> Default for Queue<V> {
    fn default() -> Queue<V> {
        Queue::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = u64::MAX;

    #[test]
    fn who_came_first_runs_first() {
        let mut queue = Queue::new();
        assert_eq!(queue.make_ready('a', 9, ALL), None);
        assert_eq!(queue.make_ready('b', 9, ALL), None);
        let mut next = |hart| queue.next(hart, |_| false);
        assert_eq!((next(0), next(1), next(0)), (Some('a'), Some('b'), None));
    }

    #[test]
    fn an_idle_hart_is_told_once() {
        let mut queue = Queue::new();
        assert_eq!([2, 0, 3].map(|hart| queue.next(hart, |_| true)), [None; 3]);
        assert_eq!((queue.make_ready('a', 2, ALL), queue.make_ready('b', 2, ALL)), (Some(2), Some(0)));
        assert_eq!((queue.make_ready('c', usize::MAX, ALL), queue.make_ready('d', 2, ALL)), (Some(3), None));
    }

    #[test]
    fn who_is_at_home_goes_first_but_not_for_ever() {
        let mut queue = Queue::new();
        queue.make_ready('s', 0, ALL);
        for round in 0..=PASSED_OVER {
            queue.make_ready('h', 0, ALL);
            let next = queue.next(0, |one| *one == 'h');
            assert_eq!(next, Some(if round < PASSED_OVER { 'h' } else { 's' }));
        }
        assert_eq!(queue.next(0, |_| false), Some('h'));
    }

    #[test]
    fn who_has_harts_of_its_own_runs_there_and_nowhere_else() {
        let mut queue = Queue::new();
        assert_eq!((queue.next(0, |_| true), queue.next(2, |_| true)), (None, None));
        assert_eq!((queue.make_ready('a', 0, 1 << 2), queue.make_ready('b', 1, 1 << 1)), (Some(2), None));
        assert_eq!(queue.make_ready('c', 1, ALL), Some(0));
        assert!(queue.is_contended(1) && queue.is_contended(0));
        assert_eq!((queue.next(0, |_| true), queue.next(0, |_| true)), (Some('c'), None));
        assert!(!queue.is_contended(0));
        assert_eq!((queue.next(1, |_| false), queue.next(2, |_| false)), (Some('b'), Some('a')));
    }

    #[test]
    fn deadlines_come_in_their_time() {
        let mut queue = Queue::new();
        queue.wait('a', 30);
        queue.wait('b', 10);
        queue.wait('c', u64::MAX);
        assert_eq!((queue.first_deadline(), queue.expired(9)), (Some(10), None));
        assert_eq!((queue.expired(30), queue.expired(30), queue.expired(30)), (Some('a'), Some('b'), None));
        queue.wake('c');
        assert_eq!(queue.first_deadline(), None);
    }

    #[test]
    fn places_come_back_from_their_numbers() {
        for place in [RunState::Off, RunState::Ready, RunState::Running, RunState::Waiting, RunState::Paused] {
            assert_eq!(RunState::of(place as u8), place);
        }
    }
}
