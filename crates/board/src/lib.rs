//! The `virt` board: memory map, device tree, loader, and the seam to the engines.
//!
//! Compatible with QEMU's `virt` machine, so that firmware, kernels and distributions need no port.
//!
//! # How a machine runs
//!
//! `board::Machine` makes RAM, devices and wires, asks the `Engine` for harts, loads programs, and places initrd
//! and device tree by their sizes. Each hart has a thread (`board::threads`); one that waits sleeps until its timer
//! or a kick. SBI calls come back as `Exit::Sbi` for `firmware`; what one hart asks of another (fences, starts) is
//! left in `firmware::HartRequests`, served before the other executes on, and waited for (`board::parallel`,
//! `docs/adr/0003`). With `--deterministic`, and for bare-metal programs, time goes by retired instructions and
//! harts take turns on one thread (`board::round_robin`): nothing depends on the host then, and digests of state
//! and console tell. With `--deterministic` quanta end and interrupts are taken at the same instruction whoever
//! executes (`vcpu::Pace`), so that engines come to the same digests.
//!
//! Wires end in `vcpu::HartPins`, by major interrupt (`arch::Interrupt`, an open set with AIA's default order as
//! one table) and, for guests, by line of `hgeip`. A controller of wired inputs is a `bus::InterruptController`;
//! messages go to a `bus::MsiSink`, which the bus is. A hart's interrupt files, if it has an IMSIC, are part of its
//! pins (`vcpu::imsic`): its CSRs reach them there, messages through `devices::imsic`. A guest's may be its host's
//! (`board::host_interrupts`: they are on the map and in the tree, and execute in the host's kernel). The board
//! keeps its devices as one list of `devices::Part`s (`board::parts`): map, device tree, reset, poll and snapshots go
//! by it. Regions of the bus can be added, moved and taken away while the machine runs.

#![forbid(unsafe_code)]

pub mod config;
pub mod console;
pub mod control;
mod controllers;
mod ending;
pub mod engine;
pub mod error;
#[cfg(feature = "formats")]
pub mod given;
#[cfg(not(feature = "formats"))]
#[path = "given_missing.rs"]
pub mod given;
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
pub mod parts;
mod patience;
mod placed;
mod pmu;
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
