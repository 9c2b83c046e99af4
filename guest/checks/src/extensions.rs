//! Extensions that a platform may leave out: what is there is as the specification has it.
//!
//! SBI 3.0, "System Suspend Extension", "Hart suspend", "Steal-time Accounting Extension", "Performance Monitoring Unit
//! Extension". vhart's hypervisor has all of them, and says in the device tree that it is one.

use core::sync::atomic::{AtomicU64, Ordering};

use arch::csr::{self as registers, ip, status};
use sbi::function::{Base, Hsm, Pmu, Sta, Susp, Time};
use sbi::pmu::{FirmwareEvent, config_flag, event_idx, event_type, start_flag, stop_flag};
use sbi::system::sleep_type;
use sbi::{Error, Extension, sta, suspend_type};

use crate::call::{call, set_timer};
use crate::check::{same, that};
use crate::interrupts::until;
use crate::machine::{clear, now, read, set, sleep, tree_words};

/// An address in no guest's memory: the first.
const NOWHERE: u64 = 0;
const INVALID: i64 = Error::InvalidParam as i64;
const NOT_SUPPORTED: i64 = Error::NotSupported as i64;
/// How long a hart sleeps, in ticks of 10 MHz.
const SLEEP: u64 = 20_000;

fn is_there(extension: Extension) -> bool {
    call(Base::ProbeExtension, [extension as u64, 0, 0, 0, 0]).value != 0
}

/// All of them, with one hart.
pub fn check(tree: u64) {
    let ours = tree_words(tree, b"vhart,guest") > 0;
    for (extension, check) in
        [(Extension::Susp, system_suspend as fn()), (Extension::Sta, steal), (Extension::Pmu, pmu)]
    {
        that(is_there(extension) || !ours, format_args!("vhart's hypervisor has {extension:?}"));
        if is_there(extension) {
            check();
        }
    }
    hart_suspend();
}

/// What is refused while other harts run.
pub fn beside_others(others: u64) {
    if is_there(Extension::Susp) && others > 0 {
        let at = call(Susp::SystemSuspend, [0, 0x8020_0000, 0, 0, 0]).error;
        same(at, Error::Denied as i64, "a system suspend while other harts run");
    }
}

/// Sleeps until a timer that is enabled pends, with interrupts shut.
fn sleeps(kind: u32, function: impl Into<sbi::Function>, what: &str) -> i64 {
    clear::<{ registers::SSTATUS }>(status::SIE);
    set::<{ registers::SIE }>(ip::STIP);
    let deadline = now() + SLEEP;
    set_timer(deadline);
    let answer = sleep(kind, function);
    if answer > 0 {
        that(now() >= deadline, format_args!("{what} is not early"));
        that(read::<{ registers::SIP }>() & ip::STIP != 0, format_args!("what ends {what} pends still"));
        same(read::<{ registers::SATP }>(), 0, "satp behind a sleep");
        same(read::<{ registers::SSTATUS }>() & status::SIE, 0, "sstatus.SIE behind a sleep");
    }
    set_timer(u64::MAX);
    answer
}

fn system_suspend() {
    for kind in [1u64, 0x7fff_ffff, 0x8000_0000] {
        let refused = call(Susp::SystemSuspend, [kind, 0x8020_0000, 0, 0, 0]).error;
        same(refused, INVALID, "a system suspend of a type that there is not");
    }
    let nowhere = call(Susp::SystemSuspend, [0, NOWHERE, 0, 0, 0]).error;
    same(nowhere, Error::InvalidAddress as i64, "a system suspend that ends at no memory");
    for _ in 0..3 {
        same(
            sleeps(sleep_type::SUSPEND_TO_RAM, Susp::SystemSuspend, "a system suspend"),
            1,
            "a0 behind a system suspend",
        );
    }
}

fn hart_suspend() {
    let kind = suspend_type::NON_RETENTIVE;
    let nowhere = call(Hsm::HartSuspend, [kind.into(), NOWHERE, 0, 0, 0]).error;
    let refused = [NOT_SUPPORTED, Error::InvalidAddress as i64].contains(&nowhere);
    that(refused, format_args!("a hart suspend that ends at no memory: {nowhere}"));
    let answer = sleeps(kind, Hsm::HartSuspend, "a non-retentive hart suspend");
    that([NOT_SUPPORTED, 1].contains(&answer), format_args!("a non-retentive hart suspend: {answer}"));
    set::<{ registers::SIE }>(ip::STIP);
    let deadline = now() + SLEEP;
    set_timer(deadline);
    while read::<{ registers::SIP }>() & ip::STIP == 0 {
        same(call(Hsm::HartSuspend, [suspend_type::RETENTIVE.into(), 0, 0, 0, 0]).error, 0, "a retentive hart suspend");
    }
    that(now() >= deadline, format_args!("a retentive hart suspend is not early"));
    set_timer(u64::MAX);
}

/// What is told of stolen time.
#[repr(C, align(64))]
struct Stolen([AtomicU64; 8]);
static STOLEN: Stolen = Stolen([const { AtomicU64::new(u64::MAX) }; 8]);

