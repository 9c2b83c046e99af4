//! Help for tests: a driver that sets a device up and puts requests on its rings.

use std::sync::{Arc, Mutex};

#[cfg(feature = "state")]
use bus::Stateful;
use bus::{Device, IrqLine};
use kit::Wire;
use memory::GuestMemoryMmap;
use virtio_bindings::bindings::virtio_ring::{VRING_DESC_F_NEXT, VRING_DESC_F_WRITE};
use vm_memory::{Bytes, GuestAddress};

use crate::transport::{Interface, MmioTransport, Slot, VirtioDevice};

pub const MEMORY_BASE: u64 = 0x8000_0000;
pub const MEMORY_BYTES: u64 = 4 << 20;
/// Where queue `n` is: at `MEMORY_BASE + n * QUEUE_BYTES`, in pages of descriptors, driver area and device area.
pub const QUEUE_BYTES: u64 = 0x3000;
/// Free for buffers.
pub const BUFFERS: u64 = MEMORY_BASE + 0x10_0000;

/// Features that drivers accept or do not.
pub const VERSION_1: u64 = 1 << 32;

/// A guest's driver for one device.
pub struct Driver<D: VirtioDevice> {
    pub memory: Arc<GuestMemoryMmap>,
    pub transport: Arc<Mutex<MmioTransport<D>>>,
    pub wire: Arc<Wire>,
    sizes: Vec<u16>,
    next: Vec<u16>,
    /// Driver and device area of each queue.
    areas: Vec<[u64; 2]>,
}

pub fn memory() -> Arc<GuestMemoryMmap> {
    Arc::new(GuestMemoryMmap::from_ranges(&[(GuestAddress(MEMORY_BASE), MEMORY_BYTES as usize)]).unwrap())
}

impl<D: VirtioDevice> Driver<D> {
    /// A driver that did nothing yet, for the device that `make` makes.
    pub fn new(make: impl FnOnce(Slot) -> Arc<Mutex<MmioTransport<D>>>) -> Self {
        Self::with_interface(Interface::Modern, make)
    }

    pub fn with_interface(interface: Interface, make: impl FnOnce(Slot) -> Arc<Mutex<MmioTransport<D>>>) -> Self {
        let memory = memory();
        let wire = Arc::new(Wire::default());
        let irq = IrqLine::new(wire.clone(), 1);
        let transport = make(Slot { memory: memory.clone(), irq, interface });
        Driver {
            memory,
            transport,
            wire,
            sizes: D::QUEUE_SIZES.to_vec(),
            next: vec![0; D::QUEUE_SIZES.len()],
            areas: vec![[0; 2]; D::QUEUE_SIZES.len()],
        }
    }

    /// Saves the device, and puts another in its place that goes on with the same memory.
    #[cfg(feature = "state")]
    pub fn move_into(&mut self, make: impl FnOnce(Slot) -> Arc<Mutex<MmioTransport<D>>>) {
        let saved = self.saved();
        let irq = IrqLine::new(self.wire.clone(), 1);
        let transport = make(Slot { memory: self.memory.clone(), irq, interface: Interface::Modern });
        transport.lock().unwrap().set_state(&saved).unwrap();
        self.transport = transport;
        assert_eq!(self.saved(), saved);
    }

    /// What the device is saved as, once it has come to the end of its requests.
    #[cfg(feature = "state")]
    pub fn saved(&self) -> Vec<u8> {
        loop {
            let saved = self.transport.lock().unwrap().state();
            match saved {
                Err(bus::state::Unsaved::Busy) => std::thread::yield_now(),
                saved => return saved.unwrap(),
            }
        }
    }

    pub fn read(&self, offset: u64) -> u32 {
        let mut word = [0; 4];
        self.transport.lock().unwrap().read(offset, &mut word);
        u32::from_le_bytes(word)
    }

    pub fn write(&self, offset: u64, value: u32) {
        self.transport.lock().unwrap().write(offset, &value.to_le_bytes());
    }

    /// Accepts VERSION_1 and `features` and starts all queues.
    pub fn start(&mut self, features: u64) {
        self.start_with(features | VERSION_1);
    }

