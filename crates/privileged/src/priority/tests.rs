use super::*;
use crate::csr::testing::{aia_hart, hart};
use crate::{Aia, Cause, has_wakeup, next_interrupt, only_guest_wakes};
use arch::Mode;
use arch::csr::{hstatus, ip, status, topei};

/// In M-mode with interrupts off; all that S-mode may have is delegated, and all is enabled.
fn busy() -> (State, Config) {
    let (mut state, config) = aia_hart();
    (state.mie, state.mideleg, state.hideleg) = (u64::MAX, ip::SUPERVISOR | ip::LCOFIP, ip::VIRTUAL);
    (state.sie, state.vsie) = (u64::MAX, u64::MAX);
    (state, config)
}

const fn shows(iid: u64, iprio: u64) -> u64 {
    iid << 16 | iprio
}

fn set_number(array: &mut [u64; 8], code: usize, number: u64) {
    let shift = code % 8 * 8;
    array[code / 8] = array[code / 8] & !(0xff << shift) | number << shift;
}

#[test]
fn nothing_shows_where_nothing_is_pending_and_enabled_at_the_level() {
    let (mut state, config) = busy();
    let tops = |state: &State| (mtopi(state, &config), stopi(state, &config), vstopi(state, &config));
    assert_eq!(tops(&state), (0, 0, 0));
    state.pins = ip::MTIP;
    state.mip = ip::SSIP | ip::VSSIP;
    assert_eq!(tops(&state), (shows(7, 255), shows(1, 255), shows(1, 1)));
    state.mie = 0;
    assert_eq!(tops(&state), (0, 0, 0));
}

/// "The value of `mtopi` is not affected by the global interrupt enable MIE in CSR `mstatus`."
#[test]
fn the_global_enables_do_not_matter() {
    let (mut state, config) = busy();
    state.pins = ip::MTIP;
    let before = mtopi(&state, &config);
    state.mstatus = status::MIE | status::SIE;
    assert_eq!(mtopi(&state, &config), before);
}

#[test]
fn without_numbers_the_default_order_holds() {
    let (mut state, config) = busy();
    state.mideleg = 0;
    state.pins = ip::MACHINE;
    state.mip = ip::SSIP | ip::STIP | ip::SEIP | ip::LCOFIP;
    let mut order = [0; 7];
    for taken in &mut order {
        let top = mtopi(&state, &config) >> 16;
        *taken = top;
        state.mie &= !(1 << top);
    }
    assert_eq!(order, [11, 3, 7, 9, 1, 5, 13]);
}

/// "Effect of the machine-level `iprio` array on the priorities of interrupts taken in M-mode".
#[test]
fn numbers_raise_and_lower_around_the_machine_s_external_interrupt() {
    let (mut state, config) = busy();
    state.pins = ip::MEIP | ip::MTIP;
    state.topei[0] = topei::of(20);
    assert_eq!(mtopi(&state, &config), shows(11, 20));
    for (number, top) in [(19, shows(7, 19)), (20, shows(11, 20)), (21, shows(11, 20)), (1, shows(7, 1))] {
        set_number(&mut state.miprio, 7, number);
        assert_eq!(mtopi(&state, &config), top, "{number}");
    }
    // "256 and above (IMSIC only)" come behind all numbers
    state.topei[0] = topei::of(1000);
    set_number(&mut state.miprio, 7, 255);
    assert_eq!(mtopi(&state, &config), shows(7, 255));
    set_number(&mut state.miprio, 7, 0);
    assert_eq!(mtopi(&state, &config), shows(11, 255));
}

#[test]
fn equal_numbers_leave_it_to_the_default_order() {
    let (mut state, config) = busy();
    state.pins = ip::MTIP | ip::MSIP;
    (3..=7).for_each(|code| set_number(&mut state.miprio, code, 9));
    assert_eq!(mtopi(&state, &config), shows(3, 9));
    set_number(&mut state.miprio, 7, 8);
    assert_eq!(mtopi(&state, &config), shows(7, 8));
}

