//! `menvcfg`, `henvcfg`, `senvcfg` and the state enables `mstateen`, `hstateen`, `sstateen`.
//!
//! Privileged architecture, "Machine Environment Configuration (`menvcfg`) Register", "Supervisor Environment
//! Configuration (`senvcfg`) Register"; H extension, "Hypervisor Environment Configuration Register (`henvcfg`)";
//! "Smstateen/Ssstateen"; CMO extensions, "Control and Status Register State".

use core::mem::offset_of;

use arch::Extension;
use arch::csr::{HSTATEEN0, SSTATEEN0, envcfg, stateen};

use super::in_place::{Fields, InPlace, View, Word};
use super::replace;
use crate::{Config, Effects, State};

/// The fields of all three `envcfg` registers. (Spike lacks FIOM, which the manual demands where there is S-mode.)
pub fn user_fields(config: &Config) -> u64 {
    envcfg::FIOM
        | config.bits_if(Extension::Zicbom, envcfg::CBIE | envcfg::CBCFE)
        | config.bits_if(Extension::Zicboz, envcfg::CBZE)
}

/// The fields that `menvcfg` and `henvcfg` have besides.
pub fn supervisor_fields(config: &Config) -> u64 {
    config.bits_if(Extension::Svadu, envcfg::ADUE)
        | config.bits_if(Extension::Svpbmt, envcfg::PBMTE)
        | config.bits_if(Extension::Sstc, envcfg::STCE)
}

/// CBIE never holds the reserved 2; 0 takes its place.
const fn legal(value: u64) -> u64 {
    let reserved = value & envcfg::CBIE == 2 << envcfg::CBIE_SHIFT;
    if reserved { value & !envcfg::CBIE } else { value }
}

/// What `senvcfg` makes of a value.
pub fn legal_user(config: &Config, value: u64) -> u64 {
    legal(value) & user_fields(config)
}

/// What `menvcfg` makes of a value, and `henvcfg` where that withholds nothing.
pub fn legal_supervisor(config: &Config, value: u64) -> u64 {
    legal(value) & (user_fields(config) | supervisor_fields(config))
}

/// A and D are set by hardware where the hart is not said to leave them to software (Svade), as in QEMU.
pub fn menvcfg_after_reset(config: &Config) -> u64 {
    if config.updates_by_default() { config.bits_if(Extension::Svadu, envcfg::ADUE) } else { 0 }
}

pub fn write_menvcfg(state: &mut State, config: &Config, value: u64) -> Effects {
    effects(replace(&mut state.menvcfg, user_fields(config) | supervisor_fields(config), legal(value)))
}

/// A field that is zero in `menvcfg` shows as read-only zero; what is stored of it stays, and shows again later.
pub fn write_henvcfg(state: &mut State, config: &Config, value: u64) -> Effects {
    let fields = user_fields(config) | supervisor_fields(config) & state.menvcfg;
    effects(replace(&mut state.henvcfg, fields, legal(value)))
}

pub fn write_senvcfg(state: &mut State, config: &Config, value: u64) -> Effects {
    effects(replace(&mut state.senvcfg, user_fields(config), legal(value)))
}

/// The effects of changing these bits. A field of `menvcfg` changes with it what `henvcfg` shows.
const fn effects(changed: u64) -> Effects {
    let walk = Effects::TRANSLATION.and(Effects::PROTECTION);
    let timer = Effects::TIMER.and(Effects::INTERRUPTS);
    walk.when(changed & (envcfg::PBMTE | envcfg::ADUE) != 0).and(timer.when(changed & envcfg::STCE != 0))
}

/// The number of a state enable; the first of each level is at a multiple of 4.
pub fn number(address: u16) -> usize {
    usize::from(address & 3)
}

/// The bits that exist in `mstateen[index]` and `hstateen[index]`.
///
/// Those that control state which this hart does not have are zero, C among them: there is no custom state. That leaves
/// none for `sstateen`. (In Spike, C and CSRIND can be written, and AIA cannot.) AIA 1.0, "Access control by the
/// state-enable CSRs": "The IMSIC bit is implemented in `mstateen0` only if the hart has an IMSIC."
#[inline]
pub fn enables(config: &Config, index: usize) -> u64 {
    match index {
        0 => stateen::SE | stateen::ENVCFG | enables_of_aia(config),
        _ => stateen::SE,
    }
}

#[inline]
fn enables_of_aia(config: &Config) -> u64 {
    let has_window = config.has(Extension::Ssaia) || config.has(Extension::Sscsrind);
    let window = if has_window { stateen::CSRIND } else { 0 };
    let imsic = if config.has_imsic() { stateen::IMSIC } else { 0 };
    window | config.bits_if(Extension::Ssaia, stateen::AIA) | imsic
}

