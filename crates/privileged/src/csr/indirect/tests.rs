use super::*;
use crate::csr::testing::{accepts, aia_hart, hart, legalised, rejects};
use crate::csr::{read, write};
use crate::{Aia, Config};
use arch::csr::*;

const IPRIO0: u64 = *iselect::PRIORITIES.start();
const IPRIO2: u64 = IPRIO0 + 2;

/// A hart whose machine level withholds nothing, and with the first guest file selected.
fn open() -> (State, Config) {
    let (mut state, config) = aia_hart();
    (state.mstateen, state.hstateen) = ([u64::MAX; 4], [u64::MAX; 4]);
    select_guest(&mut state, 1);
    (state, config)
}

fn select_guest(state: &mut State, number: u64) {
    state.hstatus = number << hstatus::VGEIN_SHIFT;
}

fn without(config: &Config, extension: Extension) -> Config {
    Config { isa: config.isa.without(extension), ..config.clone() }
}

const ALIASES: [[u16; 5]; 3] = [
    [MIREG2, MIREG3, MIREG4, MIREG4 + 1, MIREG6],
    [SIREG2, SIREG3, SIREG4, SIREG4 + 1, SIREG6],
    [VSIREG2, VSIREG3, VSIREG4, VSIREG4 + 1, VSIREG6],
];

#[test]
fn aliases_are_counted_past_the_gap() {
    assert_eq!([SIREG, SIREG2, SIREG3, SIREG4, SIREG6, VSIREG, MIREG6].map(alias), [1, 2, 3, 4, 6, 1, 6]);
}

#[test]
fn priorities_of_machine_level_are_its_own_and_exist_where_mie_has_bits() {
    let (mut state, config) = open();
    state.mode = Mode::M;
    state.miselect = IPRIO0;
    // SSI, MSI, STI, MTI
    assert_eq!(legalised(&mut state, &config, MIREG, u64::MAX), 0xff00_ff00_ff00_ff00);
    state.miselect = IPRIO2;
    // SEI and LCOFI; MEI is read-only zero, and so are SGEI and VSEI, which never trap to M-mode
    assert_eq!(legalised(&mut state, &config, MIREG, u64::MAX), 0x0000_ff00_0000_ff00);
    state.miselect = IPRIO0 + 4;
    assert_eq!(legalised(&mut state, &config, MIREG, u64::MAX), 0);
    assert_eq!(state.siprio, [0; 8]);
}

#[test]
fn priorities_of_supervisor_level_exist_where_sie_or_hie_has_bits() {
    let (mut state, config) = open();
    state.mode = Mode::HS;
    state.siselect = IPRIO0;
    // SSI, VSSI, STI, VSTI
    assert_eq!(legalised(&mut state, &config, SIREG, u64::MAX), 0x00ff_ff00_00ff_ff00);
    state.siselect = IPRIO2;
    // VSEI, SGEI, LCOFI; SEI is read-only zero
    assert_eq!(legalised(&mut state, &config, SIREG, u64::MAX), 0x0000_ffff_00ff_0000);
    state.siselect = IPRIO0 + 4;
    // 16 to 23, which `mvien` makes writable in `sie`
    assert_eq!(legalised(&mut state, &config, SIREG, u64::MAX), u64::MAX);
    assert_eq!(state.miprio, [0; 8]);
}

#[test]
fn priority_numbers_have_iprilen_bits() {
    let (mut state, mut config) = open();
    (state.mode, state.siselect) = (Mode::HS, IPRIO0);
    config.aia.priority_bits = 6;
    assert_eq!(legalised(&mut state, &config, SIREG, u64::MAX), 0x003f_3f00_003f_3f00);
    config.aia.priority_bits = 0;
    assert_eq!(legalised(&mut state, &config, SIREG, u64::MAX), 0);
    assert_eq!(legalised(&mut state, &config, HVIPRIO1, u64::MAX), 0);
}

#[test]
fn odd_priority_registers_do_not_exist() {
    let (mut state, config) = open();
    (state.miselect, state.siselect, state.vsiselect) = (IPRIO0 + 1, IPRIO0 + 1, IPRIO0 + 1);
    rejects(&mut state, &config, Mode::M, MIREG, Denied::Illegal);
    rejects(&mut state, &config, Mode::M, SIREG, Denied::Illegal);
    rejects(&mut state, &config, Mode::HS, SIREG, Denied::Illegal);
    rejects(&mut state, &config, Mode::VS, SIREG, Denied::Virtual);
}

