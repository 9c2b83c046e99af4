//! Raw mode, and the way back.
//!
//! The saved state is global, because a panic hook and a signal must be able to restore it.

use std::io;
use std::sync::{Mutex, MutexGuard, Once};

use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, OutputModes, Termios, isatty, tcgetattr, tcsetattr};

/// The terminal's state before raw mode; `None` when not in raw mode.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

fn saved() -> MutexGuard<'static, Option<Termios>> {
    SAVED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Puts the terminal into raw mode. Nothing happens where standard input is no terminal, or a second time.
pub fn enter() -> io::Result<()> {
    let mut saved = saved();
    if saved.is_some() || !isatty(stdin()) {
        return Ok(());
    }
    restore_on_panic();
    let before = tcgetattr(stdin())?;
    tcsetattr(stdin(), OptionalActions::Now, &raw(before.clone()))?;
    *saved = Some(before);
    Ok(())
}

/// Raw mode but for the output: guests that end a line with a bare newline stay readable.
fn raw(mut state: Termios) -> Termios {
    let output = state.output_modes;
    state.make_raw();
    state.output_modes = output | OutputModes::OPOST;
    state
}

/// Puts the terminal back as it was. Nothing happens when it already is.
///
/// What was written need not be out yet: output is treated the same before and after, and a terminal that nobody reads
/// would be waited for without end.
pub fn restore() {
    if let Some(before) = saved().take() {
        // A terminal that has gone away needs no restoring.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Restores before the message of a panic is printed, so that it can be read.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            print(info);
        }));
    });
}
