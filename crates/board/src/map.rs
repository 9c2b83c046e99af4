//! The memory map and interrupt numbers of the `virt` board, as far as more than one place names them; what only the
//! board's list of parts names is said there (`parts`).
//!
//! The same as QEMU's `virt`, so that firmware, kernels and distributions need no port.

use arch::Phys;

/// A region of the address map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub base: Phys,
    /// Bytes.
    pub len: u64,
}

/// `len` bytes from `base` on.
pub(crate) const fn region(base: u64, len: u64) -> Region {
    Region { base: Phys(base), len }
}

/// Reset ROM: harts start here.
pub const ROM: Region = region(0x1000, 0xf000);
/// PLIC.
pub const PLIC: Region = region(0xc00_0000, devices::plic::PLIC_BYTES);
/// APLIC, machine-level domain.
pub const APLIC_M: Region = region(0xc00_0000, APLIC_BYTES);
/// APLIC, supervisor-level domain.
pub const APLIC_S: Region = region(0xd00_0000, APLIC_BYTES);
/// First page of the harts' IMSICs, machine level. Its length is that of the files there are.
pub const IMSIC_M_BASE: Phys = Phys(0x2400_0000);
/// First page of the harts' IMSICs, supervisor level and guests, likewise.
pub const IMSIC_S_BASE: Phys = Phys(0x2800_0000);
/// The serial port.
pub const UART: Region = region(0x1000_0000, 0x100);
/// First virtio-mmio slot; the others follow without gaps.
pub const VIRTIO: Region = region(0x1000_1000, 0x1000);
/// First byte of RAM.
pub const DRAM_BASE: Phys = Phys(0x8000_0000);

/// Number of virtio-mmio slots.
pub const VIRTIO_SLOTS: usize = 8;
/// Interrupt of the first virtio-mmio slot.
pub const VIRTIO_IRQ: u32 = 1;
/// Interrupt of the serial port.
pub const UART_IRQ: u32 = 10;
/// Number of interrupt sources of the PLIC.
pub const PLIC_SOURCES: u32 = 95;

/// Number of interrupt sources of the APLIC.
pub const APLIC_SOURCES: u32 = 96;
/// Bytes of an APLIC's domain: QEMU's has room for 512 harts.
const APLIC_BYTES: u64 = devices::aplic::region_bytes(512);

/// The region of virtio-mmio slot `slot`.
pub fn virtio(slot: usize) -> Region {
    region(VIRTIO.base.0 + slot as u64 * VIRTIO.len, VIRTIO.len)
}
