//! Messages: interrupt files, and an APLIC that sends to them. Nothing arrives that was not sent, and what was sent
//! arrives once.
//!
//! AIA 1.0, "Incoming MSI Controller (IMSIC)" and "Advanced Platform-Level Interrupt Controller (APLIC)". Only where
//! the device tree tells of both, at the addresses of QEMU's `virt`, with a page for each hart.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arch::Exception;
use arch::aplic::{DM, DOMAINCFG, GENMSI, HART_INDEX_SHIFT, IE, SETIENUM, SETIPNUM, SOURCECFG, TARGET};
use arch::csr::{self as registers, ip, iselect, status, topei, topi};
use sbi::HartState;
use sbi::function::Hsm;

use crate::call::{call, set_timer};
use crate::check::{same, that};
use crate::interrupts::until;
use crate::machine::{MOST_HARTS, NONE, cause_of, clear, now, read, set, start_of, swap, tree_words, write};

const APLIC: u64 = 0xd00_0000;
const FILES: u64 = 0x2800_0000;
const FILE_BYTES: u64 = 0x1000;
const UART: u64 = 0x1000_0000;
const UART_SOURCE: u32 = 10;
/// IER: "Enable Transmitter Holding Register Empty Interrupt".
const TRANSMITTER: u8 = 2;
/// `sourcecfg.SM`: "Detached" and "Level1".
const DETACHED: u32 = 1;
const LEVEL1: u32 = 6;

/// Messages that each hart sends to the others, and waits for an answer to.
const ROUNDS: u32 = 400;
/// Hart h asks with identity `ASKS + h`, and is answered by hart h with `ANSWERS + h`.
const ASKS: u32 = 64;
const ANSWERS: u32 = 80;
/// How long an answer may take, in ticks of 10 MHz.
const PATIENCE: u64 = 100_000_000;

/// Whether harts that are started take part, and external interrupts are messages.
pub static WANTED: AtomicBool = AtomicBool::new(false);
/// How many take part.
static HARTS: AtomicU32 = AtomicU32::new(0);
/// Harts that have begun, and those that have got all answers.
static DONE: AtomicU32 = AtomicU32::new(0);
/// What each hart has got as answers, and has been asked.
static ANSWERED: [AtomicU32; MOST_HARTS] = [const { AtomicU32::new(0) }; MOST_HARTS];
static ASKED: [AtomicU32; MOST_HARTS] = [const { AtomicU32::new(0) }; MOST_HARTS];
/// Identities that nobody sent.
static STRANGE: AtomicU32 = AtomicU32::new(0);
/// Answers that did not come.
static LOST: AtomicU32 = AtomicU32::new(0);

/// All of it, if there is what it takes.
pub fn check(hart: u64, tree: u64) {
    let there = ["riscv,imsics", "riscv,aplic"].iter().all(|name| tree_words(tree, name.as_bytes()) != 0);
    if !there || tree_words(tree, b"riscv,guest-index-bits") != 0 {
        return;
    }
    file(hart);
    wires(hart);
    let others = (tree_words(tree, b"cpu@").saturating_sub(1) as u64).min(MOST_HARTS as u64 - 1);
    everybody(hart, others);
}

fn store(at: u64, value: u32) {
    // SAFETY: a register of a device that there is, or nobody's: then the handler goes on behind the store.
    unsafe { (at as *mut u32).write_volatile(value) }
}

fn load(at: u64) -> u32 {
    // SAFETY: as for `store`.
    unsafe { (at as *const u32).read_volatile() }
}

fn uart(register: u64, value: u8) {
    // SAFETY: the 16550 is there.
    unsafe { ((UART + register) as *mut u8).write_volatile(value) }
}

/// Sends a message, behind what was written to memory before.
fn send(hart: u64, identity: u32) {
    // SAFETY: a fence changes nothing.
    unsafe { asm!("fence w, o", options(nostack)) };
    store(FILES + FILE_BYTES * hart, identity);
}

/// A register of the hart's file.
fn get(select: u64) -> u64 {
    write::<{ registers::SISELECT }>(select);
    read::<{ registers::SIREG }>()
}

fn put(select: u64, value: u64) {
    write::<{ registers::SISELECT }>(select);
    write::<{ registers::SIREG }>(value);
}

fn claim() -> u64 {
    swap::<{ registers::STOPEI }>(0)
}

fn pends() -> bool {
    read::<{ registers::SIP }>() & ip::SEIP != 0
}

