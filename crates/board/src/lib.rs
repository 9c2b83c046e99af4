//! The `virt` board: memory map, device tree, loader, and the seam to the engines.
//!
//! Compatible with QEMU's `virt` machine, so that firmware, kernels and distributions need no port.

#![forbid(unsafe_code)]

pub mod config;
pub mod console;
pub mod control;
mod controllers;
mod ending;
pub mod engine;
pub mod error;
#[cfg(feature = "formats")]
mod given;
#[cfg(not(feature = "formats"))]
#[path = "given_missing.rs"]
mod given;
mod held;
mod host_interrupts;
mod hosted_harts;
mod htif;
pub mod limits;
mod lines;
pub mod loader;
pub mod machine;
pub mod map;
mod parallel;
mod patience;
mod placed;
mod pmu;
pub mod rom;
mod round_robin;
mod sampling;
mod show;
#[cfg(feature = "state")]
pub mod snapshot;
mod software;
mod stop;
mod threads;
pub mod tree;
mod watched;
mod wiring;

pub use config::{
    Aia, Debugging, Firmware, MOST_VMID_BITS, MachineConfig, Plug, SlotMaker, TimeSource, TrapInstruction, Watching,
    Whom,
};
pub use console::{Keyboard, Terminal};
pub use control::Control;
pub use ending::Ending;
pub use engine::{Cpu, Doorbell, Engine, HartSet, Harts, HostedHart, InterruptPlaces, Modes, Parts};
pub use error::Error;
pub use held::Held;
pub use host_interrupts::{HostAplic, HostInterrupts};
pub use machine::Machine;
pub use sampling::Sampling;
pub use show::{Asker, Show, Sight, Tell};
pub use stop::MachineStopper;
