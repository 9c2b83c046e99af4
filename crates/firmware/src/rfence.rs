//! Remote fences.
//!
//! SBI 2.0, "RFENCE Extension (EID #0x52464E43 "RFNC")". The caller goes on when all harts it named have done the fence,
//! as the Linux kernel wants it.

use vcpu::{Fence, FenceRange, FullHart};

use crate::call::{Call, SbiError};
use crate::hsm::State;
use crate::mail::{Mail, Request, Ticket};
use crate::mask;
use crate::pmu::FirmwareEvent;

/// Asks the others for the fence, and does the caller's. `awaited` gets what is to be waited for. Answers whom it asked.
pub fn answer(
    call: &Call,
    (caller, hart): (usize, &mut dyn FullHart),
    states: &[State],
    mail: &Mail,
    has_h: bool,
    awaited: &mut Vec<Ticket>,
) -> Result<Vec<usize>, SbiError> {
    let mut asked = Vec::new();
    let fence = fence(call, hart.vmid(), has_h)?;
    for id in mask::harts(call.args[0], call.args[1], mail.harts())? {
        if id == caller {
            hart.fence(fence);
        } else if states.get(id).is_some_and(|state| state.is_up()) {
            // One that is stopped has no translation: it starts with none.
            asked.push(id);
            awaited.extend(mail.post(id, Request::Fence(fence)));
        }
    }
    Ok(asked)
}

/// What a call counts as: at who sends it, and at who receives it.
pub fn events(function: u64) -> Option<(FirmwareEvent, FirmwareEvent)> {
    use FirmwareEvent::*;
    Some(match function {
        0 => (FenceISent, FenceIReceived),
        1 => (SfenceVmaSent, SfenceVmaReceived),
        2 => (SfenceVmaAsidSent, SfenceVmaAsidReceived),
        3 => (HfenceGvmaVmidSent, HfenceGvmaVmidReceived),
        4 => (HfenceGvmaSent, HfenceGvmaReceived),
        5 => (HfenceVvmaAsidSent, HfenceVvmaAsidReceived),
        6 => (HfenceVvmaSent, HfenceVvmaReceived),
        _ => return None,
    })
}

fn fence(call: &Call, vmid: u16, has_h: bool) -> Result<Fence, SbiError> {
    let [_, _, start, len, space, _] = call.args;
    if matches!(call.function, 3..=6) && !has_h {
        return Err(SbiError::NotSupported);
    }
    let space = u16::try_from(space).map_err(|_| SbiError::InvalidParam);
    Ok(match call.function {
        0 => Fence::Instructions,
        1 => Fence::Supervisor { range: range(start, len)?, asid: None },
        2 => Fence::Supervisor { range: range(start, len)?, asid: Some(space?) },
        3 => Fence::GuestPhysical { range: range(start, len)?, vmid: Some(space?) },
        4 => Fence::GuestPhysical { range: range(start, len)?, vmid: None },
        5 => Fence::GuestVirtual { range: range(start, len)?, asid: Some(space?), vmid },
        6 => Fence::GuestVirtual { range: range(start, len)?, asid: None, vmid },
        _ => return Err(SbiError::NotSupported),
    })
}

/// "start_addr and size are both 0" or "size is equal to 2^XLEN-1" is the whole address space.
fn range(start: u64, len: u64) -> Result<FenceRange, SbiError> {
    match (start, len) {
        (0, 0) | (_, u64::MAX) => Ok(FenceRange::All),
        _ if start.checked_add(len).is_none() => Err(SbiError::InvalidAddress),
        _ => Ok(FenceRange::Part { start, len }),
    }
}
