//! What comes from outside the hart's registers, and must be up to date in [`State`](crate::State) before some are
//! accessed.

/// A set of inputs that an access to a CSR depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs(u8);

impl Inputs {
    /// Nothing but registers, and the count of retired instructions, which every access has exactly.
    pub const NONE: Inputs = Inputs(0);
    /// `State::time`, `State::pins`, `State::hgeip` and `State::topei`: what it shows, or the deadline that a write
    /// sets, depends on them.
    pub const TIME: Inputs = Inputs(1);
    /// The counts of events that programmable counters count, or which of them a write stops.
    pub const EVENTS: Inputs = Inputs(1 << 1);
    /// Whether a programmable counter has overflown: nothing where none runs
    /// ([`State::counts_events`](crate::State::counts_events)).
    pub const OVERFLOWS: Inputs = Inputs(1 << 2);

    /// `State::file` or `State::topei` of the level whose interrupt file the access reaches ([`super::file_access`]).
    pub const FILE: Inputs = Inputs(1 << 3);

    /// Whether any of `other` is in the set.
    pub const fn has(self, other: Inputs) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets.
    pub const fn and(self, other: Inputs) -> Inputs {
        Inputs(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::csr::testing::{aia_hart, hart};
    use crate::csr::{gate, implemented, inputs, peek, write};
    use crate::{Config, Effects, State};
    use arch::csr::{self, hpmevent, ip, topei};
    use arch::{Event, Mode};
    use std::vec::Vec;

    const MODES: [Mode; 5] = [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU];

    /// The registers that differ between two states in some mode.
    fn differing<'a>(config: &'a Config, states: &'a [State; 2]) -> impl Iterator<Item = u16> + 'a {
        implemented(config).filter(|&address| {
            MODES.iter().any(|&mode| {
                let [one, other] = states.each_ref().map(|state| State { mode, ..state.clone() });
                peek(&one, config, address) != peek(&other, config, address)
            })
        })
    }

    /// A guest has timers, wires and lines that may raise interrupts.
    fn early_and_late() -> (Config, [State; 2]) {
        let (_, mut config) = hart();
        config.guest_external_interrupts = 1;
        let early = State {
            mideleg: u64::MAX,
            hideleg: u64::MAX,
            henvcfg: u64::MAX,
            stimecmp: 10,
            vstimecmp: 20,
            hgeie: 2,
            ..gate::all_open(&config, Mode::M)
        };
        let late = State { time: 30, pins: ip::SEIP | ip::MACHINE, hgeip: 2, ..early.clone() };
        (config, [early, late])
    }

    #[test]
    fn what_time_and_wires_change_is_said_to_depend_on_them() {
        let (config, states) = early_and_late();
        let found: Vec<u16> = differing(&config, &states).collect();
        found.iter().for_each(|&address| assert!(inputs(address).has(Inputs::TIME), "{address:#x}"));
        assert_eq!(found, [csr::TIME, csr::SIP, csr::VSIP, csr::HIP, csr::HGEIP, csr::MIP]);
    }

    #[test]
    fn what_wires_and_interrupt_files_change_is_said_to_depend_on_them() {
        let (_, config) = aia_hart();
        let early = State {
            mie: ip::MEIP | ip::SEIP | ip::VSEIP | ip::SGEIP,
            mideleg: ip::SEIP,
            hideleg: ip::VSEIP,
            hgeie: 2,
            ..gate::all_open(&config, Mode::M)
        };
        let late = State { pins: ip::SEIP | ip::MEIP, hgeip: 2, topei: [7, 8, 9].map(topei::of), ..early.clone() };
        let found: Vec<u16> = differing(&config, &[early, late]).collect();
        let (files, wires): (Vec<u16>, Vec<u16>) =
            found.into_iter().partition(|&address| inputs(address).has(Inputs::FILE));
        wires.iter().for_each(|&address| assert!(inputs(address).has(Inputs::TIME), "{address:#x}"));
        assert_eq!(files, [csr::STOPEI, csr::VSTOPEI, csr::MTOPEI]);
        let seen = [csr::SIP, csr::STOPI, csr::VSIP, csr::VSTOPI, csr::HIP, csr::HGEIP, csr::MIP, csr::MTOPI];
        assert_eq!(wires, seen);
    }

    #[test]
    fn what_moves_a_deadline_is_said_to_depend_on_time() {
        let (config, [early, _]) = early_and_late();
        for address in [csr::STIMECMP, csr::VSTIMECMP, csr::HTIMEDELTA] {
            let effects = write(&mut early.clone(), &config, address, 5).unwrap();
            assert!(effects.has(Effects::TIMER) && inputs(address).has(Inputs::TIME), "{address:#x}");
        }
    }

    #[test]
    fn what_counted_events_change_is_said_to_depend_on_them() {
        let (mut before, config) = hart();
        (before.mideleg, before.mcounteren) = (u64::MAX, u64::MAX);
        write(&mut before, &config, csr::MHPMEVENT3, Event::Exceptions.selector() | hpmevent::MINH).unwrap();
        write(&mut before, &config, csr::MHPMEVENT3, Event::Exceptions.selector()).unwrap();
        write(&mut before, &config, csr::MHPMCOUNTER3, u64::MAX - 1).unwrap();
        let mut after = before.clone();
        after.hpm.totals.0[Event::Exceptions as usize] += 5;
        after.settle_counters(&config);
        let found: Vec<u16> = differing(&config, &[before, after]).collect();
        let wanted = Inputs::EVENTS.and(Inputs::OVERFLOWS);
        found.iter().for_each(|&address| assert!(inputs(address).has(wanted), "{address:#x}"));
        let seen = [csr::HPMCOUNTER3, csr::SIP, csr::SCOUNTOVF, csr::MHPMEVENT3, csr::MIP, csr::MHPMCOUNTER3];
        assert_eq!(found, seen);
    }

    #[test]
    fn only_overflows_are_nothing_where_nothing_is_counted() {
        let overflows = |address| inputs(address).has(Inputs::OVERFLOWS);
        assert!(csr::all().filter(|&address| overflows(address)).eq([csr::SIP, csr::STOPI, csr::MIP, csr::MTOPI]));
    }
}
