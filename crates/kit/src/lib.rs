//! What tests of several crates have in common: a hart alone with its memory ([`alone()`]), and who executes the
//! harts of a machine ([`By`]).
//!
//! For tests and fuzz targets alone; nothing that a user runs has it in it.

#![forbid(unsafe_code)]

mod alone;
#[cfg(feature = "machine")]
mod by;

pub use alone::{Alone, RAM_BASE, alone};
#[cfg(feature = "machine")]
pub use by::By;
