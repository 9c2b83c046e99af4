//! A virtual hart on a hart: put there, entered until it must give way, and put aside.
//!
//! H extension, "Hypervisor Virtual Interrupt Pending (`hvip`) Register", "Hypervisor Guest Address Translation and
//! Protection (`hgatp`) Register": translations are remembered by VMID, which all virtual harts of a guest share, so
//! that what one leaves behind must be forgotten before another runs in its place.

use core::sync::atomic::{Ordering, fence};

use arch::csr::{self as registers, counteren, hstatus, ip, status};
use sbi::HartState;
use sbi::pmu::{Counters, FirmwareEvent};

use super::switch::{Float, Registers, VsLevel};
use super::{Asleep, Begin, Context, Vcpu, wanted};
use super::{environment, exit};
use crate::interrupts::{self, files};
use crate::memory::guest::{fence_all, fence_guest_range, fence_guest_virtual, fence_instructions};
use crate::sbi::guest::{allow_counters, counter};
use crate::sbi::steal;
use crate::schedule;
use crate::start::csr;
use crate::start::hart::{self, Hart, NOBODY};
use crate::timers::{self, NEVER};

/// What becomes of a virtual hart after an exit, and after it was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It executes on.
    Resume,
    /// Others may have the hart.
    Yield,
    /// It waits for an interrupt, or for this moment of the machine's time.
    Wait(u64),
    /// It stops, until it is started again.
    Stop,
    /// It stops, for its guest ends.
    End,
    /// It stands still, for its guest does.
    Pause,
}

/// Runs `vcpu` on this hart until it must give way.
pub fn run(vcpu: &'static Vcpu) -> Next {
    let hart = hart::this();
    let mut context = vcpu.context.lock();
    hart.runs(Some(vcpu));
    vcpu.times.runs(timers::now());
    load(hart, vcpu, &mut context);
    steal::tell(vcpu, &mut context);
    // Not before: to get a file may take longer than a slice, and whoever waits for one would never get on.
    schedule::begin_slice();
    let next = loop {
        match ready(hart, vcpu, &mut context) {
            Next::Resume => {}
            other => break other,
        }
        context.registers.enter();
        hart.in_guest.store(false, Ordering::Release);
        match exit::handle(vcpu, &mut context) {
            Next::Resume => {}
            other => break other,
        }
    };
    save(&mut context);
    match next {
        Next::Wait(_) => files::wait(&context),
        Next::Stop | Next::End => files::leave(hart, vcpu),
        Next::Resume | Next::Yield | Next::Pause => {}
    }
    vcpu.times.is_aside(timers::now());
    hart.runs(None);
    next
}

/// Says that it is on its way, and does what others want of it: whoever wants something from then on interrupts this
/// hart.
fn ready(hart: &Hart, vcpu: &Vcpu, context: &mut Context) -> Next {
    loop {
        if !timers::has_sstc() {
            expire(vcpu);
        }
        hart.in_guest.store(true, Ordering::Relaxed);
        // Either this sees what somebody wants, or that one sees that this is on its way.
        fence(Ordering::SeqCst);
        if vcpu.wanted.load(Ordering::Acquire) == 0 {
            return context.asleep.map_or(Next::Resume, |asleep| wake(asleep, hart, vcpu, context));
        }
        hart.in_guest.store(false, Ordering::Release);
        let asked = vcpu.wanted.swap(0, Ordering::SeqCst);
        if asked & wanted::END != 0 {
            return Next::End;
        }
        if asked & wanted::PAUSE != 0 {
            vcpu.wanted.fetch_or(asked & !wanted::PAUSE, Ordering::SeqCst);
            return Next::Pause;
        }
        serve(asked, vcpu, context);
    }
}

/// Without Sstc: the guest's timer is the hypervisor's to look at.
fn expire(vcpu: &Vcpu) {
    if vcpu.timer.load(Ordering::Relaxed) <= timers::now() {
        vcpu.timer.store(NEVER, Ordering::Relaxed);
        csr::set::<{ registers::HVIP }>(ip::VSTIP);
    }
}

/// It goes on if something pends, else it sleeps on. What pends, and its deadline, it has still.
fn wake(asleep: Asleep, hart: &Hart, vcpu: &Vcpu, context: &mut Context) -> Next {
    // With its interrupt file, where it has one: that decides what pends.
    csr::write::<{ registers::HSTATUS }>(context.registers.hstatus);
    let next = exit::wait(vcpu);
    if next != Next::Resume {
        hart.in_guest.store(false, Ordering::Release);
        return next;
    }
    context.asleep = None;
    if let Asleep::NonRetentive(begin) = asleep {
        start_at(vcpu, begin, csr::read::<{ registers::HVIP }>(), context);
    }
    vcpu.becomes(HartState::Started);
    Next::Resume
}

