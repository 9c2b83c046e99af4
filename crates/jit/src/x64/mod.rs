//! The back end for x86-64: registers, tiles, and the code between blocks.
//!
//! Everything that knows the host's instruction set is in this folder; what it offers to the rest of the crate is
//! [`Host`], a [`Backend`], and where a signal interrupted the thread. Its [`Emitter`] is here by subjects, as
//! [`crate::host::Emitter`] is.
//!
//! Registers: rbp points into the hart ([`hart::engine::Core`]) so that all integer registers are in reach of a byte;
//! the guest registers of `HOME` live in host registers; r12 is the active data table, r15 what is left of the
//! quantum; rax, rcx and rdx are scratch. The floating-point registers of `F_HOMES` have a copy in an SSE register,
//! which the ways in and the ways back from helpers read from memory; xmm0 to xmm2 are scratch.

mod asm;
mod atomic;
mod calls;
mod crossing;
mod csr;
mod emit;
mod flags;
mod float;
mod float_csr;
mod inside;
mod memory;
mod state;
mod stubs;
mod tiles;

use crate::host::{Backend, MAX_INSNS, Made, Places, Runtime};
use emit::{Emitter, SLOW_PATH_BYTES};
use stubs::{Helpers, Stubs};

/// x86-64.
pub struct Host;

/// Jumps reach 2 GiB; a rest of that is left for the code that is being made.
const REACH: usize = (2 << 30) - (64 << 10);
const _: () = assert!(MAX_INSNS < 128, "the count of a block is a signed byte");

impl Backend for Host {
    type Emitter = Emitter;
    type Stubs = Stubs;

    const SLOW_PATH_BYTES: usize = SLOW_PATH_BYTES;
    const REACH: usize = REACH;
    const ROOM: usize = 64 << 10;
    const SMALL_ROOM: usize = 16 << 10;

    fn check_host() -> Result<(), String> {
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

    fn stubs<R: Runtime>(places: &Places) -> (Stubs, Made) {
        Stubs::generate(places, &Helpers::of::<R>())
    }

    fn emitter(places: Places, stubs: Stubs, used: Made) -> Emitter {
        Emitter::new(places, stubs, used)
    }

    #[inline]
    fn enter<R: Runtime>(stubs: &Stubs, runtime: &mut R, code: u64) {
        calls::enter(stubs, runtime, code);
    }

    /// They are a displacement, which counts from behind it.
    fn retarget(at: u64, to: u64) -> [u8; 4] {
        (to.wrapping_sub(at + 4) as i32).to_le_bytes()
    }

    /// Nothing: the host keeps its caches of instructions coherent with memory.
    #[inline]
    fn written(_: &Stubs, _: u64, _: &[u8]) {}

    #[inline]
    fn take_flags() -> fp::Flags {
        flags::take_flags()
    }

    #[inline]
    fn drop_flags() {
        flags::drop_flags();
    }

    #[inline]
    fn keep_flags(run: impl FnOnce()) {
        flags::keep_flags(run);
    }
}

/// Where a signal interrupted the thread.
#[cfg(target_os = "linux")]
pub fn interrupted_at(machine: &libc::mcontext_t) -> u64 {
    machine.gregs[libc::REG_RIP as usize] as u64
}
