//! Wrong input for everything that reads some.
//!
//! A [`Target`] is a function of bytes that panics where vhart would be at fault, and seeds that show it what good
//! input looks like. [`bounded`] runs each for a few seconds on mutated seeds, as part of `cargo test`; libFuzzer runs
//! the same functions, guided by coverage, for as long as one likes (`fuzz/` beside the workspace, `docs/fuzzing.md`).

#![forbid(unsafe_code)]

pub mod bounded;
pub mod corpus;
mod mutate;
pub mod targets;

pub use targets::{TARGETS, Target, target};
