//! Where the registers of a memory-mapped virtio device are, and what the first of them say.
//!
//! VIRTIO 1.2, "Virtio Over MMIO": "MMIO Device Register Layout" and its legacy interface. Names are the specification's.

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
