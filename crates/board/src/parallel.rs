//! Harts with M-mode that run at the same time, each on a thread of its own, while the host's clock goes.
//!
//! A hart that waits lets its thread sleep until its next timer, or until a kick. What one hart asks of another through
//! the firmware is served before the other executes on; who asked waits for that, and serves what is asked of it
//! meanwhile.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use events::Event;
use firmware::{Awaited, Firmware, HartRequests, State};
use memory::Ram;
use sbi::Console;
use vcpu::{Clock, EmulatedHart, Exit, Wakeup};

use crate::console::{Terminal, at_once};
use crate::control::{Action, Control, Order, Why};
use crate::ending::Ending;
use crate::held::Held;
use crate::htif::Htif;
use crate::patience::Patience;
use crate::threads::ThreadedRun;
use crate::watched::Watched;

/// Instructions of a hart between two looks at the ends of the run that nobody is kicked for: some ten milliseconds.
const SLICE: u64 = 1 << 20;
/// The same for a program that may have written to `tohost`.
const SLICE_WITH_HTIF: u64 = 20_000;
/// Looks at a request that is waited for, before the thread sleeps.
const SPINS: u32 = 200;
/// How long it sleeps at most: who serves the request wakes it.
const SLEEP: Duration = Duration::from_millis(1);
/// How late the host may wake a hart that waits for its timer. Its own default is 50 microseconds.
const TIMER_SLACK: Option<NonZeroU64> = NonZeroU64::new(1_000);

/// What the harts share while they run.
pub struct Parallel<'a> {
    pub firmware: Option<Mutex<&'a mut Firmware>>,
    pub requests: &'a HartRequests,
    pub htif: Option<Mutex<(Htif, Terminal)>>,
    pub terminal: Terminal,
    pub ram: &'a Ram,
    pub clock: &'a Clock,
    pub retired: &'a AtomicU64,
    /// Who is told what the user should know.
    pub watched: Watched<'a>,
    /// Instructions and traps of one hart until the run ends; all ones: as many as it likes.
    pub allowed: u64,
    /// How many instructions are retired when the run pauses.
    pub pause_at: u64,
    /// What the hart that got furthest has left of them.
    pub left: AtomicU64,
    /// A debugger's hold on the harts.
    pub control: Option<&'a Control>,
    /// How many harts there are.
    pub harts: usize,
}

/// One hart's own.
struct Own<'h> {
    number: usize,
    hart: &'h mut dyn EmulatedHart,
    left: u64,
    /// How often it was asked to be shown.
    asked: u64,
    /// How long it looks for what it waits for.
    patience: Patience,
}