#[test]
fn vs_level_has_no_priorities_of_its_own() {
    let (mut state, config) = open();
    state.vsiselect = IPRIO0;
    rejects(&mut state, &config, Mode::M, VSIREG, Denied::Illegal);
    rejects(&mut state, &config, Mode::HS, VSIREG, Denied::Illegal);
    rejects(&mut state, &config, Mode::VS, SIREG, Denied::Virtual);
}

#[test]
fn what_is_selected_is_kept_whole() {
    let (mut state, config) = open();
    for (mode, address) in [(Mode::M, MISELECT), (Mode::HS, SISELECT), (Mode::HS, VSISELECT), (Mode::VS, SISELECT)] {
        state.mode = mode;
        // "must be able to hold any 8-bit value", "the value range 0..0xFFF at a minimum"
        for value in [0, 0xff, 0xfff] {
            assert_eq!(legalised(&mut state, &config, address, value), value, "{address:#x}");
        }
    }
    assert_eq!((state.miselect, state.siselect, state.vsiselect), (0xfff, 0xfff, 0xfff));
}

#[test]
fn files_are_selected_by_level_and_vgein() {
    let (mut state, config) = open();
    (state.miselect, state.siselect, state.vsiselect) = (iselect::EIE0, iselect::EIDELIVERY, iselect::EIP63 - 1);
    select_guest(&mut state, 3);
    let reaches = |state: &mut State, mode, address| {
        state.mode = mode;
        file_access(state, &config, address)
    };
    use FileAccess::{Register, Top};
    assert_eq!(reaches(&mut state, Mode::M, MIREG), Some(Register(FileId::Machine, 0xc0)));
    assert_eq!(reaches(&mut state, Mode::HS, SIREG), Some(Register(FileId::Supervisor, 0x70)));
    assert_eq!(reaches(&mut state, Mode::HS, VSIREG), Some(Register(FileId::Guest(3), 0xbe)));
    assert_eq!(reaches(&mut state, Mode::VS, SIREG), Some(Register(FileId::Guest(3), 0xbe)));
    assert_eq!(reaches(&mut state, Mode::M, MTOPEI), Some(Top(FileId::Machine)));
    assert_eq!(reaches(&mut state, Mode::M, STOPEI), Some(Top(FileId::Supervisor)));
    assert_eq!(reaches(&mut state, Mode::HS, VSTOPEI), Some(Top(FileId::Guest(3))));
    assert_eq!(reaches(&mut state, Mode::VS, STOPEI), Some(Top(FileId::Guest(3))));
    assert_eq!(reaches(&mut state, Mode::HS, MTOPEI), None);
    state.siselect = IPRIO0;
    assert_eq!(reaches(&mut state, Mode::HS, SIREG), None);
}

#[test]
fn what_a_file_s_register_shows_and_gets_passes_through_the_state() {
    let (mut state, config) = open();
    (state.mode, state.siselect, state.file) = (Mode::HS, iselect::EIP0, 6);
    assert_eq!(read(&state, &config, SIREG), Ok(6));
    assert_eq!(write(&mut state, &config, SIREG, 9), Ok(Effects::FILE));
    assert_eq!(state.file, 9);
    state.topei = [1, 2, 3].map(topei::of);
    assert_eq!(read(&state, &config, STOPEI), Ok(0x2_0002));
    assert_eq!(write(&mut state, &config, STOPEI, 5), Ok(Effects::FILE));
    assert_eq!(read(&state, &config, STOPEI), Ok(0x2_0002));
}

#[test]
fn files_have_reserved_registers_and_no_odd_words() {
    let (mut state, config) = open();
    for number in iselect::FILE {
        (state.miselect, state.siselect, state.vsiselect) = (number, number, number);
        for (mode, address, denied) in [
            (Mode::M, MIREG, Denied::Illegal),
            (Mode::HS, SIREG, Denied::Illegal),
            (Mode::HS, VSIREG, Denied::Illegal),
            (Mode::VS, SIREG, Denied::Virtual),
        ] {
            match number {
                0x81..=0xff if number % 2 != 0 => rejects(&mut state, &config, mode, address, denied),
                _ => accepts(&mut state, &config, mode, address),
            }
        }
    }
}

#[test]
fn a_guest_without_a_file_is_told_by_virtual_instruction_exceptions() {
    let (mut state, config) = open();
    state.vsiselect = iselect::EIDELIVERY;
    for vgein in [0, 4] {
        select_guest(&mut state, vgein);
        for address in [SIREG, STOPEI] {
            rejects(&mut state, &config, Mode::VS, address, Denied::Virtual);
        }
        for (mode, address) in [(Mode::HS, VSIREG), (Mode::M, VSIREG), (Mode::HS, VSTOPEI), (Mode::M, VSTOPEI)] {
            rejects(&mut state, &config, mode, address, Denied::Illegal);
        }
    }
    select_guest(&mut state, 3);
    accepts(&mut state, &config, Mode::VS, SIREG);
    accepts(&mut state, &config, Mode::VS, STOPEI);
    accepts(&mut state, &config, Mode::HS, VSTOPEI);
}

