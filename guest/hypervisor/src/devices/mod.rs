//! Part 7: what a guest sees beside its memory.
//!
//! A PLIC or an APLIC, with IMSICs or without, and a 16550, at the addresses and with the interrupts of QEMU's `virt`,
//! so that kernels know the way. Their registers are `cores`, the same that vhart's own board has. And virtio devices,
//! each of which is one of the machine's (`virtio`).

pub mod line;
pub mod tree;
pub mod virtio;

use arch::GuestPhys;
use arch::addr::PAGE_BYTES;

use crate::control::manifest::MOST_VCPUS;
use crate::interrupts::controller::Aia;

/// First byte of a guest's memory.
pub const MEMORY_BASE: GuestPhys = GuestPhys(0x8000_0000);
/// A PLIC's registers: contexts for more harts than a guest can have.
pub const PLIC: Region = Region { base: GuestPhys(0xc00_0000), len_bytes: 0x60_0000 };
/// An APLIC's: the supervisor-level domain.
pub const APLIC: Region = Region { base: GuestPhys(0xd00_0000), len_bytes: cores::aplic::region_bytes(512) };
/// The virtual harts' interrupt files, a page each.
pub const IMSIC: Region = Region { base: GuestPhys(0x2800_0000), len_bytes: MOST_VCPUS as u64 * PAGE_BYTES };
/// The serial line's.
pub const UART: Region = Region { base: GuestPhys(0x1000_0000), len_bytes: 0x100 };
/// The serial line's interrupt.
pub const UART_INTERRUPT: u32 = 10;
/// Interrupts of the controller.
pub const SOURCES: u32 = 31;

/// The virtio devices' registers, one device behind the other.
pub const VIRTIO: Region = Region { base: GuestPhys(0x1000_1000), len_bytes: VIRTIO_BYTES * VIRTIO_SLOTS };
/// Virtio devices that a guest can have.
pub const VIRTIO_SLOTS: u64 = 8;
/// Registers of one.
pub const VIRTIO_BYTES: u64 = 0x1000;
/// The interrupt of the first.
pub const FIRST_VIRTIO_INTERRUPT: u32 = 1;

/// Where a device's registers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first.
    pub base: GuestPhys,
    /// All.
    pub len_bytes: u64,
}

/// A register of a device, by its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Of the interrupt controller.
    Controller(u64),
    /// Of the interrupt file of the virtual hart of that number.
    File(usize, u64),
    /// Of the serial line.
    Uart(u64),
    /// Of the virtio device of that number.
    Virtio(usize, u64),
}

// ANCHOR: find
/// The register at an address, for a guest with such interrupt controllers; none where there is no device.
pub fn find(at: GuestPhys, aia: Aia) -> Option<Register> {
    let offset = |region: Region| at.0.checked_sub(region.base.0).filter(|offset| *offset < region.len_bytes);
    let virtio = |offset: u64| Register::Virtio((offset / VIRTIO_BYTES) as usize, offset % VIRTIO_BYTES);
    let file = |offset: u64| Register::File((offset / PAGE_BYTES) as usize, offset % PAGE_BYTES);
    let controller = if aia == Aia::None { PLIC } else { APLIC };
    offset(controller)
        .map(Register::Controller)
        .or_else(|| offset(UART).map(Register::Uart))
        .or_else(|| offset(VIRTIO).map(virtio))
        .or_else(|| offset(IMSIC).filter(|_| aia == Aia::AplicImsic).map(file))
}
// ANCHOR_END: find

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_found_by_their_addresses() {
        let find = |at| super::find(GuestPhys(at), Aia::None);
        assert_eq!(find(0xc20_1004), Some(Register::Controller(0x20_1004)));
        assert_eq!(find(0x1000_0005), Some(Register::Uart(5)));
        assert_eq!(find(0x1000_2070), Some(Register::Virtio(1, 0x70)));
        assert_eq!([0x1000_9000, 0x1000_0100, 0, MEMORY_BASE.0, 0xd00_0000, 0x2800_0000].map(find), [None; 6]);
    }

    #[test]
    fn controllers_are_those_that_the_guest_has() {
        let find = |aia| [0xd00_0004, 0x2800_1000, 0xc00_0000].map(|at| super::find(GuestPhys(at), aia));
        assert_eq!(find(Aia::Aplic), [Some(Register::Controller(4)), None, None]);
        assert_eq!(find(Aia::AplicImsic), [Some(Register::Controller(4)), Some(Register::File(1, 0)), None]);
    }
}
