//! Part 4: what a guest is interrupted by.
//!
//! The registers of a guest's interrupt controller and of its devices are in `devices::line`: this part brings what they say to the
//! virtual harts' pins, which are bits of `hvip` (H extension, "Hypervisor Interrupt Registers (`hvip`, `hip`, and `hie`)"). Interrupts of the
//! machine's devices that guests have come through the machine's own controller (`machine`).

#[cfg(feature = "image")]
pub mod machine;

#[cfg(feature = "image")]
pub use image::*;

#[cfg(feature = "image")]
mod image {
    use core::sync::atomic::Ordering;

    use crate::devices::line::Line;
    use crate::schedule;
    use crate::vcpu::{Vcpu, wanted};

    // ANCHOR: drive
    /// Brings what the controller says now to the guest's virtual harts. The caller has the line locked, so that what is told last is what
    /// holds.
    pub fn drive(line: &mut Line, vcpus: &'static [Vcpu]) {
        if !line.take_changed() {
            return;
        }
        for vcpu in vcpus {
            let level = line.notifies(vcpu.index);
            if vcpu.external.load(Ordering::Relaxed) != level {
                vcpu.external.store(level, Ordering::SeqCst);
                schedule::want(vcpu, wanted::EXTERNAL);
            }
        }
    }
    // ANCHOR_END: drive
}
