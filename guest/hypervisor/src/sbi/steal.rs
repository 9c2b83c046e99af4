//! Time that was stolen from a virtual hart, told to its guest.
//!
//! SBI 3.0, "Steal-time Accounting Extension (EID #0x535441 "STA")". What the guest is told of `preempted` is that it
//! never is: the flag "MAY" be set.

use arch::GuestPhys;
use sbi::{Answer, Error, Memory, sta};

use crate::memory::guest::Shared;
use crate::start::hart;
use crate::vcpu::{Context, Vcpu};

/// Where a virtual hart is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    at: GuestPhys,
    /// What had been stolen before, and when it was told the last time.
    before: u64,
    last: u64,
    sequence: u32,
}

/// Says where, or nowhere any more.
pub fn set_shmem(vcpu: &Vcpu, args: &[u64; 6], context: &mut Context) -> Answer {
    let [low, high, flags, ..] = *args;
    let stops = (low, high) == (u64::MAX, u64::MAX);
    if flags != 0 || !stops && !low.is_multiple_of(sta::BYTES) {
        return Err(Error::InvalidParam);
    }
    if high != 0 && !stops {
        return Err(Error::InvalidAddress);
    }
    let stolen = vcpu.times.stolen();
    context.stolen = None;
    if !stops {
        Shared(&vcpu.guest().memory).write(low, &[0; sta::BYTES as usize]).ok_or(Error::InvalidAddress)?;
        context.stolen = Some(Told { at: GuestPhys(low), before: stolen, last: stolen, sequence: 0 });
    }
    Ok(0)
}

/// Tells it, before it executes on.
pub fn tell(vcpu: &Vcpu, context: &mut Context) {
    let stolen = vcpu.times.stolen();
    let Some(told) = context.stolen.as_mut().filter(|told| told.last != stolen) else { return };
    told.last = stolen;
    let nanoseconds = u128::from(stolen - told.before) * 1_000_000_000 / u128::from(hart::board().timebase_hz);
    let memory = Shared(&vcpu.guest().memory);
    // Its own memory: what cannot be written is the guest's loss.
    let mut count = || {
        told.sequence = told.sequence.wrapping_add(1);
        memory.write(told.at.0 + sta::SEQUENCE, &told.sequence.to_le_bytes())
    };
    let _ = count().and_then(|()| {
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
        memory.write(told.at.0 + sta::STEAL, &(nanoseconds as u64).to_le_bytes())
    });
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
    let _ = count();
}
