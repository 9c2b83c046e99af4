//! Calls to the SBI.
//!
//! SBI 3.0, "Binary Encoding".

use core::arch::asm;

use sbi::function::{Srst, Time};
use sbi::system::reset_type;
use sbi::{Function, SbiRet};

/// A call by its numbers.
pub fn raw(eid: u64, fid: u64, args: [u64; 5]) -> SbiRet {
    let (mut error, mut value) = (args[0] as i64, args[1]);
    // SAFETY: what calls name of memory is the kernel's own, and the callers own it.
    unsafe {
        asm!("ecall", inlateout("a0") error, inlateout("a1") value, in("a2") args[2], in("a3") args[3], in("a4") args[4],
             in("a6") fid, in("a7") eid, options(nostack))
    };
    SbiRet { error, value }
}

/// A call.
pub fn call(function: impl Into<Function>, args: [u64; 5]) -> SbiRet {
    let (eid, fid) = function.into().ids();
    raw(eid.into(), fid, args)
}

/// Sets the timer.
pub fn set_timer(deadline: u64) -> SbiRet {
    call(Time::SetTimer, [deadline, 0, 0, 0, 0])
}

/// Turns the machine off.
pub fn off(reason: u32) -> ! {
    call(Srst::SystemReset, [reset_type::SHUTDOWN.into(), reason.into(), 0, 0, 0]);
    loop {
        core::hint::spin_loop();
    }
}
