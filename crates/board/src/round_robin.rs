//! Harts that take turns on one thread, while time goes by the instructions they retire.
//!
//! Each hart that runs gets a slice of instructions; between slices its firmware's calls are answered, the ends of the
//! run are looked for, and time moves on. When all wait, time jumps to the earliest of their timers. Nothing depends on
//! the host's clock or on chance: the same machine with the same input does the same again.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use events::Event;
use firmware::{Firmware, HartRequests, State};
use memory::Ram;
use sbi::Console;
use vcpu::{Clock, EmulatedHart, Exit, Wakeup};

use crate::console::Terminal;
use crate::control::{Action, Control, Order, Why};
use crate::ending::Ending;
use crate::held::Held;
use crate::htif::Htif;
use crate::stop::MachineStopper;
use crate::watched::Watched;
use crate::wiring::Wiring;

/// Instructions in a slice.
const SLICE: u64 = 10_000;

/// What the harts share while they run.
pub struct RoundRobin<'a> {
    pub harts: &'a mut [Box<dyn EmulatedHart>],
    pub firmware: Option<&'a mut Firmware>,
    pub requests: &'a HartRequests,
    pub htif: Option<Htif>,
    pub terminal: &'a mut Terminal,
    pub ram: &'a Ram,
    pub clock: &'a Clock,
    /// Instructions for a tick of the clock.
    pub per_tick: u64,
    pub wiring: &'a Wiring,
    pub stopper: &'a MachineStopper,
    pub retired: &'a Arc<AtomicU64>,
    /// Who is told what the user should know.
    pub watched: Watched<'a>,
    /// How often it was asked for all harts.
    pub asked: u64,
    /// Instructions that virtual time has not counted yet.
    pub uncounted: &'a mut u64,
    /// How many instructions are retired when the run pauses.
    pub pause_at: u64,
    /// Devices have something left to do.
    pub devices_busy: bool,
    /// Instructions and traps of one hart until the run ends.
    pub allowed: &'a mut u64,
    /// A debugger's hold on the harts.
    pub control: Option<&'a Control>,
}

/// How a hart's slice ended.
enum Turn {
    /// It could go on.
    Busy,
    /// It waits for an interrupt, or for its timer at this tick.
    Idle(Option<u64>),
}

/// What happened while every hart had its turn.
struct Round {
    /// Most instructions that one hart retired.
    longest: u64,
    /// Most instructions and traps of one hart.
    most: u64,
    all_idle: bool,
    /// The earliest timer of those that wait.
    until: Option<u64>,
}

