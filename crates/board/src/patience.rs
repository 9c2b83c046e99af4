//! How a hart's thread waits: while waits are short it looks on, as a thread that the host puts to sleep is late.
//!
//! Waking a sleeping thread takes tens of microseconds, on a virtual machine's processors most of all; a device that answers at once, or a
//! hart that is sent a message and answers, takes less. So a wait that follows a short one begins with looking, as KVM's
//! halt polling does; one that turns out to be long ends that, until a short one comes. Only where the host has a processor for
//! each hart, and has several, is anybody waited for like that.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// How long is looked on at most.
const LOOKS: Duration = Duration::from_micros(50);
/// A wait up to this was short. It has the thread's waking in it, if it slept.
const SHORT: Duration = Duration::from_micros(150);
/// Looks between two looks at the clock.
const LOOKS_AT_ONCE: u32 = 16;

/// What a hart's thread has learnt of its waits.
pub struct Patience {
    /// Whether the host has room for it.
    may: bool,
    last_was_short: bool,
}

impl Patience {
    /// Of a hart of so many.
    pub fn of(harts: usize) -> Patience {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Patience { may: processors > 1 && harts <= processors, last_was_short: false }
    }

    /// Waits for as long as `left`, without end if there is none, or until the thread is unparked, which may be known before by
    /// `is_over`. It may come back earlier.
    pub fn wait(&mut self, left: Option<Duration>, is_over: &dyn Fn() -> bool) {
        let begin = Instant::now();
        if self.may && self.last_was_short && looked(begin, left, is_over) {
            return;
        }
        match left {
            Some(left) => thread::park_timeout(left.saturating_sub(begin.elapsed())),
            None => thread::park(),
        }
        self.last_was_short = begin.elapsed() <= SHORT;
    }
}

/// Looks on for a while. Whether the wait is over.
fn looked(begin: Instant, left: Option<Duration>, is_over: &dyn Fn() -> bool) -> bool {
    loop {
        for _ in 0..LOOKS_AT_ONCE {
            if is_over() {
                return true;
            }
            hint::spin_loop();
        }
        let waited = begin.elapsed();
        if left.is_some_and(|left| waited >= left) {
            return true;
        }
        if waited >= LOOKS {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Waits for `left`, and says how often was looked meanwhile.
    fn looks(patience: &mut Patience, left: Duration) -> u32 {
        let looks = Cell::new(0);
        patience.wait(Some(left), &|| {
            looks.set(looks.get() + 1);
            false
        });
        looks.get()
    }

    #[test]
    fn only_a_wait_after_a_short_one_begins_with_looking() {
        let mut patience = Patience { may: true, last_was_short: false };
        assert_eq!(looks(&mut patience, Duration::from_millis(1)), 0);
        patience.last_was_short = true;
        assert!(looks(&mut patience, Duration::from_millis(1)) > 0);
        assert_eq!(looks(&mut patience, Duration::from_millis(1)), 0, "the last was long");
    }

    #[test]
    fn what_is_seen_is_not_slept_for() {
        let mut patience = Patience { may: true, last_was_short: true };
        // without end, were it not seen
        patience.wait(None, &|| true);
        assert!(patience.last_was_short);
    }

    #[test]
    fn a_host_without_room_is_slept_on() {
        let mut patience = Patience::of(usize::MAX);
        patience.last_was_short = true;
        assert_eq!(looks(&mut patience, Duration::from_millis(1)), 0);
    }
}
