//! A virtio device's registers, as a guest sees them.
//!
//! VIRTIO 1.2, "MMIO Device Register Layout", version 2. Who is behind them is told by [`Effect`]s what there is to do.
//! Left out: legacy drivers, shared memory regions.

use alloc::vec::Vec;

use crate::virtio_mmio::status::{DEVICE_NEEDS_RESET, DRIVER_OK, FEATURES_OK};
use crate::virtio_mmio::{self as at, INTERRUPT_CONFIG, Layout, half, set_half};

/// "VIRTIO_F_VERSION_1", without which there are no other drivers here.
pub const VERSION_1: u64 = 1 << 32;

/// Whether an access is to a register: "the driver MUST only use 32 bit wide and aligned reads and writes".
pub fn is_register(offset: u64, len_bytes: u8) -> bool {
    offset < at::CONFIG && len_bytes == 4 && offset.is_multiple_of(4)
}

/// What follows from a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// The device is to stop, and to forget all.
    Reset,
    /// The driver is ready: the device may begin.
    Begin,
    /// There may be something in this queue.
    Notify(usize),
}

#[derive(Clone, Debug, Default)]
struct Queue {
    layout: Layout,
    ready: bool,
}

/// The registers.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    kind: u32,
    features: u64,
    /// The largest queue.
    most: u32,
    queues: Vec<Queue>,
    features_sel: u32,
    driver_features_sel: u32,
    driver_features: u64,
    queue_sel: u32,
    status: u32,
    interrupt: u32,
}

impl Registers {
    /// Of a device of this type that offers `features`, with so many queues of at most `most` descriptors.
    pub fn new(kind: u32, features: u64, queues: usize, most: u32) -> Registers {
        Registers {
            kind,
            features: features | VERSION_1,
            most,
            queues: alloc::vec![Queue::default(); queues],
            ..Registers::default()
        }
    }

    /// What driver and device have agreed on.
    pub fn agreed(&self) -> u64 {
        self.driver_features
    }

    /// Where the driver has the queues that it uses.
    pub fn layouts(&self) -> impl Iterator<Item = Option<Layout>> {
        self.queues.iter().map(|queue| queue.ready.then_some(queue.layout))
    }

    /// Whether the driver is to be interrupted.
    pub fn interrupts(&self) -> bool {
        self.interrupt != 0
    }

    /// Interrupts the driver, for a reason or two.
    pub fn interrupt(&mut self, reasons: u32) {
        self.interrupt |= reasons;
    }

    /// The driver has done what makes no sense: until it resets the device nothing happens any more.
    pub fn break_down(&mut self) {
        self.status |= DEVICE_NEEDS_RESET;
        self.interrupt |= INTERRUPT_CONFIG;
    }

    /// Whether the driver is ready, and has broken nothing.
    pub fn runs(&self) -> bool {
        self.has(DRIVER_OK | FEATURES_OK) && !self.has(DEVICE_NEEDS_RESET)
    }

    fn has(&self, bits: u32) -> bool {
        self.status & bits == bits
    }

    /// Reads as a guest does: a register where the access is as wide as one, and bytes of the configuration space,
    /// which is `config`'s.
    pub fn access(&self, offset: u64, len_bytes: u8, config: impl Fn(u64) -> u8) -> u64 {
        match offset.checked_sub(at::CONFIG) {
            Some(first) => {
                (0..u64::from(len_bytes)).rev().fold(0, |value, byte| value << 8 | u64::from(config(first + byte)))
            }
            None if is_register(offset, len_bytes) => self.read(offset).into(),
            None => 0,
        }
    }

    /// Reads one, the configuration space left out.
    pub fn read(&self, offset: u64) -> u32 {
        let queue = self.queues.get(self.queue_sel as usize);
        match offset {
            at::MAGIC_VALUE => at::MAGIC,
            at::VERSION => at::MODERN,
            at::DEVICE_ID => self.kind,
            at::VENDOR_ID => at::VENDOR,
            at::DEVICE_FEATURES => half(self.features, self.features_sel),
            at::QUEUE_NUM_MAX => queue.map_or(0, |_| self.most),
            at::QUEUE_READY => queue.is_some_and(|queue| queue.ready).into(),
            at::INTERRUPT_STATUS => self.interrupt,
            at::STATUS => self.status,
            // "If the region does not exist, the length reads as -1."
            at::SHM_LEN_LOW..=at::SHM_BASE_HIGH => u32::MAX,
            _ => 0,
        }
    }

