//! Cores of devices: registers in, registers out, and what pends.
//!
//! A core knows no lock, bus, thread or clock. The crate `devices` puts them on the board; the hypervisor
//! (`guest/hypervisor`), which has no operating system below it, gives them to its guests.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod aplic;
pub mod imsic;
pub mod node;
pub mod plic;
pub mod sources;
pub mod uart16550;
pub mod virtio;
pub mod virtio_mmio;