/// An empty file with these identities below 128 enabled.
fn empty(enabled: [u64; 2]) {
    for word in 0..2 {
        put(iselect::EIP0 + 2 * word, 0);
        put(iselect::EIE0 + 2 * word, enabled[word as usize]);
    }
    put(iselect::EITHRESHOLD, 0);
    put(iselect::EIDELIVERY, 1);
}

/// What one hart finds in its file.
fn file(hart: u64) {
    empty([!0, !0]);
    same(get(iselect::EIE0), !1, "identity 0 cannot be enabled");
    for value in [0, 1] {
        put(iselect::EIDELIVERY, value);
        same(get(iselect::EIDELIVERY), value, "eidelivery");
    }
    for value in [5, 255, 0] {
        put(iselect::EITHRESHOLD, value);
        same(get(iselect::EITHRESHOLD), value, "eithreshold");
    }
    same(claim(), 0, "nothing pends in an empty file");
    for identity in [9, 5, 7, 70] {
        send(hart, identity);
    }
    that(until(|| get(iselect::EIP0) == 0x2a0 && get(iselect::EIP0 + 2) == 1 << 6), format_args!("messages arrive"));
    that(until(pends), format_args!("a file that has something signals"));
    write::<{ registers::SIE }>(ip::SEIP);
    same(read::<{ registers::STOPI }>() >> topi::IID_SHIFT, 9, "stopi names the external interrupt");
    write::<{ registers::SIE }>(0);
    for (threshold, top) in [(5, 0), (6, 5), (0, 5)] {
        put(iselect::EITHRESHOLD, threshold);
        same(read::<{ registers::STOPEI }>(), topei::of(top), "stopei and eithreshold");
    }
    put(iselect::EIDELIVERY, 0);
    that(until(|| !pends()), format_args!("a file that does not deliver does not signal"));
    put(iselect::EIDELIVERY, 1);
    for identity in [5, 7, 9, 70, 0] {
        same(claim(), topei::of(identity), "the lowest identity is claimed first");
    }
    that(until(|| !pends()), format_args!("an empty file does not signal"));
    // By hand.
    put(iselect::EIP0, 1 << 12);
    that(until(pends), format_args!("a pending bit that is set signals"));
    put(iselect::EIE0, 0);
    same(read::<{ registers::STOPEI }>(), 0, "what is not enabled is not the top");
    put(iselect::EIP0, 0);
    put(iselect::EIE0, !0);
    same(claim(), 0, "what was cleared is gone");
    for identity in [0, 256, 2047, u32::MAX] {
        send(hart, identity);
    }
    same((claim(), get(iselect::EIP0)), (0, 0), "what is no identity is ignored");
    let illegal = Exception::IllegalInstruction as u64;
    for (select, cause) in [(0x81, illegal), (0xc1, illegal), (0x31, illegal), (0x71, NONE), (0x30, NONE), (0x3e, NONE)]
    {
        same(cause_of(|| _ = get(select)), cause, "a register that there is, or is not");
    }
}

/// What an APLIC sends.
fn wires(hart: u64) {
    empty([!0, !0]);
    let target = |source: u32| APLIC + TARGET.start + 4 * u64::from(source - 1);
    let mode = |source: u32| APLIC + SOURCECFG.start + 4 * u64::from(source - 1);
    store(APLIC + DOMAINCFG, IE | DM);
    same(load(APLIC + DOMAINCFG) & (IE | DM), IE | DM, "domaincfg");
    store(mode(20), DETACHED);
    store(target(20), (hart as u32) << HART_INDEX_SHIFT | 30);
    store(APLIC + SETIENUM, 20);
    for _ in 0..3 {
        store(APLIC + SETIPNUM, 20);
        that(until(pends), format_args!("setipnum of a detached source sends its message"));
        same((claim(), claim()), (topei::of(30), 0), "once");
    }
    store(APLIC + GENMSI, (hart as u32) << HART_INDEX_SHIFT | 31);
    that(until(pends), format_args!("genmsi sends a message"));
    same((claim(), claim()), (topei::of(31), 0), "once");
    // The transmitter is empty: a level, until IIR is read.
    store(mode(UART_SOURCE), LEVEL1);
    store(target(UART_SOURCE), (hart as u32) << HART_INDEX_SHIFT | 32);
    store(APLIC + SETIENUM, UART_SOURCE);
    uart(1, 0);
    uart(1, TRANSMITTER);
    that(until(pends), format_args!("an empty transmitter sends a message"));
    same((claim(), claim()), (topei::of(32), 0), "once");
    store(APLIC + SETIPNUM, UART_SOURCE);
    that(until(pends), format_args!("setipnum sends again while the wire is high"));
    same((claim(), claim()), (topei::of(32), 0), "once");
    // SAFETY: the 16550 is there.
    let iir = unsafe { ((UART + 2) as *const u8).read_volatile() };
    same(iir & 0xf, 2, "IIR tells of the transmitter");
    store(APLIC + SETIPNUM, UART_SOURCE);
    same(claim(), 0, "setipnum sends nothing while the wire is low");
    uart(1, 0);
    store(mode(20), 0);
    store(mode(UART_SOURCE), 0);
}

