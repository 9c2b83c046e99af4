//! The specification's sentences, one by one.
//!
//! Offsets are those of AIA 1.0, "Memory-mapped control region for an interrupt domain".

use arch::{Interrupt, Phys};

use super::core::{Core, Shape};
use super::*;

const DOMAINCFG: u64 = 0;
const MMSIADDRCFG: u64 = 0x1bc0;
const MMSIADDRCFGH: u64 = 0x1bc4;
const SMSIADDRCFG: u64 = 0x1bc8;
const SETIP: u64 = 0x1c00;
const SETIPNUM: u64 = 0x1cdc;
const IN_CLRIP: u64 = 0x1d00;
const CLRIPNUM: u64 = 0x1ddc;
const SETIE: u64 = 0x1e00;
const SETIENUM: u64 = 0x1edc;
const CLRIE: u64 = 0x1f00;
const CLRIENUM: u64 = 0x1fdc;
const SETIPNUM_LE: u64 = 0x2000;
const SETIPNUM_BE: u64 = 0x2004;
const GENMSI: u64 = 0x3000;
const IDELIVERY: u64 = 0x4000;
const IFORCE: u64 = 0x4004;
const ITHRESHOLD: u64 = 0x4008;
const TOPI: u64 = 0x4018;
const CLAIMI: u64 = 0x401c;
/// From one IDC structure to the next.
const NEXT_HART: u64 = 32;

const IE: u32 = 1 << 8;
const D: u32 = 1 << 10;
const INACTIVE: u32 = 0;
const DETACHED: u32 = 1;
const EDGE1: u32 = 4;
const EDGE0: u32 = 5;
const LEVEL1: u32 = 6;
const LEVEL0: u32 = 7;

/// A source that is not at the edge of a word.
const SOURCE: u32 = 37;
const M: Domain = Domain::Machine;
const S: Domain = Domain::Supervisor;

const fn sourcecfg(source: u32) -> u64 {
    4 * source as u64
}

const fn target(source: u32) -> u64 {
    0x3000 + 4 * source as u64
}

fn core(delivery: Delivery) -> Core {
    Core::new(Shape { sources: 96, harts: 2, delivery, guest_files: 5 })
}

/// A source of this mode in the root domain, enabled, for hart 0 with priority 1 or, by message, identity 1.
fn with(delivery: Delivery, mode: u32) -> Core {
    let mut core = core(delivery);
    core.write(M, sourcecfg(SOURCE), mode);
    core.write(M, target(SOURCE), 1);
    core.write(M, SETIENUM, SOURCE);
    core
}

fn direct(mode: u32) -> Core {
    with(Delivery::Direct, mode)
}

/// In MSI delivery mode, with files at page 0x10000 and IE = 0, so that the pending bit can be seen.
fn messages(mode: u32) -> Core {
    let mut core = with(Delivery::Messages, mode);
    core.write(M, MMSIADDRCFG, 0x1_0000);
    core
}

fn is_pending(core: &mut Core) -> bool {
    core.read(M, SETIP + 4) >> (SOURCE % 32) & 1 != 0
}

fn rectified(core: &mut Core) -> bool {
    core.read(M, IN_CLRIP + 4) >> (SOURCE % 32) & 1 != 0
}

#[test]
fn domaincfg_shows_its_byte_order_and_resets_to_zero() {
    let mut core = core(Delivery::Direct);
    assert_eq!(core.read(M, DOMAINCFG), 0x8000_0000, "bits 31:24 read-only 0x80");
    core.write(M, DOMAINCFG, u32::MAX);
    assert_eq!(core.read(M, DOMAINCFG), 0x8000_0100, "BE and DM are read-only zero without IMSICs");
    let mut core = self::core(Delivery::Messages);
    core.write(S, DOMAINCFG, 0);
    assert_eq!(core.read(S, DOMAINCFG), 0x8000_0004, "DM");
}

