//! Which of several interrupts comes first at a level: what `mtopi`, `stopi` and `vstopi` show.
//!
//! AIA 1.0, "Configuring priorities of major interrupts at machine level", "Machine top interrupt CSR", their
//! supervisor-level and VS-level counterparts, and "Virtual supervisor top interrupt CSR".

use arch::Interrupt;
use arch::csr::{hvictl, topei, topi};

use crate::interrupt::{for_guest, for_machine, for_supervisor};
use crate::{Config, Level, State};

/// An interrupt among others at its level. What is less comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Top {
    rank: Rank,
    /// Between equal ranks, the default order decides.
    place: usize,
    /// The code that the level's handler is told.
    pub code: u8,
    /// Whether nothing but `hvictl` asserts it.
    pub by_hvictl: bool,
}

/// A place in the manual's tables "Effect of the [...] `iprio` array on the priorities of interrupts": 0 is the
/// highest; then come priority numbers; then external interrupts with numbers of 256 and above; and then the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u16);

impl Rank {
    const HIGHEST: Rank = Rank(0);
    /// "In that case, the SEI is assigned a priority number of 256."
    const EXTERNAL_LAST: Rank = Rank(256);
    const LOWEST: Rank = Rank(257);

    /// The rank of an interrupt by its priority number. Number 0 ranks it above all others where its default priority
    /// is above that of external interrupts, and else below all.
    const fn of(number: u64, is_above_external: bool) -> Rank {
        match number {
            0 if is_above_external => Rank::HIGHEST,
            0 => Rank::LOWEST,
            _ => Rank(number as u16),
        }
    }

    /// That of an external interrupt with this identity in its file, or 0 where nobody says which.
    const fn of_external(identity: u64) -> Rank {
        match identity {
            1..=255 => Rank(identity as u16),
            _ => Rank::EXTERNAL_LAST,
        }
    }

    /// IPRIO.
    const fn shown(self) -> u64 {
        if self.0 > 255 { 255 } else { self.0 as u64 }
    }
}

impl Top {
    /// The interrupt of that code.
    pub fn interrupt(self) -> Interrupt {
        Interrupt::from_code(self.code.into()).unwrap_or(Interrupt::SupervisorExternal)
    }

    /// What `mtopi` and `stopi` show. "If all bytes of the [...] `iprio` array are read-only zeros, a simplified
    /// implementation of field IPRIO is allowed in which its value is always 1".
    const fn shown(self, config: &Config) -> u64 {
        self.with_priority(if config.aia.priority_bits == 0 { 1 } else { self.rank.shown() })
    }

    const fn with_priority(self, priority: u64) -> u64 {
        (self.code as u64) << topi::IID_SHIFT | priority
    }
}

/// The first of `interrupts` at a level whose external interrupt has this rank; `number` tells the priority numbers of
/// others.
fn first(interrupts: u64, external: Interrupt, of_external: Rank, number: impl Fn(Interrupt) -> u64) -> Option<Top> {
    let highest = external.default_place();
    let top = |(place, interrupt): (usize, &Interrupt)| {
        let is_external = *interrupt == external;
        let rank = if is_external { of_external } else { Rank::of(number(*interrupt), place < highest) };
        Top { rank, place, code: interrupt.code(), by_hvictl: false }
    };
    let wanted = |(_, interrupt): &(usize, &Interrupt)| interrupts & interrupt.bit() != 0;
    Interrupt::DEFAULT_PRIORITY.iter().enumerate().filter(wanted).map(top).min()
}

/// The byte of an interrupt in an array of priority numbers.
const fn in_array(array: &[u64; 8], interrupt: Interrupt) -> u64 {
    array[interrupt.code() as usize / 8] >> (interrupt.code() % 8 * 8) & 0xff
}

/// What the machine level's interrupt file has first, if it signals.
fn of_machine_file(state: &State) -> Rank {
    let signals = state.pins & Interrupt::MachineExternal.bit() != 0;
    Rank::of_external(if signals { topei::identity(state.topei(Level::Machine)) } else { 0 })
}

/// What the supervisor level's interrupt file has first, if it signals.
fn of_supervisor_file(state: &State) -> Rank {
    let signals = state.pins & Interrupt::SupervisorExternal.bit() != 0;
    Rank::of_external(if signals { topei::identity(state.topei(Level::Supervisor)) } else { 0 })
}

