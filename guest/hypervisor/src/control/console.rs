//! The machine's console.
//!
//! The firmware's debug console (SBI 3.0, "Debug Console Extension"), which every board has: nothing of a UART is known here. What is
//! typed is looked for now and then.

use alloc::string::String;
use core::fmt::{self, Write};

use spin::{Mutex, MutexGuard};

use super::guests::{self, Ending};
use super::screen::{Key, Screen};
use crate::sbi::firmware;
use crate::start::hart;
use crate::vcpu::Reason;

/// How often what is typed is looked for.
pub const LOOK_MS: u64 = 20;

static SCREEN: Mutex<Option<Screen>> = Mutex::new(None);

/// The guests that share it are known now.
pub fn share(screen: Screen) {
    *SCREEN.lock() = Some(screen);
}

/// Says something of the hypervisor's own, on a line.
pub fn say(text: fmt::Arguments<'_>) {
    let _screen = SCREEN.lock();
    let mut line = String::new();
    let _ = writeln!(line, "{text}\r");
    firmware::show(line.as_bytes());
}

/// Says something when nothing can be relied on: without a lock or memory.
pub fn last_words(text: fmt::Arguments<'_>) {
    struct Direct;
    impl Write for Direct {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            firmware::show(text.as_bytes());
            Ok(())
        }
    }
    let _ = write!(Direct, "\r\n{text}\r\n");
}

/// Shows what a guest sent, if it is its turn.
pub fn output(guest: usize, bytes: &[u8]) {
    let mut screen = SCREEN.lock();
    let shown = screen.as_mut().map(|screen| screen.output(guest, bytes)).unwrap_or_default();
    firmware::show(&shown);
}

/// Looks at what was typed, and lets guests' half lines be shown.
pub fn look() {
    guests::all().iter().for_each(guests::Guest::show_rest);
    let mut bytes = [0; 64];
    let count = firmware::typed(&mut bytes);
    bytes[..count].iter().for_each(|&byte| key(byte));
}

fn key(byte: u8) {
    let mut screen = SCREEN.lock();
    let Some(state) = screen.as_mut() else { return };
    let key = state.key(byte);
    let focus = state.focus();
    match key {
        Key::Guest(byte) => {
            drop(screen);
            guests::all()[focus].type_in(&[byte]);
        }
        Key::Switched => switched(screen),
        Key::List => {
            drop(screen);
            guests::all().iter().for_each(list);
        }
        Key::Stop => {
            drop(screen);
            guests::all()[focus].end(Ending::Stopped);
        }
        Key::Restart => {
            drop(screen);
            guests::all()[focus].restart();
        }
        Key::Pause => {
            drop(screen);
            let guest = &guests::all()[focus];
            guest.pause_or_go_on();
            say(format_args!("\r\nvhart hypervisor: guest {} {}", guest.name, guest.told()));
        }
        Key::Help => {
            drop(screen);
            say(format_args!(
                "Ctrl-B n: next guest, 1 to 9: that guest, l: list, p: pause it, or let it go on, s: stop it, r: begin it anew, Ctrl-B: Ctrl-B itself"
            ));
        }
        Key::Nothing => {}
    }
}

fn switched(mut screen: MutexGuard<'_, Option<Screen>>) {
    let Some(state) = screen.as_mut() else { return };
    let (focus, missed) = (state.focus(), state.missed());
    drop(screen);
    say(format_args!("\r\nvhart hypervisor: this is guest {}", guests::all()[focus].name));
    firmware::show(&missed);
}

/// Says what a guest is and did.
pub fn list(guest: &guests::Guest) {
    let milliseconds = |sum: u64| sum * 1000 / hart::board().timebase_hz;
    say(format_args!(
        "guest {}: {}, {} MiB given of {}, ran {} ms, stood in the queue {} ms",
        guest.name,
        guest.told(),
        guest.memory.lock().given_bytes() >> 20,
        guest.memory_bytes >> 20,
        milliseconds(guest.vcpus.iter().map(|vcpu| vcpu.times.ran()).sum()),
        milliseconds(guest.vcpus.iter().map(|vcpu| vcpu.times.stolen()).sum())
    ));
    for (reason, name) in Reason::NAMES.iter().enumerate() {
        let count: u64 =
            guest.vcpus.iter().map(|vcpu| vcpu.exits[reason].load(core::sync::atomic::Ordering::Relaxed)).sum();
        if count != 0 {
            say(format_args!("  {count:>10} {name}"));
        }
    }
}
