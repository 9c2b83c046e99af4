//! What tests of several crates have in common, each thing once.
//!
//! A hart alone with its memory ([`alone()`]) and its registers ([`Registers`]); a hart that does what it is told
//! ([`FakeHart`]); wires and messages ([`Wire`], [`Messages`]); the assembler ([`Code`], [`mod@encode`]); random
//! numbers ([`Rng`]). With `machine`, who executes the harts of a whole machine ([`By`], [`Fakes`], [`NoHarts`]).
//!
//! For tests and fuzz targets alone; nothing that a user runs has it in it. `cargo xtask layers` refuses copies.

#![forbid(unsafe_code)]

mod alone;
#[cfg(feature = "machine")]
mod by;
mod code;
mod echo;
pub mod encode;
#[cfg(feature = "machine")]
mod engines;
mod fake;
mod rng;
mod wire;

pub use alone::{RAM_BASE, Registers, alone, hart, one_of_many, ram};
#[cfg(feature = "machine")]
pub use by::By;
pub use code::{Code, Hole};
pub use echo::Echo;
#[cfg(feature = "machine")]
pub use engines::{Fakes, NoHarts};
pub use fake::{Act, Asked, FAKE_VMID, FakeHart, Script};
pub use rng::Rng;
pub use wire::{Messages, Wire};