/// "If the interrupt's priority number is zero and interrupt number IID has a default priority higher than a supervisor
/// external interrupt, then IPRIO is 0", and lower, 255.
#[test]
fn a_number_of_zero_shows_by_the_default_order() {
    let (mut state, config) = busy();
    state.mvien = 1 << 43 | 1 << 35;
    state.mvip = 1 << 35;
    assert_eq!(stopi(&state, &config), shows(35, 255));
    state.mvip = 1 << 43;
    assert_eq!(stopi(&state, &config), shows(43, 0));
    state.mip = ip::SEIP;
    assert_eq!(stopi(&state, &config), shows(43, 0), "above an external interrupt by default");
    set_number(&mut state.siprio, 43, 255);
    assert_eq!(stopi(&state, &config), shows(43, 255), "which has no number, and so 256");
    state.pins = ip::SEIP;
    state.topei[1] = topei::of(254);
    assert_eq!(stopi(&state, &config), shows(9, 254));
}

/// "there is no supervisor-level interrupt from the hart's external interrupt controller [...] the SEI is assigned a
/// priority number of 256."
#[test]
fn an_external_interrupt_of_software_s_is_the_last_with_a_number() {
    let (mut state, config) = busy();
    state.topei[1] = topei::of(3);
    state.mip = ip::SEIP;
    assert_eq!(stopi(&state, &config), shows(9, 255));
    state.mip |= ip::STIP;
    set_number(&mut state.siprio, 5, 200);
    assert_eq!(stopi(&state, &config), shows(5, 200));
    state.pins = ip::SEIP;
    assert_eq!(stopi(&state, &config), shows(9, 3));
}

#[test]
fn levels_have_their_own_numbers() {
    let (mut state, config) = busy();
    state.mip = ip::SSIP | ip::STIP;
    set_number(&mut state.miprio, 5, 1);
    assert_eq!(stopi(&state, &config), shows(1, 255));
    set_number(&mut state.siprio, 5, 1);
    assert_eq!(stopi(&state, &config), shows(5, 1));
}

#[test]
fn interrupts_of_vs_level_that_trap_to_hs_mode_are_prioritised_there() {
    let (mut state, config) = busy();
    (state.hideleg, state.hvip) = (0, ip::VSTIP | ip::VSEIP);
    assert_eq!(stopi(&state, &config), shows(10, 255));
    set_number(&mut state.siprio, 6, 77);
    assert_eq!(stopi(&state, &config), shows(6, 77));
    state.hideleg = ip::VSTIP;
    assert_eq!((stopi(&state, &config), vstopi(&state, &config)), (shows(10, 255), shows(5, 1)));
}

#[test]
fn arrays_of_zeros_may_show_a_one() {
    let (mut state, mut config) = busy();
    config.aia = Aia::LEAST;
    state.pins = ip::MEIP;
    state.mip = ip::SSIP;
    assert_eq!((mtopi(&state, &config), stopi(&state, &config)), (shows(11, 1), shows(1, 1)));
}

/// A guest whose file 2 has this identity first and signals.
fn with_guest_file(identity: u64) -> (State, Config) {
    let (mut state, config) = busy();
    state.hstatus = 2 << hstatus::VGEIN_SHIFT;
    (state.hgeip, state.topei[2]) = (1 << 2, topei::of(identity));
    state.hvictl = hvictl::IPRIOM;
    (state, config)
}

#[test]
fn a_guest_s_external_interrupt_has_its_file_s_number() {
    let (mut state, config) = with_guest_file(5);
    assert_eq!(vstopi(&state, &config), shows(9, 5));
    state.hvictl = 0;
    assert_eq!(vstopi(&state, &config), shows(9, 1), "IPRIOM = 0");
    state.mie = !ip::VSEIP;
    assert_eq!(vstopi(&state, &config), 0);
}

