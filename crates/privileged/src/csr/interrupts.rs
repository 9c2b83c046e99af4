//! `mip`, `mie` and their views at lower levels; delegation of interrupts.
//!
//! Privileged architecture, "Machine Interrupt (`mip` and `mie`) Registers" and "Supervisor Interrupt (`sip` and `sie`)
//! Registers"; H extension, "Hypervisor Interrupt (`hvip`, `hip`, and `hie`) Registers" and "Virtual Supervisor
//! Interrupt (`vsip` and `vsie`) Registers"; "Sscofpmf"; AIA 1.0, "Interrupt filtering and virtual interrupts for
//! supervisor level" and "Virtual interrupts for VS level".

use core::mem::offset_of;

use arch::Extension;
use arch::csr::{envcfg, hvictl, ip};

use super::in_place::{InPlace, Join, View, Word};
use super::{replace, update};
use crate::interrupt::{filtered, pending};
use crate::{Config, Effects, State};

/// Interrupts of VS-mode have, in its own registers, the bits of S-mode's: one lower.
const VIRTUAL_SHIFT: u32 = 1;

/// The interrupts that `mideleg` can delegate, without those it always does.
pub fn delegable(config: &Config) -> u64 {
    ip::SUPERVISOR | config.bits_if(Extension::Sscofpmf, ip::LCOFIP)
}

pub fn write_mideleg(state: &mut State, config: &Config, value: u64) -> Effects {
    update(&mut state.mideleg, delegable(config), value, Effects::INTERRUPTS)
}

/// What can be delegated to VS-mode: only its own interrupts. LCOFIP is delegated further by Shlcofideleg, which is
/// absent; of the others AIA 1.0 says that a bit "may be writable or may be read-only zero".
pub const HIDELEG: u64 = ip::VIRTUAL;

/// The bits of `mip` that software can come to hold: those of [`write_mip`], whoever they are of now.
pub fn software(config: &Config) -> u64 {
    ip::SUPERVISOR | config.bits_if(Extension::Sscofpmf, ip::LCOFIP) | config.bits_if(Extension::H, ip::VSSIP)
}

/// STIP can be written unless `stimecmp` drives it, and SEIP unless `mvien` makes it the wire alone; VSTIP, VSEIP and
/// SGEIP are `hip`'s, and the rest are wires.
pub fn write_mip(state: &mut State, config: &Config, value: u64) -> Effects {
    let fields = ip::SSIP
        | writable_timer(state)
        | ip::SEIP & !state.mvien
        | config.bits_if(Extension::Sscofpmf, ip::LCOFIP)
        | config.bits_if(Extension::H, ip::VSSIP);
    write_pending(state, fields, value)
}

