//! Harts executed by a translator: blocks of guest instructions become code of the host.
//!
//! [`JitHart`] is a [`hart::Hart`] whose instructions run as generated code; everything else about it, traps,
//! interrupts, contexts, CSRs, is the hart's own. What an instruction does is read from the one definition in
//! `semantics`: the compiler is an instance of the texts whose word is an expression tree (`expr`), which the back end
//! (`x64`) tiles onto the host's instructions. What has no tile runs through the interpreter, one call, with exact state.
//!
//! Each hart has a code cache of its own, so nothing that executes is ever changed by another thread.
//!
//! Only x86-64 hosts so far; elsewhere the crate is empty.

#![cfg(all(target_arch = "x86_64", unix))]
#![deny(unsafe_op_in_unsafe_fn)]

mod compile;
mod coverage;
mod expr;
mod memory;
mod sites;
mod statistics;
mod translated;
mod translator;
mod unit;
mod x64;

pub use crate::translated::{Error, JitHart, JitParts};
pub use coverage::coverage;
pub use statistics::{Calls, Counters};
