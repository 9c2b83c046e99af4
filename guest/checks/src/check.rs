//! Checks that are counted, and what is said of them.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering};

use sbi::function::Dbcn;
use sbi::system::reset_reason;

use crate::call;

static PASSED: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicU32 = AtomicU32::new(0);

/// Counts a check; says so where it failed.
pub fn that(holds: bool, what: fmt::Arguments<'_>) {
    match holds {
        true => _ = PASSED.fetch_add(1, Ordering::SeqCst),
        false => {
            FAILED.fetch_add(1, Ordering::SeqCst);
            say(format_args!("failed: {what}"));
        }
    }
}

/// Checks that two are the same, and says which are not.
#[track_caller]
pub fn same<T: PartialEq + fmt::Debug>(found: T, wanted: T, what: &str) {
    let place = core::panic::Location::caller();
    that(found == wanted, format_args!("{what}: {found:?}, not {wanted:?} ({}:{})", place.file(), place.line()));
}

/// Says how many passed; answers how many failed.
pub fn told() -> u32 {
    let (passed, failed) = (PASSED.load(Ordering::SeqCst), FAILED.load(Ordering::SeqCst));
    say(format_args!("checks: {passed} passed, {failed} failed"));
    failed
}

/// Says it again, and turns the machine off.
pub fn end() -> ! {
    let failed = told();
    call::off(if failed == 0 { reset_reason::NO_REASON } else { reset_reason::SYSTEM_FAILURE })
}

/// Prints a line on the debug console.
pub fn say(text: fmt::Arguments<'_>) {
    let _ = writeln!(Console, "{text}\r");
}

/// The SBI's debug console.
struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let ret = call::call(Dbcn::ConsoleWrite, [rest.len() as u64, rest.as_ptr() as u64, 0, 0, 0]);
            if ret.error != 0 {
                return Err(fmt::Error);
            }
            rest = &rest[(ret.value as usize).min(rest.len())..];
        }
        Ok(())
    }
}
