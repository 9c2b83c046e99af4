//! Programmable counters: `mhpmcounter3` and those behind it.
//!
//! Privileged architecture, "Hardware Performance Monitor"; "Sscofpmf". Whoever executes counts events anyway, for
//! reasons of his own, and gives the counts ([`Totals`]). A counter is what such a count has grown by while the counter
//! ran, so that an event costs nothing. The books are brought up to date ([`State::settle_counters`]) before a CSR of
//! this chapter is accessed, when the mode changes, and now and then in between, which is when an overflow is seen.

use core::fmt;

use arch::csr::{hpmevent, ip};
use arch::event::{FIRST_PROGRAMMABLE, PROGRAMMABLE_COUNTERS};
use arch::{Event, Extension, Mode, Privilege};

use crate::{Config, State};

/// The inhibits of `mhpmevent`.
pub(crate) const INHIBITS: u64 = hpmevent::MINH | hpmevent::SINH | hpmevent::UINH | hpmevent::VSINH | hpmevent::VUINH;
/// The bits of `mhpmevent` that select.
const SELECTOR: u64 = !(hpmevent::OF | INHIBITS);

/// How often each event has happened since reset. They are an input, and no part of a state: states that differ in
/// nothing else are the same.
#[derive(Clone, Copy, Default)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Totals(#[cfg_attr(feature = "state", serde(with = "arch::array"))] pub [u64; Event::COUNT]);

impl PartialEq for Totals {
    fn eq(&self, _: &Totals) -> bool {
        true
    }
}

impl Eq for Totals {}

impl fmt::Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// A programmable counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct Counter {
    /// Its value when the books were last brought up to date.
    value: u64,
    /// The event's count then, which comes on top from there on, if it runs.
    since: Option<u64>,
}

impl Counter {
    fn read(&self, total: u64) -> u64 {
        self.since.map_or(self.value, |since| self.value.wrapping_add(total.wrapping_sub(since)))
    }
}

/// All programmable counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Hpm {
    counters: [Counter; PROGRAMMABLE_COUNTERS],
    /// Input: how often events have happened. Brought up to date before what needs it.
    pub totals: Totals,
    /// Which of them would run in some mode, by bits.
    active: u32,
}

impl Hpm {
    /// Which counters would run in some mode, by bits.
    pub(crate) fn active(&self) -> u64 {
        self.active.into()
    }

    /// What the books have of `mhpmcounter` `number`, in any way: zero where it never was anything.
    pub(crate) fn stored(&self, number: usize) -> u64 {
        let counter = place(number).map(|place| self.counters[place]).unwrap_or_default();
        counter.value | counter.since.unwrap_or(0)
    }
}

/// The place of a counter in [`Hpm`], by its number.
fn place(number: usize) -> Option<usize> {
    number.checked_sub(FIRST_PROGRAMMABLE).filter(|&place| place < PROGRAMMABLE_COUNTERS)
}

/// What `mhpmevent` becomes that is written so: events that do not exist are none.
pub(crate) fn legal_event(config: &Config, number: usize, value: u64) -> u64 {
    let exists = place(number).is_some_and(|place| place < usize::from(config.programmable_counters));
    let selector = Event::selected_by(value & SELECTOR).filter(|_| exists).map_or(0, Event::selector);
    selector | value & !SELECTOR
}

/// The bit of `mhpmevent` that inhibits counting in a mode.
const fn inhibit(mode: Mode) -> u64 {
    match (mode.privilege, mode.virt) {
        (Privilege::Machine, _) => hpmevent::MINH,
        (Privilege::Supervisor, false) => hpmevent::SINH,
        (Privilege::Supervisor, true) => hpmevent::VSINH,
        (Privilege::User, false) => hpmevent::UINH,
        (Privilege::User, true) => hpmevent::VUINH,
    }
}

impl State {
    /// Whether any programmable counter would run in some mode.
    #[inline(always)]
    pub const fn counts_events(&self) -> bool {
        self.hpm.active != 0
    }

    /// Whether `mcountinhibit` lets the counter at this place run.
    fn is_active(&self, place: usize) -> bool {
        self.mcountinhibit >> (place + FIRST_PROGRAMMABLE) & 1 == 0
    }

    /// The counters that would run in some mode, by bits, as the registers say.
    pub(crate) fn active_counters(&self) -> u64 {
        let counts = |&place: &usize| self.event(place).is_some() && self.is_active(place);
        (0..PROGRAMMABLE_COUNTERS).filter(counts).fold(0, |bits, place| bits | 1 << place)
    }

    /// The event that the counter at this place is to count.
    fn event(&self, place: usize) -> Option<Event> {
        match self.mhpmevent[place] & SELECTOR {
            0 => None,
            selector => Event::selected_by(selector),
        }
    }

