//! `pmpcfg` and `pmpaddr`. Entries that do not exist read zero and ignore writes. Locks are the business
//! of [`crate::pmp`].
//!
//! Privileged architecture, "Physical Memory Protection CSRs".

use core::array;

use arch::csr::{PMPADDR0, PMPCFG0, pmpcfg};

use crate::{Config, Effects, State, pmp};

/// Entries in each `pmpcfg` with an even number, on RV64.
const PER_REGISTER: usize = 8;

/// What a write to a register of PMP changes.
const CHANGED: Effects = Effects::TRANSLATION.and(Effects::PROTECTION);

/// The first entry of `pmpcfg` at `address`.
fn first(address: u16) -> usize {
    usize::from(address - PMPCFG0) / 2 * PER_REGISTER
}

/// The entry of `pmpaddr` at `address`.
fn entry(address: u16) -> usize {
    usize::from(address - PMPADDR0)
}

/// Entry 0 lets every mode access everything, for software that does not know PMP. ("Reset" leaves this to the
/// platform; Spike does the same.)
pub fn pmpcfg0_after_reset(config: &Config) -> u8 {
    if config.pmp_entries > 0 { pmpcfg::A_NAPOT | pmpcfg::X | pmpcfg::W | pmpcfg::R } else { 0 }
}

/// All of memory, for [`pmpcfg0_after_reset`].
pub fn pmpaddr0_after_reset(config: &Config) -> u64 {
    if config.pmp_entries > 0 { pmp::ADDRESS_MASK } else { 0 }
}

pub fn pmpcfg(state: &State, address: u16) -> u64 {
    let configs = state.pmpcfg.iter().skip(first(address)).take(PER_REGISTER);
    configs.rev().fold(0, |value, &config| value << 8 | u64::from(config))
}

/// Each entry is written by itself, the lowest first; locked ones stay.
pub fn write_pmpcfg(state: &mut State, config: &Config, address: u16, value: u64) -> Effects {
    for (index, byte) in (first(address)..usize::from(config.pmp_entries)).zip(value.to_le_bytes()) {
        pmp::write_config(state, index, byte);
    }
    CHANGED
}

/// What `pmpcfg` at `address` holds, entry by entry.
pub fn configs_held(state: &State, config: &Config, address: u16) -> [(u64, u64); PER_REGISTER] {
    array::from_fn(|n| {
        let entry = first(address) + n;
        // odd registers do not exist: the entries are those of the even ones before
        let byte = if address.is_multiple_of(2) { state.pmpcfg[entry] } else { 0 };
        let exists = entry < usize::from(config.pmp_entries);
        (byte.into(), if exists { pmp::legal_config(state, byte).into() } else { 0 })
    })
}

/// What `pmpaddr` at `address` holds.
pub fn address_held(state: &State, config: &Config, address: u16) -> [(u64, u64); 1] {
    let exists = entry(address) < usize::from(config.pmp_entries);
    let held = state.pmpaddr[entry(address)];
    [(held, if exists { held & pmp::ADDRESS_MASK } else { 0 })]
}

pub fn pmpaddr(state: &State, address: u16) -> u64 {
    state.pmpaddr[entry(address)]
}

pub fn write_pmpaddr(state: &mut State, config: &Config, address: u16, value: u64) -> Effects {
    if entry(address) < usize::from(config.pmp_entries) {
        pmp::write_address(state, entry(address), value);
    }
    CHANGED
}

pub fn write_mseccfg(state: &mut State, config: &Config, value: u64) -> Effects {
    pmp::write_security(state, config, value);
    CHANGED
}

#[cfg(test)]
mod tests {
    use crate::csr::testing::{hart, legalised, rejects};
    use crate::{Denied, csr};
    use arch::Mode;
    use arch::csr::{MSECCFG, PMPADDR0, PMPCFG0};

    /// NAPOT, RWX.
    const ALL: u64 = 0x1f;
    /// Locked.
    const L: u64 = 0x80;

    #[test]
    fn eight_entries_share_a_register() {
        let (mut state, config) = hart();
        legalised(&mut state, &config, PMPCFG0 + 2, ALL << 56 | 0x19);
        assert_eq!((state.pmpcfg[8], state.pmpcfg[15]), (0x19, 0x1f));
        assert_eq!(csr::read(&state, &config, PMPCFG0 + 2), Ok(ALL << 56 | 0x19));
    }

    #[test]
    fn entries_that_do_not_exist_are_zero() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, PMPADDR0 + 16, 5), 0);
        assert_eq!(legalised(&mut state, &config, PMPCFG0 + 14, u64::MAX), 0);
        assert_eq!(legalised(&mut state, &config, PMPADDR0 + 63, 5), 0);
    }

    #[test]
    fn without_entries_there_are_no_registers() {
        let (mut state, mut config) = hart();
        config.pmp_entries = 0;
        rejects(&mut state, &config, Mode::M, PMPCFG0, Denied::Illegal);
        rejects(&mut state, &config, Mode::M, PMPADDR0, Denied::Illegal);
    }

    #[test]
    fn a_locked_entry_stays() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, PMPCFG0, L | ALL), L | ALL);
        assert_eq!(legalised(&mut state, &config, PMPCFG0, ALL << 8), ALL << 8 | L | ALL);
        let before = state.pmpaddr[0];
        assert_eq!(legalised(&mut state, &config, PMPADDR0, 1), before);
    }

    #[test]
    fn mml_and_mmwp_are_sticky() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, MSECCFG, 7), 7);
        assert_eq!(legalised(&mut state, &config, MSECCFG, 0), 3);
    }
}
