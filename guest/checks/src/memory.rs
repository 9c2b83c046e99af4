//! Memory: zero at first touch, and what is written stays.
//!
//! The hypervisor gives memory as it is touched; a guest must not see whose it was before, nor when it came.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::check::{same, that};

/// Memory that nothing is in: kernels, trees and initial RAM disks lie elsewhere in 64 MiB.
pub const FIRST: u64 = 0x8100_0000;
/// Its end.
pub const LAST: u64 = 0x8180_0000;

static DIRTY: AtomicU64 = AtomicU64::new(0);

fn word(at: u64) -> *mut u64 {
    at as *mut u64
}

/// Looks at memory before anything has been written there.
pub fn untouched() {
    let found = (FIRST..LAST).step_by(8).fold(0, |found, at| {
        // SAFETY: memory that is the kernel's and not in use.
        found | unsafe { word(at).read_volatile() }
    });
    DIRTY.store(found, Ordering::SeqCst);
}

/// Touched by nobody before [`neighbours`]: two pages as large as page tables have below 1 GiB.
const FRESH: u64 = LAST;
const FRESH_BYTES: u64 = 4 << 20;

/// Memory that is given bit by bit, and perhaps mapped anew as a whole, keeps what is in it. In steps that go around,
/// and meet all.
fn neighbours() {
    let step = 64 << 10;
    let places = || (0..FRESH_BYTES / step).map(|n| FRESH + n * 37 % (FRESH_BYTES / step) * step);
    // SAFETY: memory that is the kernel's and not in use.
    let zero = places().all(|at| unsafe { word(at).replace(at) } == 0);
    that(zero, format_args!("memory between others that are in use is zero"));
    // SAFETY: the same.
    let kept = places().all(|at| unsafe { word(at).read_volatile() == at && word(at + 8).read_volatile() == 0 });
    that(kept, format_args!("memory keeps what is in it while its neighbours come"));
}

/// All checks of memory.
pub fn check() {
    neighbours();
    same(DIRTY.load(Ordering::SeqCst), 0, "memory at first touch");
    for step in [8u64, 4096, 2 << 20] {
        // SAFETY: as above.
        (FIRST..LAST).step_by(step as usize).for_each(|at| unsafe { word(at).write_volatile(at ^ step) });
        // SAFETY: as above.
        let kept = (FIRST..LAST).step_by(step as usize).all(|at| unsafe { word(at).read_volatile() } == at ^ step);
        that(kept, format_args!("memory keeps what is written in steps of {step}"));
    }
    code();
}

/// Code that is written and then executed is what was written, after FENCE.I.
fn code() {
    let at = FIRST as *mut u32;
    for value in [1u32, 2, 3, 4] {
        // li a0, value; ret
        let instructions = [0x0000_0513 | value << 20, 0x0000_8067];
        // SAFETY: memory that is not in use; the two instructions are a function.
        let found = unsafe {
            at.write_volatile(instructions[0]);
            at.add(1).write_volatile(instructions[1]);
            core::arch::asm!("fence.i", options(nostack));
            core::mem::transmute::<*mut u32, extern "C" fn() -> u64>(at)()
        };
        same(found, value.into(), "code that was just written");
    }
}
