//! The calls of guests.
//!
//! SBI 3.0: each extension by its chapter. What is not here answers `SBI_ERR_NOT_SUPPORTED`.

use core::sync::atomic::Ordering;

use arch::GuestPhys;
use arch::csr::{self as registers, ip};
use sbi::function::{Base, Hsm, Ipi, Rfence, Srst, Sta, Susp, Time};
use sbi::pmu::{Counters, FirmwareEvent};
use sbi::system::{reset_reason, reset_type, sleep_type};
use sbi::{Answer, Call, Error, Extension, Function, HartState, SbiRet, function, hart_list, register, suspend_type};

use super::fences::Range;
use super::{firmware, steal};
use crate::control::guests::Ending;
use crate::memory::guest::Shared;
use crate::schedule;
use crate::start::{csr, hart};
use crate::timers;
use crate::vcpu::environment;
use crate::vcpu::{Asleep, Begin, Context, Next, Vcpu, wanted};

/// Version 3.0: major number from bit 24 on.
const SPECIFICATION: u64 = 3 << 24;
/// Not in the specification's table of implementations: "vhyp".
const IMPLEMENTATION_ID: u64 = 0x7668_7970;
const IMPLEMENTATION_VERSION: u64 = 1;

// ANCHOR: answer
/// Answers the call in the guest's registers.
pub fn answer(vcpu: &'static Vcpu, context: &mut Context) -> Next {
    let call = Call::from_registers(|n| context.registers.get(n));
    let mut next = Next::Resume;
    let answer = match call.function() {
        Some(Function::Base(function)) => base(function, &call.args),
        Some(Function::Time(Time::SetTimer)) => set_timer(call.args[0], vcpu, context),
        Some(Function::Ipi(Ipi::SendIpi)) => interrupt(vcpu, &call.args, context),
        Some(Function::Rfence(function)) => fence(function, vcpu, &call.args, context),
        Some(Function::Hsm(function)) => hsm(function, vcpu, &call.args, context, &mut next),
        Some(Function::Susp(Susp::SystemSuspend)) => system_suspend(vcpu, &call.args, context, &mut next),
        Some(Function::Sta(Sta::SetShmem)) => steal::set_shmem(vcpu, &call.args, context),
        Some(Function::Pmu(function)) => pmu(function, vcpu, &call.args, context),
        Some(Function::Srst(Srst::SystemReset)) => reset(vcpu, &call.args),
        Some(Function::Dbcn(function)) => {
            let guest = vcpu.guest();
            sbi::console::answer(function, &call.args, &Shared(&guest.memory), &mut guest.line())
        }
        _ => Err(Error::NotSupported),
    };
    if next != Next::Stop {
        let ret = SbiRet::from(answer);
        context.registers.set(register::A0, ret.error as u64);
        context.registers.set(register::A1, ret.value);
    }
    next
}
// ANCHOR_END: answer

fn base(function: Base, args: &[u64; 6]) -> Answer {
    match function {
        Base::GetSpecVersion => Ok(SPECIFICATION),
        Base::GetImplId => Ok(IMPLEMENTATION_ID),
        Base::GetImplVersion => Ok(IMPLEMENTATION_VERSION),
        Base::ProbeExtension => Ok(exists(args[0] as u32).into()),
        Base::GetMvendorid | Base::GetMarchid | Base::GetMimpid => firmware::identity(function),
    }
}

fn exists(eid: u32) -> bool {
    use Extension::*;
    match Extension::numbered(eid) {
        Some(Base | Time | Ipi | Rfence | Hsm | Srst | Dbcn | Pmu | Susp | Sta) => true,
        Some(Legacy | Cppc | Nacl | Sse | Fwft | Dbtr | Mpxy) | None => false,
    }
}

