//! Signals while what a command needs is fetched and built, before there is a machine.
//!
//! They end the program as they would by themselves; only that it is said what has become of the work. Handlers stay
//! for good, as [`signal_hook`] does not give a signal back: where nothing is prepared any more and no machine heeds
//! signals yet, they end the program without a word.

use std::io::{self, IsTerminal};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::errors;

/// How many live.
static PREPARING: AtomicUsize = AtomicUsize::new(0);
/// Others heed signals from now on.
static OVER: AtomicBool = AtomicBool::new(false);

/// While one lives, something is prepared that is kept as far as it has come.
pub struct Preparing(());

impl Preparing {
    /// From now on.
    pub fn begin() -> Preparing {
        static WATCHED: Once = Once::new();
        // Without a thread for it the signal ends the program all the same.
        WATCHED.call_once(|| drop(watch()));
        PREPARING.fetch_add(1, Ordering::SeqCst);
        Preparing(())
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        PREPARING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Says that others heed signals from now on.
pub fn is_over() {
    OVER.store(true, Ordering::SeqCst);
}

fn watch() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("interrupts".into()).spawn(move || signals.forever().for_each(hear)).map(drop)
}

fn hear(signal: i32) {
    if OVER.load(Ordering::SeqCst) {
        return;
    }
    if PREPARING.load(Ordering::SeqCst) > 0 {
        // Over the bar, and what the terminal shows of the key.
        if io::stderr().is_terminal() {
            errors::say("\r\x1b[K");
        }
        errors::tell("interrupted: what is fetched and built so far is kept, and the same command goes on from there");
    }
    // Nobody has put the terminal into raw mode yet.
    let _ = emulate_default_handler(signal);
}
