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
//!
//! # How code is generated
//!
//! `jit::JitHart` is a `hart::Hart` whose instructions run as generated code; traps, interrupts, contexts and CSRs
//! are the hart's own. `compile` is the instance of the texts whose word is a lazy tree (`expr`); a back end
//! (`host::Backend`, the seam to the host) makes code of trees and runs it. It alone knows the host's instructions
//! and registers, how far jumps reach and how one is changed, what is due before new code is executed, and which of
//! the orders that an instruction asks for the host keeps by itself. `x64` is one; `toy`, for tests, executes a
//! bytecode. `translator` finds code or has it made: the code of each page (`translator::cache`), jumps yet to
//! be linked (`links`), blocks in the making (`build`); `run` is the way in, the way out, and what code calls. Code
//! is keyed by virtual address and offset in RAM, never by mode, ASID or VMID: it reads the hart's own tables
//! (`tlb`), whose layout is fixed for it, through registers that point at the active ones. Blocks stay within a
//! page and are linked within it; all else goes through the context's jump table, which holds addresses of code.
//! Loads and stores in a row off one register are checked once (`compile::row`, `docs/adr/0023`). r15 counts what
//! is left of the quantum, and with it `instret`. Floating point runs on the host's unit while FS is Dirty and
//! `frm` is to nearest; flags gather in MXCSR, from which those of the host's own code (devices, console,
//! listeners) are kept out. CSRs that show what is stored in them, and SIE in `sstatus`, are accessed in place
//! (`privileged::csr::in_place`). What has no tile, and every slow path, runs the interpreter's instance
//! (`docs/adr/0002`). Generated code that faults is a bug: `crash` says of which guest instruction it was made, and
//! ends.

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
mod toy;
mod translator;
mod unit;
mod x64;

pub use crate::crash::before_abort;
pub use crate::host::Backend;
pub use crate::jit_hart::{Error, JitHart, JitParts};
pub use crate::toy::Toy;
pub use coverage::coverage;
pub use statistics::{Calls, Counters};
pub use x64::Host;