#[test]
fn hviprio_orders_a_guest_s_other_interrupts_around_it() {
    let (mut state, config) = with_guest_file(50);
    state.mip = ip::VSSIP;
    state.hvip = ip::VSTIP | 1 << 16;
    state.hvien = 1 << 16;
    for (hviprio1, hviprio2, top) in [
        (0, 0, shows(9, 50)),
        (49 << 8, 0, shows(1, 49)),
        (50 << 8, 0, shows(9, 50)),
        (49 << 8 | 48 << 24, 0, shows(5, 48)),
        (49 << 8 | 48 << 24, 2, shows(16, 2)),
    ] {
        (state.hviprio1, state.hviprio2) = (hviprio1, hviprio2);
        assert_eq!(vstopi(&state, &config), top);
    }
    (state.hviprio1, state.hviprio2, state.hgeip) = (0, 0, 0);
    assert_eq!(vstopi(&state, &config), shows(1, 255));
}

#[test]
fn without_a_guest_file_hvictl_has_the_number_of_an_external_interrupt() {
    let (mut state, config) = busy();
    state.hvip = ip::VSEIP;
    let hvictl = |iid: u64, iprio: u64| iid << 16 | iprio | hvictl::IPRIOM;
    for (value, top) in [(hvictl(9, 7), 7), (hvictl(9, 0), 255), (hvictl(8, 7), 255)] {
        state.hvictl = value;
        assert_eq!(vstopi(&state, &config), shows(9, top));
    }
    // "hstatus.VGEIN = 0", not just invalid
    state.hstatus = 60 << hstatus::VGEIN_SHIFT;
    state.hvictl = hvictl(9, 7);
    assert_eq!(vstopi(&state, &config), shows(9, 255));
}

#[test]
fn with_vti_only_the_external_interrupt_and_that_of_hvictl_are_candidates() {
    let (mut state, config) = busy();
    state.mip = ip::VSSIP;
    state.hvip = ip::VSTIP;
    let vti = |iid: u64, flags: u64| hvictl::VTI | iid << 16 | flags;
    state.hvictl = vti(9, 0);
    assert_eq!(vstopi(&state, &config), 0, "IID = 9 is no interrupt");
    state.hvictl = vti(5, 0);
    assert_eq!(vstopi(&state, &config), shows(5, 1));
    state.hvictl = vti(5, hvictl::IPRIOM | hvictl::DPR);
    assert_eq!(vstopi(&state, &config), shows(5, 255));
    state.hvictl = vti(47, hvictl::IPRIOM);
    assert_eq!(vstopi(&state, &config), shows(47, 0));
    state.hvictl = vti(47, hvictl::IPRIOM | 33);
    assert_eq!(vstopi(&state, &config), shows(47, 33));
}

#[test]
fn dpr_and_iprio_order_hvictl_s_interrupt_against_the_external_one() {
    let (mut state, config) = with_guest_file(40);
    let vti = |flags: u64| hvictl::VTI | 13 << 16 | hvictl::IPRIOM | flags;
    for (flags, top) in [
        (0, shows(13, 0)),
        (hvictl::DPR, shows(9, 40)),
        (39, shows(13, 39)),
        (39 | hvictl::DPR, shows(13, 39)),
        (40, shows(13, 40)),
        (40 | hvictl::DPR, shows(9, 40)),
        (41, shows(9, 40)),
    ] {
        state.hvictl = vti(flags);
        assert_eq!(vstopi(&state, &config), top, "{flags:#x}");
    }
}

/// A value of zero is no interrupt, whatever led to it.
#[test]
fn an_interrupt_0_of_the_highest_priority_is_none() {
    let (mut state, config) = busy();
    state.mode = Mode::VU;
    state.hvictl = hvictl::VTI | hvictl::IPRIOM;
    assert_eq!((vstopi(&state, &config), next_interrupt(&state, &config)), (0, None));
    assert!(!has_wakeup(&state, &config));
    state.hvictl |= 1;
    let zero = Interrupt::from_code(0).unwrap();
    assert_eq!(next_interrupt(&state, &config), Some(Cause::Asserted(zero, Mode::VS)));
}

