//! A back end for tests: its code is a bytecode, which it interprets itself.
//!
//! It proves that all that a processor needs is below the seam ([`crate::host`]), and keeps it so: whatever is
//! translated runs by it as by the host's, on any host, without unsafe code. Its code lies in the same memory, but what
//! it executes is what it was told of by [`Backend::written`], as with a processor whose instruction caches do not see
//! stores; its jumps reach less far; and it has no registers, and no order of memory accesses, that it takes for
//! granted.

#![forbid(unsafe_code)]

mod cache;
mod csr;
mod emit;
mod machine;
mod memory;
mod step;

use std::sync::Arc;

use crate::host::{Backend, Made, Places, Runtime};
use cache::Cache;
use emit::Emitter;
use step::{STEP_BYTES, TARGET_AT};

/// The bytecode.
pub struct Toy;

/// There is no code between blocks. What stands for it is what is common to all code of a hart.
#[derive(Clone, Default)]
pub struct Stubs {
    /// Where slow paths begin.
    slow_paths: u64,
    cache: Arc<Cache>,
}

impl Backend for Toy {
    type Emitter = Emitter;
    type Stubs = Stubs;

    const SLOW_PATH_BYTES: usize = STEP_BYTES;
    const REACH: usize = 16 << 20;
    const ROOM: usize = 512 << 10;
    const SMALL_ROOM: usize = 32 << 10;

    fn check_host() -> Result<(), String> {
        Ok(())
    }

    fn stubs<R: Runtime>(places: &Places) -> (Stubs, Made) {
        (Stubs { slow_paths: places.slow_paths, ..Stubs::default() }, Made::default())
    }

    fn emitter(places: Places, _: Stubs, used: Made) -> Emitter {
        Emitter::new(places, used)
    }

    fn enter<R: Runtime>(stubs: &Stubs, runtime: &mut R, code: u64) {
        machine::run(stubs, runtime, code);
    }

    /// They are a displacement, which counts from the beginning of the step.
    fn retarget(at: u64, to: u64) -> [u8; 4] {
        (to.wrapping_sub(at - TARGET_AT) as i32).to_le_bytes()
    }

    fn written(stubs: &Stubs, at: u64, code: &[u8]) {
        stubs.cache.fill(at, code);
    }

    /// None: what is raised goes to `fflags` at once.
    fn take_flags() -> fp::Flags {
        fp::Flags::NONE
    }

    fn drop_flags() {}

    fn keep_flags(run: impl FnOnce()) {
        run();
    }
}
