//! Exceptions: each as VS-mode is promised it.
//!
//! Privileged architecture, "Supervisor Cause (`scause`) Register", "Supervisor Trap Value (`stval`) Register"; H
//! extension, "Trap Cause Codes": what a guest has not raises an illegal-instruction exception in it.

use core::arch::asm;
use core::sync::atomic::Ordering;

use arch::csr::{self as registers, counteren};
use arch::{Exception, GuestPhys};

use crate::check::{same, that};
use crate::machine::{LAST, NONE, cause_of, read, write};

/// Where no memory and no device is.
const NOWHERE: GuestPhys = GuestPhys(0x4000_0000);

macro_rules! raises {
    ($cause:expr, $($instruction:tt)*) => {
        same(
            // SAFETY: the handler goes on behind the instruction, which changes nothing but t0.
            cause_of(|| unsafe { asm!($($instruction)*, out("t0") _, options(nostack)) }),
            $cause,
            concat!($(stringify!($instruction)),*),
        )
    };
}

const ILLEGAL: u64 = Exception::IllegalInstruction as u64;

/// All of them.
pub fn check() {
    raises!(Exception::Breakpoint as u64, "ebreak");
    raises!(ILLEGAL, ".word 0xffffffff");
    same(LAST.stval.load(Ordering::SeqCst) as u32 & 3, 3, "stval of an illegal instruction, or zero");
    raises!(ILLEGAL, ".half 0");
    raises!(NONE, "nop");
    others_registers();
    nothing_there();
    misaligned();
    counters();
}

/// CSRs of modes above, and of an extension that the guest is not offered.
fn others_registers() {
    raises!(ILLEGAL, "csrr t0, mstatus");
    raises!(ILLEGAL, "csrr t0, mhartid");
    raises!(ILLEGAL, "csrr t0, 0x600"); // hstatus
    raises!(ILLEGAL, "csrr t0, 0x680"); // hgatp
    raises!(ILLEGAL, "csrr t0, 0x200"); // vsstatus
    raises!(ILLEGAL, "csrw 0x645, zero"); // hvip
    raises!(ILLEGAL, "csrr t0, 0x5ff");
    raises!(ILLEGAL, "mret");
    raises!(ILLEGAL, ".word 0x62000073"); // hfence.gvma
    raises!(ILLEGAL, ".word 0x22000073"); // hfence.vvma
    raises!(ILLEGAL, ".word 0x640042f3"); // hlv.w t0, (zero)
    raises!(NONE, "sfence.vma");
    raises!(NONE, "fence.i");
}

fn nothing_there() {
    let at = NOWHERE.0;
    // SAFETY: nothing is there; the handler goes on behind the access.
    let load = cause_of(|| unsafe { asm!("lw t0, 0({})", in(reg) at, out("t0") _, options(nostack)) });
    same(load, Exception::LoadAccessFault as u64, "a load from nowhere");
    same(LAST.stval.load(Ordering::SeqCst), at, "stval of a load from nowhere");
    // SAFETY: the same.
    let store = cause_of(|| unsafe { asm!("sw zero, 0({})", in(reg) at, options(nostack)) });
    same(store, Exception::StoreAccessFault as u64, "a store to nowhere");
}

/// One of the last checks: KVM cannot go on.
pub fn last() {
    let at = NOWHERE.0;
    // SAFETY: nothing is there; the handler goes on behind the access.
    let amo = cause_of(|| unsafe { asm!("amoadd.w t0, zero, ({})", in(reg) at, out("t0") _, options(nostack)) });
    same(amo, Exception::StoreAccessFault as u64, "an AMO at nowhere");
}

/// Either the access is done, or it traps as misaligned.
fn misaligned() {
    let words = [0x1122_3344_5566_7788u64, 0x99aa_bbcc_ddee_ff00];
    let at = words.as_ptr() as u64 + 1;
    let mut value = 0u64;
    // SAFETY: within the array.
    let cause = cause_of(|| unsafe { asm!("ld {}, 0({})", inout(reg) value, in(reg) at, options(nostack, readonly)) });
    let done = cause == NONE && value == 0x0011_2233_4455_6677;
    that(
        done || cause == Exception::LoadAddressMisaligned as u64,
        format_args!("a misaligned load: cause {cause}, {value:#x}"),
    );
}

fn counters() {
    let (cycle, instret) = (read::<{ registers::CYCLE }>(), read::<{ registers::INSTRET }>());
    that(read::<{ registers::CYCLE }>() > cycle, format_args!("cycles count"));
    that(read::<{ registers::INSTRET }>() > instret, format_args!("instructions count"));
    // What user mode may count is the guest's to say.
    write::<{ registers::SCOUNTEREN }>(counteren::TM);
    same(read::<{ registers::SCOUNTEREN }>() & counteren::TM, counteren::TM, "scounteren.TM");
    write::<{ registers::SSCRATCH }>(0x1234_5678_9abc_def0);
    same(read::<{ registers::SSCRATCH }>(), 0x1234_5678_9abc_def0, "sscratch");
}
