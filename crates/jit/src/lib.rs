//! Harts executed by a translator: blocks of guest instructions become code of the host.
//!
//! [`JitHart`] is a [`hart::Hart`] whose instructions run as generated code; everything else about it, traps,
//! interrupts, contexts, CSRs, is the hart's own. What an instruction does is read from the one definition in
//! `semantics`: the compiler is an instance of the texts whose word is an expression tree (`expr`), which a back end
//! (`host`: the seam; `x64`) makes code of. What has no tile runs through the interpreter, one call, with exact state.
//!
//! Each hart has a code cache of its own, so nothing that executes is ever changed by another thread.
//!
//! Only x86-64 hosts so far; elsewhere the crate is empty.

#![cfg(all(target_arch = "x86_64", unix))]
#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "what a crash was made of is told on Linux only"))]

mod compile;
mod coverage;
#[cfg(target_os = "linux")]
mod crash;
#[cfg(not(target_os = "linux"))]
#[path = "crash_unseen.rs"]
mod crash;
mod debug;
mod expr;
mod host;
mod jit_hart;
#[cfg(test)]
mod looping;
mod memory;
mod notes;
mod run;
mod sites;
mod statistics;
#[cfg(any(test, feature = "toy"))]
mod toy;
mod translator;
mod unit;
mod x64;

pub use crate::crash::before_abort;
pub use crate::host::Backend;
pub use crate::jit_hart::{Error, JitHart, JitParts};
#[cfg(any(test, feature = "toy"))]
pub use crate::toy::Toy;
pub use coverage::coverage;
pub use statistics::{Calls, Counters};
pub use x64::Host;