#[test]
fn what_shows_is_what_is_taken() {
    let (mut state, config) = with_guest_file(40);
    state.mode = Mode::VS;
    assert_eq!(next_interrupt(&state, &config), None, "SIE is off");
    state.mode = Mode::VU;
    let external = Cause::Interrupt(Interrupt::VirtualSupervisorExternal);
    assert_eq!(next_interrupt(&state, &config), Some(external));
    assert_eq!(external.xcause(Mode::VS), 1 << 63 | 9);
    state.hvictl = hvictl::VTI | 10 << 16;
    let asserted = Cause::Asserted(Interrupt::VirtualSupervisorExternal, Mode::VS);
    assert_eq!(next_interrupt(&state, &config), Some(asserted), "DPR = 0");
    assert_eq!(asserted.xcause(Mode::VS), 1 << 63 | 10, "the code is hvictl's own");
}

#[test]
fn higher_levels_come_first_whatever_the_numbers() {
    let (mut state, config) = with_guest_file(1);
    state.mode = Mode::VU;
    state.mip = ip::SSIP;
    state.pins = ip::MTIP;
    set_number(&mut state.miprio, 7, 255);
    set_number(&mut state.siprio, 1, 255);
    assert_eq!(next_interrupt(&state, &config), Some(Cause::Interrupt(Interrupt::MachineTimer)));
    state.pins = 0;
    assert_eq!(next_interrupt(&state, &config), Some(Cause::Interrupt(Interrupt::SupervisorSoftware)));
}

#[test]
fn a_filtered_interrupt_traps_to_m_mode_and_an_asserted_one_to_s_mode() {
    let (mut state, config) = busy();
    (state.mideleg, state.mvien) = (0, ip::SEIP);
    (state.mode, state.pins) = (Mode::U, ip::SEIP);
    assert_eq!(next_interrupt(&state, &config), Some(Cause::Interrupt(Interrupt::SupervisorExternal)));
    state.mie = 0;
    assert_eq!(next_interrupt(&state, &config), None);
    state.mip = ip::SEIP; // bit 9 of mvip
    let asserted = Cause::Asserted(Interrupt::SupervisorExternal, Mode::HS);
    assert_eq!(next_interrupt(&state, &config), Some(asserted));
    assert_eq!(crate::route(&state, &config, asserted), Mode::HS);
    assert_eq!(asserted.xcause(Mode::HS), 1 << 63 | 9);
    state.mode = Mode::M;
    assert_eq!((next_interrupt(&state, &config), has_wakeup(&state, &config)), (None, true));
    state.sie = 0;
    assert!(!has_wakeup(&state, &config));
}

/// "execution must resume from a WFI whenever an interrupt is pending at any privilege level".
#[test]
fn wfi_goes_by_the_top_interrupts() {
    let (mut state, config) = busy();
    assert!(!has_wakeup(&state, &config));
    state.hvictl = hvictl::VTI | 9 << 16;
    state.mip = ip::VSSIP;
    assert!(!has_wakeup(&state, &config), "vstopi is zero");
    state.hvictl = hvictl::VTI | 1 << 16;
    assert!(has_wakeup(&state, &config) && only_guest_wakes(&state, &config));
    state.hvictl = 0;
    (state.mip, state.hvip, state.hvien) = (0, 1 << 20, 1 << 20);
    assert!(has_wakeup(&state, &config) && only_guest_wakes(&state, &config));
    state.mip = ip::SSIP;
    assert!(has_wakeup(&state, &config) && !only_guest_wakes(&state, &config));
}

#[test]
fn without_aia_the_default_order_is_the_manual_s() {
    let (mut state, config) = hart();
    (state.mie, state.mode) = (u64::MAX, Mode::U);
    state.mip = ip::SSIP | ip::STIP | ip::SEIP;
    state.pins = ip::MACHINE;
    state.hvip = ip::VIRTUAL;
    let order: [Interrupt; 6] = core::array::from_fn(|_| {
        let Some(Cause::Interrupt(next)) = next_interrupt(&state, &config) else { panic!("there is one") };
        state.mie &= !next.bit();
        next
    });
    assert_eq!(order.map(Interrupt::code), [11, 3, 7, 9, 1, 5]);
}
