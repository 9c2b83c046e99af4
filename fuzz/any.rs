//! Any target, guided by coverage: the one that `VHART_FUZZ_TARGET` names.
//!
//! One program for all targets links once. `docs/fuzzing.md` says how to run it.

#![no_main]

use std::sync::LazyLock;

use fuzz::{Target, target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("VHART_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("VHART_FUZZ_TARGET='{name}' names no target: see vhart-fuzz list"))
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
