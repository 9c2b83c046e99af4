//! How a hart's thread waits: while waits are short, or messages come steadily, it looks on, as a thread that the host
//! puts to sleep is late.
//!
//! Waking a sleeping thread takes tens of microseconds, on a virtual machine's processors most of all; a device that
//! answers at once, or a hart that is sent a message and answers, takes less. So a wait that follows a short one begins
//! with looking, as KVM's halt polling does; one that turns out to be long ends that, until a short one comes. A hart
//! that others send messages to every millisecond or two looks on for all of the time between, once that has gone on
//! for a while. Only where the host has a processor for each hart, and has several, is anybody waited for like that;
//! and whoever is put aside again and again while it looks for messages takes that for a sign that others want the
//! processor. One message that is late, and one that put it aside and was gone, are neither an end nor a sign.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// How long is looked on at most behind a short wait.
const LOOKS: Duration = Duration::from_micros(50);
/// A wait up to this was short. It has the thread's waking in it, if it slept.
const SHORT: Duration = Duration::from_micros(150);
/// How long is looked on at most where messages come steadily.
const STEADY_LOOKS: Duration = Duration::from_micros(2500);
/// They do once so many waits, each shorter than that, have ended with one. A boot of Linux with two harts hardly ever
/// comes so far: with 8 it looks on for a tenth of the time that it executes, and with 32 for a thirtieth.
const STEADY: u32 = 32;
/// So many longer ones in a row are a silence. One is a message that the host was late with.
const SILENCE: u32 = 2;
/// Looks between two looks at the clock.
const LOOKS_AT_ONCE: u32 = 16;
/// Whoever has not looked at the clock for so long was put aside: the host had others execute.
const ASIDE: Duration = Duration::from_micros(200);
/// Whoever computes takes the processor again within so long: Linux's slices are of a few milliseconds. Once it may be
/// a passer-by, or a computer that put aside a machine of its own, with all that it executes.
const AGAIN: Duration = Duration::from_millis(20);
/// For how long nobody looks for messages then.
const OTHERS: Duration = Duration::from_secs(1);

/// What a hart's thread has learnt of its waits.
#[derive(Default)]
pub struct Patience {
    /// Whether the host has room for it.
    may: bool,
    /// Whether there is somebody who sends messages.
    has_others: bool,
    last_was_short: bool,
    /// Waits in a row that a kick has ended in time, up to [`STEADY`].
    kicked: u32,
    /// Waits in a row that were too long for that.
    long: u32,
    /// When it was put aside last.
    aside: Option<Instant>,
    /// Until when the processor is others'.
    leaves_until: Option<Instant>,
}

/// How looking has ended.
#[derive(Debug, PartialEq, Eq)]
enum Looked {
    /// The wait is over, after so long or a moment more.
    Over(Duration),
    /// In vain.
    Enough,
    /// Others executed meanwhile.
    Aside,
}

impl Patience {
    /// Of a hart of so many.
    pub fn of(harts: usize) -> Patience {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let may = processors > 1 && harts <= processors;
        Patience { may, has_others: harts > 1, ..Patience::default() }
    }

    /// Waits for as long as `left`, without end if there is none, or until the thread is unparked, which may be known
    /// before by `is_over`. It may come back earlier.
    pub fn wait(&mut self, left: Option<Duration>, is_over: &dyn Fn() -> bool) {
        let begin = Instant::now();
        let most = self.most(begin);
        let looked = if most.is_zero() { Looked::Enough } else { look(begin, most, left, is_over) };
        match looked {
            Looked::Over(waited) => return self.learn(waited, is_over()),
            Looked::Aside if most > LOOKS => self.note_aside(Instant::now()),
            Looked::Aside | Looked::Enough => {}
        }
        match left {
            Some(left) => thread::park_timeout(left.saturating_sub(begin.elapsed())),
            None => thread::park(),
        }
        self.learn(begin.elapsed(), is_over());
    }

    /// How long is looked on at most in a wait that begins now.
    fn most(&mut self, now: Instant) -> Duration {
        self.leaves_until = self.leaves_until.filter(|&until| now < until);
        match () {
            () if !self.may => Duration::ZERO,
            () if self.has_others && self.kicked == STEADY && self.leaves_until.is_none() => STEADY_LOOKS,
            () if self.last_was_short => LOOKS,
            () => Duration::ZERO,
        }
    }

    /// Notes that others had the processor. If it was so shortly before, too, they may have it.
    fn note_aside(&mut self, now: Instant) {
        match self.aside.replace(now) {
            Some(before) if now <= before + AGAIN => self.leaves_until = Some(now + OTHERS),
            _ => {}
        }
    }

    /// Notes how long a wait was, and whether a kick has ended it. Where a timer did, soon enough, messages may come as
    /// before.
    fn learn(&mut self, waited: Duration, kicked: bool) {
        self.last_was_short = waited <= SHORT;
        self.long = if waited > STEADY_LOOKS { self.long + 1 } else { 0 };
        self.kicked = match kicked {
            _ if self.long >= SILENCE => 0,
            true if self.long == 0 => (self.kicked + 1).min(STEADY),
            _ => self.kicked,
        };
    }
}

