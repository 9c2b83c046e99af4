//! Hart state management: who runs.
//!
//! SBI 2.0, "Hart State Management Extension (EID #0x48534D "HSM")". Harts are never in a pending state: one that
//! was started counts as such from then on, though its first instruction may take a while. A suspended hart wakes at once, which the specification allows:
//! waiting is what WFI is for.

use memory::Ram;
use vcpu::{FullHart, Reg};

use crate::call::{Answer, Call, Outcome, SbiError};
use crate::mail::{Mail, Request};
use crate::{A0, A1};

/// States of the specification's table, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// The hart runs.
    Started = 0,
    /// The hart waits for `hart_start`.
    Stopped = 1,
}

const RETENTIVE: u64 = 0;
const NON_RETENTIVE: u64 = 0x8000_0000;

pub fn answer(call: &Call, states: &mut [State], mail: &Mail, ram: &Ram) -> Outcome {
    let [a0, a1, a2, ..] = call.args;
    match call.function {
        0 => start(a0, a1, a2, states, mail, ram).into(),
        1 => Outcome::Stop,
        2 => status(a0, states).into(),
        3 => suspend(a0 & u64::from(u32::MAX), a1, a2, ram),
        _ => Err(SbiError::NotSupported).into(),
    }
}

fn start(hart: u64, address: u64, opaque: u64, states: &mut [State], mail: &Mail, ram: &Ram) -> Answer {
    let id = usize::try_from(hart).unwrap_or(usize::MAX);
    let state = states.get_mut(id).ok_or(SbiError::InvalidParam)?;
    if *state == State::Started {
        return Err(SbiError::AlreadyAvailable);
    }
    check_address(address, ram)?;
    *state = State::Started;
    mail.post(id, Request::Start { address, opaque });
    Ok(0)
}

/// Enters S-mode as the table of registers in "Function: HART start" says.
pub fn enter(target: &mut dyn FullHart, id: u64, address: u64, opaque: u64) {
    target.enter_supervisor(address);
    target.set_reg(A0, id);
    target.set_reg(A1, opaque);
}

fn status(hart: u64, states: &[State]) -> Answer {
    let id = usize::try_from(hart).unwrap_or(usize::MAX);
    states.get(id).map(|&state| state as u64).ok_or(SbiError::InvalidParam)
}

fn suspend(kind: u64, address: u64, opaque: u64, ram: &Ram) -> Outcome {
    match kind {
        RETENTIVE => Outcome::Return(Ok(0)),
        NON_RETENTIVE => resume(address, opaque, ram),
        // Platform-specific kinds exist, but this platform has none; the others are reserved.
        0x1000_0000..=0x7fff_ffff | 0x9000_0000..=0xffff_ffff => Err(SbiError::NotSupported).into(),
        _ => Err(SbiError::InvalidParam).into(),
    }
}

/// The answer of a suspend call that ends at `address`.
pub fn resume(address: u64, opaque: u64, ram: &Ram) -> Outcome {
    match check_address(address, ram) {
        Ok(()) => Outcome::Resume { address, opaque },
        Err(error) => Err(error).into(),
    }
}

/// An address to continue at is in RAM and could hold an instruction.
fn check_address(address: u64, ram: &Ram) -> Result<(), SbiError> {
    let fits = address.is_multiple_of(2) && ram.offset(arch::Phys(address), 2).is_some();
    fits.then_some(()).ok_or(SbiError::InvalidAddress)
}

/// A register of the calling convention.
pub const fn arg(n: u8) -> Reg {
    Reg::X(10 + n)
}