// ANCHOR: set_timer
/// "Timer Extension": "must clear the pending timer interrupt bit as well".
fn set_timer(deadline: u64, vcpu: &Vcpu, context: &mut Context) -> Answer {
    context.pmu.note(FirmwareEvent::SetTimer);
    match timers::has_sstc() {
        true => csr::write::<{ registers::VSTIMECMP }>(deadline),
        false => {
            csr::clear::<{ registers::HVIP }>(ip::VSTIP);
            vcpu.timer.store(timers::of_guest(deadline, vcpu.guest().htimedelta()), Ordering::Relaxed);
            schedule::arm();
        }
    }
    Ok(0)
}
// ANCHOR_END: set_timer

fn interrupt(vcpu: &Vcpu, args: &[u64; 6], context: &mut Context) -> Answer {
    context.pmu.note(FirmwareEvent::IpiSent);
    let vcpus = &vcpu.guest().vcpus;
    hart_list(args[0], args[1], vcpus.len())?.for_each(|target| schedule::want(&vcpus[target], wanted::SOFTWARE));
    Ok(0)
}

/// "RFENCE Extension": done when the call returns. A virtual hart that does not execute does it before it does again.
fn fence(function: Rfence, vcpu: &Vcpu, args: &[u64; 6], context: &mut Context) -> Answer {
    let [mask, base, start, len, asid, _] = *args;
    let (what, sent, asid) = match function {
        Rfence::RemoteFenceI => (wanted::FENCE_I, FirmwareEvent::FenceISent, None),
        Rfence::RemoteSfenceVma => (wanted::FENCE, FirmwareEvent::SfenceVmaSent, None),
        Rfence::RemoteSfenceVmaAsid => (wanted::FENCE, FirmwareEvent::SfenceVmaAsidSent, Some(asid)),
        // Guests have no H.
        Rfence::RemoteHfenceGvmaVmid
        | Rfence::RemoteHfenceGvma
        | Rfence::RemoteHfenceVvmaAsid
        | Rfence::RemoteHfenceVvma => {
            return Err(Error::NotSupported);
        }
    };
    context.pmu.note(sent);
    let vcpus = &vcpu.guest().vcpus;
    let targets = || hart_list(mask, base, vcpus.len()).map(|list| list.map(|target| &vcpus[target]));
    for target in targets()? {
        if what == wanted::FENCE {
            target.fences.lock().add(Range::new(start, len, asid));
        }
        schedule::want(target, what);
    }
    targets()?.for_each(|target| left(target, what));
    Ok(0)
}

// ANCHOR: left
/// Waits until `target` has seen what was wanted of it, or executes nothing: this hart executes no guest meanwhile, so
/// that two that wait for each other both go on.
pub fn left(target: &Vcpu, what: u32) {
    let executes = || {
        let hart = target.last_hart.load(Ordering::SeqCst);
        hart::harts().get(hart).is_some_and(|hart| {
            hart.in_guest.load(Ordering::SeqCst) && hart.running().is_some_and(|running| core::ptr::eq(running, target))
        })
    };
    while target.wanted.load(Ordering::SeqCst) & what != 0 && executes() {
        core::hint::spin_loop();
    }
}
// ANCHOR_END: left

fn hsm(function: Hsm, vcpu: &'static Vcpu, args: &[u64; 6], context: &mut Context, next: &mut Next) -> Answer {
    let target = |id: u64| vcpu.guest().vcpus.get(usize::try_from(id).unwrap_or(usize::MAX)).ok_or(Error::InvalidParam);
    match function {
        Hsm::HartStart => start(target(args[0])?, args[1], args[2]),
        Hsm::HartStop => {
            *next = Next::Stop;
            Ok(0)
        }
        Hsm::HartGetStatus => target(args[0]).map(|target| target.state.load(Ordering::SeqCst).into()),
        Hsm::HartSuspend => suspend(vcpu, args, context, next),
    }
}

fn start(target: &'static Vcpu, address: u64, opaque: u64) -> Answer {
    if target.guest().is_ending() {
        return Err(Error::Failed);
    }
    let begin = begin(target, address, opaque)?;
    let (stopped, pending) = (HartState::Stopped as u8, HartState::StartPending as u8);
    if target.state.compare_exchange(stopped, pending, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        return Err(Error::AlreadyAvailable);
    }
    *target.begin.lock() = Some(begin);
    schedule::begin(target);
    Ok(0)
}

