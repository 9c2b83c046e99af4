//! The harts at the queue.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arch::csr::{self as registers, ip};
use sbi::HartState;
use spin::Mutex;

use super::queue::{Queue, RunState};
use crate::control::{console, guests};
use crate::interrupts::{files, machine};
use crate::start::csr;
use crate::start::hart::{self, Hart};
use crate::timers::{self, NEVER};
use crate::vcpu::{self, Next, Vcpu, wanted};

/// How long one runs while others stand in the queue.
const SLICE_MS: u64 = 10;

/// A virtual hart in the queue. Two are the same that are the same one.
#[derive(Clone, Copy)]
struct One(&'static Vcpu);

impl PartialEq for One {
    fn eq(&self, other: &One) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

static QUEUE: Mutex<Queue<One>> = Mutex::new(Queue::new());
/// There are more virtual harts than harts.
static CROWDED: AtomicBool = AtomicBool::new(false);
/// When the console is looked at next.
static LOOK: AtomicU64 = AtomicU64::new(0);

/// Whether there are more virtual harts than harts, so that time has to be cut into slices.
pub fn set_crowded(crowded: bool) {
    CROWDED.store(crowded, Ordering::Relaxed);
}

/// Whether it is so.
pub fn is_crowded() -> bool {
    CROWDED.load(Ordering::Relaxed)
}

// ANCHOR: run
/// Runs guests on this hart for ever.
pub fn run() -> ! {
    csr::set::<{ registers::SIE }>(ip::SSIP | ip::STIP | machine::enabled());
    loop {
        let hart = hart::this().index;
        let next = QUEUE
            .lock()
            .next(hart, |one| one.0.last_hart.load(Ordering::Relaxed) == hart)
            .inspect(|one| put(one.0, RunState::Running));
        match next {
            Some(One(vcpu)) => {
                let next = vcpu::run(vcpu);
                put_aside(vcpu, next);
            }
            None => idle(),
        }
    }
}
// ANCHOR_END: run

fn put(vcpu: &Vcpu, place: RunState) {
    vcpu.place.store(place as u8, Ordering::SeqCst);
}

// ANCHOR: put_aside
/// What becomes of one that has run.
fn put_aside(vcpu: &'static Vcpu, next: Next) {
    let mut queue = QUEUE.lock();
    match next {
        Next::Pause if vcpu.guest().is_paused() => put(vcpu, RunState::Paused),
        Next::Resume | Next::Yield | Next::Pause => make_ready(vcpu, &mut queue),
        Next::Wait(_) if vcpu.wanted.load(Ordering::SeqCst) & !wanted::FENCES != 0 => make_ready(vcpu, &mut queue),
        Next::Wait(deadline) => {
            put(vcpu, RunState::Waiting);
            queue.wait(One(vcpu), deadline);
        }
        Next::Stop | Next::End => {
            put(vcpu, RunState::Off);
            vcpu.becomes(HartState::Stopped);
            drop(queue);
            guests::stopped(vcpu);
        }
    }
}
// ANCHOR_END: put_aside

fn make_ready(vcpu: &'static Vcpu, queue: &mut Queue<One>) {
    vcpu.times.ready(timers::now());
    put(vcpu, RunState::Ready);
    if let Some(idle) = queue.make_ready(One(vcpu), vcpu.last_hart.load(Ordering::Relaxed), vcpu.harts) {
        kick(&hart::harts()[idle]);
    }
}

fn kick(hart: &Hart) {
    if hart.index != hart::this().index {
        machine::kick(hart);
    }
}

/// Tells a virtual hart to do something before it executes on. If it runs, it leaves its guest; if it waits, it is not
/// woken.
pub fn tell(vcpu: &'static Vcpu, what: u32) {
    vcpu.wanted.fetch_or(what, Ordering::SeqCst);
    if RunState::of(vcpu.place.load(Ordering::SeqCst)) == RunState::Running {
        kick_out(vcpu);
    }
}

fn kick_out(vcpu: &Vcpu) {
    let hart = vcpu.last_hart.load(Ordering::SeqCst);
    hart::harts().get(hart).into_iter().filter(|hart| hart.in_guest.load(Ordering::SeqCst)).for_each(kick);
}

/// Wants something of a virtual hart: it is woken if it waits, and leaves its guest if it runs.
pub fn want(vcpu: &'static Vcpu, what: u32) {
    vcpu.wanted.fetch_or(what, Ordering::SeqCst);
    // Who wants something of itself looks for it before it executes on.
    if hart::this().running().is_some_and(|running| core::ptr::eq(running, vcpu)) {
        return;
    }
    let mut queue = QUEUE.lock();
    match RunState::of(vcpu.place.load(Ordering::SeqCst)) {
        RunState::Waiting => {
            queue.wake(One(vcpu));
            make_ready(vcpu, &mut queue);
        }
        RunState::Running => {
            drop(queue);
            kick_out(vcpu);
        }
        RunState::Ready | RunState::Off | RunState::Paused => {}
    }
}

/// Lets one that stands still execute on.
pub fn go_on(vcpu: &'static Vcpu) {
    let mut queue = QUEUE.lock();
    vcpu.wanted.fetch_and(!wanted::PAUSE, Ordering::SeqCst);
    if RunState::of(vcpu.place.load(Ordering::SeqCst)) == RunState::Paused {
        make_ready(vcpu, &mut queue);
    }
}

/// Lets a stopped one begin, where its `begin` says.
pub fn begin(vcpu: &'static Vcpu) {
    vcpu.wanted.fetch_or(wanted::BEGIN, Ordering::SeqCst);
    make_ready(vcpu, &mut QUEUE.lock());
}

/// Whether it runs nowhere and stands in no queue.
pub fn is_off(vcpu: &Vcpu) -> bool {
    RunState::of(vcpu.place.load(Ordering::SeqCst)) == RunState::Off
}

/// The hypervisor's timer came while a guest ran.
pub fn tick() -> Next {
    expire();
    let contended = QUEUE.lock().is_contended(hart::this().index);
    begin_slice();
    if contended { Next::Yield } else { Next::Resume }
}

/// The time slice of whoever runs begins now. Others that interrupt it do not make it longer.
pub fn begin_slice() {
    let end = if is_crowded() { timers::now() + timers::milliseconds(SLICE_MS) } else { NEVER };
    hart::this().slice_end.store(end, Ordering::Relaxed);
    arm();
}

/// Another hart wants something: what, the next entry looks for.
pub fn kicked() -> Next {
    csr::clear::<{ registers::SIP }>(ip::SSIP);
    files::serve(hart::this());
    arm();
    Next::Resume
}

/// Wakes whose time has come, and looks at the console.
fn expire() {
    let now = timers::now();
    let mut queue = QUEUE.lock();
    while let Some(One(vcpu)) = queue.expired(now) {
        make_ready(vcpu, &mut queue);
    }
    drop(queue);
    if hart::this().index == 0 && now >= LOOK.load(Ordering::Relaxed) {
        LOOK.store(now + timers::milliseconds(console::LOOK_MS), Ordering::Relaxed);
        console::look();
    }
}

/// Sets this hart's timer to what comes first: the end of a slice, a deadline of one that waits, a look at the console;
/// without Sstc, the deadline of the one that runs.
pub fn arm() {
    let look = if hart::this().index == 0 { LOOK.load(Ordering::Relaxed) } else { NEVER };
    let slice = hart::this().slice_end.load(Ordering::Relaxed);
    let waiting = QUEUE.lock().first_deadline().unwrap_or(NEVER);
    timers::arm(look.min(slice).min(waiting).min(own_deadline()));
}

/// Without Sstc: when the one that runs wants to be interrupted.
fn own_deadline() -> u64 {
    match hart::this().running() {
        Some(vcpu) if !timers::has_sstc() => vcpu.timer.load(Ordering::Relaxed),
        _ => NEVER,
    }
}

/// Nobody is ready: waits for an interrupt.
fn idle() {
    hart::this().slice_end.store(NEVER, Ordering::Relaxed);
    arm();
    csr::wait();
    csr::clear::<{ registers::SIP }>(ip::SSIP);
    if csr::read::<{ registers::SIP }>() & machine::enabled() != 0 {
        machine::take();
    }
    files::signalled(hart::this());
    files::serve(hart::this());
    expire();
}
