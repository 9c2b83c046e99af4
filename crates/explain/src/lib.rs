//! What happened to an access, and why: the walk through both stages level by level, the check that failed and the bit
//! that decided, and the trap that it became.
//!
//! [`explain`] answers a [`Question`] of a hart that stands still ([`Scene`]) with plain data, an [`Explanation`];
//! [`text()`] and [`svg()`] show it, and it serializes. The walk is that of `privileged::walk_seen`, the walker by
//! which the hart itself translates; nothing is written meanwhile. [`told`] explains a trap of which only the
//! registers' values are at hand.
//!
//! Left out: what another hart changes while the walk is read.
//!
//! # How a fault is explained
//!
//! `privileged::translate::walk` is `walk_seen` with `()` for its `Witness`, which sees nothing and costs nothing;
//! `explain` has one that puts the steps into order, and memory that takes writes for done. Which bits decide about
//! a leaf's permission is found by asking the walker's own rule (`permits`) what it would say were they different.
//! A hart keeps its last exceptions but environment calls (`hart::faults`), with the registers that decided and
//! what the access had asked for; a `vcpu::Snapshot` has them. The board shows harts (`board::Show`) when there is
//! something to be told of them, and when somebody asks (`board::Asker`).
//!
//! Names are found in the memory of the kernel that runs (`symbols::Kernel`, `docs/adr/0011`): an `events::Look`
//! shows the registers and memory of a hart, to whoever hears of an event, or of one that stands. A profile
//! (`vhart::profile`) looks at harts where the board lets them stand for it (`board::Sampling`).

#![forbid(unsafe_code)]

mod answer;
mod cause;
mod data;
mod instruction;
mod names;
mod pasted;
mod question;
mod recorder;
mod svg;
mod text;
mod told;
mod why;

pub use answer::{Scene, explain};
pub use data::*;
pub use names::Names;
pub use pasted::{Pasted, Unknown};
pub use question::{Chosen, Question, Wrong};
pub use svg::svg;
pub use text::{Style, text};
pub use told::{Told, told, told_text};