    /// Accepts `features`, to which a driver of before version 1 would not add VERSION_1, and starts all queues.
    pub fn start_with(&mut self, features: u64) {
        self.write(0x70, 0);
        self.write(0x70, 3);
        for (half, word) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.write(0x24, half);
            self.write(0x20, word);
        }
        self.write(0x70, 0xb);
        assert_eq!(self.read(0x70), 0xb, "features were refused");
        (0..self.sizes.len()).for_each(|queue| self.start_queue(queue));
        self.write(0x70, 0xf);
    }

    /// Accepts `features` and starts all queues of a legacy device, as such drivers do.
    pub fn start_legacy(&mut self, features: u32) {
        // In Linux's order: the size of a page comes first.
        self.write(0x28, 4096);
        self.write(0x70, 0);
        self.write(0x70, 3);
        self.write(0x20, features);
        for queue in 0..self.sizes.len() {
            let base = self.clear_queue(queue);
            self.write(0x3c, 4096);
            self.write(0x40, (base / 4096) as u32);
            assert_eq!(self.read(0x40), (base / 4096) as u32);
            let driver = base + 16 * u64::from(self.sizes[queue]);
            self.areas[queue] = [driver, (driver + 6).next_multiple_of(4096)];
        }
        self.write(0x70, 7);
    }

    /// Selects an empty queue, tells its size, and answers where it is.
    fn clear_queue(&mut self, queue: usize) -> u64 {
        let base = MEMORY_BASE + queue as u64 * QUEUE_BYTES;
        self.next[queue] = 0;
        self.memory.write_slice(&[0; QUEUE_BYTES as usize], GuestAddress(base)).unwrap();
        self.write(0x30, queue as u32);
        assert_eq!(self.read(0x34), u32::from(self.sizes[queue]));
        self.write(0x38, self.sizes[queue].into());
        base
    }

    pub fn start_queue(&mut self, queue: usize) {
        let base = self.clear_queue(queue);
        self.areas[queue] = [base + 0x1000, base + 0x2000];
        for (page, register) in [0x80, 0x90, 0xa0].into_iter().enumerate() {
            self.write(register, (base + page as u64 * 0x1000) as u32);
            self.write(register + 4, 0);
        }
        self.write(0x44, 1);
        assert_eq!(self.read(0x44), 1);
    }

    /// Makes one chain of `buffers` (address, length, whether the device writes) available, from descriptor `first`.
    pub fn offer(&mut self, queue: usize, first: u16, buffers: &[(u64, u32, bool)]) {
        let base = MEMORY_BASE + queue as u64 * QUEUE_BYTES;
        for (i, &(addr, len, writable)) in buffers.iter().enumerate() {
            let more = i + 1 < buffers.len();
            let flags = if writable { VRING_DESC_F_WRITE } else { 0 } | if more { VRING_DESC_F_NEXT } else { 0 };
            let at = base + 16 * (u64::from(first) + i as u64);
            self.memory.write_obj(addr, GuestAddress(at)).unwrap();
            self.memory.write_obj(len, GuestAddress(at + 8)).unwrap();
            self.memory.write_obj(flags as u16, GuestAddress(at + 12)).unwrap();
            self.memory.write_obj(first + i as u16 + 1, GuestAddress(at + 14)).unwrap();
        }
        let slot = u64::from(self.next[queue] % self.sizes[queue]);
        let [driver_area, _] = self.areas[queue];
        self.memory.write_obj(first, GuestAddress(driver_area + 4 + 2 * slot)).unwrap();
        self.next[queue] = self.next[queue].wrapping_add(1);
        self.memory.write_obj(self.next[queue], GuestAddress(driver_area + 2)).unwrap();
    }

    pub fn notify(&self, queue: usize) {
        self.write(0x50, queue as u32);
    }

    /// How many chains of `queue` the device has used.
    pub fn used(&self, queue: usize) -> u16 {
        self.memory.read_obj(GuestAddress(self.areas[queue][1] + 2)).unwrap()
    }

    /// Head and length of used element `index` of `queue`.
    pub fn used_element(&self, queue: usize, index: u16) -> (u32, u32) {
        let slot = u64::from(index % self.sizes[queue]);
        let at = self.areas[queue][1] + 4 + 8 * slot;
        (self.memory.read_obj(GuestAddress(at)).unwrap(), self.memory.read_obj(GuestAddress(at + 4)).unwrap())
    }

    pub fn interrupted(&self) -> bool {
        self.wire.is_high()
    }

    pub fn needs_reset(&self) -> bool {
        self.read(0x70) & 0x40 != 0
    }
}
