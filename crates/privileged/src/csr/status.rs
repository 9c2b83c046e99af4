//! `mstatus`, `sstatus`, `vsstatus`, `hstatus`.
//!
//! Privileged architecture, "Machine Status (`mstatus` and `mstatush`) Registers" and "Supervisor Status (`sstatus`)
//! Register"; H extension, "Hypervisor Status (`hstatus`) Register" and "Virtual Supervisor Status (`vsstatus`)
//! Register". VS and XS are 0 and every mode is little-endian.

use core::mem::offset_of;

use arch::csr::{hstatus as h, status};
use arch::{Extension, Mode};

use super::in_place::{Choice, Fields, InPlace, Word};
use super::replace;
use crate::{Config, Effects, State};

/// What can be written in `sstatus` and `vsstatus`. FS does not exist without F. (In Spike S-mode suffices.)
fn supervisor_fields(config: &Config) -> u64 {
    const ALWAYS: u64 = status::SIE | status::SPIE | status::SPP | status::SUM | status::MXR;
    ALWAYS | config.bits_if(Extension::F, status::FS)
}

/// What can be written in `mstatus`.
fn machine_fields(config: &Config) -> u64 {
    const ALWAYS: u64 =
        status::MIE | status::MPIE | status::MPP | status::MPRV | status::TVM | status::TW | status::TSR;
    supervisor_fields(config) | ALWAYS | config.bits_if(Extension::H, status::GVA | status::MPV)
}

/// What all three registers show above what is stored: UXL, and SD where FS is Dirty.
const fn shown(stored: u64) -> u64 {
    let dirty = stored & status::FS == status::FS;
    stored | status::UXL_64 | if dirty { status::SD } else { 0 }
}

pub const fn mstatus(state: &State) -> u64 {
    shown(state.mstatus) | status::SXL_64
}

pub fn sstatus(state: &State, config: &Config) -> u64 {
    shown(state.mstatus & supervisor_fields(config))
}

pub const fn vsstatus(state: &State) -> u64 {
    shown(state.vsstatus)
}

/// MPP never holds the reserved 2; U-mode takes its place.
pub fn legal_machine(config: &Config, value: u64) -> u64 {
    let reserved = value & status::MPP == 2 << status::MPP_SHIFT;
    machine_fields(config) & if reserved { value & !status::MPP } else { value }
}

/// What `vsstatus` makes of a value.
pub fn legal_supervisor(config: &Config, value: u64) -> u64 {
    value & supervisor_fields(config)
}

pub fn write_mstatus(state: &mut State, config: &Config, value: u64) -> Effects {
    effects(replace(&mut state.mstatus, machine_fields(config), legal_machine(config, value)))
}

pub fn write_sstatus(state: &mut State, config: &Config, value: u64) -> Effects {
    effects(replace(&mut state.mstatus, supervisor_fields(config), value))
}

pub fn write_vsstatus(state: &mut State, config: &Config, value: u64) -> Effects {
    effects(replace(&mut state.vsstatus, supervisor_fields(config), value))
}

/// The effects of changing these bits of any of the three.
const fn effects(changed: u64) -> Effects {
    const TRANSLATION: u64 = status::MPP | status::MPV | status::MPRV | status::SUM | status::MXR;
    let translation = Effects::TRANSLATION.when(changed & TRANSLATION != 0);
    let interrupts = Effects::INTERRUPTS.when(changed & (status::MIE | status::SIE) != 0);
    translation.and(interrupts).and(Effects::FP.when(changed & status::FS != 0))
}

pub const fn hstatus(state: &State) -> u64 {
    state.hstatus | h::VSXL_64
}

/// What can be written in `hstatus` besides VGEIN.
const HYPERVISOR: u64 = h::GVA | h::SPV | h::SPVP | h::HU | h::VTVM | h::VTW | h::VTSR;

/// Where VGEIN can hold what `value` has there, it is among the fields.
fn hypervisor_fields(config: &Config, value: u64) -> u64 {
    let supported = (value & h::VGEIN) >> h::VGEIN_SHIFT <= u64::from(config.guest_external_interrupts);
    HYPERVISOR | if supported { h::VGEIN } else { 0 }
}

/// What of a value `hstatus` can hold.
pub fn legal_hypervisor(config: &Config, value: u64) -> u64 {
    value & hypervisor_fields(config, value)
}

/// VGEIN keeps its value where the new one is above GEILEN. SPVP has no effects: HLV and HSV look at it at each access.
pub fn write_hstatus(state: &mut State, config: &Config, value: u64) -> Effects {
    let changed = replace(&mut state.hstatus, hypervisor_fields(config, value), value);
    Effects::INTERRUPTS.when(changed & h::VGEIN != 0)
}

