//! The end of the machine's run, and its sleep.
//!
//! SBI 2.0, "System Reset Extension (EID #0x53525354 "SRST")" and "System Suspend Extension (EID #0x53555350 "SUSP")".

use memory::Ram;
use vcpu::SystemEvent;

use crate::call::{Call, Outcome, SbiError};
use crate::hsm::{self, State};

const SHUTDOWN: u64 = 0;
const COLD_REBOOT: u64 = 1;
const WARM_REBOOT: u64 = 2;
const NO_REASON: u64 = 0;
const SYSTEM_FAILURE: u64 = 1;
const SUSPEND_TO_RAM: u64 = 0;

/// Exit code of a machine whose guest names a failure as the reason of its shutdown.
const FAILURE_CODE: u32 = 1;

/// What a reset call asks for.
pub fn reset(call: &Call) -> Result<SystemEvent, SbiError> {
    let [kind, reason, ..] = call.args.map(|arg| arg & u64::from(u32::MAX));
    if call.function != 0 {
        return Err(SbiError::NotSupported);
    }
    match (kind, reason) {
        (SHUTDOWN, NO_REASON) => Ok(SystemEvent::Shutdown),
        (SHUTDOWN, SYSTEM_FAILURE) => Ok(SystemEvent::Fail(FAILURE_CODE)),
        (COLD_REBOOT | WARM_REBOOT, NO_REASON | SYSTEM_FAILURE) => Ok(SystemEvent::Reset),
        (SHUTDOWN..=WARM_REBOOT, 0xe000_0000..) | (0xf000_0000.., _) => Err(SbiError::NotSupported),
        _ => Err(SbiError::InvalidParam),
    }
}

/// Suspends to RAM, from which the board wakes at once.
pub fn suspend(call: &Call, caller: usize, states: &[State], ram: &Ram) -> Outcome {
    let [kind, address, opaque, ..] = call.args;
    let others_run = states.iter().enumerate().any(|(id, &state)| id != caller && state == State::Started);
    match (call.function, kind & u64::from(u32::MAX)) {
        (0, SUSPEND_TO_RAM) if others_run => Err(SbiError::Denied).into(),
        (0, SUSPEND_TO_RAM) => hsm::resume(address, opaque, ram),
        (0, 0x8000_0000..) => Err(SbiError::NotSupported).into(),
        (0, _) => Err(SbiError::InvalidParam).into(),
        _ => Err(SbiError::NotSupported).into(),
    }
}
