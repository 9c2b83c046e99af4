//! Physical memory protection.
//!
//! Privileged architecture, "Physical Memory Protection"; "Smepmp". The granularity is 4 bytes.

use arch::csr::{pmpcfg, seccfg};
use arch::{Phys, Privilege};

use crate::{Access, Config, State};

/// What `pmpaddr` can hold: bits 55:2 of an address.
pub const ADDRESS_MASK: u64 = (1 << 54) - 1;

/// The addresses of a region: the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    first: u64,
    last: u64,
}

impl Region {
    /// `len` bytes (at least 1) from `addr`; never wraps.
    const fn new(addr: u64, len: u64) -> Region {
        Region { first: addr, last: addr.saturating_add(len.saturating_sub(1)) }
    }

    const fn overlaps(self, other: Region) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    const fn contains(self, other: Region) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// Whether `len` bytes (at least 1) at `addr` may be accessed with `privilege`. An HLVX needs both Load and Fetch
/// (see [`check_executable_load`]).
///
/// "Priority and Matching Logic": the lowest-numbered entry that matches any byte decides, and must match all of them.
pub fn check(state: &State, config: &Config, addr: Phys, len: u64, access: Access, privilege: Privilege) -> bool {
    if config.pmp_entries == 0 || is_open(state) {
        return true;
    }
    let wanted = Region::new(addr.0, len);
    match first_match(state, config, wanted) {
        Some((index, region)) => region.contains(wanted) && permits(state, state.pmpcfg[index], access, privilege),
        None => permits_unmatched(state, access, privilege),
    }
}

/// Whether the first entry gives everybody everything, as a firmware without secrets sets it: a short cut.
const fn is_open(state: &State) -> bool {
    const ALL: u8 = pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X;
    state.pmpaddr[0] == ADDRESS_MASK && state.pmpcfg[0] == ALL && state.mseccfg & seccfg::MML == 0
}

/// An entry that matches an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Its number.
    pub entry: usize,
    /// The first address of its region.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Whether it has all of the access's bytes; if not, the access fails whatever the entry permits.
    pub whole: bool,
}

/// The entry by which [`check`] decides about an access; `None` where none matches.
pub fn matching(state: &State, config: &Config, addr: Phys, len: u64) -> Option<Match> {
    let wanted = Region::new(addr.0, len);
    let (entry, region) = first_match(state, config, wanted)?;
    Some(Match { entry, first: region.first, last: region.last, whole: region.contains(wanted) })
}

/// [`check`] for HLVX: the memory must be readable and executable.
///
/// H extension, "Hypervisor Virtual-Machine Load and Store Instructions": "HLVX cannot override machine-level physical
/// memory protection (PMP), so attempting to read memory that PMP designates as execute-only still results in an
/// access-fault exception."
pub fn check_executable_load(state: &State, config: &Config, addr: Phys, len: u64, privilege: Privilege) -> bool {
    [Access::Load, Access::Fetch].into_iter().all(|access| check(state, config, addr, len, access, privilege))
}

/// Whether [`check`] says the same of every access inside the `len` bytes at `addr`, so that the verdict on one can be
/// kept for all.
pub fn region_uniform(state: &State, config: &Config, addr: Phys, len: u64) -> bool {
    if is_open(state) {
        return true;
    }
    let wanted = Region::new(addr.0, len);
    first_match(state, config, wanted).is_none_or(|(_, region)| region.contains(wanted))
}

/// The lowest-numbered entry that matches a byte of `wanted`, and its region.
fn first_match(state: &State, config: &Config, wanted: Region) -> Option<(usize, Region)> {
    let entries = usize::from(config.pmp_entries).min(state.pmpaddr.len());
    (0..entries).find_map(|index| region(state, index).filter(|r| r.overlaps(wanted)).map(|r| (index, r)))
}

/// The addresses that entry `index` matches, if any.
fn region(state: &State, index: usize) -> Option<Region> {
    let addr = state.pmpaddr[index];
    match state.pmpcfg[index] & pmpcfg::A {
        pmpcfg::A_TOR => {
            let first = index.checked_sub(1).map_or(0, |below| state.pmpaddr[below]) << 2;
            let top = addr << 2;
            (first < top).then(|| Region { first, last: top - 1 })
        }
        pmpcfg::A_NA4 => Some(Region::new(addr << 2, 4)),
        pmpcfg::A_NAPOT => {
            // yyy...y01...1: the ones below the lowest zero say how big the region is.
            let ones = addr.trailing_ones();
            Some(Region::new((addr & !low_bits(ones + 1)) << 2, 8 << ones))
        }
        _ => None,
    }
}

/// The lowest `count` bits (less than 64).
const fn low_bits(count: u32) -> u64 {
    (1 << count) - 1
}

