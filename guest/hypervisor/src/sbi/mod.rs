//! Part 6: the Supervisor Binary Interface, from both sides.
//!
//! SBI 3.0. To its guests the hypervisor is the firmware (`guest`); for the machine it asks the firmware below
//! (`firmware`).

pub mod fences;
#[cfg(feature = "image")]
pub mod firmware;
#[cfg(feature = "image")]
pub mod guest;
#[cfg(feature = "image")]
pub mod steal;
