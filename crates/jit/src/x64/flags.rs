//! The exception flags that the host's unit has gathered.

use std::arch::asm;

use fp::Flags;

/// The exception flags of MXCSR.
pub(super) const EXCEPTIONS: u32 = 0x3f;
/// MXCSR as a program finds it: all exceptions masked, to nearest, no flags.
const USUAL: u32 = 0x1f80;
/// Which of its bits is which flag. "Denormal operand" is none of RISC-V's.
const BITS: [(u32, Flags); 5] = [(0, Flags::NV), (2, Flags::DZ), (3, Flags::OF), (4, Flags::UF), (5, Flags::NX)];

/// Takes the flags that floating point has raised on this thread since they were taken last.
pub fn take_flags() -> Flags {
    let mxcsr = take_exceptions();
    let raised = BITS.iter().filter(|(bit, _)| mxcsr >> bit & 1 != 0);
    Flags(raised.fold(0, |all, (_, flag)| all | flag.0))
}

/// Forgets the flags that the host's own code has raised on this thread.
pub fn drop_flags() {
    take_exceptions();
}

/// Lets the host's own code run, which leaves the flags as they are.
pub fn keep_flags(run: impl FnOnce()) {
    let before = mxcsr();
    run();
    if mxcsr() != before {
        set_mxcsr(USUAL | before & EXCEPTIONS);
    }
}

/// MXCSR as it was; the exception flags are gone from it.
fn take_exceptions() -> u32 {
    let before = mxcsr();
    if before & EXCEPTIONS != 0 {
        set_mxcsr(USUAL);
    }
    before
}

fn mxcsr() -> u32 {
    let mut mxcsr = 0u32;
    // SAFETY: stores a register to a variable.
    unsafe { asm!("stmxcsr [{}]", in(reg) &mut mxcsr, options(nostack, preserves_flags)) };
    mxcsr
}

/// Sets it to a value that differs from [`USUAL`] in flags only.
fn set_mxcsr(value: u32) {
    // SAFETY: but for flags, which nothing of the host looks at, this is the default, which this thread had before.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, preserves_flags)) };
}