fn steal() {
    let at = &raw const STOLEN as u64;
    let set = |low: u64, high: u64, flags: u64| call(Sta::SetShmem, [low, high, flags, 0, 0]).error;
    same(set(at, 0, 1), INVALID, "stolen time with flags");
    same(set(at + 8, 0, 0), INVALID, "stolen time at an address that is not aligned");
    let invalid_address = Error::InvalidAddress as i64;
    same(set(NOWHERE, 0, 0), invalid_address, "stolen time to no memory");
    same(set(at, 1, 0), invalid_address, "stolen time to beyond 64 bits");
    same(STOLEN.0[2].load(Ordering::SeqCst), u64::MAX, "what is refused writes nothing");
    let start = now();
    same(set(at, 0, 0), 0, "stolen time");
    that(
        STOLEN.0[2..].iter().all(|word| word.load(Ordering::SeqCst) == 0),
        format_args!("the memory for it is zeroed"),
    );
    let mut last = 0;
    let mut grows = true;
    until(|| now() > start + 500_000);
    for _ in 0..100 {
        call(Hsm::HartGetStatus, [0; 5]);
        let steal = STOLEN.0[sta::STEAL as usize / 8].load(Ordering::SeqCst);
        grows &= steal >= core::mem::replace(&mut last, steal);
    }
    that(grows, format_args!("stolen time only grows"));
    that(last <= (now() - start) * 100, format_args!("no more time is stolen than has passed: {last} ns"));
    let sequence = STOLEN.0[0].load(Ordering::SeqCst);
    same(sequence & 1, 0, "the sequence of stolen time is even");
    same(sequence >> 32, 0, "the flags of stolen time");
    same(set(u64::MAX, u64::MAX, 0), 0, "no stolen time any more");
}

fn pmu() {
    let count = call(Pmu::NumCounters, [0; 5]).value;
    that(count > 0 && count < 64, format_args!("counters: {count}"));
    let all = (1 << count) - 1;
    for counter in [count, u64::MAX] {
        same(call(Pmu::CounterGetInfo, [counter, 0, 0, 0, 0]).error, INVALID, "a counter that there is not");
        same(call(Pmu::CounterFwRead, [counter, 0, 0, 0, 0]).error, INVALID, "the value of one that there is not");
        same(call(Pmu::CounterStart, [counter, 1, 0, 0, 0]).error, INVALID, "the start of one that there is not");
        same(call(Pmu::CounterStop, [counter, 1, 0, 0, 0]).error, INVALID, "the end of one that there is not");
    }
    let event = call(Pmu::CounterConfigMatching, [0, all, 0, 1 << 20, 0]).error;
    that([INVALID, NOT_SUPPORTED].contains(&event), format_args!("an event that there is not: {event}"));
    cycles(all);
    firmware_events(all);
}

fn configure(all: u64, event: u64) -> Result<u64, i64> {
    let found = call(Pmu::CounterConfigMatching, [0, all, config_flag::CLEAR_VALUE, event, 0]);
    if found.error == 0 { Ok(found.value) } else { Err(found.error) }
}

/// `SBI_PMU_HW_CPU_CYCLES`, in the CSR that the counter's information names: by its number, one of two.
fn cycles(all: u64) {
    let Ok(counter) = configure(all, event_idx(event_type::GENERAL, 1)) else {
        return that(false, format_args!("a counter for cycles"));
    };
    let csr = call(Pmu::CounterGetInfo, [counter, 0, 0, 0, 0]).value & 0xfff;
    if csr != registers::CYCLE.into() {
        return;
    }
    let start = |flags: u64, value: u64| call(Pmu::CounterStart, [counter, 1, flags, value, 0]).error;
    same(start(start_flag::SET_INIT_VALUE, 1 << 40), 0, "cycles begin");
    same(start(0, 0), Error::AlreadyStarted as i64, "cycles that have begun");
    let one = read::<{ registers::CYCLE }>();
    let other = read::<{ registers::CYCLE }>();
    that(one >> 40 == 1 && other > one, format_args!("cycles count from what they are set to: {one:#x}, {other:#x}"));
    let stop = || call(Pmu::CounterStop, [counter, 1, 0, 0, 0]).error;
    same(stop(), 0, "cycles end");
    same(read::<{ registers::CYCLE }>(), read::<{ registers::CYCLE }>(), "cycles that have ended");
    same(stop(), Error::AlreadyStopped as i64, "cycles that have ended end");
    call(Pmu::CounterStop, [counter, 1, stop_flag::RESET, 0, 0]);
}

fn firmware_events(all: u64) {
    let event = event_idx(event_type::FIRMWARE, FirmwareEvent::SetTimer as u64);
    let Ok(counter) = configure(all, event) else {
        return that(false, format_args!("a counter for calls of set_timer"));
    };
    same(
        call(Pmu::CounterStart, [counter, 1, start_flag::SET_INIT_VALUE, 5, 0]).error,
        0,
        "a firmware's counter begins",
    );
    for _ in 0..3 {
        call(Time::SetTimer, [u64::MAX, 0, 0, 0, 0]);
    }
    same(call(Pmu::CounterFwRead, [counter, 0, 0, 0, 0]).value, 8, "a firmware's counter");
    same(call(Pmu::CounterStop, [counter, 1, stop_flag::RESET, 0, 0]).error, 0, "a firmware's counter ends");
}
