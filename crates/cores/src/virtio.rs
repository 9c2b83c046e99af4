//! The driver's side of a virtio device, as a device sees it: the registers and the queues that a guest's driver
//! writes.
//!
//! VIRTIO 1.2, "Virtio Over MMIO" and "Split Virtqueues". What the device does with what is in its queues is its own.

pub mod registers;
pub mod ring;