/// What a state enable of M-mode or the hypervisor holds, of all that there are of that level.
pub fn enables_held(config: &Config, index: usize, registers: &[u64; 4]) -> [(u64, u64); 1] {
    [(registers[index], registers[index] & enables(config, index))]
}

/// `mstateen[index]`; where only the supervisor's half of the extension exists, it withholds nothing.
#[inline]
pub fn mstateen(state: &State, config: &Config, index: usize) -> u64 {
    if config.has(Extension::Smstateen) { state.mstateen[index] } else { enables(config, index) }
}

/// `hstateen[index]`: zero in what is zero in `mstateen`.
pub fn hstateen(state: &State, config: &Config, index: usize) -> u64 {
    state.hstateen[index] & mstateen(state, config, index)
}

pub fn write_mstateen(state: &mut State, config: &Config, index: usize, value: u64) -> Effects {
    super::set(&mut state.mstateen[index], value & enables(config, index))
}

/// Bits that `mstateen` hides keep what is stored.
pub fn write_hstateen(state: &mut State, config: &Config, index: usize, value: u64) -> Effects {
    let visible = enables(config, index) & mstateen(state, config, index);
    super::update(&mut state.hstateen[index], visible, value, Effects::NONE)
}

/// Only compared with what is written: what shows depends on `menvcfg`.
pub fn henvcfg_in_place(config: &Config) -> InPlace {
    compared(offset_of!(State, henvcfg), user_fields(config) | supervisor_fields(config))
}

/// `hstateen0`, like `henvcfg`; the others are not what the hart looks at when it tells whether HS-mode lies open.
pub fn hstateen_in_place(config: &Config, address: u16) -> Option<InPlace> {
    (address == HSTATEEN0).then(|| compared(offset_of!(State, hstateen), enables(config, 0)))
}

/// `sstateen0`, likewise.
pub fn sstateen_in_place(address: u16) -> Option<InPlace> {
    (address == SSTATEEN0).then_some(InPlace::Constant(0))
}

/// A mode that may access it does not go by it; but CBIE has a value that becomes another.
pub fn senvcfg_in_place(config: &Config) -> InPlace {
    let word = Word { offset: offset_of!(State, senvcfg), mask: user_fields(config) };
    InPlace::Fields(Fields {
        word,
        consequences: envcfg::CBIE,
        choice: None,
        fp: 0,
        shown: 0,
        has_sd: false,
        has_sie: false,
    })
}

