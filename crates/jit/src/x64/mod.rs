//! The back end for x86-64: registers, tiles, and the code between blocks.
//!
//! Everything that knows the host's instruction set is in this folder. What a back end offers to the rest of the crate is
//! what is public here: [`Emitter`], which makes the code of blocks ([`Made`], in [`Places`]) from trees and says how a block
//! goes on ([`Exit`]); [`Stubs`], the code between blocks, which calls [`Helpers`]; [`check_host`]; and [`take_flags`],
//! [`drop_flags`], [`keep_flags`] and [`interrupted_at`], which look at the machine itself.
//!
//! Registers: rbp points into the hart ([`hart::engine::Core`]) so that all integer registers are in reach of a byte;
//! the guest registers of `HOME` live in host registers; r12 is the active data table, r15 what is left of the
//! quantum; rax, rcx and rdx are scratch. The floating-point registers of `F_HOMES` have a copy in an SSE register, which
//! the ways in and the ways back from helpers read from memory; xmm0 to xmm2 are scratch.

mod asm;
mod atomic;
mod crossing;
mod csr;
mod emit;
mod flags;
mod float;
mod float_csr;
mod memory;
mod state;
mod stubs;
mod tiles;

pub use crossing::SecondHalf;
pub use emit::{DETOUR_BYTES, Emitter, Exit, Made, Places};
pub use flags::{drop_flags, keep_flags, take_flags};
pub use state::BIAS;
pub use stubs::{Enter, Helpers, Stubs, System};

/// What generated code needs of the host.
///
/// # Errors
/// The features that are missing.
pub fn check_host() -> Result<(), String> {
    let features = [
        ("avx", is_x86_feature_detected!("avx")),
        ("bmi1", is_x86_feature_detected!("bmi1")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("fma", is_x86_feature_detected!("fma")),
        ("lzcnt", is_x86_feature_detected!("lzcnt")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("popcnt", is_x86_feature_detected!("popcnt")),
    ];
    let missing: Vec<&str> = features.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.join(", ")) }
}

/// Where a signal interrupted the thread.
#[cfg(target_os = "linux")]
pub fn interrupted_at(machine: &libc::mcontext_t) -> u64 {
    machine.gregs[libc::REG_RIP as usize] as u64
}