/// The first of `interrupts`, which trap to M-mode.
pub fn first_for_machine(state: &State, interrupts: u64) -> Option<Top> {
    let number = |interrupt| in_array(&state.miprio, interrupt);
    first(interrupts, Interrupt::MachineExternal, of_machine_file(state), number)
}

/// The first of `interrupts`, which trap to HS-mode or S-mode.
pub fn first_for_supervisor(state: &State, interrupts: u64) -> Option<Top> {
    let number = |interrupt| in_array(&state.siprio, interrupt);
    first(interrupts, Interrupt::SupervisorExternal, of_supervisor_file(state), number)
}

/// The priority number of an interrupt of VS level, by its code there: those that `hviprio1` and `hviprio2` have.
const fn in_hviprio(state: &State, interrupt: Interrupt) -> u64 {
    let code = interrupt.code();
    let (register, byte) = match code {
        1 => (state.hviprio1, 1),
        5 => (state.hviprio1, 3),
        13..=15 => (state.hviprio1, code - 8),
        16..=23 => (state.hviprio2, code - 16),
        _ => return 0,
    };
    register >> (byte * 8) & 0xff
}

/// The rank of VS level's external interrupt: the first three candidates of the manual's list, of which one at most is
/// one.
fn of_guest_file(state: &State, config: &Config) -> Rank {
    let (file, iid) = (state.topei(Level::Guest), hvictl_iid(state));
    let by_hypervisor = state.hvictl & hvictl::IPRIO;
    match state.vgein() {
        vgein if config.has_guest_file(vgein) && file != 0 => Rank::of_external(topei::identity(file)),
        0 if iid == Interrupt::SupervisorExternal.code() && by_hypervisor != 0 => Rank::of_external(by_hypervisor),
        _ => Rank::EXTERNAL_LAST,
    }
}

const fn hvictl_iid(state: &State) -> u8 {
    ((state.hvictl & hvictl::IID) >> hvictl::IID_SHIFT) as u8
}

/// The interrupt that `hvictl` asserts for VS level: none where its IID is an external interrupt's. "Ties [...] default
/// priority order is determined solely by `hvictl`.DPR."
fn by_hvictl(state: &State) -> Option<Top> {
    let (code, is_below) = (hvictl_iid(state), state.hvictl & hvictl::DPR != 0);
    let place = if is_below { usize::MAX } else { 0 };
    let rank = Rank::of(state.hvictl & hvictl::IPRIO, !is_below);
    (code != Interrupt::SupervisorExternal.code()).then_some(Top { rank, place, code, by_hvictl: true })
}

/// The first interrupt of VS level, if `vstopi` is not zero.
pub fn first_for_guest(state: &State, config: &Config) -> Option<Top> {
    let external = Interrupt::SupervisorExternal;
    let asserted = for_guest(state, config);
    let is_virtual = state.hvictl & hvictl::VTI != 0;
    let candidates = if is_virtual { asserted & external.bit() } else { asserted };
    let number = |interrupt| in_hviprio(state, interrupt);
    let by_hvictl = is_virtual.then(|| by_hvictl(state)).flatten();
    let others = (candidates != 0).then(|| first(candidates, external, of_guest_file(state, config), number)).flatten();
    others.into_iter().chain(by_hvictl).min().filter(|top| shown_to_guest(state, *top) != 0)
}

/// What `vstopi` shows of it: "If bit IPRIOM (IPRIO Mode) of `hvictl` is zero, IPRIO in `vstopi` is 1".
const fn shown_to_guest(state: &State, top: Top) -> u64 {
    top.with_priority(if state.hvictl & hvictl::IPRIOM == 0 { 1 } else { top.rank.shown() })
}

/// `mtopi`
pub fn mtopi(state: &State, config: &Config) -> u64 {
    first_for_machine(state, for_machine(state, config)).map_or(0, |top| top.shown(config))
}

/// `stopi`
pub fn stopi(state: &State, config: &Config) -> u64 {
    first_for_supervisor(state, for_supervisor(state, config)).map_or(0, |top| top.shown(config))
}

/// `vstopi`
pub fn vstopi(state: &State, config: &Config) -> u64 {
    first_for_guest(state, config).map_or(0, |top| shown_to_guest(state, top))
}

#[cfg(test)]
mod tests;
