//! Hart state management: who runs.
//!
//! SBI 3.0, "Hart State Management Extension (EID #0x48534D "HSM")". Harts are never in a pending state: one that
//! was started counts as such from then on, though its first instruction may take a while. A suspended hart sleeps
//! until an interrupt is pending and enabled, as in WFI; whoever runs the harts looks for that
//! ([`crate::Firmware::awakes`]).

use memory::Ram;
use sbi::function::Hsm;
use sbi::{Answer, Error, HartState, suspend_type};

use crate::requests::{HartRequests, Request};
use crate::{Outcome, Resume};

/// What a hart can be in, by the specification's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[repr(u64)]
pub enum State {
    /// The hart runs.
    Started = HartState::Started as u64,
    /// The hart waits for `hart_start`.
    Stopped = HartState::Stopped as u64,
    /// The hart waits for an interrupt.
    Suspended = HartState::Suspended as u64,
}

impl State {
    /// Whether the hart executes, or will without being started: fences and interrupts are for it.
    pub fn is_up(self) -> bool {
        self != State::Stopped
    }
}

pub fn answer(function: Hsm, args: &[u64; 6], states: &mut [State], requests: &HartRequests, ram: &Ram) -> Outcome {
    let [a0, a1, a2, ..] = *args;
    match function {
        Hsm::HartStart => start(a0, a1, a2, states, requests, ram).into(),
        Hsm::HartStop => Outcome::Stop,
        Hsm::HartGetStatus => status(a0, states).into(),
        Hsm::HartSuspend => suspend(a0 as u32, a1, a2, ram),
    }
}

fn start(hart: u64, address: u64, opaque: u64, states: &mut [State], requests: &HartRequests, ram: &Ram) -> Answer {
    let id = usize::try_from(hart).unwrap_or(usize::MAX);
    let state = states.get_mut(id).ok_or(Error::InvalidParam)?;
    if state.is_up() {
        return Err(Error::AlreadyAvailable);
    }
    check_address(address, ram)?;
    *state = State::Started;
    requests.post(id, Request::Start { address, opaque });
    Ok(0)
}

fn status(hart: u64, states: &[State]) -> Answer {
    let id = usize::try_from(hart).unwrap_or(usize::MAX);
    states.get(id).map(|&state| state as u64).ok_or(Error::InvalidParam)
}

fn suspend(kind: u32, address: u64, opaque: u64, ram: &Ram) -> Outcome {
    match kind {
        suspend_type::RETENTIVE => Outcome::Suspend(None),
        suspend_type::NON_RETENTIVE => match check_address(address, ram) {
            Ok(()) => Outcome::Suspend(Some(Resume { address, opaque })),
            Err(error) => Err(error).into(),
        },
        // "reserved or is platform-specific and unimplemented"
        _ => Err(Error::InvalidParam).into(),
    }
}

/// An address to continue at is in RAM and could hold an instruction.
pub fn check_address(address: u64, ram: &Ram) -> Result<(), Error> {
    let fits = address.is_multiple_of(2) && ram.offset(arch::Phys(address), 2).is_some();
    fits.then_some(()).ok_or(Error::InvalidAddress)
}
