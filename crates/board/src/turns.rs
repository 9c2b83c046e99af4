//! Harts that take turns on one thread.
//!
//! Each hart that runs gets a slice of instructions; between slices its firmware's calls are answered and the ends of
//! the run are looked for. When all wait, the thread sleeps until the earliest of their timers, or until a kick.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firmware::Firmware;
use memory::Ram;
use vcpu::{Clock, Exit, FullHart, Reg, TIMEBASE_HZ};

use crate::config::TimeSource;
use crate::console::Terminal;
use crate::htif::Htif;
use crate::machine::Ending;
use crate::stop::MachineStopper;
use crate::wiring::Wiring;

/// Instructions in a slice of the only hart that runs: some ten milliseconds.
const ALONE: u64 = 1 << 20;
/// Instructions in a slice of one hart among several: how long the others wait for it.
const AMONG_OTHERS: u64 = 50_000;
/// Instructions in a slice of a program that may have written to `tohost`.
const WITH_HTIF: u64 = 20_000;
/// Instructions in a slice where time moves between slices only.
const VIRTUAL: u64 = 10_000;

/// What the harts share while they run.
pub struct Turns<'a> {
    pub harts: &'a mut [Box<dyn FullHart>],
    pub firmware: Option<&'a mut Firmware>,
    pub htif: Option<Htif>,
    pub terminal: &'a mut Terminal,
    pub ram: &'a Ram,
    pub clock: &'a Clock,
    pub time: TimeSource,
    pub wiring: &'a Wiring,
    pub stopper: &'a MachineStopper,
    pub retired: &'a Arc<AtomicU64>,
    /// Instructions that virtual time has not counted yet.
    pub uncounted: u64,
    /// Instructions of one hart until the run ends.
    pub allowed: &'a mut u64,
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
    all_idle: bool,
    /// The earliest timer of those that wait.
    until: Option<u64>,
}

impl Turns<'_> {
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
        let slice = self.slice();
        let mut round = Round { longest: 0, all_idle: true, until: None };
        self.check()?;
        for hart in 0..self.harts.len() {
            if !self.runs(hart) {
                continue;
            }
            let before = self.instret(hart);
            let turn = self.turn(hart, slice);
            let retired = self.instret(hart).wrapping_sub(before);
            self.retired.fetch_add(retired, Ordering::Relaxed);
            round.longest = round.longest.max(retired);
            match turn? {
                Turn::Busy => round.all_idle = false,
                Turn::Idle(until) => round.until = round.until.into_iter().chain(until).min(),
            }
            self.check()?;
        }
        ControlFlow::Continue(round)
    }

    /// Whether the hart runs. Harts that have a firmware in memory all do: it is for the firmware to let them wait.
    fn runs(&self, hart: usize) -> bool {
        self.firmware.as_ref().is_none_or(|firmware| firmware.runs(hart))
    }

    fn slice(&self) -> u64 {
        let running = (0..self.harts.len()).filter(|&hart| self.runs(hart)).count();
        let shared = if running > 1 { AMONG_OTHERS } else { ALONE };
        let watched = if self.htif.is_some() { WITH_HTIF } else { ALONE };
        let timed = if matches!(self.time, TimeSource::Instructions { .. }) { VIRTUAL } else { ALONE };
        shared.min(watched).min(timed).min(*self.allowed)
    }

    fn instret(&self, hart: usize) -> u64 {
        self.harts[hart].instret().unwrap_or(0)
    }

    /// One hart's turn: about `budget` instructions, with the calls of its firmware answered in between.
    fn turn(&mut self, hart: usize, budget: u64) -> ControlFlow<Ending, Turn> {
        let mut left = budget;
        while left > 0 {
            let before = self.instret(hart);
            match self.harts[hart].run(left) {
                Exit::Quantum => break,
                Exit::Idle { until } => return ControlFlow::Continue(Turn::Idle(until)),
                Exit::Sbi => self.answer(hart)?,
                Exit::Halted => return ControlFlow::Break(self.halted(hart)),
                Exit::System(event) => return ControlFlow::Break(Ending::Event(event)),
            }
            // A call counts as an instruction, so that calls alone end a turn, too.
            left = left.saturating_sub(self.instret(hart).wrapping_sub(before).saturating_add(1));
            if !self.runs(hart) {
                break;
            }
        }
        ControlFlow::Continue(Turn::Busy)
    }

    fn answer(&mut self, hart: usize) -> ControlFlow<Ending> {
        match &mut self.firmware {
            Some(firmware) => firmware.answer(hart, self.harts),
            None => return ControlFlow::Break(self.halted(hart)),
        }
        self.check()
    }

    /// A hart stops for good only where a trap finds nobody to handle it.
    fn halted(&self, hart: usize) -> Ending {
        let pc = self.harts[hart].reg(Reg::Pc);
        Ending::Halted { hart, reason: Some(format!("at {pc:#x} it took a trap that nothing handles")) }
    }

    /// Looks for ends of the run.
    fn check(&mut self) -> ControlFlow<Ending> {
        let event = self.wiring.power.take().map(Ending::Event);
        let value = self.htif.and_then(|htif| htif.poll(self.ram, self.terminal)).map(Ending::ToHost);
        let limit = (*self.allowed == 0).then_some(Ending::TimedOut);
        match event.or(value).or_else(|| self.stopper.ending()).or(limit) {
            Some(ending) => ControlFlow::Break(ending),
            None => ControlFlow::Continue(()),
        }
    }

    /// Counts what was done, moves virtual time on, and sleeps when nobody has anything to do.
    fn pass_time(&mut self, round: &Round) {
        if *self.allowed != u64::MAX {
            *self.allowed = self.allowed.saturating_sub(round.longest);
        }
        if let TimeSource::Instructions { per_tick } = self.time {
            let per_tick = per_tick.max(1);
            self.uncounted = self.uncounted.saturating_add(round.longest);
            self.clock.advance(self.uncounted / per_tick);
            self.uncounted %= per_tick;
            self.wiring.poll_rtc();
        }
        if round.all_idle && !self.kicked() {
            self.sleep(round.until);
        }
    }

    /// Whether a hart that runs was kicked since its turn began. A kick after this look finds the thread asleep or
    /// about to sleep, and ends the sleep in both cases.
    fn kicked(&self) -> bool {
        (0..self.harts.len()).any(|hart| self.runs(hart) && self.harts[hart].pins().wanted())
    }

    fn sleep(&self, until: Option<u64>) {
        let ticks = until.map(|until| until.saturating_sub(self.clock.now()));
        match ticks {
            Some(ticks) if !self.clock.is_wall() => self.clock.advance(ticks),
            Some(ticks) => std::thread::park_timeout(duration(ticks)),
            None => std::thread::park(),
        }
    }
}

fn duration(ticks: u64) -> Duration {
    let nanos = 1_000_000_000 / TIMEBASE_HZ;
    Duration::from_nanos(ticks.saturating_mul(nanos))
}
