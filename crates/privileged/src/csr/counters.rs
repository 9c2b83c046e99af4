//! Counters, their enables and inhibits, and the events of those that are programmable.
//!
//! Privileged architecture, "Hardware Performance Monitor", "Machine Counter-Enable (`mcounteren`) Register" and
//! "Machine Counter-Inhibit (`mcountinhibit`) Register"; "Sscofpmf". Programmable counters beyond
//! [`Config::programmable_counters`] are read-only zero.

use arch::csr::{HPMCOUNTER3, MHPMCOUNTER3, MHPMEVENT3, counteren, hpmevent};
use arch::event::FIRST_PROGRAMMABLE;
use arch::{Extension, Mode};

use super::replace;
use crate::hpm::{self, INHIBITS};
use crate::{Config, Counter, Effects, State};

/// The bits that exist in the counter-enable registers.
pub fn existing(config: &Config) -> u64 {
    let basic = config.bits_if(Extension::Zicntr, counteren::CY | counteren::TM | counteren::IR);
    basic | config.bits_if(Extension::Zihpm, counteren::HPM)
}

/// The bits of `mcountinhibit`: `time` cannot be stopped.
fn inhibits(config: &Config) -> u64 {
    existing(config) & !counteren::TM
}

/// What `mcountinhibit` holds, and by it which programmable counters are told to run.
pub fn inhibits_held(state: &State, config: &Config) -> [(u64, u64); 2] {
    let running = (state.hpm.active(), state.active_counters());
    [(state.mcountinhibit, state.mcountinhibit & inhibits(config)), running]
}

/// Whether a counter stands where its bit of `mcountinhibit` says so.
pub fn stop_held(state: &State, counter: &Counter, bit: u64) -> [(u64, u64); 1] {
    [(counter.is_stopped().into(), (state.mcountinhibit & bit != 0).into())]
}

/// The bits of counters that count nothing can be stored. The books of programmable counters
/// are up to date: [`State::settle_counters`] lets those run again that now may.
pub fn write_mcountinhibit(state: &mut State, config: &Config, value: u64) -> Effects {
    let changed = replace(&mut state.mcountinhibit, inhibits(config), value);
    state.mcycle.stop(state.instret, state.mcountinhibit & counteren::CY != 0);
    state.minstret.stop(state.instret, state.mcountinhibit & counteren::IR != 0);
    state.settle_counters(config);
    Effects::COUNTERS.when(changed != 0)
}

/// `cycle`: one per instruction.
pub const fn cycle(state: &State) -> u64 {
    state.mcycle.read(state.instret)
}

pub const fn instret(state: &State) -> u64 {
    state.minstret.read(state.instret)
}

/// `time`, with the hypervisor's delta for guests.
pub const fn time(state: &State) -> u64 {
    if state.mode.virt { state.guest_time() } else { state.time }
}

pub const fn write_mcycle(state: &mut State, value: u64) -> Effects {
    state.mcycle.write(state.instret, value);
    Effects::COUNTERS
}

pub const fn write_minstret(state: &mut State, value: u64) -> Effects {
    state.minstret.write(state.instret, value);
    Effects::COUNTERS
}

/// The place of `mhpmevent` at `address`.
fn place(address: u16) -> usize {
    usize::from(address - MHPMEVENT3)
}

pub fn mhpmevent(state: &State, address: u16) -> u64 {
    state.mhpmevent[place(address)]
}

/// What `mhpmevent` at `address` makes of a value: an event that does not exist is 0, none. OF and the inhibits exist
/// with Sscofpmf.
fn legal_event(config: &Config, address: u16, value: u64) -> u64 {
    let guests = hpmevent::VSINH | hpmevent::VUINH;
    let absent = if config.has(Extension::H) { 0 } else { guests };
    let fields = config.bits_if(Extension::Sscofpmf, (hpmevent::OF | INHIBITS) & !absent);
    let legal = hpm::legal_event(config, FIRST_PROGRAMMABLE + place(address), value);
    legal & (fields | !(hpmevent::OF | INHIBITS))
}

pub fn write_mhpmevent(state: &mut State, config: &Config, address: u16, value: u64) -> Effects {
    state.change_event(config, place(address), legal_event(config, address, value));
    Effects::COUNTERS
}

/// What `mhpmevent` at `address` holds.
pub fn event_held(state: &State, config: &Config, address: u16) -> [(u64, u64); 1] {
    [(mhpmevent(state, address), legal_event(config, address, mhpmevent(state, address)))]
}

/// The number of the counter at `address`, which is its user's or the machine's.
fn number(address: u16) -> usize {
    let first = if address >= HPMCOUNTER3 { HPMCOUNTER3 } else { MHPMCOUNTER3 };
    FIRST_PROGRAMMABLE + usize::from(address - first)
}

pub fn hpmcounter(state: &State, address: u16) -> u64 {
    state.event_counter(number(address))
}

/// What `mhpmcounter` at `address` holds: nothing where it cannot count.
pub fn counter_held(state: &State, config: &Config, address: u16) -> [(u64, u64); 1] {
    let value = state.hpm.stored(number(address));
    let can_count = number(address) - FIRST_PROGRAMMABLE < usize::from(config.programmable_counters);
    [(value, if can_count { value } else { 0 })]
}

pub fn write_mhpmcounter(state: &mut State, config: &Config, address: u16, value: u64) -> Effects {
    state.write_event_counter(config, number(address), value);
    Effects::COUNTERS
}