#[test]
fn sourcecfg_holds_the_modes_that_are_not_reserved() {
    let mut core = core(Delivery::Direct);
    let held = |core: &mut Core, value| {
        core.write(M, sourcecfg(SOURCE), value);
        core.read(M, sourcecfg(SOURCE))
    };
    for mode in [INACTIVE, DETACHED, EDGE1, EDGE0, LEVEL1, LEVEL0] {
        assert_eq!(held(&mut core, mode | 0xffff_f800), mode, "all other register bits read as zeros");
    }
    assert_eq!([held(&mut core, 2), held(&mut core, 3)], [INACTIVE; 2]);
}

#[test]
fn a_source_that_is_not_there_reads_as_zero() {
    let mut core = core(Delivery::Direct);
    for source in [97, 1023] {
        core.write(M, sourcecfg(source), DETACHED);
        core.write(M, SETIENUM, source);
        core.write(M, SETIPNUM, source);
        assert_eq!((core.read(M, sourcecfg(source)), core.read(M, target(source))), (0, 0));
    }
    core.write(M, SETIE, 1);
    assert_eq!(core.read(M, SETIE), 0, "bit 0 of setie[0]");
    for word in 0..32 {
        assert_eq!((core.read(M, SETIP + 4 * word), core.read(M, SETIE + 4 * word)), (0, 0));
    }
}

#[test]
fn a_delegated_source_is_the_childs_alone() {
    let mut core = direct(EDGE1);
    core.write(S, sourcecfg(SOURCE), EDGE1);
    assert_eq!(core.read(S, sourcecfg(SOURCE)), 0, "not delegated: as though not implemented");
    core.set_level(SOURCE, true);
    core.write(M, sourcecfg(SOURCE), D | 0x3ff);
    assert_eq!(core.read(M, sourcecfg(SOURCE)), D, "there is one child, of index 0");
    assert_eq!((core.read(M, target(SOURCE)), core.read(M, SETIE + 4), core.read(M, SETIP + 4)), (0, 0, 0));
    assert_eq!(core.read(S, sourcecfg(SOURCE)), 0, "it remains zero until it is written to");
    core.write(S, sourcecfg(SOURCE), EDGE1);
    core.write(S, SETIENUM, SOURCE);
    core.write(S, SETIPNUM, SOURCE);
    core.write(M, CLRIENUM, SOURCE);
    core.write(M, CLRIPNUM, SOURCE);
    assert_eq!((core.read(S, SETIE + 4), core.read(S, SETIP + 4)), (1 << 5, 1 << 5));
    assert_eq!((core.read(M, SETIE + 4), core.read(M, SETIP + 4)), (0, 0));
    core.write(M, sourcecfg(SOURCE), D);
    assert_eq!(core.read(S, sourcecfg(SOURCE)), EDGE1, "it was delegated before");
    core.write(M, sourcecfg(SOURCE), EDGE1);
    assert_eq!((core.read(S, sourcecfg(SOURCE)), core.read(S, SETIP + 4), core.read(M, SETIP + 4)), (0, 0, 0));
}

#[test]
fn a_leaf_domain_cannot_delegate() {
    let mut core = core(Delivery::Direct);
    core.write(M, sourcecfg(SOURCE), D);
    core.write(S, sourcecfg(SOURCE), LEVEL1);
    core.write(S, sourcecfg(SOURCE), D | LEVEL1);
    assert_eq!(core.read(S, sourcecfg(SOURCE)), 0, "the entire register is set to zero instead");
}

#[test]
fn an_inactive_source_has_no_bits_and_no_target() {
    let mut core = direct(DETACHED);
    core.write(M, SETIPNUM, SOURCE);
    core.write(M, sourcecfg(SOURCE), INACTIVE);
    [SETIPNUM, SETIENUM].into_iter().for_each(|register| core.write(M, register, SOURCE));
    core.write(M, target(SOURCE), u32::MAX);
    assert_eq!((core.read(M, SETIP + 4), core.read(M, SETIE + 4), core.read(M, target(SOURCE))), (0, 0, 0));
    core.write(M, sourcecfg(SOURCE), DETACHED);
    assert_eq!((core.read(M, SETIP + 4), core.read(M, SETIE + 4)), (0, 0), "they remain zeros");
}

