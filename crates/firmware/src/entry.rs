//! How harts enter S-mode: with which registers.
//!
//! SBI 3.0, "Hart State Management Extension (EID #0x48534D "HSM")".

use vcpu::EmulatedHart;

use crate::{A0, A1};

/// Enters S-mode as the table of registers in "Function: HART start" says.
pub fn enter(target: &mut dyn EmulatedHart, id: u64, address: u64, opaque: u64) {
    target.enter_supervisor(address);
    target.set_reg(A0, id);
    target.set_reg(A1, opaque);
}

/// Continues as the same table in "Function: HART suspend" says. What it leaves undefined stays, so that the interrupt
/// that woke the hart is still there.
pub fn resume(target: &mut dyn EmulatedHart, id: u64, address: u64, opaque: u64) {
    target.resume_supervisor(address);
    target.set_reg(A0, id);
    target.set_reg(A1, opaque);
}
