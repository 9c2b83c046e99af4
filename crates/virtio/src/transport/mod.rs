//! The memory-mapped transport.
//!
//! Models VIRTIO 1.2, "Virtio Over MMIO", register layouts version 2 and 1 (the legacy interface). Registers take
//! 32-bit accesses; the configuration space takes any. A driver that does not accept VERSION_1 is served in both. Left
//! out: shared memory regions (their length reads as all ones) and QueueReset.

mod legacy;
mod slot;
#[cfg(feature = "state")]
mod state;

use std::sync::Arc;

use bus::{Device, IrqLine, Stateful};
use cores::virtio_mmio::{self as offsets, INTERRUPT_CONFIG, INTERRUPT_USED, Layout, half, set_half};
use devices::{DtNode, Part, Placement};
use memory::GuestMemoryMmap;
use virtio_bindings::bindings::virtio_config::{
    VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_F_VERSION_1,
};
use virtio_bindings::bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use vm_fdt::{Error, FdtWriter};

use crate::ring::{Broken, Ring, Told};

pub use offsets::{INTERRUPT_ACK, QUEUE_NOTIFY};
pub use slot::{EmptySlot, Interface, Slot};

/// What every device offers besides its own features.
const COMMON_FEATURES: u64 = 1 << VIRTIO_RING_F_EVENT_IDX | 1 << VIRTIO_RING_F_INDIRECT_DESC;

/// What makes a transport a disk, a network card, and so on. It is saved without its queues, which are the transport's.
pub trait VirtioDevice: Send + Stateful {
    /// The device type ("Device Types").
    const ID: u32;
    /// The largest size of each queue, a power of two.
    const QUEUE_SIZES: &'static [u16];

    /// The features of this type of device that this one has.
    fn features(&self) -> u64;

    /// Fills `data` with the configuration space from `offset` on.
    fn read_config(&self, offset: u64, data: &mut [u8]);

    /// Writes `data` to the configuration space from `offset` on.
    fn write_config(&mut self, _offset: u64, _data: &[u8]) {}

    /// The driver and the device agreed on `features`; VERSION_1 is one of them unless the driver is a legacy one.
    fn negotiated(&mut self, _features: u64) {}

    /// The driver told of requests in queue `queue`. `rings[queue]` is there; others are if the driver made them.
    ///
    /// # Errors
    /// [`Broken`] puts the device out of service until the driver resets it.
    fn notify(&mut self, queue: usize, rings: &mut [Option<Ring>]) -> Result<(), Broken>;

    /// Goes on with what it did not finish when it was last notified; `rings` are as for [`VirtioDevice::notify`].
    ///
    /// # Errors
    /// [`Broken`] puts the device out of service until the driver resets it.
    fn poll(&mut self, _rings: &mut [Option<Ring>]) -> Result<(), Broken> {
        Ok(())
    }

    /// Whether there is something that [`VirtioDevice::poll`] would go on with.
    fn is_behind(&self) -> bool {
        false
    }

    /// The driver took queue `queue` away: when this returns, nothing more is written to memory for its requests.
    fn stopped(&mut self, _queue: usize) {}

    /// Back to the state before any driver. Its queues were stopped.
    fn reset(&mut self) {}
}

/// What the driver wrote and reads back.
#[derive(Clone, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Registers {
    device_features_sel: u32,
    driver_features_sel: u32,
    driver_features: u64,
    /// What driver and device agreed on.
    features: u64,
    /// Legacy: bytes of the driver's pages.
    page_bytes: u32,
    queue_sel: u32,
    status: u32,
    interrupt_status: u32,
}

/// A virtio device on the bus. Lock order: this transport, then the interrupt controller.
pub struct MmioTransport<D: VirtioDevice> {
    device: D,
    memory: Arc<GuestMemoryMmap>,
    irq: IrqLine,
    interface: Interface,
    level: bool,
    registers: Registers,
    layouts: Vec<Layout>,
    legacy: Vec<legacy::Queue>,
    rings: Vec<Option<Ring>>,
    config_generation: u32,
}

impl<D: VirtioDevice> MmioTransport<D> {
    /// `device`, plugged into `slot`.
    pub fn new(device: D, slot: Slot) -> Self {
        let Slot { memory, irq, interface } = slot;
        MmioTransport {
            device,
            memory,
            irq,
            interface,
            level: false,
            registers: Registers::default(),
            layouts: vec![Layout::default(); D::QUEUE_SIZES.len()],
            legacy: vec![legacy::Queue::default(); D::QUEUE_SIZES.len()],
            rings: D::QUEUE_SIZES.iter().map(|_| None).collect(),
            config_generation: 0,
        }
    }

    /// The device itself.
    pub fn device(&mut self) -> &mut D {
        &mut self.device
    }

    /// Lets a backend work on the rings outside a notification: `work` gets the device and its rings, if it runs.
    pub fn work(&mut self, work: impl FnOnce(&mut D, &mut [Option<Ring>]) -> Result<(), Broken>) {
        if !self.running() {
            return;
        }
        self.rings.iter_mut().flatten().for_each(Ring::refill);
        let result = work(&mut self.device, &mut self.rings);
        self.settle(result);
    }

