//! Last words: which hart, which guest, what cause; then the machine goes off with a failure.

use core::panic::PanicInfo;

use arch::Exception;
use arch::csr::xcause;

use super::hart;
use crate::control::console;
use crate::sbi::firmware;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    die(format_args!("{info}"))
}

/// A trap that no guest caused.
pub fn own_trap(scause: u64, sepc: u64, stval: u64) -> ! {
    let cause = Exception::from_code(scause & xcause::CODE).map_or("an interrupt", Exception::words);
    die(format_args!("{cause} (scause {scause:#x}) at {sepc:#x}, stval {stval:#x}"))
}

/// Says why nothing can go on, and turns the machine off.
pub fn die(why: core::fmt::Arguments<'_>) -> ! {
    console::last_words(format_args!("vhart hypervisor: {}, {}: {why}", hart::told(), hart::told_guest()));
    firmware::fail()
}