/// A word that does not show as it is.
const fn compared(offset: usize, writable: u64) -> InPlace {
    let first = Word { offset, mask: !0 };
    InPlace::View(View { first, second: None, shift: 0, besides: None, writable, readable: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::testing::{accepts, hart, legalised, rejects};
    use crate::{Denied, csr};
    use arch::Mode;
    use arch::csr::{
        HENVCFG, MCOUNTEREN, MENVCFG, MSTATEEN0, SENVCFG, STIMECMP, VSTIMECMP, counteren, stateen::ENVCFG, stateen::SE,
    };

    #[test]
    fn fields_follow_the_extensions() {
        let (mut state, mut config) = hart();
        assert_eq!(legalised(&mut state, &config, MENVCFG, u64::MAX), 0xe000_0000_0000_00f1);
        assert_eq!(legalised(&mut state, &config, SENVCFG, u64::MAX), 0xf1);
        config.isa = config.isa.without(Extension::Zicbom).without(Extension::Sstc);
        state.menvcfg = 0;
        assert_eq!(legalised(&mut state, &config, MENVCFG, u64::MAX), 0x6000_0000_0000_0081);
    }

    #[test]
    fn reserved_cbie_becomes_zero() {
        let (mut state, config) = hart();
        state.senvcfg = envcfg::CBIE;
        assert_eq!(legalised(&mut state, &config, SENVCFG, 2 << 4), 0);
    }

    #[test]
    fn henvcfg_hides_what_the_machine_withholds() {
        let (mut state, config) = hart();
        state.menvcfg = envcfg::STCE | envcfg::PBMTE;
        assert_eq!(legalised(&mut state, &config, HENVCFG, u64::MAX), envcfg::STCE | envcfg::PBMTE | 0xf1);
        state.menvcfg = 0;
        assert_eq!(legalised(&mut state, &config, HENVCFG, 0), 0);
        state.menvcfg = envcfg::STCE;
        assert_eq!(csr::read(&state, &config, HENVCFG), Ok(envcfg::STCE));
    }

    #[test]
    fn effects_tell_walker_and_timer_apart() {
        let (mut state, config) = hart();
        let walk = Effects::TRANSLATION | Effects::PROTECTION;
        assert_eq!(csr::write(&mut state, &config, MENVCFG, envcfg::ADUE), Ok(walk));
        let both = envcfg::ADUE | envcfg::STCE;
        assert_eq!(csr::write(&mut state, &config, MENVCFG, both), Ok(Effects::TIMER | Effects::INTERRUPTS));
        assert_eq!(csr::write(&mut state, &config, MENVCFG, both), Ok(Effects::NONE));
    }

    #[test]
    fn state_enables_have_bits_for_what_exists() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, MSTATEEN0, u64::MAX), SE | ENVCFG);
        assert_eq!(legalised(&mut state, &config, MSTATEEN0 + 3, u64::MAX), SE);
        assert_eq!(legalised(&mut state, &config, SSTATEEN0, u64::MAX), 0);
    }

    #[test]
    fn hstateen_is_within_mstateen() {
        let (mut state, config) = hart();
        state.mstateen[0] = SE;
        assert_eq!(legalised(&mut state, &config, HSTATEEN0, u64::MAX), SE);
        state.mstateen[0] = 0;
        assert_eq!(csr::read(&state, &config, HSTATEEN0), Ok(0));
    }

    #[test]
    fn mstateen_withholds_with_illegal_instructions() {
        let (mut state, config) = hart();
        state.hstateen[0] = SE | ENVCFG;
        for address in [SENVCFG, HENVCFG, SSTATEEN0, HSTATEEN0] {
            rejects(&mut state, &config, Mode::HS, address, Denied::Illegal);
            rejects(&mut state, &config, Mode::VS, address, Denied::Illegal);
            accepts(&mut state, &config, Mode::M, address);
        }
    }

    #[test]
    fn hstateen_withholds_with_virtual_instructions() {
        let (mut state, config) = hart();
        state.mstateen[0] = SE | ENVCFG;
        for address in [SENVCFG, SSTATEEN0] {
            rejects(&mut state, &config, Mode::VS, address, Denied::Virtual);
            accepts(&mut state, &config, Mode::HS, address);
        }
        state.hstateen[0] = SE | ENVCFG;
        accepts(&mut state, &config, Mode::VS, SENVCFG);
        accepts(&mut state, &config, Mode::VS, SSTATEEN0);
        rejects(&mut state, &config, Mode::VS, HENVCFG, Denied::Virtual);
    }

    #[test]
    fn without_state_enables_nothing_is_withheld() {
        let (mut state, mut config) = hart();
        config.isa = config.isa.without(Extension::Smstateen);
        accepts(&mut state, &config, Mode::HS, HSTATEEN0);
        rejects(&mut state, &config, Mode::M, MSTATEEN0, Denied::Illegal);
        config.isa = config.isa.without(Extension::Ssstateen);
        accepts(&mut state, &config, Mode::VS, SENVCFG);
        rejects(&mut state, &config, Mode::M, SSTATEEN0, Denied::Illegal);
    }

    #[test]
    fn the_comparators_need_stce_and_tm() {
        let (mut state, config) = hart();
        accepts(&mut state, &config, Mode::M, VSTIMECMP);
        csr::write(&mut state, &config, MCOUNTEREN, counteren::TM).unwrap();
        rejects(&mut state, &config, Mode::HS, STIMECMP, Denied::Illegal);
        rejects(&mut state, &config, Mode::VS, STIMECMP, Denied::Illegal);
        state.menvcfg = envcfg::STCE;
        accepts(&mut state, &config, Mode::HS, STIMECMP);
        accepts(&mut state, &config, Mode::HS, VSTIMECMP);
        rejects(&mut state, &config, Mode::VS, STIMECMP, Denied::Virtual);
        state.henvcfg = envcfg::STCE;
        rejects(&mut state, &config, Mode::VS, STIMECMP, Denied::Virtual);
        state.hcounteren = counteren::TM;
        accepts(&mut state, &config, Mode::VS, STIMECMP);
        rejects(&mut state, &config, Mode::VS, VSTIMECMP, Denied::Virtual);
        rejects(&mut state, &config, Mode::U, STIMECMP, Denied::Illegal);
    }

    #[test]
    fn a_guest_reaches_vstimecmp() {
        let (mut state, config) = hart();
        (state.menvcfg, state.henvcfg) = (envcfg::STCE, envcfg::STCE);
        (state.mcounteren, state.hcounteren) = (counteren::TM, counteren::TM);
        state.mode = Mode::VS;
        assert_eq!(csr::write(&mut state, &config, STIMECMP, 9), Ok(Effects::TIMER | Effects::INTERRUPTS));
        assert_eq!((state.stimecmp, state.vstimecmp), (0, 9));
    }
}
