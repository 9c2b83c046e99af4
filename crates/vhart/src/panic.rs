//! Whether a guest Linux has panicked.
//!
//! Linux names no reason when it reboots after a panic (`panic=-1`): the SBI's reset call then is that of any reboot.
//! What tells is the line on its console.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use devices::ConsoleOut;

/// What Linux prints. The first letter does not come again, which [`Search`] relies on.
const TEXT: &[u8] = b"Kernel panic - not syncing";
/// A reset that follows within so many bytes is the panic's: behind that line there is at most a trace.
const RECENT_BYTES: u64 = 16 << 10;
/// No panic so far.
const NEVER: u64 = u64::MAX;

/// Listens to a console for a panic. Cloning shares it.
#[derive(Clone)]
pub struct Panic(Arc<AtomicU64>);

impl Default for Panic {
    fn default() -> Panic {
        Panic(Arc::new(AtomicU64::new(NEVER)))
    }
}

/// How much of the text the console has shown last.
#[derive(Default)]
struct Search(usize);

impl Search {
    /// Takes the next byte; whether the text ends with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        self.0 = match byte == TEXT[self.0] {
            true => self.0 + 1,
            false => usize::from(byte == TEXT[0]),
        };
        let whole = self.0 == TEXT.len();
        self.0 %= TEXT.len();
        whole
    }
}

impl Panic {
    /// `console`, listened to.
    pub fn listen(&self, mut console: ConsoleOut) -> ConsoleOut {
        let (since, mut search) = (self.0.clone(), Search::default());
        Box::new(move |bytes| {
            for &byte in bytes {
                let before = since.load(Ordering::Relaxed);
                let now = if search.ends_with(byte) { 0 } else { before.saturating_add(1) };
                since.store(now, Ordering::Relaxed);
            }
            console(bytes);
        })
    }

    /// Whether the console has shown a panic not long ago.
    pub fn is_recent(&self) -> bool {
        self.0.load(Ordering::Relaxed) < RECENT_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_recent_until_much_follows() {
        let panic = Panic::default();
        let mut console = panic.listen(Box::new(|_| ()));
        console(b"[    1.0] KKernel panic - not sync");
        assert!(!panic.is_recent());
        console(b"ing: no init\n");
        assert!(panic.is_recent());
        console(&[b'x'; RECENT_BYTES as usize]);
        assert!(!panic.is_recent());
    }
}
