//! What there is.
//!
//! SBI 2.0, "Base Extension (EID #0x10)".

use crate::call::{Answer, Call, SbiError};
use crate::eid;

/// Version 2.0: major number from bit 24 on.
const SPECIFICATION: u64 = 2 << 24;
/// Not in the specification's table of implementations: "vh".
const IMPLEMENTATION_ID: u64 = 0x7668;
const IMPLEMENTATION_VERSION: u64 = 1;

pub fn answer(call: &Call) -> Answer {
    match call.function {
        0 => Ok(SPECIFICATION),
        1 => Ok(IMPLEMENTATION_ID),
        2 => Ok(IMPLEMENTATION_VERSION),
        3 => Ok(u64::from(exists(call.args[0]))),
        4..=6 => Ok(0), // mvendorid, marchid, mimpid
        _ => Err(SbiError::NotSupported),
    }
}

fn exists(extension: u64) -> bool {
    use eid::*;
    let extension = extension as u32;
    let standard = [BASE, TIME, IPI, RFENCE, HSM, SRST, PMU, DBCN, SUSP];
    let legacy = [LEGACY_SET_TIMER, LEGACY_PUTCHAR, LEGACY_GETCHAR, LEGACY_SHUTDOWN];
    standard.contains(&extension) || legacy.contains(&extension)
}
