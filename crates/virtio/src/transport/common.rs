//! What driver and device have agreed on, and the device's queues: the same behind any transport.
//!
//! Models VIRTIO 1.2, "Basic Facilities of a Virtio Device": "Device Status Field", "Feature Bits", "Notifications",
//! "Virtqueues". Selectors of features and queues are here, because every transport has them ("Virtio Over MMIO", and
//! the "Common configuration structure layout" of "Virtio Over PCI Bus"). Where its registers are is a transport's.

use std::sync::Arc;

use bus::IrqLine;
use cores::virtio_mmio::{INTERRUPT_CONFIG, INTERRUPT_USED, Layout, set_half};
use memory::GuestMemoryMmap;
use virtio_bindings::bindings::virtio_config::{
    VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_NEEDS_RESET, VIRTIO_F_VERSION_1,
};
use virtio_bindings::bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};

use super::device::VirtioDevice;
use super::slot::{Interface, Slot};
use crate::ring::{Broken, Ring, Told};

/// What every device offers besides its own features.
const COMMON_FEATURES: u64 = 1 << VIRTIO_RING_F_EVENT_IDX | 1 << VIRTIO_RING_F_INDIRECT_DESC;

/// What the driver wrote and reads back.
#[derive(Clone, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Registers {
    pub device_features_sel: u32,
    pub driver_features_sel: u32,
    pub driver_features: u64,
    /// What driver and device agreed on.
    pub features: u64,
    /// Legacy: bytes of the driver's pages.
    pub page_bytes: u32,
    pub queue_sel: u32,
    pub status: u32,
    pub interrupt_status: u32,
}

/// A virtio device with its queues. Lock order: the transport that has it, then the interrupt controller.
pub struct Common<D: VirtioDevice> {
    pub device: D,
    pub memory: Arc<GuestMemoryMmap>,
    pub irq: IrqLine,
    pub interface: Interface,
    pub level: bool,
    pub registers: Registers,
    pub layouts: Vec<Layout>,
    pub rings: Vec<Option<Ring>>,
    pub config_generation: u32,
}

impl<D: VirtioDevice> Common<D> {
    /// `device`, plugged into `slot`.
    pub fn new(device: D, slot: Slot) -> Self {
        let Slot { memory, irq, interface } = slot;
        Common {
            device,
            memory,
            irq,
            interface,
            level: false,
            registers: Registers::default(),
            layouts: vec![Layout::default(); D::QUEUE_SIZES.len()],
            rings: D::QUEUE_SIZES.iter().map(|_| None).collect(),
            config_generation: 0,
        }
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
        (0..self.rings.len()).for_each(|queue| self.drop_ring(queue));
        self.device.reset();
        self.drive_irq();
    }

    /// Goes on with what was left; answers whether something is left that can be done at once.
    pub fn poll(&mut self) -> bool {
        self.go_on();
        if self.device.is_behind() {
            self.work(|device, rings| device.poll(rings));
        }
        self.running() && (self.device.is_behind() || self.rings.iter().flatten().any(Ring::cut_short))
    }

    /// What is offered.
    pub fn features(&self) -> u64 {
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

    /// The driver told of requests in a queue.
    pub fn notify(&mut self, queue: usize) {
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
    pub fn go_on(&mut self) {
        for queue in 0..self.rings.len() {
            if self.rings[queue].as_ref().is_some_and(Ring::cut_short) {
                self.notify(queue);
            }
        }
    }

    /// The queue that the driver has selected.
    pub fn selected(&self) -> usize {
        self.registers.queue_sel as usize
    }

    /// Writes the half that is selected of the features that the driver takes.
    pub fn write_driver_features(&mut self, value: u32) {
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
    pub fn with_layout(&mut self, change: impl FnOnce(&mut Layout)) {
        let queue = self.selected();
        if let (Some(layout), Some(None)) = (self.layouts.get_mut(queue), self.rings.get(queue)) {
            change(layout);
        }
    }

    /// Makes the selected queue, or takes it away.
    pub fn write_queue_ready(&mut self, value: u32) {
        let queue = self.selected();
        let Some(layout) = self.layouts.get(queue).copied() else { return };
        if value & 1 == 0 {
            self.drop_ring(queue);
        } else if self.rings[queue].is_none() {
            self.make_ring(queue, Ok(layout));
        }
    }

    /// Takes a queue away, if it is there.
    pub fn drop_ring(&mut self, queue: usize) {
        if self.rings[queue].take().is_some() {
            self.device.stopped(queue);
        }
    }

    /// Makes a queue, where its parts are in memory.
    pub fn make_ring(&mut self, queue: usize, layout: Result<Layout, Broken>) {
        let (most, event_idx) = (D::QUEUE_SIZES[queue], self.has_event_idx());
        let told = Told { irq: self.irq.clone(), queue: queue as u16 };
        match layout.and_then(|layout| Ring::new(most, &layout, event_idx, self.memory.clone(), told)) {
            Ok(ring) => self.rings[queue] = Some(ring),
            Err(Broken) => self.needs_reset(),
        }
    }

    /// Writes the status, which is not 0: that is a reset.
    pub fn write_status(&mut self, value: u32) {
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

    /// The driver acknowledges interrupts.
    pub fn acknowledge(&mut self, interrupts: u32) {
        self.registers.interrupt_status &= !interrupts;
        self.drive_irq();
    }
}
