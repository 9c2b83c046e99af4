//! Machines in files: saved, and loaded again into one that is made alike.
//!
//! A [`Saved`] is a machine without its memory, as plain data; [`mod@file`] is how both lie in a file. A snapshot is of
//! a machine that stands between two turns ([`crate::Ending::Paused`]), whoever executes its harts.
//!
//! # How a machine is saved
//!
//! Every `Part`, virtio device and hart says what its state is, as a type of nothing but data
//! (`bus::state::Plain`); the board saves and loads all that are on its list, as bytes by their names
//! (`board::snapshot`, `machine::saved`, `docs/adr/0019`), between two turns of the harts and requests of the
//! devices. A change of a saved type raises `snapshot::SCHEMA` (`board/tests/schema.rs` tells when). What a hart is
//! loaded with is what its CSRs' rows let it hold (`privileged::State::check`). It is all behind the feature
//! `state`, which the VMM is without.

pub mod file;
mod format;
mod memory;
mod shape;

pub use file::Snapshot;
pub use format::Problem;
pub use shape::Shape;

use bus::state::{Unfit, Unsaved};
use serde::{Deserialize, Serialize};
use vcpu::PinsState;

/// The version of what is in a file. It is raised whenever anything changes in a type that is saved: they are told
/// apart by nothing else. Files of each version are kept in `vhart/tests/snapshots`.
pub const SCHEMA: u32 = 3;

/// A machine without its memory.
#[derive(Deserialize, Serialize)]
pub struct Saved {
    /// Ticks of its timebase.
    pub(crate) time: u64,
    /// Instructions that virtual time has not counted.
    pub(crate) uncounted: u64,
    /// The wires into each hart.
    pub(crate) pins: Vec<PinsState>,
    /// Every part by its name.
    pub(crate) parts: Vec<(String, Vec<u8>)>,
    /// The firmware outside the harts, if there is one.
    pub(crate) firmware: Option<Vec<u8>>,
    /// Each hart.
    pub(crate) harts: Vec<Vec<u8>>,
    /// What the run loop looks for in memory.
    pub(crate) symbols: Vec<(String, u64)>,
}

/// Why a machine cannot be saved, or not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What executes the harts keeps their state to itself.
    #[error("machines whose harts this engine executes cannot be saved; choose --engine jit or interp")]
    Engine,
    /// A part has what is no data.
    #[error("{why}")]
    Part {
        /// Which.
        name: String,
        /// Why.
        why: Unsaved,
    },
    /// A device has not come to an end.
    #[error("device {name} does not come to the end of its requests")]
    Busy {
        /// Which.
        name: String,
    },
    /// The file is none that can be read, or cannot be written.
    #[error(transparent)]
    File(#[from] Problem),
    /// It is of a machine that was made otherwise.
    #[error("it is of another machine: {}; it was made by {made_by:?}", differences.join(", "))]
    OtherMachine {
        /// What differs, each as half a sentence.
        differences: Vec<String>,
        /// The command.
        made_by: String,
    },
    /// A part does not take what was saved of its like.
    #[error("{name} does not fit: {why}; it was made by {made_by:?}")]
    Unfit {
        /// Which.
        name: String,
        /// Why.
        why: Unfit,
        /// The command.
        made_by: String,
    },
    /// The machine to load it into cannot be made.
    #[error(transparent)]
    Machine(#[from] crate::Error),
}