#[test]
fn vs_registers_are_never_a_guest_s_own_and_sireg_never_a_user_s() {
    let (mut state, config) = open();
    for vgein in [0, 1] {
        select_guest(&mut state, vgein);
        for selected in [0, IPRIO0, iselect::EIDELIVERY, iselect::EIE0 + 1, 0x200] {
            (state.siselect, state.vsiselect) = (selected, selected);
            for mode in [Mode::VS, Mode::VU] {
                rejects(&mut state, &config, mode, VSIREG, Denied::Virtual);
                rejects(&mut state, &config, mode, VSISELECT, Denied::Virtual);
                rejects(&mut state, &config, mode, VSTOPEI, Denied::Virtual);
            }
            rejects(&mut state, &config, Mode::VU, SIREG, Denied::Virtual);
            rejects(&mut state, &config, Mode::VU, STOPEI, Denied::Virtual);
            rejects(&mut state, &config, Mode::U, SIREG, Denied::Illegal);
        }
    }
}

#[test]
fn without_an_imsic_there_are_no_files() {
    let (mut state, mut config) = open();
    config.aia = Aia { imsic: false, ..config.aia };
    (state.mstateen, state.hstateen) = ([!stateen::IMSIC; 4], [!stateen::IMSIC; 4]);
    (state.miselect, state.siselect, state.vsiselect) = (0x70, 0x70, 0x70);
    for (mode, address) in [(Mode::M, MIREG), (Mode::M, MTOPEI), (Mode::HS, SIREG), (Mode::HS, STOPEI)] {
        rejects(&mut state, &config, mode, address, Denied::Illegal);
    }
    rejects(&mut state, &config, Mode::HS, VSIREG, Denied::Illegal);
    rejects(&mut state, &config, Mode::HS, VSTOPEI, Denied::Illegal);
    // "not an illegal instruction exception, despite that mstateen0.IMSIC is zero"
    rejects(&mut state, &config, Mode::VS, SIREG, Denied::Virtual);
    rejects(&mut state, &config, Mode::VS, STOPEI, Denied::Virtual);
    accepts(&mut state, &config, Mode::M, MTOPI);
    assert_eq!(legalised(&mut state, &config, MSTATEEN0, u64::MAX) & stateen::IMSIC, 0);
}

#[test]
fn csrind_withholds_the_windows() {
    let (mut state, config) = open();
    (state.siselect, state.vsiselect) = (0x70, 0x70);
    state.hstateen[0] = !stateen::CSRIND;
    for address in [SISELECT, SIREG] {
        rejects(&mut state, &config, Mode::VS, address, Denied::Virtual);
        rejects(&mut state, &config, Mode::VU, address, Denied::Virtual);
        accepts(&mut state, &config, Mode::HS, address);
    }
    state.mstateen[0] = !stateen::CSRIND;
    for address in [SISELECT, SIREG, VSISELECT, VSIREG] {
        rejects(&mut state, &config, Mode::HS, address, Denied::Illegal);
        rejects(&mut state, &config, Mode::VS, address, Denied::Illegal);
        accepts(&mut state, &config, Mode::M, address);
    }
}

#[test]
fn imsic_withholds_the_files() {
    let (mut state, config) = open();
    (state.siselect, state.vsiselect) = (0x70, 0x70);
    state.hstateen[0] = !stateen::IMSIC;
    for address in [SIREG, STOPEI] {
        rejects(&mut state, &config, Mode::VS, address, Denied::Virtual);
        accepts(&mut state, &config, Mode::HS, address);
    }
    accepts(&mut state, &config, Mode::HS, VSTOPEI);
    state.mstateen[0] = !stateen::IMSIC;
    for address in [SIREG, STOPEI, VSIREG, VSTOPEI] {
        rejects(&mut state, &config, Mode::HS, address, Denied::Illegal);
        accepts(&mut state, &config, Mode::M, address);
    }
    rejects(&mut state, &config, Mode::VS, SIREG, Denied::Illegal);
    // not HS-qualified then
    rejects(&mut state, &config, Mode::VS, STOPEI, Denied::Illegal);
    rejects(&mut state, &config, Mode::VS, VSTOPEI, Denied::Illegal);
    // "a virtual instruction exception is raised [...] regardless of any other mstateen bits"
    rejects(&mut state, &config, Mode::VS, VSIREG, Denied::Virtual);
    rejects(&mut state, &config, Mode::VU, SIREG, Denied::Virtual);
    state.siselect = IPRIO0;
    accepts(&mut state, &config, Mode::HS, SIREG);
}

