//! The end of the machine's run, and its sleep.
//!
//! SBI 2.0, "System Reset Extension (EID #0x53525354 "SRST")" and "System Suspend Extension (EID #0x53555350 "SUSP")".

use memory::Ram;
use vcpu::{Reset, SystemEvent};

use crate::call::{Call, Outcome, Resume, SbiError};
use crate::hsm::{self, State};

const SHUTDOWN: u64 = 0;
const COLD_REBOOT: u64 = 1;
const WARM_REBOOT: u64 = 2;
const NO_REASON: u64 = 0;
const SYSTEM_FAILURE: u64 = 1;
const SUSPEND_TO_RAM: u64 = 0;

/// What a reset call asks for.
pub fn reset(call: &Call) -> Result<SystemEvent, SbiError> {
    let [kind, reason, ..] = call.args.map(|arg| arg & u64::from(u32::MAX));
    if call.function != 0 {
        return Err(SbiError::NotSupported);
    }
    match (kind, reason) {
        (SHUTDOWN, NO_REASON) => Ok(SystemEvent::Shutdown),
        (SHUTDOWN, SYSTEM_FAILURE) => Ok(SystemEvent::SystemFailure),
        (COLD_REBOOT, NO_REASON) => Ok(SystemEvent::Reset(Reset::Cold)),
        (WARM_REBOOT, NO_REASON) => Ok(SystemEvent::Reset(Reset::Warm)),
        (COLD_REBOOT | WARM_REBOOT, SYSTEM_FAILURE) => Ok(SystemEvent::Reset(Reset::AfterFailure)),
        // "reserved or is platform-specific and unimplemented"
        _ => Err(SbiError::InvalidParam),
    }
}

/// Suspends to RAM, from which the board wakes at once.
pub fn suspend(call: &Call, caller: usize, states: &[State], ram: &Ram) -> Outcome {
    let [kind, address, opaque, ..] = call.args;
    let others_run = states.iter().enumerate().any(|(id, &state)| id != caller && state.is_up());
    match (call.function, kind & u64::from(u32::MAX)) {
        (0, SUSPEND_TO_RAM) if others_run => Err(SbiError::Denied).into(),
        (0, SUSPEND_TO_RAM) => match hsm::check_address(address, ram) {
            Ok(()) => Outcome::Resume(Resume { address, opaque }),
            Err(error) => Err(error).into(),
        },
        // "reserved or is platform-specific and unimplemented"
        (0, _) => Err(SbiError::InvalidParam).into(),
        _ => Err(SbiError::NotSupported).into(),
    }
}
