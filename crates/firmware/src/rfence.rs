//! Remote fences.
//!
//! SBI 3.0, "RFENCE Extension (EID #0x52464E43 "RFNC")". The caller goes on when all harts it named have done the
//! fence, as the Linux kernel wants it.

use sbi::function::Rfence;
use sbi::pmu::FirmwareEvent;
use sbi::{Error, hart_list};
use vcpu::{EmulatedHart, Fence, FenceRange};

use crate::hsm::State;
use crate::requests::{Awaited, HartRequests, Request};

/// Asks the others for the fence, and does the caller's. `awaited` gets what is to be waited for. Answers whom it
/// asked.
pub fn answer(
    function: Rfence,
    args: &[u64; 6],
    (caller, hart): (usize, &mut dyn EmulatedHart),
    states: &[State],
    requests: &HartRequests,
    has_h: bool,
    awaited: &mut Vec<Awaited>,
) -> Result<Vec<usize>, Error> {
    let mut asked = Vec::new();
    let fence = fence(function, args, hart.vmid(), has_h)?;
    for id in hart_list(args[0], args[1], requests.harts())? {
        if id == caller {
            hart.fence(fence);
        } else if states.get(id).is_some_and(|state| state.is_up()) {
            // One that is stopped has no translation: it starts with none.
            asked.push(id);
            awaited.extend(requests.post(id, Request::Fence(fence)));
        }
    }
    Ok(asked)
}

/// What a call counts as: at who sends it, and at who receives it.
pub fn events(function: Rfence) -> (FirmwareEvent, FirmwareEvent) {
    use FirmwareEvent::*;
    match function {
        Rfence::RemoteFenceI => (FenceISent, FenceIReceived),
        Rfence::RemoteSfenceVma => (SfenceVmaSent, SfenceVmaReceived),
        Rfence::RemoteSfenceVmaAsid => (SfenceVmaAsidSent, SfenceVmaAsidReceived),
        Rfence::RemoteHfenceGvmaVmid => (HfenceGvmaVmidSent, HfenceGvmaVmidReceived),
        Rfence::RemoteHfenceGvma => (HfenceGvmaSent, HfenceGvmaReceived),
        Rfence::RemoteHfenceVvmaAsid => (HfenceVvmaAsidSent, HfenceVvmaAsidReceived),
        Rfence::RemoteHfenceVvma => (HfenceVvmaSent, HfenceVvmaReceived),
    }
}

fn fence(function: Rfence, args: &[u64; 6], vmid: u16, has_h: bool) -> Result<Fence, Error> {
    let [_, _, start, len, space, _] = *args;
    let is_of_h = !matches!(function, Rfence::RemoteFenceI | Rfence::RemoteSfenceVma | Rfence::RemoteSfenceVmaAsid);
    if is_of_h && !has_h {
        return Err(Error::NotSupported);
    }
    let space = u16::try_from(space).map_err(|_| Error::InvalidParam);
    Ok(match function {
        Rfence::RemoteFenceI => Fence::Instructions,
        Rfence::RemoteSfenceVma => Fence::Supervisor { range: range(start, len)?, asid: None },
        Rfence::RemoteSfenceVmaAsid => Fence::Supervisor { range: range(start, len)?, asid: Some(space?) },
        Rfence::RemoteHfenceGvmaVmid => Fence::GuestPhysical { range: range(start, len)?, vmid: Some(space?) },
        Rfence::RemoteHfenceGvma => Fence::GuestPhysical { range: range(start, len)?, vmid: None },
        Rfence::RemoteHfenceVvmaAsid => Fence::GuestVirtual { range: range(start, len)?, asid: Some(space?), vmid },
        Rfence::RemoteHfenceVvma => Fence::GuestVirtual { range: range(start, len)?, asid: None, vmid },
    })
}

/// "start_addr and size are both 0" or "size is equal to 2^XLEN-1" is the whole address space.
fn range(start: u64, len: u64) -> Result<FenceRange, Error> {
    match (start, len) {
        (0, 0) | (_, u64::MAX) => Ok(FenceRange::All),
        _ if start.checked_add(len).is_none() => Err(Error::InvalidAddress),
        _ => Ok(FenceRange::Part { start, len }),
    }
}