/// The status register of the mode's own, as whose fields the word at this offset is.
fn own_in_place(config: &Config, offset: usize) -> Fields {
    Fields {
        word: Word { offset, mask: supervisor_fields(config) },
        consequences: status::SUM | status::MXR,
        choice: None,
        fp: status::FS,
        shown: status::UXL_64,
        has_sd: true,
        has_sie: true,
    }
}

pub fn sstatus_in_place(config: &Config) -> InPlace {
    InPlace::Fields(own_in_place(config, offset_of!(State, mstatus)))
}

/// A guest's `sstatus`, or `vsstatus` as the hypervisor's modes have it.
pub fn vsstatus_in_place(config: &Config, mode: Mode) -> InPlace {
    let own = own_in_place(config, offset_of!(State, vsstatus));
    let consequences = own.consequences | status::FS | status::SIE;
    InPlace::Fields(if mode.virt { own } else { Fields { consequences, fp: 0, has_sie: false, ..own } })
}

/// VGEIN chooses among the lines of `hgeip`. A hypervisor with AIA changes it at every entry and exit of a guest.
pub const fn hstatus_in_place(config: &Config) -> InPlace {
    let most = (config.guest_external_interrupts as u64) << h::VGEIN_SHIFT;
    InPlace::Fields(Fields {
        word: Word { offset: offset_of!(State, hstatus), mask: HYPERVISOR | h::VGEIN },
        consequences: h::VGEIN,
        choice: Some(Choice { mask: h::VGEIN, most, wires: offset_of!(State, hgeip) }),
        fp: 0,
        shown: h::VSXL_64,
        has_sd: false,
        has_sie: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr;
    use crate::csr::testing::{hart, legalised};
    use arch::csr::{HSTATUS, MSTATUS, SSTATUS, VSSTATUS};

    #[test]
    fn the_widths_and_sd_are_derived() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, MSTATUS, 0), 0xa_0000_0000);
        assert_eq!(legalised(&mut state, &config, MSTATUS, status::FS), 1 << 63 | 0xa_0000_6000);
        assert_eq!(csr::read(&state, &config, SSTATUS), Ok(1 << 63 | 0x2_0000_6000));
    }

    #[test]
    fn writable_fields_are_those_of_the_manual() {
        let (mut state, config) = hart();
        // GVA, MPV; TSR to MPRV; FS; MPP (3); SPP, MPIE, SPIE, MIE, SIE; and the derived ones.
        assert_eq!(legalised(&mut state, &config, MSTATUS, u64::MAX), 1 << 63 | 0xca_007e_79aa);
        assert_eq!(csr::read(&state, &config, SSTATUS), Ok(1 << 63 | 0x2_000c_6122));
    }

    #[test]
    fn reserved_mpp_becomes_user() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, MSTATUS, 2 << 11) & status::MPP, 0);
    }

    #[test]
    fn sstatus_leaves_the_machines_fields_alone() {
        let (mut state, config) = hart();
        state.mstatus = status::MIE | status::MPRV;
        csr::write(&mut state, &config, SSTATUS, !status::SIE).unwrap();
        assert_eq!(
            state.mstatus & (status::MIE | status::MPRV | status::TVM | status::SIE),
            status::MIE | status::MPRV
        );
    }

    #[test]
    fn without_f_there_is_no_fs() {
        let (mut state, mut config) = hart();
        config.isa = config.isa.without(Extension::F);
        assert_eq!(legalised(&mut state, &config, MSTATUS, status::FS) & (status::FS | status::SD), 0);
    }

    #[test]
    fn a_guest_reaches_vsstatus() {
        let (mut state, config) = hart();
        state.mode = Mode::VS;
        let effects = csr::write(&mut state, &config, SSTATUS, status::SUM | status::SIE).unwrap();
        assert_eq!(effects, Effects::TRANSLATION | Effects::INTERRUPTS);
        assert_eq!((state.mstatus, state.vsstatus), (0, status::SUM | status::SIE));
        state.mode = Mode::HS;
        assert_eq!(csr::read(&state, &config, VSSTATUS), Ok(status::SUM | status::SIE | status::UXL_64));
    }

    #[test]
    fn an_unchanged_status_has_no_effects() {
        let (mut state, config) = hart();
        let old = csr::read(&state, &config, MSTATUS).unwrap();
        assert_eq!(csr::write(&mut state, &config, MSTATUS, old), Ok(Effects::NONE));
    }

    #[test]
    fn vgein_stays_within_geilen() {
        let (mut state, mut config) = hart();
        assert_eq!(legalised(&mut state, &config, HSTATUS, u64::MAX), 0x2_0070_03c0);
        config.guest_external_interrupts = 2;
        assert_eq!(legalised(&mut state, &config, HSTATUS, 2 << 12), 0x2_0000_2000);
        assert_eq!(legalised(&mut state, &config, HSTATUS, 3 << 12), 0x2_0000_2000);
    }
}
