//! `satp`, `vsatp`, `hgatp`.
//!
//! Privileged architecture, "Supervisor Address Translation and Protection (`satp`) Register"; H extension, "Virtual
//! Supervisor Address Translation and Protection (`vsatp`) Register" and "Hypervisor Guest Address Translation and
//! Protection (`hgatp`) Register". In mode Bare the other fields can be stored.

use arch::csr::atp;

use super::update;
use crate::{Config, Effects, State};

/// A field of `bits` bits, at most `width`, from [`atp::ID_SHIFT`] on.
const fn id(bits: u8, width: u32) -> u64 {
    let bits = if (bits as u32) < width { bits as u32 } else { width };
    ((1 << bits) - 1) << atp::ID_SHIFT
}

/// PPN and the ASID bits that exist.
const fn supervisor_fields(config: &Config) -> u64 {
    atp::PPN | id(config.asid_bits, atp::ASID_BITS)
}

/// MODE, if it can hold what `value` has there.
fn mode_field(config: &Config, value: u64) -> u64 {
    if config.supports_mode(value >> atp::MODE_SHIFT) { atp::MODE } else { 0 }
}

/// What of a value `satp` and `vsatp` can hold.
pub fn legal_supervisor(config: &Config, value: u64) -> u64 {
    value & (mode_field(config, value) | supervisor_fields(config))
}

/// What of a value `hgatp` can hold.
pub fn legal_guest(config: &Config, value: u64) -> u64 {
    value & guest_fields(config, value)
}

/// "[...] if `satp` is written with an unsupported MODE, the entire write has no effect".
pub fn write_satp(state: &mut State, config: &Config, value: u64) -> Effects {
    match mode_field(config, value) {
        0 => Effects::NONE,
        mode => update(&mut state.satp, mode | supervisor_fields(config), value, Effects::TRANSLATION),
    }
}

/// As `satp` for the guest itself. For HS-mode, a MODE that is not supported leaves only MODE as it is.
pub fn write_vsatp(state: &mut State, config: &Config, value: u64) -> Effects {
    match mode_field(config, value) {
        0 if state.mode.virt => Effects::NONE,
        mode => update(&mut state.vsatp, mode | supervisor_fields(config), value, Effects::TRANSLATION),
    }
}

/// The root table has four pages: the low bits of PPN are zero, in mode Bare too.
fn guest_fields(config: &Config, value: u64) -> u64 {
    mode_field(config, value) | id(config.vmid_bits, atp::VMID_BITS) | atp::PPN & !3
}

/// A MODE that is not supported leaves only MODE as it is.
pub fn write_hgatp(state: &mut State, config: &Config, value: u64) -> Effects {
    update(&mut state.hgatp, guest_fields(config, value), value, Effects::TRANSLATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Denied;
    use crate::csr::testing::{accepts, hart, legalised, rejects};
    use crate::csr::write;
    use arch::csr::{HGATP, SATP, VSATP, hstatus, status};
    use arch::{Extension, Mode};

    const SV39: u64 = atp::SV39 << 60;
    const SV57: u64 = atp::SV57 << 60;
    const UNKNOWN: u64 = 11 << 60;

    #[test]
    fn an_unsupported_mode_leaves_satp_alone() {
        let (mut state, mut config) = hart();
        assert_eq!(legalised(&mut state, &config, SATP, SV39 | 5), SV39 | 5);
        assert_eq!(legalised(&mut state, &config, SATP, UNKNOWN | 6), SV39 | 5);
        config.isa = config.isa.without(Extension::Sv57);
        assert_eq!(legalised(&mut state, &config, SATP, SV57 | 6), SV39 | 5);
    }

    #[test]
    fn vsatp_depends_on_who_writes() {
        let (mut state, config) = hart();
        state.mode = Mode::HS;
        assert_eq!(legalised(&mut state, &config, VSATP, SV39 | 5), SV39 | 5);
        assert_eq!(legalised(&mut state, &config, VSATP, UNKNOWN | 6), SV39 | 6);
        state.mode = Mode::VS;
        assert_eq!(legalised(&mut state, &config, SATP, UNKNOWN | 7), SV39 | 6);
        assert_eq!(state.satp, 0);
    }

    #[test]
    fn ids_have_the_bits_that_exist() {
        let (mut state, mut config) = hart();
        assert_eq!(legalised(&mut state, &config, SATP, u64::MAX >> 4), u64::MAX >> 4);
        assert_eq!(legalised(&mut state, &config, HGATP, u64::MAX >> 4), (1 << 58) - 4);
        (config.asid_bits, config.vmid_bits) = (3, 2);
        (state.satp, state.hgatp) = (0, 0);
        assert_eq!(legalised(&mut state, &config, SATP, u64::MAX >> 4), (1 << 47) - 1);
        assert_eq!(legalised(&mut state, &config, HGATP, u64::MAX >> 4), (1 << 46) - 4);
    }

    #[test]
    fn hgatp_keeps_its_mode_and_takes_the_rest() {
        let (mut state, config) = hart();
        assert_eq!(legalised(&mut state, &config, HGATP, SV39 | 7), SV39 | 4);
        assert_eq!(legalised(&mut state, &config, HGATP, UNKNOWN | 8), SV39 | 8);
    }

    #[test]
    fn tvm_and_vtvm_withhold_them() {
        let (mut state, config) = hart();
        state.mstatus = status::TVM;
        rejects(&mut state, &config, Mode::HS, SATP, Denied::Illegal);
        rejects(&mut state, &config, Mode::HS, HGATP, Denied::Illegal);
        accepts(&mut state, &config, Mode::HS, VSATP);
        accepts(&mut state, &config, Mode::VS, SATP);
        rejects(&mut state, &config, Mode::VS, HGATP, Denied::Virtual);
        accepts(&mut state, &config, Mode::M, SATP);
        state.hstatus = hstatus::VTVM;
        rejects(&mut state, &config, Mode::VS, SATP, Denied::Virtual);
    }

    #[test]
    fn only_a_change_has_effects() {
        let (mut state, config) = hart();
        assert_eq!(write(&mut state, &config, HGATP, SV39), Ok(Effects::TRANSLATION));
        assert_eq!(write(&mut state, &config, HGATP, SV39), Ok(Effects::NONE));
    }
}
