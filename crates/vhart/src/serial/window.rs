//! The size of the window at standard output, told to a guest that listens at a port: "24 80", rows and columns, at
//! first and each time that it changes. A serial port has no way to say it.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::termios::{Winsize, tcgetwinsize};
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::Signals;

use crate::terminal::Taker;

/// How long a guest that takes nothing is left alone: nobody may ever listen.
const NEXT_OFFER: Duration = Duration::from_millis(100);

/// The size of the window at standard output, where there is one.
pub fn size() -> Option<Winsize> {
    tcgetwinsize(rustix::stdio::stdout()).ok().filter(|size| size.ws_row != 0 && size.ws_col != 0)
}

/// Tells `taker` of it, on a thread of its own.
///
/// # Errors
/// The signal cannot be watched, or the host has no room for a thread.
pub fn type_into(taker: Taker) -> Result<()> {
    let mut signals = Signals::new([SIGWINCH]).context("cannot watch the window")?;
    let follow = move || {
        let mut teller = Teller { taker, told: None };
        teller.tell(size());
        signals.forever().for_each(|_| teller.tell(size()));
    };
    std::thread::Builder::new().name("window".into()).spawn(follow).context("no thread").map(drop)
}

/// Who tells, and what was told last.
struct Teller {
    taker: Taker,
    told: Option<(u16, u16)>,
}

impl Teller {
    fn tell(&mut self, size: Option<Winsize>) {
        let Some(size) = size.map(|size| (size.ws_row, size.ws_col)) else { return };
        if self.told.replace(size) == Some(size) {
            return;
        }
        let line = format!("{} {}\n", size.0, size.1);
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match (self.taker.take)(rest) {
                0 => std::thread::sleep(NEXT_OFFER),
                taken => rest = &rest[taken.min(rest.len())..],
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_size_is_told_whole_and_once() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (hears, mut turn) = (heard.clone(), 0);
        // It takes a byte at a time, and nothing every third time.
        let take = move |bytes: &[u8]| {
            turn += 1;
            let some = &bytes[..usize::from(turn % 3 != 0)];
            hears.lock().unwrap().extend_from_slice(some);
            some.len()
        };
        let mut teller = Teller { taker: Taker::of(take), told: None };
        let size = |ws_row, ws_col| Some(Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 });
        for size in [size(24, 80), size(24, 80), None, size(5, 132)] {
            teller.tell(size);
        }
        assert_eq!(*heard.lock().unwrap(), b"24 80\n5 132\n");
    }
}
