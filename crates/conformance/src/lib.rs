//! Holds vhart's harts against oracles that are not vhart's.
//!
//! Random programs run on Spike and on vhart's hart in lock step: every retired instruction's effects are compared
//! ([`lockstep`]). A program is a function of its seed: random instruction streams ([`stream`]), and random privileged
//! sequences ([`mod@privileged`]). Translated code is compared at the ends of short quanta (`lockstep_translated`). The
//! public suites (riscv-tests) run where a variable names their files.
//!
//! # Oracles
//!
//! Spike in lock step over random instruction streams and random privileged sequences (`conformance`); differences
//! are either fixed or argued in `crates/conformance/differences.md`. Interrupts by AIA are asked for by a suite of
//! bare-metal programs (`crates/conformance/aia`), which QEMU runs as well. Lock step executes instructions one by
//! one; that blocks and remembered pages end in the same state is a test of its own
//! (`conformance/tests/blocks.rs`); so is that translated code does (`conformance/tests/jit_*.rs`). Translated code
//! is also held against Spike itself, at the ends of random short quanta (`conformance::lockstep_translated`). Code
//! that makes code is a program of its own (`conformance::self_modifying`). Public suites run where a variable
//! names their files. The instruction table is held against binutils, soft float against APFloat's algorithms and
//! the host.

#![forbid(unsafe_code)]

pub mod commit;
pub mod elf;
pub mod known_differences;
pub mod lockstep;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod lockstep_translated;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod pair;
pub mod privileged;
pub mod self_modifying;
pub mod spike;
pub mod stream;
