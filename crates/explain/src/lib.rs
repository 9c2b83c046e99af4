//! What happened to an access, and why: the walk through both stages level by level, the check that failed and the bit
//! that decided, and the trap that it became.
//!
//! [`explain`] answers a [`Question`] of a hart that stands still ([`Scene`]) with plain data, an [`Explanation`];
//! [`text()`] and [`svg()`] show it, and it serializes. The walk is that of `privileged::walk_seen`, the walker by
//! which the hart itself translates; nothing is written meanwhile. [`told`] explains a trap of which only the
//! registers' values are at hand.
//!
//! Left out: what another hart changes while the walk is read.

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
