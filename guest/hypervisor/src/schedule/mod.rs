//! Part 8: which virtual hart runs where.
//!
//! One queue of those that could run, and a list of those that wait with their deadlines. A hart takes the first of the
//! queue, and runs it until it waits, stops, or its time slice is over while others stand in the queue. Whoever makes a
//! virtual hart ready interrupts a hart that has nothing to do.

pub mod queue;

#[cfg(feature = "image")]
pub use image::*;

#[cfg(feature = "image")]
mod image;