/// OF of each counter, where the current mode may read the counter.
///
/// "Supervisor Count Overflow (`scountovf`) Register".
pub fn scountovf(state: &State) -> u64 {
    let overflows =
        state.mhpmevent.iter().rev().fold(0, |bits, event| bits << 1 | u64::from(event & hpmevent::OF != 0));
    let by_machine = if state.mode == Mode::M { u64::MAX } else { state.mcounteren };
    let by_hypervisor = if state.mode.virt { state.hcounteren } else { u64::MAX };
    overflows << 3 & by_machine & by_hypervisor
}

#[cfg(test)]
mod tests {
    use crate::csr::testing::{accepts, hart, legalised, rejects};
    use crate::{Denied, Effects, csr};
    use arch::csr::*;
    use arch::{Extension, Mode};

    #[test]
    fn enables_have_a_bit_per_counter_that_exists() {
        let (mut state, mut config) = hart();
        assert_eq!(legalised(&mut state, &config, MCOUNTEREN, u64::MAX), 0xffff_ffff);
        assert_eq!(legalised(&mut state, &config, MCOUNTINHIBIT, u64::MAX), 0xffff_fffd);
        config.isa = config.isa.without(Extension::Zihpm);
        assert_eq!(legalised(&mut state, &config, SCOUNTEREN, u64::MAX), 7);
        rejects(&mut state, &config, Mode::M, HPMCOUNTER3, Denied::Illegal);
    }

    #[test]
    fn what_the_machine_withholds_is_illegal_even_for_a_guest() {
        let (mut state, config) = hart();
        (state.hcounteren, state.scounteren) = (u64::MAX, u64::MAX);
        for mode in [Mode::HS, Mode::U, Mode::VS, Mode::VU] {
            rejects(&mut state, &config, mode, INSTRET, Denied::Illegal);
        }
        accepts(&mut state, &config, Mode::M, INSTRET);
    }

    #[test]
    fn what_the_hypervisor_withholds_is_virtual() {
        let (mut state, config) = hart();
        (state.mcounteren, state.scounteren) = (u64::MAX, u64::MAX);
        rejects(&mut state, &config, Mode::VS, TIME, Denied::Virtual);
        rejects(&mut state, &config, Mode::VU, TIME, Denied::Virtual);
        accepts(&mut state, &config, Mode::U, TIME);
    }

    #[test]
    fn what_the_supervisor_withholds_is_virtual_in_vu_and_illegal_in_u() {
        let (mut state, config) = hart();
        (state.mcounteren, state.hcounteren) = (u64::MAX, u64::MAX);
        rejects(&mut state, &config, Mode::VU, CYCLE, Denied::Virtual);
        rejects(&mut state, &config, Mode::U, CYCLE, Denied::Illegal);
        accepts(&mut state, &config, Mode::VS, CYCLE);
    }

    #[test]
    fn guests_see_their_own_time() {
        let (mut state, config) = hart();
        (state.time, state.htimedelta) = (1000, 5_u64.wrapping_neg());
        (state.mcounteren, state.hcounteren) = (u64::MAX, u64::MAX);
        state.mode = Mode::VS;
        assert_eq!(csr::read(&state, &config, TIME), Ok(995));
        state.mode = Mode::HS;
        assert_eq!(csr::read(&state, &config, TIME), Ok(1000));
    }

    #[test]
    fn a_written_counter_goes_on_from_there() {
        let (mut state, config) = hart();
        state.instret = 50;
        assert_eq!(csr::write(&mut state, &config, MINSTRET, 7), Ok(Effects::COUNTERS));
        state.instret = 52;
        assert_eq!(csr::read(&state, &config, INSTRET), Ok(8));
        assert_eq!(csr::read(&state, &config, MCYCLE), Ok(52));
    }

    #[test]
    fn an_inhibited_counter_stands_still() {
        let (mut state, config) = hart();
        state.instret = 5;
        csr::write(&mut state, &config, MCOUNTINHIBIT, counteren::CY).unwrap();
        state.instret = 9;
        assert_eq!(csr::read(&state, &config, MCYCLE), Ok(5));
        assert_eq!(csr::read(&state, &config, MINSTRET), Ok(9));
    }

    #[test]
    fn events_keep_overflow_and_inhibits() {
        let (mut state, mut config) = hart();
        assert_eq!(legalised(&mut state, &config, MHPMEVENT3 + 28, u64::MAX), 0xfc00_0000_0000_0000);
        assert_eq!(legalised(&mut state, &config, MHPMCOUNTER3 + 16, 5), 0);
        config.isa = config.isa.without(Extension::Sscofpmf);
        assert_eq!(legalised(&mut state, &config, MHPMEVENT3, u64::MAX), 0);
        rejects(&mut state, &config, Mode::M, SCOUNTOVF, Denied::Illegal);
    }

    #[test]
    fn overflow_is_seen_where_the_counter_is() {
        let (mut state, config) = hart();
        (state.mhpmevent[0], state.mhpmevent[28]) = (hpmevent::OF, hpmevent::OF);
        assert_eq!(csr::read(&state, &config, SCOUNTOVF), Ok(1 << 3 | 1 << 31));
        state.mode = Mode::HS;
        state.mcounteren = 1 << 3;
        assert_eq!(csr::read(&state, &config, SCOUNTOVF), Ok(1 << 3));
        state.mode = Mode::VS;
        assert_eq!(csr::read(&state, &config, SCOUNTOVF), Ok(0));
    }
}
