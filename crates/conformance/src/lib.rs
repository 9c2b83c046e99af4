//! Holds vhart's harts against oracles that are not vhart's.
//!
//! Random programs run on Spike and on vhart's hart in lock step: every retired instruction's effects are compared
//! ([`lockstep`]). A program is a function of its seed: random instruction streams ([`stream`]), and random privileged
//! sequences ([`mod@privileged`]). Translated code is compared at the ends of short quanta (`translated`). The public suites (riscv-tests) run where a variable names their files.

#![forbid(unsafe_code)]

pub mod argued;
pub mod asm;
pub mod commit;
pub mod elf;
pub mod lockstep;
pub mod own_jit;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod pair;
pub mod privileged;
pub mod rng;
pub mod spike;
pub mod stream;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod translated;
