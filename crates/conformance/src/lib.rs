//! Holds vhart's harts against oracles that are not vhart's.
//!
//! Random programs run on Spike and on vhart's hart in lock step: every retired instruction's effects are compared
//! ([`lockstep`]). A program is a function of its seed: random instruction streams ([`stream`]), and random privileged
//! sequences ([`mod@privileged`]). Translated code is compared at the ends of short quanta (`lockstep_translated`). The
//! public suites (riscv-tests) run where a variable names their files.

#![forbid(unsafe_code)]

pub mod asm;
pub mod commit;
pub mod elf;
pub mod known_differences;
pub mod lockstep;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod lockstep_translated;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod pair;
pub mod privileged;
pub mod rng;
pub mod self_modifying;
pub mod spike;
pub mod stream;