fn serve(asked: u32, vcpu: &Vcpu, context: &mut Context) {
    if asked & wanted::BEGIN != 0
        && let Some(begin) = vcpu.begin.lock().take()
    {
        reset(vcpu, begin, context);
    }
    if asked & wanted::FENCE != 0 {
        let ranges = vcpu.fences.lock().take();
        match ranges {
            Some(ranges) => ranges.for_each(fence_guest_range),
            None => fence_guest_virtual(),
        }
    }
    if asked & wanted::FENCE_GUEST != 0 {
        fence_all();
    }
    if asked & wanted::FENCE_FILES != 0 {
        files::forget(vcpu.guest());
    }
    if asked & wanted::FENCE_I != 0 {
        fence_instructions();
        context.pmu.note(FirmwareEvent::FenceIReceived);
    }
    // What was meant for it before it began is not for it.
    if asked & (wanted::SOFTWARE | wanted::BEGIN) == wanted::SOFTWARE {
        csr::set::<{ registers::HVIP }>(ip::VSSIP);
        context.pmu.note(FirmwareEvent::IpiReceived);
    }
    // ANCHOR: external
    if asked & wanted::EXTERNAL != 0 {
        match interrupts::signals(vcpu) {
            true => csr::set::<{ registers::HVIP }>(ip::VSEIP),
            false => csr::clear::<{ registers::HVIP }>(ip::VSEIP),
        }
    }
    // ANCHOR_END: external
}

/// A virtual hart begins with nothing of what it had.
fn reset(vcpu: &Vcpu, begin: Begin, context: &mut Context) {
    start_at(vcpu, begin, 0, context);
    (context.asleep, context.stolen, context.pmu) = (None, None, Counters::default());
    allow_counters(&context.pmu);
    context.deadline = NEVER;
    vcpu.timer.store(NEVER, Ordering::Relaxed);
    load_deadline(context);
    vcpu.becomes(HartState::Started);
}

/// "Hart Start": S-mode, `satp` and `sstatus.SIE` zero, `a0` the hart's id, `a1` what was given.
fn start_at(vcpu: &Vcpu, begin: Begin, hvip: u64, context: &mut Context) {
    // Its interrupt file it has already.
    let file = context.registers.hstatus & hstatus::VGEIN;
    context.registers = Registers::default();
    context.registers.sepc = begin.at.0;
    context.registers.sstatus = status::SPP | status::SPIE | INITIAL_FS;
    // Who waits gives the hart away, where somebody could want it; else WFI is the hart's own.
    let waits_trap = if schedule::is_crowded() { hstatus::VTW } else { 0 };
    context.registers.hstatus = file | hstatus::SPV | hstatus::SPVP | hstatus::VSXL_64 | waits_trap;
    context.registers.set(sbi::register::A0, vcpu.index as u64);
    context.registers.set(sbi::register::A1, begin.opaque);
    // Nobody promises that programs may read the time from the start, but Linux without a PMU leaves it to whoever was
    // there before.
    let scounteren = counteren::CY | counteren::TM | counteren::IR;
    context.vs = VsLevel { vsstatus: status::UXL_64, scounteren, hvip, ..VsLevel::default() };
    context.vs.restore();
    context.float = Float::default();
    context.float.restore();
}

/// FS = Initial: the guest decides in its own `sstatus`; here it only shows whether registers have been written.
const INITIAL_FS: u64 = 1 << status::FS.trailing_zeros();
/// FS = Clean.
const CLEAN_FS: u64 = 2 << status::FS.trailing_zeros();

fn load(hart: &Hart, vcpu: &'static Vcpu, context: &mut Context) {
    let guest = vcpu.guest();
    let (hgatp, generation) = guest.memory.lock().hgatp();
    csr::write::<{ registers::HGATP }>(hgatp);
    // What it remembers by a VMID of an older generation may be another guest's.
    if hart.remembered.meets(generation) {
        hart.last_of_guest.iter().for_each(|last| last.store(NOBODY, Ordering::Relaxed));
    }
    let last_here = hart.last_of_guest[vcpu.guest].swap(vcpu.number, Ordering::Relaxed);
    let last_hart = vcpu.last_hart.swap(hart.index, Ordering::Relaxed);
    let moved = last_hart != hart.index;
    if last_here != vcpu.number || moved {
        fence_all();
        fence_guest_virtual();
        fence_instructions();
    }
    csr::write::<{ registers::HTIMEDELTA }>(guest.htimedelta());
    context.vs.restore();
    environment::enable(guest.aia(), context.selected);
    files::enter(hart, vcpu, context);
    load_deadline(context);
    context.pmu.enter(&counter);
    allow_counters(&context.pmu);
    // Who ran elsewhere meanwhile may have other values than those that it left here.
    if moved || hart.float_owner.load(Ordering::Relaxed) != vcpu.number {
        context.float.restore();
        hart.float_owner.store(vcpu.number, Ordering::Relaxed);
        context.registers.sstatus = context.registers.sstatus & !status::FS | CLEAN_FS;
    }
    vcpu.wanted.fetch_or(wanted::EXTERNAL, Ordering::SeqCst);
}

fn load_deadline(context: &Context) {
    if timers::has_sstc() {
        csr::write::<{ registers::VSTIMECMP }>(context.deadline);
    }
}

// ANCHOR: save
fn save(context: &mut Context) {
    context.vs.save();
    context.selected = environment::selected();
    context.pmu.leave(&counter);
    if timers::has_sstc() {
        context.deadline = csr::read::<{ registers::VSTIMECMP }>();
        // What is aside must not interrupt who runs.
        csr::write::<{ registers::VSTIMECMP }>(NEVER);
    }
    csr::write::<{ registers::HVIP }>(0);
    if context.registers.sstatus & status::FS == status::FS {
        context.float.save();
        context.registers.sstatus = context.registers.sstatus & !status::FS | CLEAN_FS;
    }
}
// ANCHOR_END: save
