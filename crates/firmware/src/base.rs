//! The base extension: which SBI, which firmware, and which other extensions there are.
//!
//! SBI 3.0, "Base Extension (EID #0x10)".

use sbi::function::Base;
use sbi::{Answer, Extension};

use crate::{ANSWERED, legacy};

/// Version 2.0: major number from bit 24 on.
const SPECIFICATION: u64 = 2 << 24;
/// Not in the specification's table of implementations: "vh".
const IMPLEMENTATION_ID: u64 = 0x7668;
const IMPLEMENTATION_VERSION: u64 = 1;

pub fn answer(function: Base, args: &[u64; 6]) -> Answer {
    Ok(match function {
        Base::GetSpecVersion => SPECIFICATION,
        Base::GetImplId => IMPLEMENTATION_ID,
        Base::GetImplVersion => IMPLEMENTATION_VERSION,
        Base::ProbeExtension => exists(args[0] as u32).into(),
        Base::GetMvendorid | Base::GetMarchid | Base::GetMimpid => 0,
    })
}

fn exists(eid: u32) -> bool {
    match Extension::numbered(eid) {
        Some(Extension::Legacy) => legacy::exists(eid),
        Some(extension) => ANSWERED.contains(&extension),
        None => false,
    }
}