    /// Writes one.
    pub fn write(&mut self, offset: u64, value: u32) -> Effect {
        match offset {
            at::DEVICE_FEATURES_SEL => self.features_sel = value,
            at::DRIVER_FEATURES_SEL => self.driver_features_sel = value,
            at::DRIVER_FEATURES if !self.has(FEATURES_OK) => {
                set_half(&mut self.driver_features, self.driver_features_sel, value);
            }
            at::QUEUE_SEL => self.queue_sel = value,
            at::QUEUE_NOTIFY if self.runs() => return Effect::Notify(value as usize),
            at::INTERRUPT_ACK => self.interrupt &= !value,
            at::STATUS => return self.write_status(value),
            _ => self.write_queue(offset, value),
        }
        Effect::Nothing
    }

    /// A queue stays what it is while the driver runs: whoever wants another resets the device.
    fn write_queue(&mut self, offset: u64, value: u32) {
        let fixed = self.has(DRIVER_OK);
        let Some(queue) = self.queues.get_mut(self.queue_sel as usize).filter(|_| !fixed) else { return };
        match offset {
            at::QUEUE_READY => queue.ready = value & 1 != 0,
            _ => queue.layout.write(offset, value),
        }
    }

    fn write_status(&mut self, value: u32) -> Effect {
        if value == 0 {
            *self = Registers::new(self.kind, self.features, self.queues.len(), self.most);
            return Effect::Reset;
        }
        let ran = self.has(DRIVER_OK);
        let broken = self.status & DEVICE_NEEDS_RESET;
        let unknown = self.driver_features & !self.features != 0 || self.driver_features & VERSION_1 == 0;
        // "the device MUST NOT offer a feature [...]": what it does not offer it does not accept.
        let refused = if unknown { FEATURES_OK } else { 0 };
        self.status = value & 0xff & !refused | broken;
        match self.has(DRIVER_OK | FEATURES_OK) && !ran {
            true => Effect::Begin,
            false => Effect::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that offers FLUSH, which is bit 9, with one queue.
    fn disk() -> Registers {
        Registers::new(2, 1 << 9, 1, 32)
    }

    /// "Driver Requirements: Device Initialization", up to FEATURES_OK.
    fn accept(registers: &mut Registers, features: u64) {
        registers.write(at::STATUS, 1);
        registers.write(at::STATUS, 3);
        for half in [0, 1] {
            registers.write(at::DRIVER_FEATURES_SEL, half);
            registers.write(at::DRIVER_FEATURES, (features >> (32 * half)) as u32);
        }
        registers.write(at::STATUS, 11);
    }

    #[test]
    fn a_driver_that_does_as_it_should_begins() {
        let mut registers = disk();
        assert_eq!((registers.read(at::DEVICE_ID), registers.read(at::VERSION)), (2, 2));
        accept(&mut registers, 1 << 9 | VERSION_1);
        assert_eq!(registers.read(at::STATUS), 11);
        registers.write(at::QUEUE_NUM, 16);
        registers.write(at::QUEUE_DESC_LOW, 0x8000_0000);
        registers.write(at::QUEUE_DRIVER_HIGH, 1);
        registers.write(at::QUEUE_READY, 1);
        assert_eq!(registers.write(at::QUEUE_NOTIFY, 0), Effect::Nothing);
        assert_eq!(registers.write(at::STATUS, 15), Effect::Begin);
        assert_eq!(registers.write(at::QUEUE_NOTIFY, 0), Effect::Notify(0));
        let layout = registers.layouts().next().unwrap().unwrap();
        assert_eq!((layout.size, layout.descriptors, layout.driver), (16, 0x8000_0000, 1 << 32));
        // a running queue does not move
        registers.write(at::QUEUE_NUM, 8);
        assert_eq!(registers.layouts().next().unwrap().unwrap().size, 16);
    }

    #[test]
    fn features_that_are_not_offered_are_not_agreed_on() {
        for features in [1 << 9, VERSION_1 | 1, VERSION_1 | 1 << 34] {
            let mut registers = disk();
            accept(&mut registers, features);
            assert_eq!(registers.read(at::STATUS), 3, "{features:#x}");
            assert_eq!(registers.write(at::STATUS, 7), Effect::Nothing);
        }
    }

    #[test]
    fn a_reset_forgets_all() {
        let mut registers = disk();
        accept(&mut registers, VERSION_1);
        registers.write(at::STATUS, 15);
        registers.break_down();
        assert_eq!((registers.runs(), registers.interrupts(), registers.read(at::STATUS)), (false, true, 79));
        registers.write(at::STATUS, 15);
        assert_eq!(registers.read(at::STATUS), 79);
        assert_eq!(registers.write(at::STATUS, 0), Effect::Reset);
        assert_eq!((registers.read(at::STATUS), registers.interrupts(), registers.agreed()), (0, false, 0));
    }
}
