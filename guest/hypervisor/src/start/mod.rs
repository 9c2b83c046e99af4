//! Part 1: from the firmware's jump to harts that run guests.
//!
//! SBI 3.0, "Hart State Management Extension": the first hart comes with its id in `a0` and the device tree in `a1`,
//! S-mode, `satp` zero, interrupts off; the others are started by the first, and come with what it gave them.

#[cfg(feature = "image")]
mod bytes;
pub mod controllers;
#[cfg(feature = "image")]
pub mod csr;
#[cfg(feature = "image")]
pub mod entry;
#[cfg(feature = "image")]
pub mod hart;
#[cfg(feature = "image")]
mod heap;
#[cfg(feature = "image")]
mod panic;
pub mod tree;