#[test]
fn the_rectified_input_is_the_wire_as_the_mode_has_it() {
    for (mode, low, high) in [
        (INACTIVE, false, false),
        (DETACHED, false, false),
        (EDGE1, false, true),
        (EDGE0, true, false),
        (LEVEL1, false, true),
        (LEVEL0, true, false),
    ] {
        let mut core = direct(mode);
        assert_eq!(rectified(&mut core), low, "mode {mode}");
        core.set_level(SOURCE, true);
        assert_eq!(rectified(&mut core), high, "mode {mode}");
    }
}

#[test]
fn a_detached_source_pends_by_writes_only() {
    for mut core in [direct(DETACHED), messages(DETACHED)] {
        core.set_level(SOURCE, true);
        assert!(!is_pending(&mut core));
        core.write(M, SETIP + 4, 1 << (SOURCE % 32));
        assert!(is_pending(&mut core));
        core.set_level(SOURCE, false);
        assert!(is_pending(&mut core));
        core.write(M, IN_CLRIP + 4, 1 << (SOURCE % 32));
        assert!(!is_pending(&mut core));
    }
}

#[test]
fn an_edge_pends_until_it_is_cleared() {
    for (mode, before, edge) in [(EDGE1, false, true), (EDGE0, true, false)] {
        for delivery in [Delivery::Direct, Delivery::Messages] {
            let mut core = core(delivery);
            core.set_level(SOURCE, before);
            core.write(M, sourcecfg(SOURCE), mode);
            assert!(!is_pending(&mut core));
            core.set_level(SOURCE, edge);
            assert!(is_pending(&mut core), "mode {mode}, {delivery:?}");
            core.set_level(SOURCE, before);
            assert!(is_pending(&mut core), "the other edge does not clear it");
            core.write(M, CLRIPNUM, SOURCE);
            assert!(!is_pending(&mut core));
            core.write(M, SETIPNUM, SOURCE);
            assert!(is_pending(&mut core), "or by a write, whatever the wire");
        }
    }
}

#[test]
fn a_level_directly_delivered_is_a_copy_of_the_rectified_input() {
    for (mode, high) in [(LEVEL1, true), (LEVEL0, false)] {
        let mut core = direct(mode);
        for asserted in [false, true, false] {
            core.set_level(SOURCE, asserted == high);
            for register in [SETIPNUM, CLRIPNUM, SETIPNUM_LE] {
                core.write(M, register, SOURCE);
                assert_eq!(is_pending(&mut core), asserted, "mode {mode}, after {register:#x}");
            }
            core.read(M, CLAIMI);
            assert_eq!(is_pending(&mut core), asserted, "nor by a claim");
        }
    }
}

#[test]
fn a_level_forwarded_by_messages_pends_by_its_transition() {
    for (mode, high) in [(LEVEL1, true), (LEVEL0, false)] {
        let mut core = messages(mode);
        core.set_level(SOURCE, !high);
        core.write(M, SETIPNUM, SOURCE);
        assert!(!is_pending(&mut core), "not when the rectified input value is low");
        core.set_level(SOURCE, high);
        assert!(is_pending(&mut core));
        core.write(M, CLRIPNUM, SOURCE);
        core.set_level(SOURCE, high);
        assert!(!is_pending(&mut core), "the level did not change");
        core.write(M, SETIPNUM_LE, SOURCE);
        assert!(is_pending(&mut core), "by a write when the rectified input value is high");
        core.set_level(SOURCE, !high);
        assert!(!is_pending(&mut core), "cleared whenever the rectified input value is low");
    }
}

