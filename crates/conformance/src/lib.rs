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
//!
//! # Sail
//!
//! RISC-V's formal model is read, not run. Looked for in November 2026: no registry that this project gets things
//! from (Debian 12, PyPI, npm, crates.io) has the simulator, and none the compiler `sail` that makes it; the
//! project offers both as downloads of releases. The model of July 2026 (a513afa4) wants `sail` 0.20.2, whose
//! source has to be built by OCaml's opam (ott, lem and linksem are in no registry either); what could be had of
//! that source is 0.18, for a model of 2024. That of 2026 has no G-stage (no `hgatp`, `htval`, `hedeleg`) and no AIA,
//! where a second oracle is wanted most; for the rest Spike is one. Whoever has a `sail_riscv_sim` can hold it
//! against Spike's programs by hand: they are ELF files that end by HTIF.

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