/// All harts ask each other, and answer.
fn everybody(hart: u64, others: u64) {
    HARTS.store(others as u32 + 1, Ordering::SeqCst);
    WANTED.store(true, Ordering::SeqCst);
    for other in 1..=others {
        let (at, stack) = start_of(other as usize);
        same(call(Hsm::HartStart, [other, at, stack, 0, 0]).error, 0, "a start, for messages");
    }
    exchange(hart, others + 1);
    let stopped = |hart: u64| call(Hsm::HartGetStatus, [hart, 0, 0, 0, 0]).value == HartState::Stopped as u64;
    that(until(|| (1..=others).all(stopped)), format_args!("harts that have answered all stop"));
    WANTED.store(false, Ordering::SeqCst);
    same(LOST.load(Ordering::SeqCst), 0, "messages that were lost");
    same(STRANGE.load(Ordering::SeqCst), 0, "messages that nobody sent");
    for hart in 0..=others as usize {
        same(ANSWERED[hart].load(Ordering::SeqCst), ROUNDS, "answers that a hart got");
    }
    let asked: u32 = ASKED.iter().map(|count| count.load(Ordering::SeqCst)).sum();
    same(asked, ROUNDS * (others as u32 + 1), "what was asked of all harts");
}

/// A hart that was started for this.
pub fn other(hart: u64) -> ! {
    exchange(hart, HARTS.load(Ordering::SeqCst).into());
    call(Hsm::HartStop, [0; 5]);
    unreachable!("the hart has stopped")
}

fn exchange(hart: u64, harts: u64) {
    // Who the handler is.
    write::<{ registers::SSCRATCH }>(hart);
    empty([0, !0]);
    write::<{ registers::SIE }>(ip::SEIP | ip::STIP);
    // Until all are there nobody asks: a file that is being emptied loses what arrives.
    DONE.fetch_add(1, Ordering::SeqCst);
    until(|| DONE.load(Ordering::SeqCst) >= harts as u32);
    for round in 0..ROUNDS {
        let to = (hart + u64::from(round)) % harts;
        send(to, ASKS + hart as u32);
        if !answered(hart, round + 1) {
            LOST.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
    // Others may still ask.
    DONE.fetch_add(1, Ordering::SeqCst);
    let end = now() + PATIENCE;
    while DONE.load(Ordering::SeqCst) < 2 * harts as u32 && now() < end {
        let_in();
    }
    let_in();
    write::<{ registers::SIE }>(0);
}

fn let_in() {
    set::<{ registers::SSTATUS }>(status::SIE);
    core::hint::spin_loop();
    clear::<{ registers::SSTATUS }>(status::SIE);
}

/// Waits for an answer: every other time by WFI, which gives the hart away.
fn answered(hart: u64, wanted: u32) -> bool {
    let has = || ANSWERED[hart as usize].load(Ordering::SeqCst) >= wanted;
    let end = now() + PATIENCE;
    set_timer(end);
    while !has() {
        if now() >= end {
            return false;
        }
        if wanted.is_multiple_of(2) {
            // SAFETY: WFI only waits; what pends ends it, with interrupts shut.
            unsafe { asm!("wfi", options(nomem, nostack)) };
        }
        let_in();
    }
    set_timer(u64::MAX);
    true
}

/// The external interrupt of a hart in [`exchange`]: takes all that pend.
pub fn taken() {
    let hart = read::<{ registers::SSCRATCH }>();
    loop {
        let identity = topei::identity(claim()) as u32;
        let from = |first: u32| identity.checked_sub(first).filter(|from| (*from as usize) < MOST_HARTS);
        match (identity, from(ASKS), from(ANSWERS)) {
            (0, ..) => return,
            (_, Some(asker), _) => {
                ASKED[hart as usize].fetch_add(1, Ordering::SeqCst);
                send(asker.into(), ANSWERS + hart as u32);
            }
            (.., Some(_)) => _ = ANSWERED[hart as usize].fetch_add(1, Ordering::SeqCst),
            _ => _ = STRANGE.fetch_add(1, Ordering::SeqCst),
        }
    }
}
