//! Address translation and protection: what a virtual address means, and why it may mean nothing.
//!
//! Privileged architecture, "Virtual Address Translation Process"; H extension, "Two-Stage Address Translation". A
//! [`Request`] says what an access asks for, [`walk`] answers with a [`Translation`] or the trap to take.

mod fault;
mod request;
mod walk;
mod witness;

pub use fault::{Failure, Stage, WalkError, access_fault, trap};
pub use request::{Access, PagePermits, Request};
pub use walk::{GuestLeaf, PageMemory, Translation, permits, walk, walk_seen};
pub use witness::{Defect, Detail, Step, Table, Tree, Witness};
