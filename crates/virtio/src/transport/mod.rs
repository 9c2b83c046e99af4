//! The memory-mapped transport.
//!
//! Models VIRTIO 1.2, "Virtio Over MMIO", register layouts version 2 and 1 (the legacy interface). Registers take
//! 32-bit accesses; the configuration space takes any. A driver that does not accept VERSION_1 is served in both. Left
//! out: shared memory regions (their length reads as all ones) and QueueReset.

mod common;
mod device;
mod legacy;
mod slot;
#[cfg(feature = "state")]
mod state;

use bus::Device;
use cores::virtio_mmio::{self as offsets, half};
use devices::{DtNode, Part, Placement};
use vm_fdt::{Error, FdtWriter};

use crate::ring::{Broken, Ring};
use common::Common;

pub use device::VirtioDevice;
pub use offsets::{INTERRUPT_ACK, QUEUE_NOTIFY};
pub use slot::{EmptySlot, Interface, Slot};

/// A virtio device on the bus. Lock order: this transport, then the interrupt controller.
pub struct MmioTransport<D: VirtioDevice> {
    common: Common<D>,
    legacy: Vec<legacy::Queue>,
}

impl<D: VirtioDevice> MmioTransport<D> {
    /// `device`, plugged into `slot`.
    pub fn new(device: D, slot: Slot) -> Self {
        let legacy = vec![legacy::Queue::default(); D::QUEUE_SIZES.len()];
        MmioTransport { common: Common::new(device, slot), legacy }
    }

    /// The device itself.
    pub fn device(&mut self) -> &mut D {
        &mut self.common.device
    }

    /// Lets a backend work on the rings outside a notification: `work` gets the device and its rings, if it runs.
    pub fn work(&mut self, work: impl FnOnce(&mut D, &mut [Option<Ring>]) -> Result<(), Broken>) {
        self.common.work(work);
    }

    /// The device changed its configuration space: tells the driver.
    pub fn config_changed(&mut self) {
        self.common.config_changed();
    }

    /// Back to the state after power-on, but for the size of a legacy driver's pages.
    pub fn reset(&mut self) {
        self.legacy.fill(legacy::Queue::default());
        self.common.reset();
    }

    fn read_register(&self, offset: u64) -> u32 {
        match offset {
            offsets::MAGIC_VALUE..=offsets::VENDOR_ID => self.common.interface.identify(offset, D::ID),
            offsets::DEVICE_FEATURES => half(self.common.features(), self.common.registers.device_features_sel),
            offsets::QUEUE_NUM_MAX => D::QUEUE_SIZES.get(self.common.selected()).map_or(0, |&size| size.into()),
            offsets::QUEUE_PFN => self.legacy.get(self.common.selected()).map_or(0, |queue| queue.pfn),
            offsets::QUEUE_READY => self.common.rings.get(self.common.selected()).is_some_and(Option::is_some).into(),
            offsets::INTERRUPT_STATUS => self.common.registers.interrupt_status,
            offsets::STATUS => self.common.registers.status,
            offsets::CONFIG_GENERATION => self.common.config_generation,
            // "If the region does not exist, the length reads as -1."
            offsets::SHM_LEN_LOW..=offsets::SHM_BASE_HIGH => u32::MAX,
            _ => 0,
        }
    }

    fn write_register(&mut self, offset: u64, value: u32) {
        match offset {
            offsets::DEVICE_FEATURES_SEL => self.common.registers.device_features_sel = value,
            offsets::DRIVER_FEATURES_SEL => self.common.registers.driver_features_sel = value,
            offsets::DRIVER_FEATURES => self.common.write_driver_features(value),
            offsets::QUEUE_SEL => self.common.registers.queue_sel = value,
            offsets::QUEUE_NUM => self.common.with_layout(|layout| layout.write(offset, value)),
            offsets::QUEUE_NOTIFY => self.common.notify(value as usize),
            offsets::INTERRUPT_ACK => self.common.acknowledge(value),
            offsets::STATUS if value == 0 => self.reset(),
            offsets::STATUS => self.common.write_status(value),
            _ => match self.common.interface {
                Interface::Modern => self.write_modern(offset, value),
                Interface::Legacy => self.write_legacy(offset, value),
            },
        }
    }

    fn write_modern(&mut self, offset: u64, value: u32) {
        match offset {
            offsets::QUEUE_READY => self.common.write_queue_ready(value),
            _ => self.common.with_layout(|layout| layout.write(offset, value)),
        }
    }

    fn write_legacy(&mut self, offset: u64, value: u32) {
        let queue = self.common.selected();
        match (offset, self.legacy.get_mut(queue)) {
            (offsets::GUEST_PAGE_SIZE, _) => self.common.registers.page_bytes = value,
            (offsets::QUEUE_ALIGN, Some(legacy)) => legacy.align = value,
            (offsets::QUEUE_PFN, Some(legacy)) => {
                legacy.pfn = value;
                let layout = legacy.layout(self.common.layouts[queue].size, self.common.registers.page_bytes);
                self.common.drop_ring(queue);
                if value != 0 {
                    self.common.make_ring(queue, layout);
                }
            }
            _ => {}
        }
    }
}

#[cfg(not(feature = "state"))]
bus::unsaved!(MmioTransport<D: VirtioDevice>);

impl<D: VirtioDevice> Part for MmioTransport<D> {
    fn reset(&mut self) {
        MmioTransport::reset(self);
    }

    fn poll(&mut self) -> bool {
        self.common.poll()
    }
}

impl<D: VirtioDevice> Device for MmioTransport<D> {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        self.common.go_on();
        data.fill(0);
        if offset >= offsets::CONFIG {
            self.common.device.read_config(offset - offsets::CONFIG, data);
        } else if let Ok(word) = <&mut [u8; 4]>::try_from(data) {
            *word = self.read_register(offset).to_le_bytes();
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        self.common.go_on();
        if offset >= offsets::CONFIG {
            self.common.device.write_config(offset - offsets::CONFIG, data);
        } else if let Ok(word) = <[u8; 4]>::try_from(data) {
            self.write_register(offset, u32::from_le_bytes(word));
        }
    }
}

impl<D: VirtioDevice> DtNode for MmioTransport<D> {
    fn write_node(&self, fdt: &mut FdtWriter, place: &Placement) -> Result<(), Error> {
        slot::write_node(fdt, place)
    }
}

/// Copies `space` from `offset` on into `data`; past its end there are zeros.
pub(crate) fn read_space(space: &[u8], offset: u64, data: &mut [u8]) {
    for (byte, at) in data.iter_mut().zip(offset..) {
        *byte = usize::try_from(at).ok().and_then(|at| space.get(at)).copied().unwrap_or(0);
    }
}
