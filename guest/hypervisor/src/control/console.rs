//! The machine's console.
//!
//! The firmware's debug console (SBI 3.0, "Debug Console Extension"), which every board has: nothing of a UART is known
//! here. What is typed is looked for now and then.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use arch::addr::PAGE_BYTES;
use spin::Mutex;

use super::guests::{self, Ending, Guest};
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
    guests::all().iter().for_each(Guest::show_rest);
    let mut bytes = [0; 64];
    let count = firmware::typed(&mut bytes);
    bytes[..count].iter().for_each(|&byte| key(byte));
}

/// Does what a key comes to, with the console free for what is said of it.
fn key(byte: u8) {
    let Some((key, guest, missed)) = SCREEN.lock().as_mut().map(|screen| pressed(screen, byte)) else { return };
    match key {
        Key::Guest(byte) => guest.type_in(&[byte]),
        Key::Switched => {
            say(format_args!("\r\nvhart hypervisor: this is guest {}", guest.name));
            firmware::show(&missed);
        }
        Key::List => guests::all().iter().for_each(list),
        Key::Stop => guest.end(Ending::Stopped),
        Key::Restart => guest.restart(),
        Key::Pause => {
            guest.pause_or_go_on();
            say(format_args!("\r\nvhart hypervisor: guest {} {}", guest.name, guest.told()));
        }
        Key::Written => {
            let pages = guest.take_written() / PAGE_BYTES;
            say(format_args!(
                "\r\nvhart hypervisor: guest {} has written to {pages} pages since this was asked",
                guest.name
            ));
        }
        Key::Help => say(format_args!(
            "Ctrl-B n: next guest, 1 to 9: that guest, l: list, p: pause it, or let it go on, d: pages written since the last d, s: stop it, r: begin it anew, Ctrl-B: Ctrl-B itself"
        )),
        Key::Nothing => {}
    }
}

/// What a key comes to, who has the console now, and what that one has said before.
fn pressed(screen: &mut Screen, byte: u8) -> (Key, &'static Guest, Vec<u8>) {
    let key = screen.key(byte);
    let missed = if key == Key::Switched { screen.missed() } else { Vec::new() };
    (key, &guests::all()[screen.focus()], missed)
}

/// Says what a guest is and did.
pub fn list(guest: &Guest) {
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
    let leaves = guest.memory.lock().large_leaves();
    if leaves != 0 {
        say(format_args!("  {leaves:>10} leaves of 1 GiB"));
    }
    for (reason, name) in Reason::NAMES.iter().enumerate() {
        let count: u64 =
            guest.vcpus.iter().map(|vcpu| vcpu.exits[reason].load(core::sync::atomic::Ordering::Relaxed)).sum();
        if count != 0 {
            say(format_args!("  {count:>10} {name}"));
        }
    }
}
