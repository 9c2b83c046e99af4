//! Interrupts: neither early, nor lost, nor twice.
//!
//! SBI 3.0, "Timer Extension" and "IPI Extension"; Privileged architecture, "Supervisor Timer Register", "Wait for
//! Interrupt".

use core::arch::asm;
use core::sync::atomic::Ordering;

use arch::csr::{self as registers, ip, status};
use sbi::function::Ipi;

use crate::call::{call, set_timer};
use crate::check::{same, that};
use crate::machine::{SOFTWARE, TIMER, TIMER_AT, clear, now, read, set};

/// How long something may take that takes no time, in ticks of 10 MHz: the machine below may be slow, and shared.
const PATIENCE: u64 = 50_000_000;

/// Both kinds that a hart makes itself.
pub fn check(hart: u64) {
    set::<{ registers::SIE }>(ip::SSIP | ip::STIP);
    timer();
    software(hart);
    waits();
}

/// Waits until something holds.
pub fn until(holds: impl Fn() -> bool) -> bool {
    let end = now() + PATIENCE;
    while !holds() {
        if now() > end {
            return false;
        }
        core::hint::spin_loop();
    }
    true
}

fn open() {
    set::<{ registers::SSTATUS }>(status::SIE);
}

fn shut() {
    clear::<{ registers::SSTATUS }>(status::SIE);
}

fn timer() {
    for ticks in [0u64, 1, 100, 1000, 10_000, 50_000] {
        let before = TIMER.load(Ordering::SeqCst);
        let deadline = now() + ticks;
        same(set_timer(deadline).error, 0, "set_timer");
        open();
        that(until(|| TIMER.load(Ordering::SeqCst) != before), format_args!("a timer of {ticks} ticks comes"));
        shut();
        same(TIMER.load(Ordering::SeqCst), before + 1, "a timer comes once");
        that(TIMER_AT.load(Ordering::SeqCst) >= deadline, format_args!("a timer of {ticks} ticks is not early"));
        same(read::<{ registers::SIP }>() & ip::STIP, 0, "setting the timer clears what pends");
    }
    // One that has passed pends at once, and is taken back by another.
    set_timer(0);
    that(until(|| read::<{ registers::SIP }>() & ip::STIP != 0), format_args!("a timer in the past pends"));
    set_timer(u64::MAX);
    same(read::<{ registers::SIP }>() & ip::STIP, 0, "a timer that never comes takes it back");
}

fn software(hart: u64) {
    for mask in [(1, hart), (1 << hart, 0), (0, u64::MAX)] {
        let before = SOFTWARE.load(Ordering::SeqCst);
        same(call(Ipi::SendIpi, [mask.0, mask.1, 0, 0, 0]).error, 0, "an IPI to the hart itself");
        that(until(|| read::<{ registers::SIP }>() & ip::SSIP != 0), format_args!("an IPI pends"));
        open();
        that(until(|| SOFTWARE.load(Ordering::SeqCst) != before), format_args!("an IPI is taken"));
        shut();
        same(SOFTWARE.load(Ordering::SeqCst), before + 1, "an IPI is taken once");
    }
    // Software may raise it by itself.
    let before = SOFTWARE.load(Ordering::SeqCst);
    set::<{ registers::SIP }>(ip::SSIP);
    open();
    that(until(|| SOFTWARE.load(Ordering::SeqCst) == before + 1), format_args!("sip.SSIP is an interrupt"));
    shut();
    // An IPI that is taken back before it is taken is none.
    call(Ipi::SendIpi, [1, hart, 0, 0, 0]);
    until(|| read::<{ registers::SIP }>() & ip::SSIP != 0);
    clear::<{ registers::SIP }>(ip::SSIP);
    open();
    shut();
    same(SOFTWARE.load(Ordering::SeqCst), before + 1, "what is cleared in sip is gone");
}

/// WFI goes on at an interrupt that is enabled, also where it is not taken.
fn waits() {
    for ticks in [0u64, 1000, 20_000] {
        let deadline = now() + ticks;
        set_timer(deadline);
        while read::<{ registers::SIP }>() & ip::STIP == 0 {
            // SAFETY: WFI only waits.
            unsafe { asm!("wfi", options(nomem, nostack)) };
        }
        that(now() >= deadline, format_args!("WFI and a timer of {ticks} ticks"));
        set_timer(u64::MAX);
    }
    let before = TIMER.load(Ordering::SeqCst);
    for round in 0..200 {
        set_timer(now() + round);
        // With interrupts shut: a timer that came before WFI would leave nothing to wait for.
        while read::<{ registers::SIP }>() & ip::STIP == 0 {
            // SAFETY: the same.
            unsafe { asm!("wfi", options(nomem, nostack)) };
        }
        open();
        until(|| TIMER.load(Ordering::SeqCst) > before + round as u32);
        shut();
    }
    same(TIMER.load(Ordering::SeqCst), before + 200, "200 timers, each taken once");
}