/// A place where the guest has memory.
fn begin(vcpu: &Vcpu, address: u64, opaque: u64) -> Result<Begin, Error> {
    let exists = vcpu.guest().memory.lock().contains(GuestPhys(address), 2);
    exists.then_some(Begin { at: GuestPhys(address), opaque }).ok_or(Error::InvalidAddress)
}

/// "Function: Hart suspend".
fn suspend(vcpu: &Vcpu, args: &[u64; 6], context: &mut Context, next: &mut Next) -> Answer {
    let asleep = match args[0] as u32 {
        suspend_type::RETENTIVE => Asleep::Retentive,
        suspend_type::NON_RETENTIVE => Asleep::NonRetentive(begin(vcpu, args[1], args[2])?),
        // "reserved or is platform-specific and unimplemented".
        _ => return Err(Error::InvalidParam),
    };
    fall_asleep(vcpu, asleep, context, next)
}

/// "System Suspend Extension": to the guest's memory, which stays as it is; what wakes it is what wakes its last hart.
fn system_suspend(vcpu: &'static Vcpu, args: &[u64; 6], context: &mut Context, next: &mut Next) -> Answer {
    if args[0] as u32 != sleep_type::SUSPEND_TO_RAM {
        return Err(Error::InvalidParam);
    }
    let begin = begin(vcpu, args[1], args[2])?;
    let mut others = vcpu.guest().vcpus.iter().filter(|other| !core::ptr::eq(*other, vcpu));
    // "all but the calling hart be in the HSM STOPPED state".
    if !others.all(|other| other.is_in(HartState::Stopped)) {
        return Err(Error::Denied);
    }
    fall_asleep(vcpu, Asleep::NonRetentive(begin), context, next)
}

fn fall_asleep(vcpu: &Vcpu, asleep: Asleep, context: &mut Context, next: &mut Next) -> Answer {
    context.asleep = Some(asleep);
    vcpu.becomes(HartState::Suspended);
    *next = crate::vcpu::wait(vcpu);
    Ok(0)
}

fn pmu(function: function::Pmu, vcpu: &Vcpu, args: &[u64; 6], context: &mut Context) -> Answer {
    let answer = context.pmu.answer(function, args, &Shared(&vcpu.guest().memory), &counter);
    allow_counters(&context.pmu);
    answer
}

/// What the hart's own counter shows.
pub fn counter(csr: u16) -> u64 {
    match csr {
        registers::INSTRET => csr::read::<{ registers::INSTRET }>(),
        _ => csr::read::<{ registers::CYCLE }>(),
    }
}

/// Lets the guest read the hart's own counters, but for those that are its own.
pub fn allow_counters(pmu: &Counters) {
    csr::write::<{ registers::HCOUNTEREN }>(environment::COUNTERS & !pmu.own());
}

/// Reset reasons from here on are an implementation's or a platform's own.
const FIRST_OWN_REASON: u32 = 0xe000_0000;

/// "System Reset Extension": types and reasons that are reserved are invalid; types of a platform's own there are none.
fn reset(vcpu: &Vcpu, args: &[u64; 6]) -> Answer {
    let (kind, reason) = (args[0] as u32, args[1] as u32);
    let ending = match (kind, reason) {
        _ if (reset_reason::SYSTEM_FAILURE + 1..FIRST_OWN_REASON).contains(&reason) => return Err(Error::InvalidParam),
        (reset_type::SHUTDOWN, reset_reason::NO_REASON) => Ending::Off,
        (reset_type::SHUTDOWN, _) => Ending::Failed,
        (reset_type::COLD_REBOOT | reset_type::WARM_REBOOT, _) => Ending::Again,
        _ => return Err(Error::InvalidParam),
    };
    vcpu.guest().end(ending);
    Ok(0)
}
