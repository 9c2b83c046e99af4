//! A guest kernel that checks what a guest may rely on.
//!
//! Every check is a sentence of a specification: of the Privileged architecture as VS-mode sees it, or of SBI 3.0. It
//! prints those that fail, then how many passed, and turns the machine off: with a failure where one failed. It does
//! not know whether it runs below a hypervisor of vhart's, below KVM, or on the bare machine; where two of these
//! differ, one of them is wrong. With `checks.attack` on its command line it checks nothing: it attacks whoever runs
//! it, and its neighbours (`attack`). With `checks.written` it writes to memory, and says to how much (`written`); with
//! `checks.large` it uses a GiB of it (`large`).

#![no_std]

#[cfg(feature = "image")]
mod attack;
#[cfg(feature = "image")]
mod call;
#[cfg(feature = "image")]
mod check;
#[cfg(feature = "image")]
mod exceptions;
#[cfg(feature = "image")]
mod extensions;
#[cfg(feature = "image")]
mod harts;
#[cfg(feature = "image")]
mod interrupts;
#[cfg(feature = "image")]
mod large;
#[cfg(feature = "image")]
mod machine;
#[cfg(feature = "image")]
mod memory;
#[cfg(feature = "image")]
mod messages;
#[cfg(feature = "image")]
mod standard;
#[cfg(feature = "image")]
mod written;
