//! Which messages a hart that notifies serves itself, and when it leaves them to the thread.
//!
//! Those that mostly take some microseconds: names and attributes, and what there is of a small file. Where one takes
//! long (a disk, a network behind the directory), the thread has the next ones, so that a hart is not held again and
//! again.

use std::time::{Duration, Instant};

use super::wire::{Fields, HEADER_BYTES, Header, kind};

/// Most bytes of a file that one message reads or writes on a hart's time: what cat and cp ask for at once.
const MOST_BYTES: u32 = 128 << 10;
/// Most messages of one notification.
pub(super) const MOST_AT_ONCE: usize = 8;
/// Longer than this no message takes that a hart serves, unless something else has its processor.
const LONG: Duration = Duration::from_millis(2);
/// Notifications that the thread gets after one that took longer.
const REST: u32 = 16;

/// Whether a message is one that mostly takes no longer than to wake a thread.
pub(super) fn is_short(message: &[u8]) -> bool {
    let Ok(header) = Header::read(&mut Fields(message)) else { return false };
    match header.kind {
        kind::WALK | kind::GETATTR | kind::LOPEN | kind::LCREATE | kind::CLUNK | kind::READDIR | kind::READLINK => true,
        kind::STATFS | kind::XATTRWALK | kind::GETLOCK | kind::SYMLINK | kind::MKDIR => true,
        kind::READ | kind::WRITE => file_bytes(message).is_some_and(|bytes| bytes <= MOST_BYTES),
        _ => false,
    }
}

/// How much of a file is read or written: what follows the number of the file and the offset.
fn file_bytes(message: &[u8]) -> Option<u32> {
    let mut fields = Fields(message.get(HEADER_BYTES..)?);
    fields.u32().ok()?;
    fields.u64().ok()?;
    fields.u32().ok()
}

/// How harts get on with messages.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Notifications that are the thread's.
    rest: u32,
}

impl Pace {
    /// Whether this notification is the thread's.
    pub fn rests(&mut self) -> bool {
        let rests = self.rest > 0;
        self.rest = self.rest.saturating_sub(1);
        rests
    }

    /// A message took since `begun`. Answers whether that was long.
    pub fn took(&mut self, begun: Instant) -> bool {
        let long = begun.elapsed() > LONG;
        if long {
            self.rest = REST;
        }
        long
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::testing::{body, message};

    #[test]
    fn what_may_take_long_is_the_threads() {
        let read = |count| message(kind::READ, body().u32(1).u64(0).u32(count));
        assert!(is_short(&message(kind::WALK, body())) && is_short(&read(MOST_BYTES)));
        assert!(!is_short(&read(MOST_BYTES + 1)) && !is_short(&message(kind::READ, body())));
        assert!(!is_short(&message(kind::FSYNC, body())) && !is_short(&message(kind::UNLINKAT, body())));
        assert!(!is_short(&[0; 3]));
    }

    #[test]
    fn a_long_message_leaves_the_next_ones_to_the_thread() {
        let mut pace = Pace::default();
        assert!(!pace.rests() && !pace.took(Instant::now()));
        assert!(pace.took(Instant::now() - 2 * LONG));
        assert_eq!((0..REST + 5).filter(|_| pace.rests()).count() as u32, REST);
    }
}
