//! The devices of the board that are not virtio.
//!
//! Each is a core (registers in, registers out, pending interrupts; it knows no lock, bus, thread or clock) and a thin
//! adapter that implements [`bus::Device`] and owns the interrupt line and the backend. Each writes its own device-tree
//! node ([`DtNode`]), and a board handles all alike ([`Part`]). Addresses and interrupt numbers are the board's: a
//! device learns them only as a [`Placement`].

#![forbid(unsafe_code)]

mod access;
pub mod aclint;
pub mod aplic;
mod dt;
pub mod finisher;
pub mod imsic;
mod part;
pub mod plic;
mod power;
pub mod rtc;

pub mod uart16550;

pub use aclint::{Clint, Mswi, Mtimer, Sswi};
pub use aplic::{Aplic, AplicRegisters};
pub use dt::{DtNode, Placement, Specifier, Status, node_name};
pub use finisher::Finisher;
pub use imsic::{FileLevel, ImsicPages};
pub use part::Part;
pub use plic::{Contexts, Plic};
pub use power::PowerSwitch;
pub use rtc::Rtc;
pub use uart16550::{ConsoleOut, Uart16550};
