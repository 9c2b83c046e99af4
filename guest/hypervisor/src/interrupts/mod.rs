//! Part 4: what a guest is interrupted by.
//!
//! A guest's interrupt controller (`controller`) has its wires in `devices::line`: this part brings what it says to the
//! virtual harts. Their pins are bits of `hvip` (H extension, "Hypervisor Interrupt Registers (`hvip`, `hip`, and
//! `hie`)"); messages go to their interrupt files (`files`), which are the hart's own, or in software (`software`).
//! Interrupts of the machine's devices that guests have come through the machine's own controller (`machine`).

pub mod controller;
#[cfg(feature = "image")]
pub mod files;
#[cfg(feature = "image")]
pub mod machine;
pub mod software;

#[cfg(feature = "image")]
pub use image::*;

#[cfg(feature = "image")]
mod image {
    use core::sync::atomic::Ordering;

    use super::files;
    use crate::devices::line::Line;
    use crate::schedule;
    use crate::vcpu::{Vcpu, wanted};

    // ANCHOR: drive
    /// Brings what the controller says now to the guest's virtual harts. The caller has the line locked, so that what
    /// is told last is what holds.
    pub fn drive(line: &mut Line, vcpus: &'static [Vcpu]) {
        if !line.take_changed() {
            return;
        }
        let messages = line.take_messages();
        messages
            .into_iter()
            .filter_map(|(to, what)| Some((vcpus.get(to)?, what)))
            .for_each(|(to, what)| files::send(to, what));
        for vcpu in vcpus {
            let level = line.notifies(vcpu.index);
            if vcpu.external.load(Ordering::Relaxed) != level {
                vcpu.external.store(level, Ordering::SeqCst);
                schedule::want(vcpu, wanted::EXTERNAL);
            }
        }
    }
    // ANCHOR_END: drive

    /// Whether a virtual hart is interrupted by `hvip`.
    pub fn signals(vcpu: &Vcpu) -> bool {
        vcpu.external.load(Ordering::SeqCst) || vcpu.file.lock().signals()
    }
}
