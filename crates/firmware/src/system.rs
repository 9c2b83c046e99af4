//! The end of the machine's run, and its sleep.
//!
//! SBI 3.0, "System Reset Extension (EID #0x53525354 "SRST")" and "System Suspend Extension (EID #0x53555350 "SUSP")".

use memory::Ram;
use sbi::Error;
use sbi::system::{reset_reason, reset_type, sleep_type};
use vcpu::{Reset, SystemEvent};

use crate::hsm::{self, State};
use crate::{Outcome, Resume};

/// What a reset call asks for.
pub fn reset(args: &[u64; 6]) -> Result<SystemEvent, Error> {
    use reset_reason::*;
    use reset_type::*;
    let [kind, reason, ..] = args.map(|arg| arg as u32);
    match (kind, reason) {
        (SHUTDOWN, NO_REASON) => Ok(SystemEvent::Shutdown),
        (SHUTDOWN, SYSTEM_FAILURE) => Ok(SystemEvent::SystemFailure),
        (COLD_REBOOT, NO_REASON) => Ok(SystemEvent::Reset(Reset::Cold)),
        (WARM_REBOOT, NO_REASON) => Ok(SystemEvent::Reset(Reset::Warm)),
        (COLD_REBOOT | WARM_REBOOT, SYSTEM_FAILURE) => Ok(SystemEvent::Reset(Reset::AfterFailure)),
        // "reserved or is platform-specific and unimplemented"
        _ => Err(Error::InvalidParam),
    }
}

/// Suspends to RAM, from which the board wakes at once.
pub fn suspend(args: &[u64; 6], caller: usize, states: &[State], ram: &Ram) -> Outcome {
    let [kind, address, opaque, ..] = *args;
    let others_run = states.iter().enumerate().any(|(id, &state)| id != caller && state.is_up());
    match kind as u32 {
        sleep_type::SUSPEND_TO_RAM if others_run => Err(Error::Denied).into(),
        sleep_type::SUSPEND_TO_RAM => match hsm::check_address(address, ram) {
            Ok(()) => Outcome::Resume(Resume { address, opaque }),
            Err(error) => Err(error).into(),
        },
        // "reserved or is platform-specific and unimplemented"
        _ => Err(Error::InvalidParam).into(),
    }
}