    /// The value of `mhpmcounter` `number`.
    pub(crate) fn event_counter(&self, number: usize) -> u64 {
        let Some(place) = place(number) else { return 0 };
        let total = self.event(place).map_or(0, |event| self.hpm.totals.0[event as usize]);
        self.hpm.counters[place].read(total)
    }

    /// An instruction writes `mhpmcounter` `number`; the next one reads `value`.
    pub(crate) fn write_event_counter(&mut self, config: &Config, number: usize, value: u64) {
        let Some(place) = place(number).filter(|&place| place < usize::from(config.programmable_counters)) else {
            return;
        };
        let event = self.event(place);
        // itself it does not count: "the write is done instead of the increment"
        let own = matches!(event, Some(Event::Cycles | Event::Instructions));
        let counter = &mut self.hpm.counters[place];
        counter.value = value;
        counter.since =
            counter.since.and(event).map(|event| self.hpm.totals.0[event as usize].wrapping_add(own.into()));
    }

    /// The counter whose `mhpmevent` is at this place will count another event from where it stands.
    pub(crate) fn change_event(&mut self, config: &Config, place: usize, mhpmevent: u64) {
        self.mhpmevent[place] = mhpmevent;
        if let Some(counter) = self.hpm.counters.get_mut(place) {
            counter.since = None;
        }
        self.settle_counters(config);
    }

    /// Brings the books up to date with [`Hpm::totals`]: adds what was counted, notes overflows, and lets counters run
    /// or stand as the registers and the mode now say. Whether an interrupt became pending.
    pub fn settle_counters(&mut self, config: &Config) -> bool {
        let mut raised = false;
        self.hpm.active = 0;
        for place in 0..PROGRAMMABLE_COUNTERS {
            raised |= self.settle(config, place);
        }
        if raised {
            self.mip |= ip::LCOFIP;
        }
        raised
    }

    /// Whether an overflow of the counter at this place wants an interrupt.
    fn settle(&mut self, config: &Config, place: usize) -> bool {
        let Some(event) = self.event(place) else {
            self.hpm.counters[place].since = None;
            return false;
        };
        let active = self.is_active(place);
        let total = self.hpm.totals.0[event as usize];
        let counter = &mut self.hpm.counters[place];
        let value = counter.read(total);
        // between two looks nothing happens 2^63 times; a counter that was just written to may stand one before that
        let overflowed = counter.since.is_some() && value < counter.value && counter.value - value > u64::MAX / 2;
        counter.value = value;
        self.hpm.active |= u32::from(active) << place;
        let runs = active && self.mhpmevent[place] & inhibit(self.mode) == 0;
        counter.since = runs.then_some(total);
        overflowed && config.has(Extension::Sscofpmf) && self.note_overflow(place)
    }

    /// "If a hardware performance monitor counter overflows while the associated OF bit is zero, then a 'count overflow
    /// interrupt request' is generated."
    fn note_overflow(&mut self, place: usize) -> bool {
        let first = self.mhpmevent[place] & hpmevent::OF == 0;
        self.mhpmevent[place] |= hpmevent::OF;
        first
    }

