//! What a device is plugged into, and what is there without one.
//!
//! Models VIRTIO 1.2, "MMIO Device Register Layout": a slot without a device has DeviceID 0, so that drivers leave it
//! alone.

use std::sync::Arc;

use bus::{Device, IrqLine};
use cores::virtio_mmio as offsets;
use devices::{DtNode, Part, Placement, node_name};
use memory::GuestMemoryMmap;
use vm_fdt::{Error, FdtWriter};

/// Which layout of registers a slot has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Interface {
    /// Version 2.
    #[default]
    Modern,
    /// Version 1, for drivers that know no other: QEMU's `force-legacy=true`.
    Legacy,
}

impl Interface {
    /// What the first registers of every slot say, a `device_id` of 0 included.
    pub(super) fn identify(self, offset: u64, device_id: u32) -> u32 {
        match (offset, self) {
            (offsets::MAGIC_VALUE, _) => offsets::MAGIC,
            (offsets::VERSION, Interface::Legacy) => offsets::LEGACY,
            (offsets::VERSION, Interface::Modern) => offsets::MODERN,
            (offsets::DEVICE_ID, _) => device_id,
            (offsets::VENDOR_ID, _) => offsets::VENDOR,
            _ => 0,
        }
    }
}

/// A place for a device.
#[derive(Clone)]
pub struct Slot {
    /// The guest's memory.
    pub memory: Arc<GuestMemoryMmap>,
    /// The slot's interrupt.
    pub irq: IrqLine,
    /// Its registers.
    pub interface: Interface,
}

impl Part for EmptySlot {}

bus::stateless!(EmptySlot);

/// The registers of a slot that nothing is plugged into.
pub struct EmptySlot(pub Interface);

impl Device for EmptySlot {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        if let Ok(word) = <&mut [u8; 4]>::try_from(data) {
            *word = self.0.identify(offset, 0).to_le_bytes();
        }
    }

    fn write(&mut self, _offset: u64, _data: &[u8]) {}
}

impl DtNode for EmptySlot {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        write_node(fdt, place)
    }
}

/// A slot's part of the device tree, which is the same whatever is plugged in.
pub(super) fn write_node(fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
    let node = fdt.begin_node(&node_name("virtio_mmio", place))?;
    fdt.property_string("compatible", "virtio,mmio")?;
    place.reg(fdt)?;
    place.interrupts(fdt)?;
    fdt.end_node(node)
}
