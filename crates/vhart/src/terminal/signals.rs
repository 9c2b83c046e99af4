//! Signals that end or stop the program, so that the terminal is never left in raw mode; and one that saves the
//! machine.

use std::io;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::{OnQuit, OnSave, Quit, preparing, raw};
use crate::errors;

/// Watches for signals on a thread of its own. The first that ends the program asks for a quiet end, the second does
/// not ask. Where the program was stopped and goes on, it does so by `resume`. SIGUSR1 calls `on_save`, if there is
/// one, and ends the program otherwise, as it does any.
pub fn watch(on_quit: OnQuit, resume: fn(), on_save: Option<OnSave>) -> io::Result<()> {
    let saves = on_save.as_ref().map(|_| SIGUSR1);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT].into_iter().chain(saves))?;
    preparing::is_over();
    let mut asked = false;
    let mut handle = move |signal| match signal {
        SIGTSTP => stop(),
        SIGCONT => resume(),
        SIGUSR1 => on_save.iter().for_each(|save| save(None).unwrap_or_else(errors::tell)),
        _ if std::mem::replace(&mut asked, true) => end(signal),
        _ => {
            raw::restore();
            on_quit(Quit::Signal(signal));
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || signals.forever().for_each(&mut handle))?;
    Ok(())
}

/// Stops like any program would.
fn stop() {
    raw::restore();
    // Cannot fail: SIGTSTP has a default action.
    let _ = emulate_default_handler(SIGTSTP);
}

/// Ends at once, as the signal would by itself.
fn end(signal: i32) {
    raw::restore();
    let _ = emulate_default_handler(signal);
}
