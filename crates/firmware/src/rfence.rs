//! Remote fences.
//!
//! SBI 2.0, "RFENCE Extension (EID #0x52464E43 "RFNC")". The caller owns all harts meanwhile, so each fence is done,
//! not requested, when the call returns.

use vcpu::{Fence, FenceRange, FullHart};

use crate::call::{Answer, Call, SbiError};
use crate::hsm::State;
use crate::mask;

pub fn answer(call: &Call, caller: usize, states: &[State], harts: &mut [Box<dyn FullHart>], has_h: bool) -> Answer {
    let vmid = harts.get(caller).map_or(0, |hart| hart.vmid());
    let fence = fence(call, vmid, has_h)?;
    for id in mask::harts(call.args[0], call.args[1], harts.len())? {
        // A hart that is stopped has no translation: it starts with none.
        if states.get(id) == Some(&State::Started) {
            harts[id].fence(fence);
        }
    }
    Ok(0)
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
