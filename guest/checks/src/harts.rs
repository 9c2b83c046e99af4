//! Several harts: started, stopped, started again, interrupted, fenced.
//!
//! SBI 3.0, "Hart State Management Extension (EID #0x48534D "HSM")", "IPI Extension", "RFENCE Extension".

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arch::csr::{self as registers, ip, status};
use sbi::function::{Hsm, Ipi, Rfence};
use sbi::{Error, HartState};

use crate::call::call;
use crate::check::{same, that};
use crate::interrupts::until;
use crate::machine::{MOST_HARTS, SOFTWARE, read, set, start_of, tree_words};

/// What the other harts are to do.
static ORDER: AtomicU32 = AtomicU32::new(WAIT);
const WAIT: u32 = 0;
const STOP: u32 = 1;

/// Harts that have come to their first instruction; those that found registers as promised.
static ARRIVED: AtomicU32 = AtomicU32::new(0);
static PROPER: AtomicU32 = AtomicU32::new(0);
/// What all harts count up together.
static SUM: AtomicU64 = AtomicU64::new(0);

/// A hart that was started.
pub fn other(hart: u64) -> ! {
    let proper = read::<{ registers::SATP }>() == 0 && read::<{ registers::SSTATUS }>() & status::SIE == 0;
    PROPER.fetch_add(u32::from(proper && hart < MOST_HARTS as u64), Ordering::SeqCst);
    ARRIVED.fetch_add(1, Ordering::SeqCst);
    set::<{ registers::SIE }>(ip::SSIP);
    set::<{ registers::SSTATUS }>(status::SIE);
    while ORDER.load(Ordering::SeqCst) == WAIT {
        SUM.fetch_add(1, Ordering::SeqCst);
        core::hint::spin_loop();
    }
    call(Hsm::HartStop, [0; 5]);
    unreachable!("the hart has stopped")
}

fn status_of(hart: u64) -> u64 {
    call(Hsm::HartGetStatus, [hart, 0, 0, 0, 0]).value
}

/// All harts but the first, three times over.
pub fn check(first: u64, tree: u64) {
    // Not those whose state is told: KVM of Linux 6.12 tells it of harts that there are not.
    let others = (tree_words(tree, b"cpu@").saturating_sub(1) as u64).min(MOST_HARTS as u64 - 1);
    for hart in 1..=others {
        same(status_of(hart), HartState::Stopped as u64, "a hart that nobody has started");
        let far = call(Hsm::HartStart, [hart, 0x10, 0, 0, 0]).error;
        same(far, Error::InvalidAddress as i64, "a start at an address that is no memory");
    }
    for round in 1..=3u32 {
        run(others, round);
    }
    same(status_of(first), HartState::Started as u64, "the first hart, after all");
}

fn run(others: u64, round: u32) {
    ORDER.store(WAIT, Ordering::SeqCst);
    for hart in 1..=others {
        let (at, stack) = start_of(hart as usize);
        same(call(Hsm::HartStart, [hart, at, stack, 0, 0]).error, 0, "a start");
        same(call(Hsm::HartStart, [hart, at, stack, 0, 0]).error, Error::AlreadyAvailable as i64, "a second start");
    }
    let arrived = round * others as u32;
    that(until(|| ARRIVED.load(Ordering::SeqCst) == arrived), format_args!("harts that are started arrive"));
    same(PROPER.load(Ordering::SeqCst), arrived, "harts begin without translation and interrupts");
    for hart in 1..=others {
        same(status_of(hart), HartState::Started as u64, "a hart that was started");
    }
    interrupt(others);
    fence(others);
    crate::extensions::beside_others(others);
    ORDER.store(STOP, Ordering::SeqCst);
    for hart in 1..=others {
        that(until(|| status_of(hart) == HartState::Stopped as u64), format_args!("hart {hart} stops"));
    }
}

/// Each is interrupted a hundred times, one after the other: none is lost, none comes twice.
fn interrupt(others: u64) {
    for _ in 0..100 {
        for hart in 1..=others {
            let before = SOFTWARE.load(Ordering::SeqCst);
            call(Ipi::SendIpi, [1 << hart, 0, 0, 0, 0]);
            if !until(|| SOFTWARE.load(Ordering::SeqCst) == before + 1) {
                return that(false, format_args!("hart {hart} is interrupted"));
            }
        }
    }
    that(true, format_args!("each hart was interrupted a hundred times"));
}

/// Fences of harts that run come to an end, and let them run on.
fn fence(others: u64) {
    for _ in 0..50 {
        same(call(Rfence::RemoteSfenceVma, [0, u64::MAX, 0, u64::MAX, 0]).error, 0, "a fence of all");
        call(Rfence::RemoteFenceI, [0, u64::MAX, 0, 0, 0]);
    }
    if others > 0 {
        let before = SUM.load(Ordering::SeqCst);
        that(until(|| SUM.load(Ordering::SeqCst) > before + 10), format_args!("harts that were fenced run on"));
    }
}
