//! `mip`, `mie` and their views at lower levels; delegation of interrupts.
//!
//! Privileged architecture, "Machine Interrupt (`mip` and `mie`) Registers" and "Supervisor Interrupt (`sip` and `sie`)
//! Registers"; H extension, "Hypervisor Interrupt (`hvip`, `hip`, and `hie`) Registers" and "Virtual Supervisor
//! Interrupt (`vsip` and `vsie`) Registers"; "Sscofpmf".

use core::mem::offset_of;

use arch::Extension;
use arch::csr::{envcfg, ip};

use super::in_place::{InPlace, Join, View, Word};
use super::{replace, update};
use crate::interrupt::pending;
use crate::{Config, Effects, State};

/// Interrupts of VS-mode have, in its own registers, the bits of S-mode's: one lower.
const VIRTUAL_SHIFT: u32 = 1;

/// The interrupts that `mideleg` can delegate, without those it always does.
fn delegable(config: &Config) -> u64 {
    ip::SUPERVISOR | config.bits_if(Extension::Sscofpmf, ip::LCOFIP)
}

pub fn write_mideleg(state: &mut State, config: &Config, value: u64) -> Effects {
    update(&mut state.mideleg, delegable(config), value, Effects::INTERRUPTS)
}

/// What can be delegated to VS-mode: only its own interrupts. LCOFIP is delegated further by Shlcofideleg, which is
/// absent.
pub const HIDELEG: u64 = ip::VIRTUAL;

/// STIP can be written unless `stimecmp` drives it; VSTIP, VSEIP and SGEIP are `hip`'s, and the rest are wires.
pub fn write_mip(state: &mut State, config: &Config, value: u64) -> Effects {
    let timer = if state.menvcfg & envcfg::STCE == 0 { ip::STIP } else { 0 };
    let fields = ip::SSIP
        | timer
        | ip::SEIP
        | config.bits_if(Extension::Sscofpmf, ip::LCOFIP)
        | config.bits_if(Extension::H, ip::VSSIP);
    write_pending(state, fields, value)
}

/// Writes the bits of `fields` that software holds.
const fn write_pending(state: &mut State, fields: u64, value: u64) -> Effects {
    update(&mut state.mip, fields, value, Effects::INTERRUPTS)
}

/// Writes the bits of `fields` in `mie`, which every level's register is a view of.
const fn write_enables(state: &mut State, fields: u64, value: u64) -> Effects {
    update(&mut state.mie, fields, value, Effects::INTERRUPTS)
}

/// The bits of `mie` that exist.
pub fn existing(config: &Config) -> u64 {
    ip::MACHINE | delegable(config) | config.hypervisor_interrupts()
}

/// The delegated interrupts, without those of the hypervisor extension, which `hip` shows.
pub fn sip(state: &State, config: &Config) -> u64 {
    pending(state, config) & state.mideleg
}

pub const fn write_sip(state: &mut State, value: u64) -> Effects {
    write_pending(state, state.mideleg & (ip::SSIP | ip::LCOFIP), value)
}

pub const fn sie(state: &State) -> u64 {
    state.mie & state.mideleg
}

pub const fn write_sie(state: &mut State, value: u64) -> Effects {
    write_enables(state, state.mideleg, value)
}

pub fn hip(state: &State, config: &Config) -> u64 {
    pending(state, config) & ip::HYPERVISOR
}

pub const fn write_hip(state: &mut State, value: u64) -> Effects {
    write_pending(state, ip::VSSIP, value)
}

pub const fn hie(state: &State) -> u64 {
    state.mie & ip::HYPERVISOR
}

pub const fn write_hie(state: &mut State, value: u64) -> Effects {
    write_enables(state, ip::HYPERVISOR, value)
}

pub const fn hvip(state: &State) -> u64 {
    state.hvip | state.mip & ip::VSSIP
}

pub const fn write_hvip(state: &mut State, value: u64) -> Effects {
    let software = replace(&mut state.mip, ip::VSSIP, value);
    let injected = replace(&mut state.hvip, ip::VSTIP | ip::VSEIP, value);
    Effects::INTERRUPTS.when(software | injected != 0)
}

pub fn vsip(state: &State, config: &Config) -> u64 {
    (pending(state, config) & state.hideleg) >> VIRTUAL_SHIFT
}

pub const fn write_vsip(state: &mut State, value: u64) -> Effects {
    write_pending(state, state.hideleg & ip::VSSIP, value << VIRTUAL_SHIFT)
}

pub const fn vsie(state: &State) -> u64 {
    (state.mie & state.hideleg) >> VIRTUAL_SHIFT
}

pub const fn write_vsie(state: &mut State, value: u64) -> Effects {
    write_enables(state, state.hideleg, value << VIRTUAL_SHIFT)
}

pub fn hgeip(state: &State, config: &Config) -> u64 {
    state.hgeip & config.guest_external_mask()
}

/// All of a word.
const fn whole(offset: usize) -> Word {
    Word { offset, mask: !0 }
}

/// The bits of `mie` that a register has delegated, shifted right.
const fn delegated(by: usize, shift: u32) -> InPlace {
    let second = Some((Join::And, whole(by)));
    InPlace::View(View {
        first: whole(offset_of!(State, mie)),
        second,
        shift: shift as u8,
        writable: !0,
        readable: true,
    })
}

pub const SIE_IN_PLACE: InPlace = delegated(offset_of!(State, mideleg), 0);
pub const VSIE_IN_PLACE: InPlace = delegated(offset_of!(State, hideleg), VIRTUAL_SHIFT);

pub const HIE_IN_PLACE: InPlace = {
    let first = Word { offset: offset_of!(State, mie), mask: ip::HYPERVISOR };
    InPlace::View(View { first, second: None, shift: 0, writable: ip::HYPERVISOR, readable: true })
};

