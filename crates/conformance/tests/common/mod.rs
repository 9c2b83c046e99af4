//! What the translator's tests share, beside the pair of engines.

#![allow(dead_code, reason = "each test uses its part")]

pub mod layout;
pub mod machine;
pub mod program;

#[allow(unused_imports, reason = "each test uses its part")]
pub use conformance::pair::{DEVICE, Pair, RAM_BASE, RAM_BYTES, parts};