#[test]
fn aia_withholds_priorities_and_the_other_registers() {
    let (mut state, config) = open();
    state.siselect = IPRIO0;
    state.hstateen[0] = !stateen::AIA;
    rejects(&mut state, &config, Mode::VS, STOPI, Denied::Virtual);
    accepts(&mut state, &config, Mode::HS, STOPI);
    state.mstateen[0] = !stateen::AIA;
    for address in [SIREG, STOPI, HVIEN, HVICTL, HVIPRIO1, HVIPRIO2, VSTOPI] {
        rejects(&mut state, &config, Mode::HS, address, Denied::Illegal);
        accepts(&mut state, &config, Mode::M, address);
    }
    rejects(&mut state, &config, Mode::VS, STOPI, Denied::Illegal);
    state.siselect = 0x70;
    for address in [SIREG, STOPEI] {
        accepts(&mut state, &config, Mode::HS, address);
    }
}

#[test]
fn the_supervisor_s_file_is_closed_to_it_where_mvien_has_its_external_interrupt() {
    let (mut state, config) = open();
    (state.mvien, state.siselect, state.vsiselect) = (ip::SEIP, 0x70, 0x70);
    for address in [SIREG, STOPEI] {
        rejects(&mut state, &config, Mode::HS, address, Denied::Illegal);
        accepts(&mut state, &config, Mode::M, address);
        accepts(&mut state, &config, Mode::VS, address);
    }
    accepts(&mut state, &config, Mode::HS, VSTOPEI);
    accepts(&mut state, &config, Mode::HS, VSIREG);
    state.siselect = IPRIO0;
    accepts(&mut state, &config, Mode::HS, SIREG);
}

#[test]
fn the_other_aliases_have_nothing_behind_them() {
    let (mut state, config) = open();
    for selected in [0, IPRIO0, 0x70, 0x80, 0x200] {
        (state.miselect, state.siselect, state.vsiselect) = (selected, selected, selected);
        let [machine, supervisor, guest] = ALIASES;
        for address in machine {
            rejects(&mut state, &config, Mode::M, address, Denied::Illegal);
        }
        for address in supervisor {
            rejects(&mut state, &config, Mode::HS, address, Denied::Illegal);
            rejects(&mut state, &config, Mode::VS, address, Denied::Virtual);
        }
        for address in guest {
            rejects(&mut state, &config, Mode::HS, address, Denied::Illegal);
            rejects(&mut state, &config, Mode::VS, address, Denied::Virtual);
        }
    }
}

#[test]
fn aia_and_indirect_access_can_do_without_each_other() {
    let (mut state, config) = open();
    let aia = without(&without(&config, Extension::Smcsrind), Extension::Sscsrind);
    (state.miselect, state.siselect) = (IPRIO0, IPRIO0);
    accepts(&mut state, &aia, Mode::M, MIREG);
    accepts(&mut state, &aia, Mode::HS, SIREG);
    rejects(&mut state, &aia, Mode::M, MIREG2, Denied::Illegal);
    let indirect = without(&without(&config, Extension::Smaia), Extension::Ssaia);
    for address in [MISELECT, SISELECT, VSISELECT] {
        accepts(&mut state, &indirect, Mode::M, address);
    }
    for selected in [0, IPRIO0, 0x70] {
        (state.miselect, state.siselect, state.vsiselect) = (selected, selected, selected);
        rejects(&mut state, &indirect, Mode::M, MIREG, Denied::Illegal);
        rejects(&mut state, &indirect, Mode::HS, SIREG, Denied::Illegal);
        // "recommended that implementations raise an illegal-instruction exception"
        rejects(&mut state, &indirect, Mode::VS, SIREG, Denied::Illegal);
    }
    rejects(&mut state, &indirect, Mode::M, MTOPI, Denied::Illegal);
}

#[test]
fn a_hart_with_neither_has_none_of_their_registers() {
    let (mut state, config) = hart();
    let all = [MISELECT, MIREG, MTOPEI, MTOPI, MVIEN, MVIP, SISELECT, SIREG, STOPEI, STOPI, VSISELECT, VSIREG, VSTOPEI];
    for address in
        all.into_iter().chain([VSTOPI, HVIEN, HVICTL, HVIPRIO1, HVIPRIO2]).chain(ALIASES.into_iter().flatten())
    {
        rejects(&mut state, &config, Mode::M, address, Denied::Illegal);
    }
    assert_eq!(legalised(&mut state, &config, MSTATEEN0, u64::MAX), stateen::SE | stateen::ENVCFG);
}