/// What entry `cfg` permits.
fn permits(state: &State, cfg: u8, access: Access, privilege: Privilege) -> bool {
    let locked = cfg & pmpcfg::L != 0;
    let machine = privilege == Privilege::Machine;
    if state.mseccfg & seccfg::MML != 0 {
        return permits_with_lockdown(cfg, access, machine);
    }
    machine && !locked || cfg & needed(access) != 0
}

/// The bit that `access` needs.
const fn needed(access: Access) -> u8 {
    match access {
        Access::Fetch => pmpcfg::X,
        Access::Load => pmpcfg::R,
        Access::Store => pmpcfg::W,
    }
}

/// The truth table of Smepmp with `mseccfg.MML` set.
fn permits_with_lockdown(cfg: u8, access: Access, machine: bool) -> bool {
    const R: u8 = pmpcfg::R;
    const W: u8 = pmpcfg::W;
    const X: u8 = pmpcfg::X;
    const L: u8 = pmpcfg::L;
    const NONE: u8 = 0;
    let permitted = match (cfg & (L | R | W | X), machine) {
        // Shared data regions: M reads and writes; S and U read, and write with X.
        (W, true) => R | W,
        (W, false) => R,
        (0x6, _) => R | W,
        // Shared code regions: all execute; M reads with X.
        (0x82, _) => X,
        (0x86, true) => R | X,
        (0x86, false) => X,
        // The read-only shared data region.
        (0x87, _) => R,
        // The rest is for M when locked, for S and U when not.
        (rule, machine) => {
            if (rule & L != 0) == machine {
                rule
            } else {
                NONE
            }
        }
    };
    permitted & needed(access) != 0
}

/// What is permitted where no entry matches.
fn permits_unmatched(state: &State, access: Access, privilege: Privilege) -> bool {
    let whitelist = state.mseccfg & seccfg::MMWP != 0;
    let lockdown = state.mseccfg & seccfg::MML != 0;
    privilege == Privilege::Machine && !whitelist && !(lockdown && access == Access::Fetch)
}

/// Whether entry `index` is locked: its registers cannot be written.
pub(crate) fn is_locked(state: &State, index: usize) -> bool {
    state.mseccfg & seccfg::RLB == 0 && state.pmpcfg[index] & pmpcfg::L != 0
}

/// Writes `pmpaddr[index]`, unless locked by its own entry or as the base of a locked TOR entry.
pub(crate) fn write_address(state: &mut State, index: usize, value: u64) {
    let next_is_locked_tor = index + 1 < state.pmpcfg.len()
        && is_locked(state, index + 1)
        && state.pmpcfg[index + 1] & pmpcfg::A == pmpcfg::A_TOR;
    if !is_locked(state, index) && !next_is_locked_tor {
        state.pmpaddr[index] = value & ADDRESS_MASK;
    }
}

/// What an entry's configuration makes of a value. But in lockdown, R = 0 with W = 1 is reserved.
pub(crate) fn legal_config(state: &State, value: u8) -> u8 {
    let reserved = state.mseccfg & seccfg::MML == 0 && value & pmpcfg::R == 0;
    value & (pmpcfg::L | pmpcfg::A | pmpcfg::X | pmpcfg::R | if reserved { 0 } else { pmpcfg::W })
}

/// Writes the configuration of entry `index`, unless locked.
pub(crate) fn write_config(state: &mut State, index: usize, value: u8) {
    if is_locked(state, index) {
        return;
    }
    let lockdown = state.mseccfg & seccfg::MML != 0;
    let cfg = legal_config(state, value);
    let bypass = state.mseccfg & seccfg::RLB != 0;
    if bypass || !lockdown || !adds_machine_code(cfg) {
        state.pmpcfg[index] = cfg;
    }
}

/// Smepmp: "Adding a rule with executable privileges that either is M-mode-only or a locked Shared-Region is not
/// possible and such `pmpcfg` writes are ignored".
fn adds_machine_code(cfg: u8) -> bool {
    let executable = match cfg & (pmpcfg::R | pmpcfg::W | pmpcfg::X) {
        // Locked RWX is the read-only shared data region.
        0x7 => false,
        rule => rule & pmpcfg::X != 0 || rule == pmpcfg::W,
    };
    cfg & pmpcfg::L != 0 && executable
}

/// The fields of `mseccfg`.
pub(crate) const SECURITY: u64 = seccfg::MML | seccfg::MMWP | seccfg::RLB;

/// Writes `mseccfg`: MML and MMWP are sticky, RLB cannot be set once an entry is locked.
pub(crate) fn write_security(state: &mut State, config: &Config, value: u64) {
    let entries = usize::from(config.pmp_entries).min(state.pmpcfg.len());
    let any_locked = state.pmpcfg[..entries].iter().any(|cfg| cfg & pmpcfg::L != 0);
    let old = state.mseccfg;
    let rlb = if any_locked && old & seccfg::RLB == 0 { 0 } else { value & seccfg::RLB };
    state.mseccfg = (old | value) & (seccfg::MML | seccfg::MMWP) | rlb;
}