    /// The device changed its configuration space: tells the driver.
    pub fn config_changed(&mut self) {
        self.config_generation = self.config_generation.wrapping_add(1);
        if self.registers.status & VIRTIO_CONFIG_S_DRIVER_OK != 0 {
            self.registers.interrupt_status |= INTERRUPT_CONFIG;
            self.drive_irq();
        }
    }

    /// Back to the state after power-on, but for the size of a legacy driver's pages.
    pub fn reset(&mut self) {
        // Linux tells the size of its pages before it resets the device for the first time.
        self.registers = Registers { page_bytes: self.registers.page_bytes, ..Registers::default() };
        self.layouts.fill(Layout::default());
        self.legacy.fill(legacy::Queue::default());
        (0..self.rings.len()).for_each(|queue| self.drop_ring(queue));
        self.device.reset();
        self.drive_irq();
    }

    /// What is offered.
    fn features(&self) -> u64 {
        let version = match self.interface {
            Interface::Modern => 1 << VIRTIO_F_VERSION_1,
            Interface::Legacy => 0,
        };
        self.device.features() | COMMON_FEATURES | version
    }

    /// Whether the driver said DRIVER_OK and nothing broke since. "Legacy driver implementations often used the device
    /// before setting the DRIVER_OK bit".
    fn running(&self) -> bool {
        let status = self.registers.status;
        let begun = match self.interface {
            Interface::Modern => status & VIRTIO_CONFIG_S_DRIVER_OK != 0,
            Interface::Legacy => status != 0,
        };
        begun && status & VIRTIO_CONFIG_S_NEEDS_RESET == 0
    }

    fn notify(&mut self, queue: usize) {
        if !self.running() {
            return;
        }
        if let Some(Some(ring)) = self.rings.get_mut(queue) {
            ring.refill();
            let result = self.device.notify(queue, &mut self.rings);
            self.settle(result);
        }
    }

    /// Raises the interrupts that `result` and the used rings ask for.
    fn settle(&mut self, result: Result<(), Broken>) {
        let mut broken = result.is_err();
        for ring in self.rings.iter_mut().flatten() {
            match ring.take_interrupt() {
                Ok(wanted) => self.registers.interrupt_status |= if wanted { INTERRUPT_USED } else { 0 },
                Err(Broken) => broken = true,
            }
        }
        match broken {
            true => self.needs_reset(),
            false => self.drive_irq(),
        }
    }

    fn needs_reset(&mut self) {
        self.registers.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
        if self.registers.status & VIRTIO_CONFIG_S_DRIVER_OK != 0 {
            self.registers.interrupt_status |= INTERRUPT_CONFIG;
        }
        self.drive_irq();
    }

    fn drive_irq(&mut self) {
        let level = self.registers.interrupt_status != 0;
        if level != self.level {
            self.level = level;
            self.irq.set(level);
        }
    }

    /// What was left when a turn was over goes on at the driver's next access; it comes, since it was interrupted.
    fn go_on(&mut self) {
        for queue in 0..self.rings.len() {
            if self.rings[queue].as_ref().is_some_and(Ring::cut_short) {
                self.notify(queue);
            }
        }
    }

    fn read_register(&self, offset: u64) -> u32 {
        match offset {
            offsets::MAGIC_VALUE..=offsets::VENDOR_ID => self.interface.identify(offset, D::ID),
            offsets::DEVICE_FEATURES => half(self.features(), self.registers.device_features_sel),
            offsets::QUEUE_NUM_MAX => D::QUEUE_SIZES.get(self.selected()).map_or(0, |&size| size.into()),
            offsets::QUEUE_PFN => self.legacy.get(self.selected()).map_or(0, |queue| queue.pfn),
            offsets::QUEUE_READY => self.rings.get(self.selected()).is_some_and(Option::is_some).into(),
            offsets::INTERRUPT_STATUS => self.registers.interrupt_status,
            offsets::STATUS => self.registers.status,
            offsets::CONFIG_GENERATION => self.config_generation,
            // "If the region does not exist, the length reads as -1."
            offsets::SHM_LEN_LOW..=offsets::SHM_BASE_HIGH => u32::MAX,
            _ => 0,
        }
    }

    fn write_register(&mut self, offset: u64, value: u32) {
        match offset {
            offsets::DEVICE_FEATURES_SEL => self.registers.device_features_sel = value,
            offsets::DRIVER_FEATURES_SEL => self.registers.driver_features_sel = value,
            offsets::DRIVER_FEATURES => self.write_driver_features(value),
            offsets::QUEUE_SEL => self.registers.queue_sel = value,
            offsets::QUEUE_NUM => self.with_layout(|layout| layout.write(offset, value)),
            offsets::QUEUE_NOTIFY => self.notify(value as usize),
            offsets::INTERRUPT_ACK => {
                self.registers.interrupt_status &= !value;
                self.drive_irq();
            }
            offsets::STATUS => self.write_status(value),
            _ => match self.interface {
                Interface::Modern => self.write_modern(offset, value),
                Interface::Legacy => self.write_legacy(offset, value),
            },
        }
    }