    /// The number of instructions after which a counter of cycles or instructions overflows, if all are counted.
    pub fn instructions_to_overflow(&self) -> u64 {
        let left = |place: usize| match self.event(place) {
            Some(Event::Cycles | Event::Instructions) => match self.event_counter(place + FIRST_PROGRAMMABLE) {
                0 => u64::MAX,
                value => value.wrapping_neg(),
            },
            _ => u64::MAX,
        };
        let runs = |place: &usize| self.hpm.counters[*place].since.is_some();
        (0..PROGRAMMABLE_COUNTERS).filter(runs).map(left).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{self, read, write};
    use arch::csr::*;

    /// A hart whose first programmable counter counts instructions, but where `inhibits` say no.
    fn hart(inhibits: u64) -> (State, Config) {
        let config = Config::new(arch::Isa::ALL, 0);
        let mut state = State::reset(&config);
        write(&mut state, &config, MHPMEVENT3, Event::Instructions.selector() | inhibits).unwrap();
        (state, config)
    }

    /// Retires instructions, and comes to a mode by the last of them.
    fn retire(state: &mut State, config: &Config, count: u64, mode: Mode) {
        state.instret += count;
        for event in [Event::Cycles, Event::Instructions] {
            state.hpm.totals.0[event as usize] = state.instret;
        }
        state.mode = mode;
        state.settle_counters(config);
    }

    fn counter(state: &mut State, config: &Config) -> u64 {
        state.mode = Mode::M;
        csr::read(state, config, MHPMCOUNTER3).unwrap()
    }

    #[test]
    fn each_inhibit_is_of_its_mode() {
        let modes = [
            (Mode::M, hpmevent::MINH),
            (Mode::HS, hpmevent::SINH),
            (Mode::U, hpmevent::UINH),
            (Mode::VS, hpmevent::VSINH),
            (Mode::VU, hpmevent::VUINH),
        ];
        for (mode, inhibit) in modes {
            for (inhibits, counted) in [(inhibit, 0), (INHIBITS & !inhibit, 5), (0, 5)] {
                let (mut state, config) = hart(inhibits);
                retire(&mut state, &config, 0, mode);
                let before = counter(&mut state, &config);
                state.mode = mode;
                retire(&mut state, &config, 5, Mode::M);
                assert_eq!(counter(&mut state, &config) - before, counted, "{mode:?} {inhibits:#x}");
            }
        }
    }

    #[test]
    fn the_first_overflow_wants_an_interrupt() {
        let (mut state, config) = hart(0);
        write(&mut state, &config, MHPMCOUNTER3, 5_u64.wrapping_neg()).unwrap();
        assert_eq!(state.instructions_to_overflow(), 6, "the one that writes, and five");
        retire(&mut state, &config, 5, Mode::M);
        assert_eq!((state.mip & ip::LCOFIP, read(&state, &config, SCOUNTOVF)), (0, Ok(0)));
        retire(&mut state, &config, 1, Mode::M);
        assert_eq!((state.mip & ip::LCOFIP, read(&state, &config, SCOUNTOVF)), (ip::LCOFIP, Ok(1 << 3)));
        state.mip = 0;
        write(&mut state, &config, MHPMCOUNTER3, u64::MAX).unwrap();
        retire(&mut state, &config, 9, Mode::M);
        assert_eq!((state.mip, counter(&mut state, &config)), (0, 7), "OF is still set");
    }

    /// OF and the interrupt are Sscofpmf's.
    #[test]
    fn without_sscofpmf_an_overflow_leaves_no_trace() {
        let config = Config::new(arch::Isa::ALL.without(Extension::Sscofpmf), 0);
        let mut state = State::reset(&config);
        write(&mut state, &config, MHPMEVENT3, Event::Instructions.selector()).unwrap();
        write(&mut state, &config, MHPMCOUNTER3, u64::MAX).unwrap();
        retire(&mut state, &config, 9, Mode::M);
        assert_eq!((state.mip, read(&state, &config, MHPMEVENT3)), (0, Ok(Event::Instructions.selector())));
        assert_eq!(counter(&mut state, &config), 7);
    }

    #[test]
    fn an_inhibited_counter_keeps_what_is_written() {
        let (mut state, config) = hart(0);
        retire(&mut state, &config, 4, Mode::M);
        write(&mut state, &config, MCOUNTINHIBIT, 1 << 3).unwrap();
        retire(&mut state, &config, 4, Mode::M);
        assert_eq!(counter(&mut state, &config), 4);
        write(&mut state, &config, MHPMCOUNTER3, 77).unwrap();
        retire(&mut state, &config, 4, Mode::M);
        write(&mut state, &config, MCOUNTINHIBIT, 0).unwrap();
        retire(&mut state, &config, 3, Mode::M);
        assert_eq!(counter(&mut state, &config), 80);
        assert!(state.counts_events());
    }

    #[test]
    fn another_event_goes_on_from_where_the_counter_stands() {
        let (mut state, config) = hart(0);
        retire(&mut state, &config, 4, Mode::M);
        state.hpm.totals.0[Event::TableReads as usize] = 1000;
        write(&mut state, &config, MHPMEVENT3, Event::TableReads.selector()).unwrap();
        state.hpm.totals.0[Event::TableReads as usize] = 1003;
        retire(&mut state, &config, 100, Mode::M);
        assert_eq!(counter(&mut state, &config), 7);
    }

    #[test]
    fn what_does_not_exist_counts_nothing() {
        let (mut state, config) = hart(0);
        for selector in [0x5, 0x2_000f, 1 << 50] {
            write(&mut state, &config, MHPMEVENT3, selector).unwrap();
            assert_eq!(read(&state, &config, MHPMEVENT3), Ok(0), "{selector:#x}");
        }
        assert!(!state.counts_events());
        // the first that cannot count, and the last that can
        for (number, stored) in [(16, 0), (15, 1)] {
            write(&mut state, &config, MHPMEVENT3 + number, Event::Cycles.selector()).unwrap();
            assert_eq!(read(&state, &config, MHPMEVENT3 + number), Ok(stored), "{number}");
            write(&mut state, &config, MHPMCOUNTER3 + number, 9).unwrap();
        }
        retire(&mut state, &config, 3, Mode::M);
        assert_eq!(read(&state, &config, MHPMCOUNTER3 + 16), Ok(0));
        assert_eq!(read(&state, &config, MHPMCOUNTER3 + 15), Ok(11), "the one that writes is not counted");
    }
}