#[test]
fn a_level_that_is_high_already_is_not_lost() {
    for delivery in [Delivery::Direct, Delivery::Messages] {
        let mut core = core(delivery);
        core.set_level(SOURCE, true);
        core.write(M, sourcecfg(SOURCE), LEVEL1);
        assert!(is_pending(&mut core), "a write to sourcecfg might set it");
        core.write(M, sourcecfg(SOURCE), LEVEL0);
        assert!(!is_pending(&mut core), "cleared whenever the rectified input value is low");
    }
}

#[test]
fn setipnum_comes_in_both_byte_orders_and_reads_as_zero() {
    let mut core = direct(DETACHED);
    core.write(M, SETIPNUM_BE, SOURCE);
    assert!(!is_pending(&mut core), "that is number {:#x}", SOURCE.swap_bytes());
    core.write(M, SETIPNUM_BE, SOURCE.swap_bytes());
    assert!(is_pending(&mut core));
    core.write(M, CLRIPNUM, SOURCE);
    core.write(M, SETIPNUM_LE, SOURCE);
    assert!(is_pending(&mut core));
    let write_only = [SETIPNUM, SETIPNUM_LE, SETIPNUM_BE, CLRIPNUM, SETIENUM, CLRIENUM, CLRIE + 4];
    assert_eq!(write_only.map(|register| core.read(M, register)), [0; 7]);
}

#[test]
fn a_number_that_is_no_source_is_ignored() {
    let mut core = direct(DETACHED);
    for number in [0, 97, 1024, SOURCE + 1, u32::MAX] {
        [SETIPNUM, SETIENUM, SETIPNUM_LE].into_iter().for_each(|register| core.write(M, register, number));
    }
    let all = |core: &mut Core, at| (0..32).map(|k| core.read(M, at + 4 * k)).collect::<Vec<u32>>();
    assert_eq!(all(&mut core, SETIP), [0; 32]);
    assert_eq!(all(&mut core, SETIE).iter().map(|word| word.count_ones()).sum::<u32>(), 1);
}

#[test]
fn enable_bits_are_set_and_cleared_by_mask_and_by_number() {
    let mut core = core(Delivery::Direct);
    [33, 34, 35].into_iter().for_each(|source| core.write(M, sourcecfg(source), EDGE1));
    core.write(M, SETIE + 4, u32::MAX);
    assert_eq!(core.read(M, SETIE + 4), 0b1110, "active sources only");
    core.write(M, CLRIE + 4, 0b0100);
    core.write(M, CLRIENUM, 35);
    assert_eq!(core.read(M, SETIE + 4), 0b0010);
    core.write(M, SETIENUM, 35);
    assert_eq!(core.read(M, SETIE + 4), 0b1010);
}

#[test]
fn a_direct_target_has_a_hart_and_a_priority_that_is_not_zero() {
    let mut core = direct(EDGE1);
    core.write(M, target(SOURCE), u32::MAX);
    assert_eq!(core.read(M, target(SOURCE)), 0xfffc_00ff);
    core.write(M, target(SOURCE), 1 << 18 | 0xff00);
    assert_eq!(core.read(M, target(SOURCE)), 1 << 18 | 1, "the priority number is set to 1 instead");
    core.write(M, sourcecfg(SOURCE), INACTIVE);
    core.write(M, sourcecfg(SOURCE), EDGE1);
    assert_ne!(core.read(M, target(SOURCE)) & 0xff, 0, "UNSPECIFIED, but not zero");
}

#[test]
fn a_messages_target_has_a_guest_index_at_supervisor_level_only() {
    let mut core = messages(EDGE1);
    core.write(M, target(SOURCE), u32::MAX);
    assert_eq!(core.read(M, target(SOURCE)), 0xfffc_07ff, "read-only zero for a machine-level domain");
    core.write(M, sourcecfg(SOURCE), D);
    core.write(S, sourcecfg(SOURCE), EDGE1);
    core.write(S, target(SOURCE), 5 << 12 | 9);
    assert_eq!(core.read(S, target(SOURCE)), 5 << 12 | 9, "0 through GEILEN");
}

