//! Timer and software interrupts of the harts.
//!
//! Models the RISC-V Advanced Core Local Interruptor Specification 1.0-rc4: MTIMER, MSWI and SSWI, and the SiFive
//! CLINT, which is an MSWI and an MTIMER at one base ("Backward Compatibility With SiFive CLINT"). The comparators and
//! the levels live in the harts' pins and the time in the clock: a hart looks at its own timer without asking a device.

mod clint;
mod mswi;
mod mtimer;
mod sswi;

pub use clint::Clint;
pub use mswi::Mswi;
pub use mtimer::Mtimer;
pub use sswi::Sswi;

use std::sync::Arc;

use vcpu::HartPins;

/// Wires into the harts, in the order of hart ids.
pub type Harts = Vec<Arc<HartPins>>;

/// Bytes of the region of an MSWI or SSWI device.
pub const SWI_BYTES: u64 = 0x4000;
/// Bytes of the region of an MTIMER device with the default layout.
pub const MTIMER_BYTES: u64 = 0x8000;
/// Bytes of the region of a CLINT.
pub const CLINT_BYTES: u64 = 0x1_0000;

/// The element that the 4-byte register at `offset` of an array belongs to.
fn word_of(harts: &Harts, offset: u64) -> Option<&Arc<HartPins>> {
    harts.get(usize::try_from(offset / 4).ok()?)
}