impl RoundRobin<'_> {
    /// Runs until the run ends.
    pub fn run(&mut self) -> Ending {
        loop {
            match self.round() {
                ControlFlow::Break(ending) => return ending,
                ControlFlow::Continue(round) => self.pass_time(&round),
            }
        }
    }

    /// Gives every hart its turn.
    fn round(&mut self) -> ControlFlow<Ending, Round> {
        let slice = SLICE.min(*self.allowed);
        let mut round = Round { longest: 0, most: 0, all_idle: true, until: None };
        self.show_if_asked();
        self.check()?;
        if self.pauses() {
            return ControlFlow::Break(Ending::Paused);
        }
        for hart in 0..self.harts.len() {
            self.stand();
            if self.stays(hart) {
                continue;
            }
            if let Some(timer) = self.waits(hart) {
                round.until = round.until.into_iter().chain(timer).min();
                continue;
            }
            let (before, traps) = (self.instret(hart), self.harts[hart].traps());
            let turn = self.turn(hart, slice);
            self.watched.sample(hart, self.harts[hart].as_ref());
            let retired = self.instret(hart).wrapping_sub(before);
            let trapped = self.harts[hart].traps().wrapping_sub(traps);
            self.retired.fetch_add(retired, Ordering::Relaxed);
            round.longest = round.longest.max(retired);
            round.most = round.most.max(retired.saturating_add(trapped));
            match turn? {
                Turn::Busy => round.all_idle = false,
                Turn::Idle(until) => round.until = round.until.into_iter().chain(until).min(),
            }
            self.check()?;
        }
        ControlFlow::Continue(round)
    }

    /// Whether the run pauses here: between rounds, and where devices have come to an end, so that one that is saved
    /// and loaded goes on like one that is not.
    fn pauses(&self) -> bool {
        let due = self.stopper.pauses() || self.retired.load(Ordering::Relaxed) >= self.pause_at;
        due && !self.devices_busy
    }

    fn show_if_asked(&mut self) {
        let asked = self.watched.asked();
        if std::mem::replace(&mut self.asked, asked) != asked {
            self.harts.iter().for_each(|hart| self.watched.show(hart.as_ref()));
        }
    }

    /// What the hart is in. Harts that have a firmware in memory all run: it is for the firmware to let them wait.
    fn state(&self, hart: usize) -> State {
        self.firmware.as_ref().map_or(State::Started, |firmware| firmware.state(hart))
    }

    /// Whether the hart has no turn; then also the timer, if there is one, that ends its wait.
    fn waits(&mut self, hart: usize) -> Option<Option<u64>> {
        match self.state(hart) {
            State::Started => return None,
            State::Stopped => return Some(None),
            State::Suspended => {}
        }
        self.requests.serve(hart, self.harts[hart].as_mut());
        match (self.harts[hart].wakeup(), &mut self.firmware) {
            (Wakeup::Until(timer), _) => return Some(timer),
            (Wakeup::Now, Some(firmware)) => {
                firmware.awakes(hart);
                self.harts[hart].tell(&Event::Wake);
            }
            (Wakeup::Now, None) => {}
        }
        None
    }

    fn instret(&self, hart: usize) -> u64 {
        self.harts[hart].instret().unwrap_or(0)
    }

    /// One hart's turn: about `budget` instructions, with the calls of its firmware answered in between.
    fn turn(&mut self, hart: usize, budget: u64) -> ControlFlow<Ending, Turn> {
        let mut left = budget;
        while left > 0 {
            self.stand();
            if self.stays(hart) {
                break;
            }
            let before = self.instret(hart);
            self.requests.serve(hart, self.harts[hart].as_mut());
            let called = match self.execute(hart, left) {
                Exit::Quantum if !self.is_wanted() => break,
                // the turn goes on where the debugger held it
                Exit::Quantum | Exit::Debug => 0,
                Exit::Idle { until } => return ControlFlow::Continue(Turn::Idle(until)),
                Exit::Sbi => {
                    self.answer(hart)?;
                    1
                }
                Exit::Halted => return ControlFlow::Break(Ending::unhandled(hart, self.harts[hart].as_ref())),
                Exit::System(event) => return ControlFlow::Break(Ending::Event(event)),
            };
            // A call counts as an instruction, so that calls alone end a turn, too.
            left = left.saturating_sub(self.instret(hart).wrapping_sub(before).saturating_add(called));
            if self.state(hart) != State::Started {
                break;
            }
        }
        self.watched.notice(hart, self.harts[hart].as_mut());
        ControlFlow::Continue(Turn::Busy)
    }

    /// Executes as the debugger orders, if there is one: at most so many instructions.
    fn execute(&mut self, number: usize, left: u64) -> Exit {
        let hart = self.harts[number].as_mut();
        let Some(control) = self.control else { return hart.run(left) };
        match control.order(number, &mut Held::Emulated(hart)) {
            Order::Go => {
                let exit = hart.run(left);
                report(number, hart, control);
                exit
            }
            Order::Pass => step(number, hart, control, false),
            Order::Stand => Exit::Debug,
            Order::Step(action) => steps(number, hart, control, &action),
        }
    }

    /// Whether the debugger wants all harts to stand.
    fn is_wanted(&self) -> bool {
        self.control.is_some_and(Control::wants_all)
    }

    /// Whether the debugger lets this hart stand while others go.
    fn stays(&self, hart: usize) -> bool {
        self.control.is_some_and(|control| control.wants(hart) && !control.wants_all())
    }

    /// Stands still with all harts, if the debugger wants that. Answers whether it did.
    fn stand(&mut self) -> bool {
        let Some(control) = self.control.filter(|control| control.wants_all()) else { return false };
        let (stopper, power) = (self.stopper, &self.wiring.power);
        let mut harts: Vec<Held> = self.harts.iter_mut().map(|hart| Held::Emulated(hart.as_mut())).collect();
        control.hold(0, &mut harts, &|| stopper.ending().is_some() || power.event().is_some());
        true
    }

    fn answer(&mut self, hart: usize) -> ControlFlow<Ending> {
        let Some(firmware) = &mut self.firmware else {
            return ControlFlow::Break(Ending::unhandled(hart, self.harts[hart].as_ref()));
        };
        // the others serve what is asked of them before they execute: nobody needs to wait for it
        let to_do = firmware.answer(hart, self.harts[hart].as_mut());
        if !to_do.shown.is_empty() {
            self.terminal.write(&to_do.shown);
        }
        self.check()
    }

    /// Looks for ends of the run.
    fn check(&mut self) -> ControlFlow<Ending> {
        let event = self.wiring.power.take().map(Ending::Event);
        let value = self.htif.and_then(|htif| htif.poll(self.ram, self.terminal)).map(Ending::ToHost);
        let limit = (*self.allowed == 0).then_some(Ending::OutOfInstructions);
        match event.or(value).or_else(|| self.stopper.ending()).or(limit) {
            Some(ending) => ControlFlow::Break(ending),
            None => ControlFlow::Continue(()),
        }
    }

    /// Counts what was done, moves virtual time on, and sleeps when nobody has anything to do.
    fn pass_time(&mut self, round: &Round) {
        if *self.allowed != u64::MAX {
            *self.allowed = self.allowed.saturating_sub(round.most);
        }
        let per_tick = self.per_tick.max(1);
        let uncounted = self.uncounted.saturating_add(round.longest);
        self.clock.advance(uncounted / per_tick);
        *self.uncounted = uncounted % per_tick;
        self.devices_busy = self.wiring.poll();
        if round.all_idle && !self.kicked() && !self.devices_busy && !self.is_wanted() && !self.stopper.pauses() {
            self.sleep(round.until);
        }
    }

    /// Whether a hart that is up was kicked since its turn began. A kick after this look finds the thread asleep or
    /// about to sleep, and ends the sleep in both cases.
    fn kicked(&self) -> bool {
        let taken =
            (0..self.harts.len()).filter(|&hart| self.harts[hart].pins().take_attention() && self.state(hart).is_up());
        taken.count() != 0
    }

    /// Without a timer there is only what comes from outside to wait for.
    fn sleep(&self, until: Option<u64>) {
        match until {
            Some(until) => self.clock.advance(until.saturating_sub(self.clock.now())),
            None => std::thread::park(),
        }
    }
}

/// Executes one instruction. [`Exit::Debug`]: there is nothing more to do than that.
fn step(number: usize, hart: &mut dyn EmulatedHart, control: &Control, interrupts: bool) -> Exit {
    let exit = hart.debuggee().and_then(|hart| hart.step(interrupts)).unwrap_or(Exit::Debug);
    report(number, hart, control);
    exit
}

/// Executes step by step what the debugger wants, and tells it.
fn steps(number: usize, hart: &mut dyn EmulatedHart, control: &Control, action: &Action) -> Exit {
    loop {
        let exit = step(number, hart, control, action.lets_interrupts());
        if exit != Exit::Debug || control.wants(number) || action.ends(&mut Held::Emulated(hart)) {
            control.want(number, Why::of_steps(&mut Held::Emulated(hart)));
            return exit;
        }
    }
}

/// Tells the debugger why the hart came back, if it is for the debugger's sake.
fn report(number: usize, hart: &mut dyn EmulatedHart, control: &Control) {
    let halt = hart.debuggee().and_then(|hart| hart.take_halt());
    halt.into_iter().for_each(|halt| control.want(number, Why::Met(halt)));
}