    fn selected(&self) -> usize {
        self.registers.queue_sel as usize
    }

    fn write_driver_features(&mut self, value: u32) {
        let registers = &mut self.registers;
        if registers.status & VIRTIO_CONFIG_S_FEATURES_OK == 0 {
            set_half(&mut registers.driver_features, registers.driver_features_sel, value);
        }
        // There is no FEATURES_OK with which a legacy driver could be told no.
        if self.interface == Interface::Legacy {
            self.agree_on(self.registers.driver_features & self.features());
        }
    }

    fn agree_on(&mut self, features: u64) {
        self.registers.features = features;
        let event_idx = self.has_event_idx();
        self.rings.iter_mut().flatten().for_each(|ring| ring.set_event_idx(event_idx));
        self.device.negotiated(features);
    }

    fn has_event_idx(&self) -> bool {
        self.registers.features & 1 << VIRTIO_RING_F_EVENT_IDX != 0
    }

    /// A queue's parts stay where they are while it is ready.
    fn with_layout(&mut self, change: impl FnOnce(&mut Layout)) {
        let queue = self.selected();
        if let (Some(layout), Some(None)) = (self.layouts.get_mut(queue), self.rings.get(queue)) {
            change(layout);
        }
    }

    fn write_modern(&mut self, offset: u64, value: u32) {
        match offset {
            offsets::QUEUE_READY => self.write_queue_ready(value),
            _ => self.with_layout(|layout| layout.write(offset, value)),
        }
    }

    fn write_legacy(&mut self, offset: u64, value: u32) {
        let queue = self.selected();
        match (offset, self.legacy.get_mut(queue)) {
            (offsets::GUEST_PAGE_SIZE, _) => self.registers.page_bytes = value,
            (offsets::QUEUE_ALIGN, Some(legacy)) => legacy.align = value,
            (offsets::QUEUE_PFN, Some(legacy)) => {
                legacy.pfn = value;
                let layout = legacy.layout(self.layouts[queue].size, self.registers.page_bytes);
                self.drop_ring(queue);
                if value != 0 {
                    self.make_ring(queue, layout);
                }
            }
            _ => {}
        }
    }

    fn write_queue_ready(&mut self, value: u32) {
        let queue = self.selected();
        let Some(layout) = self.layouts.get(queue).copied() else { return };
        if value & 1 == 0 {
            self.drop_ring(queue);
        } else if self.rings[queue].is_none() {
            self.make_ring(queue, Ok(layout));
        }
    }

    fn drop_ring(&mut self, queue: usize) {
        if self.rings[queue].take().is_some() {
            self.device.stopped(queue);
        }
    }

    fn make_ring(&mut self, queue: usize, layout: Result<Layout, Broken>) {
        let (most, event_idx) = (D::QUEUE_SIZES[queue], self.has_event_idx());
        let told = Told { irq: self.irq.clone(), queue: queue as u16 };
        match layout.and_then(|layout| Ring::new(most, &layout, event_idx, self.memory.clone(), told)) {
            Ok(ring) => self.rings[queue] = Some(ring),
            Err(Broken) => self.needs_reset(),
        }
    }

    fn write_status(&mut self, value: u32) {
        if value == 0 {
            return self.reset();
        }
        let old = self.registers.status;
        let mut status = value & 0xff | old & VIRTIO_CONFIG_S_NEEDS_RESET;
        if self.interface == Interface::Modern && status & !old & VIRTIO_CONFIG_S_FEATURES_OK != 0 {
            let wanted = self.registers.driver_features;
            match wanted & !self.features() == 0 {
                true => self.agree_on(wanted),
                false => status &= !VIRTIO_CONFIG_S_FEATURES_OK,
            }
        }
        self.registers.status = status;
        if status & !old & VIRTIO_CONFIG_S_DRIVER_OK != 0 {
            // Requests may have been there before DRIVER_OK.
            (0..self.rings.len()).for_each(|queue| self.notify(queue));
        }
    }
}

impl<D: VirtioDevice> Part for MmioTransport<D> {
    fn reset(&mut self) {
        MmioTransport::reset(self);
    }

    fn poll(&mut self) -> bool {
        self.go_on();
        if self.device.is_behind() {
            self.work(|device, rings| device.poll(rings));
        }
        self.running() && (self.device.is_behind() || self.rings.iter().flatten().any(Ring::cut_short))
    }
}

impl<D: VirtioDevice> Device for MmioTransport<D> {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        self.go_on();
        data.fill(0);
        if offset >= offsets::CONFIG {
            self.device.read_config(offset - offsets::CONFIG, data);
        } else if let Ok(word) = <&mut [u8; 4]>::try_from(data) {
            *word = self.read_register(offset).to_le_bytes();
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        self.go_on();
        if offset >= offsets::CONFIG {
            self.device.write_config(offset - offsets::CONFIG, data);
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