/// Looks on, for `most` or until the timer.
fn look(begin: Instant, most: Duration, left: Option<Duration>, is_over: &dyn Fn() -> bool) -> Looked {
    let mut waited = Duration::ZERO;
    loop {
        for _ in 0..LOOKS_AT_ONCE {
            if is_over() {
                return Looked::Over(waited);
            }
            hint::spin_loop();
        }
        let before = std::mem::replace(&mut waited, begin.elapsed());
        if left.is_some_and(|left| waited >= left) {
            return Looked::Over(waited);
        }
        if waited >= before + ASIDE {
            return Looked::Aside;
        }
        if waited >= most {
            return Looked::Enough;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PATIENT: Patience = Patience {
        may: true,
        has_others: true,
        last_was_short: false,
        kicked: 0,
        long: 0,
        aside: None,
        leaves_until: None,
    };

    /// Waits for `left`, and says how often was looked meanwhile.
    fn looks(patience: &mut Patience, left: Duration) -> u32 {
        let looks = Cell::new(0);
        patience.wait(Some(left), &|| {
            looks.set(looks.get() + 1);
            false
        });
        // the last look is at what ended the wait
        looks.get() - 1
    }

    #[test]
    fn only_a_wait_after_a_short_one_begins_with_looking() {
        let mut patience = PATIENT;
        assert_eq!(looks(&mut patience, Duration::from_millis(1)), 0);
        patience.last_was_short = true;
        assert!(looks(&mut patience, Duration::from_millis(1)) > 0);
        assert_eq!(looks(&mut patience, Duration::from_millis(1)), 0, "the last was long");
    }

    #[test]
    fn what_is_seen_is_not_slept_for() {
        let mut patience = Patience { last_was_short: true, ..PATIENT };
        // without end, were it not seen
        patience.wait(None, &|| true);
        assert!(patience.last_was_short);
    }

    #[test]
    fn a_host_without_room_is_slept_on() {
        let mut patience = Patience::of(usize::MAX);
        (patience.last_was_short, patience.kicked) = (true, STEADY);
        assert_eq!(looks(&mut patience, Duration::from_millis(1)), 0);
    }

    /// What is looked for after waits that ended like that.
    fn most_after(mut patience: Patience, waits: &[(Duration, bool)]) -> Duration {
        waits.iter().for_each(|&(waited, kicked)| patience.learn(waited, kicked));
        patience.most(Instant::now())
    }

    #[test]
    fn steady_messages_are_looked_for_and_a_long_silence_ends_that() {
        let message = (Duration::from_micros(2000), true);
        let (tick, late) = ((Duration::from_micros(2000), false), (Duration::from_millis(3), true));
        let silence = [late; SILENCE as usize];
        let steady = [message; STEADY as usize];
        assert_eq!(most_after(PATIENT, &steady[1..]), Duration::ZERO, "not for long enough");
        assert_eq!(most_after(PATIENT, &steady), STEADY_LOOKS);
        assert_eq!(most_after(PATIENT, &[&steady[..], &[tick]].concat()), STEADY_LOOKS);
        assert_eq!(most_after(PATIENT, &[&steady[..], &[late]].concat()), STEADY_LOOKS, "one may be late");
        assert_eq!(most_after(PATIENT, &[&steady[..], &[late, message, late]].concat()), STEADY_LOOKS);
        assert_eq!(most_after(PATIENT, &[&steady[..], &silence].concat()), Duration::ZERO);
        assert_eq!(most_after(PATIENT, &[&steady[1..], &[late]].concat()), Duration::ZERO, "late is not in time");
        assert_eq!(most_after(PATIENT, &[tick; 2 * STEADY as usize]), Duration::ZERO, "nobody sends any");
        let alone = Patience { has_others: false, ..PATIENT };
        assert_eq!(most_after(alone, &steady), Duration::ZERO, "there is nobody else");
    }

    /// Waits for messages that do not come, put aside once meanwhile.
    fn put_aside(patience: &mut Patience) {
        let first = Cell::new(true);
        patience.wait(Some(Duration::from_millis(5)), &|| {
            if first.replace(false) {
                thread::sleep(ASIDE);
            }
            false
        });
        // however long the host took to wake it
        (patience.kicked, patience.long, patience.last_was_short) = (STEADY, 0, false);
    }

    #[test]
    fn whoever_is_put_aside_again_leaves_the_processor_to_others() {
        let mut patience = Patience { kicked: STEADY, ..PATIENT };
        put_aside(&mut patience);
        assert_eq!(patience.most(Instant::now()), STEADY_LOOKS, "once is no sign");
        // a while ago, however long the host takes for this test
        patience.aside = Instant::now().checked_sub(10 * AGAIN);
        put_aside(&mut patience);
        assert_eq!(patience.most(Instant::now()), STEADY_LOOKS, "nor is twice in a long time");
        patience.aside = Some(Instant::now());
        patience.note_aside(Instant::now());
        assert_eq!(patience.most(Instant::now()), Duration::ZERO);
        assert_eq!(patience.most(Instant::now() + OTHERS), STEADY_LOOKS);
    }
}
