//! Where the registers of a memory-mapped virtio device are, and what the first of them say.
//!
//! VIRTIO 1.2, "Virtio Over MMIO": "MMIO Device Register Layout" and its legacy interface. Names are the
//! specification's.

#![allow(missing_docs, reason = "the names are the specification's")]

/// "virt", little-endian.
pub const MAGIC: u32 = 0x7472_6976;
/// "QEMU", little-endian: nobody assigns these, and this is what drivers have seen on the `virt` board.
pub const VENDOR: u32 = 0x554d_4551;
/// Version of the registers.
pub const MODERN: u32 = 2;
/// The same, of the legacy interface.
pub const LEGACY: u32 = 1;

pub const MAGIC_VALUE: u64 = 0x000;
pub const VERSION: u64 = 0x004;
pub const DEVICE_ID: u64 = 0x008;
pub const VENDOR_ID: u64 = 0x00c;
pub const DEVICE_FEATURES: u64 = 0x010;
pub const DEVICE_FEATURES_SEL: u64 = 0x014;
pub const DRIVER_FEATURES: u64 = 0x020;
pub const DRIVER_FEATURES_SEL: u64 = 0x024;
/// Legacy.
pub const GUEST_PAGE_SIZE: u64 = 0x028;
pub const QUEUE_SEL: u64 = 0x030;
pub const QUEUE_NUM_MAX: u64 = 0x034;
pub const QUEUE_NUM: u64 = 0x038;
/// Legacy.
pub const QUEUE_ALIGN: u64 = 0x03c;
/// Legacy.
pub const QUEUE_PFN: u64 = 0x040;
pub const QUEUE_READY: u64 = 0x044;
/// The driver notifies the device of buffers in a queue.
pub const QUEUE_NOTIFY: u64 = 0x050;
pub const INTERRUPT_STATUS: u64 = 0x060;
/// The driver acknowledges interrupts.
pub const INTERRUPT_ACK: u64 = 0x064;
pub const STATUS: u64 = 0x070;
pub const QUEUE_DESC_LOW: u64 = 0x080;
pub const QUEUE_DESC_HIGH: u64 = 0x084;
pub const QUEUE_DRIVER_LOW: u64 = 0x090;
pub const QUEUE_DRIVER_HIGH: u64 = 0x094;
pub const QUEUE_DEVICE_LOW: u64 = 0x0a0;
pub const QUEUE_DEVICE_HIGH: u64 = 0x0a4;
pub const SHM_LEN_LOW: u64 = 0x0b0;
pub const SHM_BASE_HIGH: u64 = 0x0bc;
pub const CONFIG_GENERATION: u64 = 0x0fc;
pub const CONFIG: u64 = 0x100;

/// "Device Status Field".
pub mod status {
    /// The driver is set up.
    pub const DRIVER_OK: u32 = 1 << 2;
    /// Driver and device have agreed on features.
    pub const FEATURES_OK: u32 = 1 << 3;
    /// The driver has done what makes no sense.
    pub const DEVICE_NEEDS_RESET: u32 = 1 << 6;
}

/// A bit of InterruptStatus: "Used Buffer Notification".
pub const INTERRUPT_USED: u32 = 1;
/// The same: "Configuration Change Notification".
pub const INTERRUPT_CONFIG: u32 = 1 << 1;

/// Where a driver wants a queue to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Layout {
    /// Descriptors.
    pub size: u32,
    /// "Descriptor Area".
    pub descriptors: u64,
    /// "Driver Area": the available ring.
    pub driver: u64,
    /// "Device Area": the used ring.
    pub device: u64,
}

impl Layout {
    /// Writes one of the registers of the selected queue that say it; others change nothing.
    pub fn write(&mut self, offset: u64, value: u32) {
        match offset {
            QUEUE_NUM => self.size = value,
            QUEUE_DESC_LOW => set_half(&mut self.descriptors, 0, value),
            QUEUE_DESC_HIGH => set_half(&mut self.descriptors, 1, value),
            QUEUE_DRIVER_LOW => set_half(&mut self.driver, 0, value),
            QUEUE_DRIVER_HIGH => set_half(&mut self.driver, 1, value),
            QUEUE_DEVICE_LOW => set_half(&mut self.device, 0, value),
            QUEUE_DEVICE_HIGH => set_half(&mut self.device, 1, value),
            _ => {}
        }
    }
}

/// The lower (`which` = 0) or upper (1) half of `value`; there are no others.
pub fn half(value: u64, which: u32) -> u32 {
    match which {
        0 => value as u32,
        1 => (value >> 32) as u32,
        _ => 0,
    }
}

/// Replaces the lower or upper half of `value`.
pub fn set_half(value: &mut u64, which: u32, new: u32) {
    match which {
        0 => *value = *value & !0xffff_ffff | u64::from(new),
        1 => *value = *value & 0xffff_ffff | u64::from(new) << 32,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_parts_are_written_half_by_half() {
        let mut layout = Layout::default();
        let writes = [(QUEUE_NUM, 8), (QUEUE_DESC_LOW, 0x8000_0000), (QUEUE_DESC_HIGH, 1), (QUEUE_DRIVER_HIGH, 2)];
        writes.into_iter().for_each(|(offset, value)| layout.write(offset, value));
        layout.write(QUEUE_DEVICE_LOW, 0x1000);
        layout.write(STATUS, 7);
        let (descriptors, driver) = (0x1_8000_0000, 0x2_0000_0000);
        assert_eq!(layout, Layout { size: 8, descriptors, driver, device: 0x1000 });
    }

    #[test]
    fn there_are_two_halves() {
        assert_eq!([0, 1, 2].map(|which| half(0x1_0000_0002, which)), [2, 1, 0]);
        let mut whole = 7;
        set_half(&mut whole, 2, 9);
        assert_eq!(whole, 7);
    }
}