pub const HVIP_IN_PLACE: InPlace = {
    let software = Word { offset: offset_of!(State, mip), mask: ip::VSSIP };
    let second = Some((Join::Or, software));
    InPlace::View(View {
        first: whole(offset_of!(State, hvip)),
        second,
        shift: 0,
        writable: ip::VIRTUAL,
        readable: true,
    })
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::testing::{hart, legalised};
    use crate::csr::{read, read_for_modify, write};
    use arch::Mode;
    use arch::csr::{HGEIE, HGEIP, HIDELEG, HIE, HIP, HVIP, MIDELEG, MIE, MIP, SIE, SIP, VSIE, VSIP};

    #[test]
    fn delegation_keeps_its_legal_bits() {
        let (mut state, config) = hart();
        // SSI, STI, SEI and LCOFI by choice; VSSI, VSTI, VSEI and SGEI always.
        assert_eq!(legalised(&mut state, &config, MIDELEG, u64::MAX), 0x3666);
        assert_eq!(legalised(&mut state, &config, MIDELEG, 0), 0x1444);
        assert_eq!(legalised(&mut state, &config, HIDELEG, u64::MAX), 0x444);
    }

    #[test]
    fn the_machine_sees_and_writes_what_is_software() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, MIE, u64::MAX), 0x3eee);
        // SSIP, VSSIP, STIP, SEIP, LCOFIP.
        assert_eq!(legalised(&mut state, &config, MIP, u64::MAX), 0x2226);
    }

    #[test]
    fn stip_is_the_comparators_with_stce() {
        let (mut state, config) = hart();
        state.menvcfg = envcfg::STCE;
        state.stimecmp = u64::MAX;
        assert_eq!(legalised(&mut state, &config, MIP, ip::STIP), 0);
        state.time = u64::MAX;
        assert_eq!(read(&state, &config, MIP), Ok(ip::STIP));
    }

    #[test]
    fn the_external_wire_is_not_modified_into_mip() {
        let (mut state, config) = hart();
        state.pins = ip::SEIP | ip::MTIP;
        assert_eq!(read(&state, &config, MIP), Ok(ip::SEIP | ip::MTIP));
        assert_eq!(read_for_modify(&state, &config, MIP), ip::MTIP);
        state.mip = ip::SEIP;
        assert_eq!(read_for_modify(&state, &config, MIP), ip::SEIP | ip::MTIP);
    }

    #[test]
    fn sip_and_sie_show_what_is_delegated_to_s() {
        let (mut state, config) = hart();
        state.mideleg = ip::SSIP | ip::LCOFIP;
        state.mode = Mode::HS;
        assert_eq!(legalised(&mut state, &config, SIE, u64::MAX), ip::SSIP | ip::LCOFIP);
        assert_eq!(legalised(&mut state, &config, SIP, u64::MAX), ip::SSIP | ip::LCOFIP);
        state.mideleg = ip::SEIP;
        state.pins = ip::SEIP;
        assert_eq!(legalised(&mut state, &config, SIP, 0), ip::SEIP);
        assert_eq!(state.mip, ip::SSIP | ip::LCOFIP);
    }

    #[test]
    fn vssip_is_one_bit_in_four_registers() {
        let (mut state, config) = hart();
        state.hideleg = ip::VIRTUAL;
        state.mode = Mode::HS;
        assert_eq!(write(&mut state, &config, HVIP, ip::VSSIP), Ok(Effects::INTERRUPTS));
        assert_eq!(read(&state, &config, HIP), Ok(ip::VSSIP));
        assert_eq!(read(&state, &config, VSIP), Ok(ip::SSIP));
        state.mode = Mode::VS;
        assert_eq!(legalised(&mut state, &config, SIP, 0), 0);
        state.mode = Mode::M;
        assert_eq!(read(&state, &config, MIP), Ok(0));
        assert_eq!(read(&state, &config, HVIP), Ok(0));
    }

    #[test]
    fn hvip_injects_timer_and_external_interrupts_that_hip_cannot_clear() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, HVIP, u64::MAX), ip::VIRTUAL);
        assert_eq!(legalised(&mut state, &config, HIP, 0), ip::VSTIP | ip::VSEIP);
        state.hideleg = ip::VSTIP;
        assert_eq!(legalised(&mut state, &config, VSIP, 0), ip::STIP);
    }

    #[test]
    fn what_the_hypervisor_keeps_is_zero_for_its_guest() {
        let (mut state, config) = hart();
        state.mie = u64::MAX;
        state.mip = ip::VSSIP;
        state.mode = Mode::VS;
        assert_eq!(read(&state, &config, SIE), Ok(0));
        assert_eq!(read(&state, &config, SIP), Ok(0));
    }

    #[test]
    fn vsie_and_hie_are_views_of_mie() {
        let (mut state, config) = hart();
        state.hideleg = ip::VSTIP;
        assert_eq!(legalised(&mut state, &config, VSIE, u64::MAX), ip::STIP);
        assert_eq!(legalised(&mut state, &config, HIE, u64::MAX), 0x1444);
        assert_eq!(state.mie, 0x1444);
    }

    #[test]
    fn guest_external_interrupts_are_as_many_as_exist() {
        let (mut state, mut config) = hart();
        state.hgeip = 4;
        assert_eq!(legalised(&mut state, &config, HGEIE, u64::MAX), 0);
        config.guest_external_interrupts = 3;
        assert_eq!(legalised(&mut state, &config, HGEIE, u64::MAX), 0xe);
        assert_eq!(read(&state, &config, HGEIP), Ok(4));
    }
}