impl Parallel<'_> {
    /// The life of one hart's thread.
    pub fn live(&self, run: &ThreadedRun, number: usize, hart: &mut dyn EmulatedHart) {
        // Without it timers are late, no more.
        let _ = rustix::thread::set_current_timer_slack(TIMER_SLACK);
        hart.pins().runs_on(thread::current());
        let (asked, patience) = (self.watched.watchers.answered, Patience::of(self.harts));
        let mut own = Own { number, hart, left: self.allowed, asked, patience };
        let mut state = self.state(number);
        while !run.over() {
            self.show_if_asked(&mut own);
            if let Some(control) = self.control.filter(|control| control.wants(number)) {
                state = self.stand(run, &mut own, control);
                continue;
            }
            state = match state {
                State::Started => self.slice(run, &mut own),
                State::Suspended => self.suspended(&mut own),
                State::Stopped => {
                    self.rest(&mut own, None);
                    self.state(number)
                }
            }
        }
        self.left.fetch_min(own.left, Ordering::Relaxed);
    }

    /// What the hart is in. Harts that have a firmware in memory all run: it is for the firmware to let them wait.
    fn state(&self, number: usize) -> State {
        let Some(firmware) = &self.firmware else { return State::Started };
        firmware.lock().unwrap_or_else(PoisonError::into_inner).state(number)
    }

    /// Sleeps until an interrupt ends the hart's suspension, or something else is to be looked at. What the hart is in
    /// then.
    fn suspended(&self, own: &mut Own) -> State {
        self.requests.serve(own.number, own.hart);
        match (own.hart.wakeup(), &self.firmware) {
            (Wakeup::Now, Some(firmware)) => {
                firmware.lock().unwrap_or_else(PoisonError::into_inner).awakes(own.number);
                own.hart.tell(&Event::Wake);
                State::Started
            }
            (Wakeup::Now, None) => State::Started,
            (Wakeup::Until(timer), _) => {
                self.rest(own, Some(timer));
                State::Suspended
            }
        }
    }

    fn show_if_asked(&self, own: &mut Own) {
        let asked = self.watched.asked();
        if std::mem::replace(&mut own.asked, asked) != asked {
            self.watched.show(own.hart);
        }
    }

    /// Runs a hart until it wants something. What it is in then.
    fn slice(&self, run: &ThreadedRun, own: &mut Own) -> State {
        self.requests.serve(own.number, own.hart);
        let slice = if self.htif.is_some() { SLICE_WITH_HTIF } else { SLICE };
        let before = (own.hart.instret(), own.hart.traps());
        let until_sample = self.watched.until_sample(own.number, own.hart);
        let exit = own.hart.run(slice.min(own.left).min(until_sample));
        self.count(run, own, before);
        self.watched.notice(own.number, own.hart);
        self.watched.sample(own.number, own.hart);
        self.poll(run);
        self.follow(run, own, exit)
    }

    /// Does what the hart wants that came back like this. What it is in then.
    fn follow(&self, run: &ThreadedRun, own: &mut Own, exit: Exit) -> State {
        match exit {
            Exit::Quantum => {}
            Exit::Idle { until } => self.rest(own, Some(until)),
            Exit::Sbi => return self.answer(run, own),
            Exit::Debug => self.report(own),
            Exit::Halted => run.meet(Ending::unhandled(own.number, own.hart)),
            Exit::System(event) => run.meet(Ending::Event(event)),
        }
        State::Started
    }

    /// Tells the debugger why the hart came back.
    fn report(&self, own: &mut Own) {
        let halt = own.hart.debuggee().and_then(|hart| hart.take_halt());
        if let (Some(control), Some(halt)) = (self.control, halt) {
            control.want(own.number, Why::Met(halt));
            control.call(own.number);
        }
    }

    /// Stands still for the debugger, and does what it orders then. What the hart is in then.
    fn stand(&self, run: &ThreadedRun, own: &mut Own, control: &Control) -> State {
        while !self.requests.leave(own.number) {
            self.requests.serve(own.number, own.hart);
        }
        control.hold(own.number, &mut [Held::Emulated(own.hart)], &|| run.over());
        let state = self.state(own.number);
        match control.order(own.number, &mut Held::Emulated(own.hart)) {
            Order::Pass if state == State::Started => self.step(run, own, false),
            Order::Step(action) => self.steps(run, own, control, &action),
            Order::Go | Order::Pass | Order::Stand => state,
        }
    }

    /// Executes one instruction. What the hart is in then.
    fn step(&self, run: &ThreadedRun, own: &mut Own, interrupts: bool) -> State {
        self.requests.serve(own.number, own.hart);
        let before = (own.hart.instret(), own.hart.traps());
        let exit = own.hart.debuggee().and_then(|hart| hart.step(interrupts));
        self.count(run, own, before);
        self.poll(run);
        self.follow(run, own, exit.unwrap_or(Exit::Quantum))
    }

    /// Executes step by step what the debugger wants, and tells it. What the hart is in then.
    fn steps(&self, run: &ThreadedRun, own: &mut Own, control: &Control, action: &Action) -> State {
        let mut state = self.state(own.number);
        while state == State::Started {
            state = self.step(run, own, action.lets_interrupts());
            if run.over() || control.wants(own.number) || action.ends(&mut Held::Emulated(own.hart)) {
                break;
            }
        }
        control.want(own.number, Why::of_steps(&mut Held::Emulated(own.hart)));
        control.call(own.number);
        state
    }

    fn count(&self, run: &ThreadedRun, own: &mut Own, (before, traps): (Option<u64>, u64)) {
        let (Some(before), Some(now)) = (before, own.hart.instret()) else { return };
        let retired = now.wrapping_sub(before);
        if self.retired.fetch_add(retired, Ordering::Relaxed).saturating_add(retired) >= self.pause_at {
            run.meet(Ending::Paused);
        }
        if self.allowed != u64::MAX {
            let trapped = own.hart.traps().wrapping_sub(traps);
            own.left = own.left.saturating_sub(retired.saturating_add(trapped));
        }
        if own.left == 0 {
            run.meet(Ending::OutOfInstructions);
        }
    }

    /// Looks at what a program asks for in memory, unless another hart does.
    fn poll(&self, run: &ThreadedRun) {
        let Some(mut htif) = self.htif.as_ref().and_then(at_once) else { return };
        let (htif, terminal) = &mut *htif;
        if let Some(value) = htif.poll(self.ram, terminal) {
            run.meet(Ending::ToHost(value));
        }
    }

    /// Answers the hart's SBI call. What the hart is in then.
    fn answer(&self, run: &ThreadedRun, own: &mut Own) -> State {
        let Some(firmware) = &self.firmware else {
            run.meet(Ending::unhandled(own.number, own.hart));
            return State::Started;
        };
        let (to_do, state) = {
            let mut firmware = firmware.lock().unwrap_or_else(PoisonError::into_inner);
            let to_do = firmware.answer(own.number, own.hart);
            (to_do, firmware.state(own.number))
        };
        self.show(own, &to_do.shown);
        for awaited in to_do.awaited {
            self.wait(run, own, awaited);
        }
        if state == State::Stopped {
            // who asked for something before this hart stopped waits for it
            self.requests.serve(own.number, own.hart);
            return self.state(own.number);
        }
        state
    }

    /// Shows what the hart's call writes to the console. The console may be slow: no other hart waits for this one
    /// meanwhile.
    fn show(&self, own: &mut Own, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        while !self.requests.leave(own.number) {
            self.requests.serve(own.number, own.hart);
        }
        self.terminal.clone().write(bytes);
    }

    /// Waits until another hart has done what this one asked for.
    fn wait(&self, run: &ThreadedRun, own: &mut Own, awaited: Awaited) {
        let mut spins = 0;
        while !self.requests.is_done(awaited) && !run.over() {
            // the other may wait for this one
            self.requests.serve(own.number, own.hart);
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                self.requests.sleep_until_served(awaited, SLEEP);
            }
        }
    }

    /// Sleeps until the timer, if one is named, or until a kick.
    fn rest(&self, own: &mut Own, timer: Option<Option<u64>>) {
        let kicked = timer.is_some() && own.hart.pins().take_attention();
        // A kick after this look ends the sleep.
        if kicked || !self.requests.leave(own.number) {
            return;
        }
        let Some(timer) = timer else { return thread::park() };
        let left = timer.map(|until| vcpu::duration(until.saturating_sub(self.clock.now())));
        let pins = own.hart.pins();
        own.patience.wait(left, &|| pins.wanted());
        // the hart looks around now, whoever kicked
        pins.take_attention();
    }
}