#[test]
fn of_pending_interrupts_the_smallest_priority_number_is_on_top_then_the_lowest_source() {
    let mut core = core(Delivery::Direct);
    for (source, priority) in [(3, 7), (5, 2), (64, 2), (9, 1)] {
        core.write(M, sourcecfg(source), EDGE1);
        core.write(M, target(source), u32::from(source == 9) << 18 | priority);
        core.write(M, SETIENUM, source);
        core.set_level(source, true);
    }
    let claimed: Vec<u32> = (0..4).map(|_| core.read(M, CLAIMI)).collect();
    assert_eq!(claimed, [5 << 16 | 2, 64 << 16 | 2, 3 << 16 | 7, 0]);
    assert_eq!(core.read(M, CLAIMI + NEXT_HART), 9 << 16 | 1, "targeted to hart 1");
}

#[test]
fn topi_shows_what_claimi_takes() {
    let mut core = direct(EDGE1);
    core.set_level(SOURCE, true);
    assert_eq!([core.read(M, TOPI), core.read(M, TOPI)], [SOURCE << 16 | 1; 2]);
    [TOPI, CLAIMI].into_iter().for_each(|register| core.write(M, register, SOURCE));
    assert_eq!([core.read(M, CLAIMI), core.read(M, TOPI)], [SOURCE << 16 | 1, 0]);
}

#[test]
fn topi_and_claimi_do_not_ask_for_ie_and_idelivery() {
    let mut core = direct(EDGE1);
    core.set_level(SOURCE, true);
    assert_eq!(core.read(M, DOMAINCFG) & IE | core.read(M, IDELIVERY), 0);
    assert!(!core.signals(M, 0));
    assert_eq!(core.read(M, CLAIMI), SOURCE << 16 | 1);
}

#[test]
fn a_threshold_lets_smaller_priority_numbers_pass() {
    let mut core = direct(LEVEL1);
    core.write(M, target(SOURCE), 4);
    core.set_level(SOURCE, true);
    let top = |core: &mut Core, threshold| {
        core.write(M, ITHRESHOLD, threshold);
        core.read(M, TOPI) >> 16
    };
    assert_eq!([0, 5, 4, 1].map(|threshold| top(&mut core, threshold)), [SOURCE, SOURCE, 0, 0]);
    core.write(M, ITHRESHOLD, 0x3ff);
    assert_eq!(core.read(M, ITHRESHOLD), 0xff, "exactly IPRIOLEN bits");
}

#[test]
fn a_signal_needs_ie_and_idelivery_and_top_or_force() {
    for (ie, delivery, force, level) in (0..16).map(|n| (n & 1, n >> 1 & 1, n >> 2 & 1, n >> 3)) {
        let mut core = direct(LEVEL1);
        core.set_level(SOURCE, level == 1);
        core.write(M, DOMAINCFG, ie * IE);
        core.write(M, IDELIVERY, delivery);
        core.write(M, IFORCE, force);
        let expected = ie == 1 && delivery == 1 && (force == 1 || level == 1);
        assert_eq!(core.signals(M, 0), expected, "IE {ie}, idelivery {delivery}, iforce {force}, topi {level}");
        assert!(!core.signals(M, 1) && !core.signals(S, 0) && !core.signals(M, 99));
    }
}

#[test]
fn a_spurious_claim_ends_a_forced_interrupt() {
    let mut core = direct(EDGE1);
    core.write(M, IFORCE, 1);
    core.set_level(SOURCE, true);
    assert_ne!(core.read(M, CLAIMI), 0);
    assert_eq!(core.read(M, IFORCE), 1, "the claim was not of identity zero");
    assert_eq!((core.read(M, CLAIMI), core.read(M, IFORCE)), (0, 0));
}

