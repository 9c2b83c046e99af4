//! How a thread waits for notices: while they come one after the other it looks on, as a thread that sleeps is late.
//!
//! To wake a thread, one hart sends another a message, which awakes, finds whom to run, and comes back from a system
//! call: several times what a device needs to answer. So a wait that follows a short one begins with looking, for much
//! less than a tick; a long one ends that, until a short one comes. Between looks the processor is offered to others,
//! and where they take it again and again, nobody looks for a while.

use std::thread;
use std::time::{Duration, Instant};

/// How long is looked on at most.
const MOST: Duration = Duration::from_micros(50);
/// A wait up to this was short. It has the thread's waking in it, if it slept.
const SHORT: Duration = Duration::from_micros(100);
/// Looks between two offers of the processor, each of which takes as long as a few looks.
const LOOKS_AT_ONCE: u32 = 4;
/// Who has not come back from an offer for so long has had the processor taken: Linux lets whoever executes go on for a
/// millisecond or more. Less than that is a passer-by, who has had what he wanted.
const TAKEN: Duration = Duration::from_micros(500);
/// So many waits in a row in which it was taken are somebody who computes: once it may be a computer that put a machine
/// of its own aside, with all that it executes.
const COMPUTES: u32 = 2;
/// For how long the processor is left to him.
const OTHERS: Duration = Duration::from_millis(100);

/// What a thread has learnt of its waits.
pub(crate) struct Patience {
    /// Who sends notices has a processor besides the thread's.
    may: bool,
    last_was_short: bool,
    /// Waits in a row in which the processor was taken.
    taken: u32,
    /// Until when the processor is others'.
    leaves_until: Option<Instant>,
}

impl Patience {
    /// Of a thread that may run on so many processors.
    pub fn of(processors: usize) -> Patience {
        Patience { may: processors > 1, last_was_short: false, taken: 0, leaves_until: None }
    }

    /// Waits until `look` sees something, which does not wait, or `sleep` does, which waits. `offer` lets others have
    /// the processor.
    pub fn wait<T>(&mut self, look: impl FnMut() -> Option<T>, offer: impl Fn(), sleep: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let looked = if self.looks(begin) { self.look_on(begin, look, offer) } else { None };
        let seen = looked.unwrap_or_else(sleep);
        self.last_was_short = begin.elapsed() <= SHORT;
        seen
    }

    /// Whether a wait that begins now begins with looking.
    fn looks(&mut self, now: Instant) -> bool {
        self.leaves_until = self.leaves_until.filter(|&until| now < until);
        self.may && self.last_was_short && self.leaves_until.is_none()
    }

    fn look_on<T>(&mut self, begin: Instant, mut look: impl FnMut() -> Option<T>, offer: impl Fn()) -> Option<T> {
        let mut now = begin;
        while now < begin + MOST {
            if let Some(seen) = (0..LOOKS_AT_ONCE).find_map(|_| look()) {
                self.taken = 0;
                return Some(seen);
            }
            offer();
            let before = std::mem::replace(&mut now, Instant::now());
            if now >= before + TAKEN {
                self.note_taken(now);
                return None;
            }
        }
        self.taken = 0;
        None
    }

    fn note_taken(&mut self, now: Instant) {
        self.taken += 1;
        if self.taken == COMPUTES {
            (self.taken, self.leaves_until) = (0, Some(now + OTHERS));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Two processors, and a wait before that was short.
    const PATIENT: Patience = Patience { may: true, last_was_short: true, taken: 0, leaves_until: None };

    /// How often a wait looks that sees nothing and then sleeps for `slept`, where whoever is offered the processor
    /// has it for `taken`.
    fn looks(patience: &mut Patience, slept: Duration, taken: Duration) -> u32 {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            None
        };
        patience.wait(look, || thread::sleep(taken), || thread::sleep(slept));
        looks.get()
    }

    #[test]
    fn only_a_wait_behind_a_short_one_begins_with_looking() {
        let mut patience = Patience::of(2);
        assert_eq!(looks(&mut patience, Duration::ZERO, Duration::ZERO), 0, "nothing is known yet");
        patience.last_was_short = true;
        assert!(looks(&mut patience, SHORT, Duration::ZERO) > 0);
        assert_eq!(looks(&mut patience, Duration::ZERO, Duration::ZERO), 0, "the last was long");
    }

    #[test]
    fn what_is_seen_ends_the_wait_without_sleep() {
        let mut patience = PATIENT;
        let asleep = || panic!("it slept");
        assert_eq!(patience.wait(|| Some(7), || panic!("it offered the processor"), asleep), 7);
        assert!(patience.last_was_short);
    }

    #[test]
    fn the_only_processor_is_not_looked_on_with() {
        let mut patience = Patience { last_was_short: true, ..Patience::of(1) };
        assert_eq!(looks(&mut patience, Duration::ZERO, Duration::ZERO), 0);
    }

    #[test]
    fn whoever_takes_the_processor_is_left_alone_for_a_while() {
        let mut patience = PATIENT;
        assert_eq!(looks(&mut patience, Duration::ZERO, TAKEN), LOOKS_AT_ONCE);
        patience.last_was_short = true;
        assert_eq!(looks(&mut patience, Duration::ZERO, TAKEN), LOOKS_AT_ONCE, "once is no time");
        patience.last_was_short = true;
        assert!(!patience.looks(Instant::now()));
        assert!(patience.looks(Instant::now() + OTHERS));
    }
}