/// STIP, unless the comparator drives it.
const fn writable_timer(state: &State) -> u64 {
    if state.menvcfg & envcfg::STCE == 0 { ip::STIP } else { 0 }
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

/// What `mvien` can have: software and external interrupts, and those that can be asserted without any event.
pub fn filterable(config: &Config) -> u64 {
    ip::SSIP | ip::SEIP | config.virtual_interrupts()
}

/// The enables in `sie` that are none of `mie`'s: of what `mvien` can have.
pub fn independent(config: &Config) -> u64 {
    config.bits_if(Extension::Smaia, filterable(config))
}

/// What of `mvip` is no alias of a bit of `mip`.
pub fn asserted(config: &Config) -> u64 {
    ip::SSIP | config.virtual_interrupts()
}

/// `mvip`: of what `mvien` does not have, aliases of the bits that software writes in `mip`.
pub const fn mvip(state: &State) -> u64 {
    let own = ip::LOCAL | state.mvien & ip::SSIP;
    state.mvip() & (own | ip::SEIP) | state.mip & (ip::SSIP & !own | writable_timer(state))
}

pub fn write_mvip(state: &mut State, config: &Config, value: u64) -> Effects {
    let own = config.virtual_interrupts() | state.mvien & ip::SSIP;
    let aliases = ip::SEIP | ip::SSIP & !own | writable_timer(state);
    update(&mut state.mvip, own, value, Effects::INTERRUPTS).and(write_pending(state, aliases, value))
}

/// The delegated interrupts, without those of the hypervisor extension, which `hip` shows; and what M-mode asserts of
/// those that it filters.
pub fn sip(state: &State, config: &Config) -> u64 {
    pending(state, config) & state.mideleg | state.mvip() & filtered(state)
}

/// External interrupts cannot be cleared here.
pub const fn write_sip(state: &mut State, value: u64) -> Effects {
    const WRITABLE: u64 = ip::SSIP | ip::LOCAL;
    let filtered = filtered(state) & WRITABLE;
    let asserted = update(&mut state.mvip, filtered, value, Effects::INTERRUPTS);
    write_pending(state, state.mideleg & (ip::SSIP | ip::LCOFIP), value).and(asserted)
}

pub const fn sie(state: &State) -> u64 {
    state.mie & state.mideleg | state.sie & filtered(state)
}

/// "When an interrupt is delegated by `mideleg`, the writable bit in `sie` is an alias of the corresponding bit in
/// `mie`; else it is an independent writable bit."
pub const fn write_sie(state: &mut State, value: u64) -> Effects {
    let filtered = filtered(state);
    let independent = update(&mut state.sie, filtered, value, Effects::INTERRUPTS);
    write_enables(state, state.mideleg, value).and(independent)
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

/// What `hvip` has besides VSSIP.
pub fn injectable(config: &Config) -> u64 {
    ip::VSTIP | ip::VSEIP | config.virtual_interrupts()
}

pub fn write_hvip(state: &mut State, config: &Config, value: u64) -> Effects {
    let software = replace(&mut state.mip, ip::VSSIP, value);
    let injected = replace(&mut state.hvip, injectable(config), value);
    Effects::INTERRUPTS.when(software | injected != 0)
}

/// The delegated interrupts by the codes of S-mode; and what HS-mode asserts of those from 13 on, none of which it
/// delegates.
pub fn vsip(state: &State, config: &Config) -> u64 {
    (pending(state, config) & state.hideleg) >> VIRTUAL_SHIFT | state.hvip & state.hvien
}

pub const fn write_vsip(state: &mut State, value: u64) -> Effects {
    let asserted = update(&mut state.hvip, state.hvien, value, Effects::INTERRUPTS);
    write_pending(state, state.hideleg & ip::VSSIP, value << VIRTUAL_SHIFT).and(asserted)
}

pub const fn vsie(state: &State) -> u64 {
    (state.mie & state.hideleg) >> VIRTUAL_SHIFT | state.vsie & state.hvien
}

pub const fn write_vsie(state: &mut State, value: u64) -> Effects {
    let independent = update(&mut state.vsie, state.hvien, value, Effects::INTERRUPTS);
    write_enables(state, state.hideleg, value << VIRTUAL_SHIFT).and(independent)
}

/// The fields of `hvictl`. IID has six bits, the fewest that there may be: as many as name the interrupts that
/// registers have.
pub const HVICTL: u64 = {
    const IID: u64 = (1 << 6) - 1;
    hvictl::VTI | IID << hvictl::IID_SHIFT | hvictl::DPR | hvictl::IPRIOM | hvictl::IPRIO
};

/// Interrupts 1, 5, 13, 14 and 15, in the bytes 1, 3, 5, 6 and 7.
pub fn hviprio1(config: &Config) -> u64 {
    config.priorities(0b1110_1010, 0)
}

/// Interrupts 16 to 23.
pub fn hviprio2(config: &Config) -> u64 {
    config.priorities(0xff, 0)
}

pub fn hgeip(state: &State, config: &Config) -> u64 {
    state.hgeip & config.guest_external_mask()
}

/// All of a word.
const fn whole(offset: usize) -> Word {
    Word { offset, mask: !0 }
}

/// The bits of `mie` that a register has delegated, shifted right.
const fn delegated(by: usize, shift: u32, besides: Option<[usize; 2]>) -> InPlace {
    let second = Some((Join::And, whole(by)));
    let first = whole(offset_of!(State, mie));
    InPlace::View(View { first, second, shift: shift as u8, besides, writable: !0, readable: true })
}

/// Where a level above can assert interrupts, there are enables besides those of `mie`.
pub fn sie_in_place(config: &Config) -> Option<InPlace> {
    (!config.has(Extension::Ssaia)).then_some(delegated(offset_of!(State, mideleg), 0, None))
}

/// The enables besides are those of what HS-mode asserts. KVM looks at every exit of a guest.
pub const VSIE_IN_PLACE: InPlace = {
    let asserted = [offset_of!(State, vsie), offset_of!(State, hvien)];
    delegated(offset_of!(State, hideleg), VIRTUAL_SHIFT, Some(asserted))
};

pub const HIE_IN_PLACE: InPlace = {
    let first = Word { offset: offset_of!(State, mie), mask: ip::HYPERVISOR };
    InPlace::View(View { first, second: None, shift: 0, besides: None, writable: ip::HYPERVISOR, readable: true })
};

pub fn hvip_in_place(config: &Config) -> InPlace {
    let software = Word { offset: offset_of!(State, mip), mask: ip::VSSIP };
    let second = Some((Join::Or, software));
    InPlace::View(View {
        first: whole(offset_of!(State, hvip)),
        second,
        shift: 0,
        besides: None,
        writable: ip::VSSIP | injectable(config),
        readable: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::testing::{accepts, aia_hart, hart, legalised, rejects};
    use crate::csr::{read, read_for_modify, write};
    use crate::{Aia, Denied};
    use arch::Mode;
    use arch::csr::{HGEIE, HGEIP, HIDELEG, HIE, HIP, HVICTL, HVIEN, HVIP, HVIPRIO1, HVIPRIO2, VSTIMECMP};
    use arch::csr::{MIDELEG, MIE, MIP, MVIEN, MVIP, SIE, SIP, STIMECMP, VSIE, VSIP};

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

    #[test]
    fn mvip_is_software_s_part_of_mip_where_nothing_is_filtered() {
        let (mut state, config) = aia_hart();
        assert_eq!(
            legalised(&mut state, &config, MVIP, ip::SSIP | ip::STIP | ip::SEIP),
            ip::SSIP | ip::STIP | ip::SEIP
        );
        assert_eq!(read(&state, &config, MIP), Ok(ip::SSIP | ip::STIP | ip::SEIP));
        state.pins = ip::SEIP;
        write(&mut state, &config, MIP, 0).unwrap();
        assert_eq!(read(&state, &config, MVIP), Ok(0), "the wire is not in mvip");
        state.menvcfg = envcfg::STCE;
        (state.stimecmp, state.time) = (0, 1);
        assert_eq!(legalised(&mut state, &config, MVIP, ip::STIP), 0, "read-only zero with STCE");
    }

    #[test]
    fn mvien_has_software_external_and_local_interrupts() {
        let (mut state, mut config) = aia_hart();
        let local = 0x0000_ffff_00ff_2000;
        assert_eq!(legalised(&mut state, &config, MVIEN, u64::MAX), ip::SSIP | ip::SEIP | local);
        assert_eq!(legalised(&mut state, &config, MVIP, u64::MAX), ip::SUPERVISOR | local);
        assert_eq!(legalised(&mut state, &config, HVIEN, u64::MAX), local);
        assert_eq!(legalised(&mut state, &config, HVIP, u64::MAX), ip::VIRTUAL | local);
        config.aia = Aia::LEAST;
        assert_eq!(legalised(&mut state, &config, MVIEN, u64::MAX), ip::SSIP | ip::SEIP);
        assert_eq!(legalised(&mut state, &config, HVIEN, u64::MAX), 0);
    }

    #[test]
    fn a_filtered_software_interrupt_is_another_for_s_mode() {
        let (mut state, config) = aia_hart();
        write(&mut state, &config, MVIEN, ip::SSIP).unwrap();
        write(&mut state, &config, MIP, ip::SSIP).unwrap();
        assert_eq!(read(&state, &config, MVIP), Ok(0), "separate from mip.SSIP");
        state.mode = Mode::HS;
        assert_eq!(legalised(&mut state, &config, SIE, u64::MAX), ip::SSIP);
        assert_eq!(legalised(&mut state, &config, SIP, u64::MAX), ip::SSIP, "an alias of mvip's");
        state.mode = Mode::M;
        assert_eq!(read(&state, &config, MVIP), Ok(ip::SSIP));
        assert_eq!((read(&state, &config, MIP), read(&state, &config, MIE)), (Ok(ip::SSIP), Ok(0)));
        write(&mut state, &config, MIP, 0).unwrap();
        assert_eq!(read(&state, &config, SIP), Ok(ip::SSIP));
    }

    #[test]
    fn a_filtered_external_interrupt_leaves_mip_to_the_wire() {
        let (mut state, config) = aia_hart();
        write(&mut state, &config, MVIP, ip::SEIP).unwrap();
        write(&mut state, &config, MVIEN, ip::SEIP).unwrap();
        assert_eq!(read(&state, &config, MVIP), Ok(ip::SEIP), "does not affect the value of bit 9 of mvip");
        assert_eq!(legalised(&mut state, &config, MIP, 0), 0);
        assert_eq!(read(&state, &config, MVIP), Ok(ip::SEIP), "SEIP in mip is read-only");
        assert_eq!(read(&state, &config, SIP), Ok(ip::SEIP));
        state.pins = ip::SEIP;
        assert_eq!(read(&state, &config, MIP), Ok(ip::SEIP));
        write(&mut state, &config, MVIP, 0).unwrap();
        assert_eq!((read(&state, &config, MIP), read(&state, &config, SIP)), (Ok(ip::SEIP), Ok(0)));
        state.mode = Mode::HS;
        assert_eq!(legalised(&mut state, &config, SIP, u64::MAX), 0, "S-mode cannot set it");
    }

    #[test]
    fn delegation_comes_before_filtering() {
        let (mut state, config) = aia_hart();
        (state.mideleg, state.mvien, state.mvip) = (ip::SSIP, ip::SSIP, ip::SSIP);
        assert_eq!(read(&state, &config, SIP), Ok(0), "an alias of mip's");
        assert_eq!(legalised(&mut state, &config, SIE, ip::SSIP), ip::SSIP);
        assert_eq!((state.mie, state.sie), (ip::SSIP, 0));
    }

    #[test]
    fn local_interrupts_are_asserted_without_any_event() {
        let (mut state, config) = aia_hart();
        let local = 1 << 35;
        state.mstateen = [u64::MAX; 4];
        write(&mut state, &config, MVIEN, local | ip::LCOFIP).unwrap();
        write(&mut state, &config, MVIP, local).unwrap();
        assert_eq!(read(&state, &config, MIP), Ok(0));
        state.mode = Mode::HS;
        assert_eq!(read(&state, &config, SIP), Ok(local));
        assert_eq!(legalised(&mut state, &config, SIP, ip::LCOFIP), ip::LCOFIP, "writable in sip");
        write(&mut state, &config, HVIEN, local).unwrap();
        write(&mut state, &config, HVIP, local | ip::LCOFIP).unwrap();
        assert_eq!(read(&state, &config, HIP), Ok(0));
        state.mode = Mode::VS;
        assert_eq!(read(&state, &config, SIP), Ok(local), "without hvien it is read-only zero");
        assert_eq!(legalised(&mut state, &config, SIE, u64::MAX), local);
        assert_eq!(legalised(&mut state, &config, SIP, 0), 0);
        state.mode = Mode::HS;
        assert_eq!(read(&state, &config, HVIP), Ok(ip::LCOFIP), "an alias of hvip's");
        assert_eq!(read(&state, &config, SIE), Ok(0));
    }

    #[test]
    fn vti_withholds_what_could_clear_a_guest_s_interrupt() {
        let (mut state, config) = aia_hart();
        (state.mcounteren, state.hcounteren) = (u64::MAX, u64::MAX);
        (state.menvcfg, state.henvcfg, state.hvictl) = (envcfg::STCE, envcfg::STCE, hvictl::VTI);
        rejects(&mut state, &config, Mode::VS, SIP, Denied::Virtual);
        rejects(&mut state, &config, Mode::VS, SIE, Denied::Virtual);
        accepts(&mut state, &config, Mode::VS, STIMECMP);
        assert_eq!(write(&mut state, &config, STIMECMP, 0), Err(Denied::Virtual));
        for address in [SIP, SIE, VSIP, VSIE, VSTIMECMP] {
            state.mode = Mode::HS;
            assert!(write(&mut state, &config, address, 0).is_ok(), "{address:#x}");
        }
        state.hvictl = 0;
        state.mode = Mode::VS;
        assert!(write(&mut state, &config, STIMECMP, 0).is_ok());
    }

    #[test]
    fn hvictl_and_hviprio_have_the_manual_s_fields() {
        let (mut state, config) = aia_hart();
        assert_eq!(legalised(&mut state, &config, HVICTL, u64::MAX), 0x403f_03ff);
        assert_eq!(legalised(&mut state, &config, HVIPRIO1, u64::MAX), 0xffff_ff00_ff00_ff00);
        assert_eq!(legalised(&mut state, &config, HVIPRIO2, u64::MAX), u64::MAX);
    }
}