#[test]
fn a_hart_that_is_not_there_has_an_idc_of_zeros() {
    let mut core = direct(EDGE1);
    let third = 2 * NEXT_HART;
    [IDELIVERY, IFORCE, ITHRESHOLD].into_iter().for_each(|register| core.write(M, register + third, 1));
    let all = [IDELIVERY, IFORCE, ITHRESHOLD, TOPI, CLAIMI].map(|register| core.read(M, register + third));
    assert_eq!(all, [0; 5]);
}

#[test]
fn a_message_is_sent_when_pending_enabled_and_ie_are_one() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut core = messages(EDGE1);
        core.write(M, CLRIENUM, SOURCE);
        core.write(M, target(SOURCE), 1 << 18 | 0x123);
        core.write(M, MMSIADDRCFGH, 1 << 12);
        for (n, act) in order.into_iter().enumerate() {
            match act {
                0 => core.set_level(SOURCE, true),
                1 => core.write(M, SETIENUM, SOURCE),
                _ => core.write(M, DOMAINCFG, IE),
            }
            let expected = Message { address: Phys(0x1000_1000), data: 0x123 };
            assert_eq!(core.take_messages(), vec![expected; usize::from(n == 2)], "{order:?}");
        }
        assert!(!is_pending(&mut core), "the interrupt pending bit is cleared");
    }
}

#[test]
fn a_level_that_stays_is_sent_again_when_setipnum_asks() {
    let mut core = messages(LEVEL1);
    core.write(M, DOMAINCFG, IE);
    let mut sent = |act: &mut dyn FnMut(&mut Core)| {
        act(&mut core);
        core.take_messages().len()
    };
    assert_eq!(sent(&mut |core| core.set_level(SOURCE, true)), 1);
    assert_eq!(sent(&mut |core| core.set_level(SOURCE, true)), 0, "ignored until it has been de-asserted");
    assert_eq!(sent(&mut |core| core.write(M, SETIPNUM, SOURCE)), 1, "the source is still asserting");
    assert_eq!(sent(&mut |core| core.set_level(SOURCE, false)), 0);
    assert_eq!(sent(&mut |core| core.write(M, SETIPNUM, SOURCE)), 0, "not if it is not asserting");
    assert_eq!(sent(&mut |core| core.set_level(SOURCE, true)), 1);
}

#[test]
fn the_supervisors_messages_go_to_its_files_and_to_guests() {
    let mut core = core(Delivery::Messages);
    core.set_addresses(Addresses::of(Layout {
        machine: Phys(0x2400_0000),
        supervisor: Phys(0x2800_0000),
        hart_bits: 1,
        guest_bits: 3,
    }));
    core.delegate_all();
    core.write(S, sourcecfg(SOURCE), EDGE1);
    core.write(S, target(SOURCE), 1 << 18 | 2 << 12 | 77);
    core.write(S, SETIENUM, SOURCE);
    core.write(S, DOMAINCFG, IE);
    core.set_level(SOURCE, true);
    core.write(M, GENMSI, 1 << 18 | 3 << 12 | 5);
    core.write(S, GENMSI, 6);
    let message = |address, data| Message { address: Phys(address), data };
    let expected = [message(0x2800_a000, 77), message(0x2400_1000, 5), message(0x2800_0000, 6)];
    assert_eq!(core.take_messages(), expected, "an extempore one asks for no IE, and for no guest");
}

#[test]
fn genmsi_is_never_busy_and_is_zero_in_direct_delivery_mode() {
    let mut core = core(Delivery::Messages);
    core.write(M, GENMSI, u32::MAX);
    assert_eq!(core.read(M, GENMSI), 0xfffc_07ff);
    let mut core = self::core(Delivery::Direct);
    core.write(M, GENMSI, u32::MAX);
    assert_eq!((core.read(M, GENMSI), core.take_messages()), (0, vec![]));
}

