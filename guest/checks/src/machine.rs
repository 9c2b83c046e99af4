//! The machine below: the way in, CSRs, traps.
//!
//! Privileged architecture, "Supervisor Trap Vector Base Address (`stvec`) Register" and "Supervisor Cause (`scause`)
//! Register".

use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arch::csr::{self as registers, ip, xcause};
use arch::insn::fetch_len;
use sbi::system::reset_reason;

use crate::{attack, call, check, exceptions, extensions, harts, interrupts, large};
use crate::{memory, messages, standard, written};

/// Harts that there are stacks for.
pub const MOST_HARTS: usize = 8;
const STACK_BYTES: usize = 16 << 10;

global_asm!(
    include_str!("../../switches/header.inc"),
    include_str!("entry.S"),
    STACK_BYTES = const STACK_BYTES,
    MOST_HARTS = const MOST_HARTS
);

unsafe extern "C" {
    static stacks: u8;
    fn other_start();
}

/// Where a hart that is started begins, and what it is given: its stack.
pub fn start_of(hart: usize) -> (u64, u64) {
    (other_start as *const () as u64, &raw const stacks as u64 + (STACK_BYTES * (hart + 1)) as u64)
}

/// Puts the hart to sleep by a call; answers its error, or 1 once it is awake, with `a0` zero.
pub fn sleep(kind: u32, function: impl Into<sbi::Function>) -> i64 {
    unsafe extern "C" {
        fn sleep_call(kind: u64, fid: u64, eid: u64) -> i64;
    }
    let (eid, fid) = function.into().ids();
    // SAFETY: what a call must keep is on the stack meanwhile.
    unsafe { sleep_call(kind.into(), fid, eid.into()) }
}

/// How often some bytes are in the device tree at `tree`, wherever.
pub fn tree_words(tree: u64, word: &[u8]) -> usize {
    // SAFETY: `a1` has the address of a device tree, whose second word is its length.
    let len = unsafe { (tree as *const u32).add(1).read_volatile() };
    // SAFETY: the same.
    let bytes = unsafe { core::slice::from_raw_parts(tree as *const u8, u32::from_be(len) as usize) };
    bytes.windows(word.len()).filter(|window| *window == word).count()
}

/// Reads a register.
pub fn read<const CSR: u16>() -> u64 {
    let value: u64;
    // SAFETY: reading a register changes nothing in memory.
    unsafe { asm!("csrr {}, {}", out(reg) value, const CSR, options(nostack)) };
    value
}

/// Writes a register.
pub fn write<const CSR: u16>(value: u64) {
    // SAFETY: the kernel runs without translation, and its own handler stands at `stvec`.
    unsafe { asm!("csrw {}, {}", const CSR, in(reg) value, options(nostack)) };
}

/// Writes a register; answers what it held before.
pub fn swap<const CSR: u16>(value: u64) -> u64 {
    let before: u64;
    // SAFETY: as for `write`.
    unsafe { asm!("csrrw {}, {}, {}", out(reg) before, const CSR, in(reg) value, options(nostack)) };
    before
}

/// Sets bits of a register.
pub fn set<const CSR: u16>(bits: u64) {
    // SAFETY: as for `write`.
    unsafe { asm!("csrs {}, {}", const CSR, in(reg) bits, options(nostack)) };
}

/// Clears bits of a register.
pub fn clear<const CSR: u16>(bits: u64) {
    // SAFETY: as for `write`.
    unsafe { asm!("csrc {}, {}", const CSR, in(reg) bits, options(nostack)) };
}

/// The time.
pub fn now() -> u64 {
    read::<{ registers::TIME }>()
}

/// What the last exception was; `u64::MAX` in `scause` where there was none.
pub struct Last {
    /// Its cause.
    pub scause: AtomicU64,
    /// What it is about.
    pub stval: AtomicU64,
    /// Where it was.
    pub sepc: AtomicU64,
}

/// No exception.
pub const NONE: u64 = u64::MAX;

/// The last exception, of the one hart that makes some.
pub static LAST: Last = Last { scause: AtomicU64::new(NONE), stval: AtomicU64::new(0), sepc: AtomicU64::new(0) };
/// Software interrupts taken, all harts together.
pub static SOFTWARE: AtomicU32 = AtomicU32::new(0);
/// Timer interrupts.
pub static TIMER: AtomicU32 = AtomicU32::new(0);
/// When the last of these came.
pub static TIMER_AT: AtomicU64 = AtomicU64::new(0);
/// External interrupts.
pub static EXTERNAL: AtomicU32 = AtomicU32::new(0);

#[unsafe(no_mangle)]
extern "C" fn trapped() {
    let scause = read::<{ registers::SCAUSE }>();
    match scause & xcause::CODE {
        code if scause & xcause::INTERRUPT != 0 => interrupted(1 << code),
        _ => {
            let sepc = read::<{ registers::SEPC }>();
            LAST.scause.store(scause, Ordering::SeqCst);
            LAST.stval.store(read::<{ registers::STVAL }>(), Ordering::SeqCst);
            LAST.sepc.store(sepc, Ordering::SeqCst);
            // SAFETY: the instruction that trapped was fetched from there, but for one that could not be: then its
            // caller's is left to do.
            let low = unsafe { (sepc as *const u16).read_volatile() };
            write::<{ registers::SEPC }>(sepc + fetch_len(low));
        }
    }
}

fn interrupted(bit: u64) {
    match bit {
        ip::SSIP => {
            clear::<{ registers::SIP }>(ip::SSIP);
            SOFTWARE.fetch_add(1, Ordering::SeqCst);
        }
        ip::STIP => {
            TIMER_AT.store(now(), Ordering::SeqCst);
            call::set_timer(u64::MAX);
            TIMER.fetch_add(1, Ordering::SeqCst);
        }
        _ if messages::WANTED.load(Ordering::SeqCst) => messages::taken(),
        _ => {
            EXTERNAL.fetch_add(1, Ordering::SeqCst);
            clear::<{ registers::SIE }>(ip::SEIP);
        }
    }
}

/// Does something that may raise an exception; answers which, or [`NONE`].
pub fn cause_of(what: impl FnOnce()) -> u64 {
    LAST.scause.store(NONE, Ordering::SeqCst);
    what();
    LAST.scause.load(Ordering::SeqCst)
}

#[unsafe(no_mangle)]
extern "C" fn first(hart: u64, tree: u64) -> ! {
    if attack::is_wanted(tree) {
        attack::run();
        call::off(reset_reason::NO_REASON)
    }
    if written::is_wanted(tree) {
        written::run();
        call::off(reset_reason::NO_REASON)
    }
    if large::is_wanted(tree) {
        large::run();
        check::end()
    }
    memory::untouched();
    standard::check(hart, tree);
    exceptions::check();
    interrupts::check(hart);
    memory::check();
    harts::check(hart, tree);
    messages::check(hart, tree);
    extensions::check(tree);
    check::told();
    exceptions::last();
    standard::last();
    check::end()
}

#[unsafe(no_mangle)]
extern "C" fn other(hart: u64) -> ! {
    match messages::WANTED.load(Ordering::SeqCst) {
        true => messages::other(hart),
        false => harts::other(hart),
    }
}

/// There is no heap; a crate whose constants are used here could want one.
struct NoHeap;

#[global_allocator]
static HEAP: NoHeap = NoHeap;

// SAFETY: no block is ever given.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    check::say(format_args!("{info}"));
    call::off(reset_reason::SYSTEM_FAILURE)
}