#[test]
fn addresses_are_the_root_domains_where_there_are_messages() {
    let mut core = core(Delivery::Messages);
    core.write(S, MMSIADDRCFG, 1);
    core.write(M, SMSIADDRCFG, 0x28000);
    assert_eq!((core.read(M, MMSIADDRCFG), core.read(M, SMSIADDRCFG), core.read(S, SMSIADDRCFG)), (0, 0x28000, 0));
    let mut core = self::core(Delivery::Direct);
    core.write(M, MMSIADDRCFG, 1);
    assert_eq!(core.read(M, MMSIADDRCFG), 0);
}

#[test]
fn a_reset_leaves_the_wires_alone() {
    let mut core = direct(LEVEL1);
    core.set_level(SOURCE, true);
    core.reset();
    assert_eq!((core.read(M, sourcecfg(SOURCE)), core.read(M, SETIP + 4)), (0, 0));
    core.write(M, sourcecfg(SOURCE), LEVEL1);
    assert!(is_pending(&mut core));
}

fn write(registers: &mut AplicRegisters, offset: u64, value: u32) {
    registers.write(offset, &value.to_le_bytes());
}

#[test]
fn a_wire_reaches_the_pin_of_its_domain() {
    let pins = [HartPins::new(), HartPins::new()];
    let aplic = Aplic::new(96, Harts::Wired(pins.to_vec()));
    aplic.hand_over(None);
    let mut supervisor = aplic.registers(S);
    for (offset, value) in [
        (sourcecfg(10), LEVEL1),
        (target(10), 1 << 18 | 1),
        (SETIENUM, 10),
        (IDELIVERY + NEXT_HART, 1),
        (DOMAINCFG, IE),
    ] {
        write(&mut supervisor, offset, value);
    }
    aplic.set_level(10, true);
    assert_eq!([pins[0].levels(), pins[1].levels()], [0, Interrupt::SupervisorExternal.bit()]);
    aplic.set_level(10, false);
    assert_eq!(pins[1].levels(), 0);
    aplic.pulse(10);
    assert_ne!(pins[1].levels(), 0, "a level-sensitive source shows it until the wire is low");
    aplic.reset();
    assert_eq!(pins[1].levels(), 0);
}

#[test]
fn a_message_without_a_file_is_lost_and_others_arrive() {
    let files = Arc::new(kit::Messages::to(|address| address == Phys(0x1000_0000)));
    let aplic = Aplic::new(96, Harts::Messaged { count: 2, guest_files: 0, files: files.clone() });
    let mut machine = aplic.registers(M);
    write(&mut machine, MMSIADDRCFG, 0x1_0000);
    write(&mut machine, MMSIADDRCFGH, 1 << 12);
    write(&mut machine, GENMSI, 1 << 18 | 7);
    write(&mut machine, GENMSI, 8);
    assert_eq!(files.take().iter().map(|&(_, data)| data).collect::<Vec<_>>(), [7, 8]);
}

#[test]
fn only_aligned_words_are_accesses() {
    let pins = HartPins::new();
    let aplic = Aplic::new(96, Harts::Wired(vec![pins]));
    let mut machine = aplic.registers(M);
    write(&mut machine, sourcecfg(1), EDGE1);
    write(&mut machine, SETIENUM, 1);
    aplic.pulse(1);
    for (offset, len) in [(CLAIMI, 1), (CLAIMI, 2), (CLAIMI - 2, 4), (TOPI, 8)] {
        let mut data = [0xff; 8];
        machine.read(offset, &mut data[..len]);
        assert!(data[..len].iter().all(|&byte| byte == 0), "{len} bytes at {offset:#x}");
        machine.write(offset, &[1; 8][..len]);
    }
    machine.write(sourcecfg(2) - 1, &[1; 4]);
    machine.write(sourcecfg(2), &[1; 8]);
    let mut word = [0; 4];
    machine.read(CLAIMI, &mut word);
    assert_eq!(u32::from_le_bytes(word), 1 << 16 | 1, "nobody has claimed it");
    machine.read(sourcecfg(2), &mut word);
    assert_eq!(word, [0; 4]);
}
