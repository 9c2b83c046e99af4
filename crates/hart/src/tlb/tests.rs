//! What tables answer, and what fences leave of them.

use arch::addr::PAGE_SHIFT;

use super::cover::ZONE_BITS;
use super::jump::CODE_PAGES;
use super::*;
use crate::fence::Table;
use crate::second_level::SecondLevel;

fn leaves(page_bits: u32) -> LeafPages {
    LeafPages { page_bits, guest_phys: 0, guest_page_bits: 30 }
}

#[test]
fn a_page_answers_for_what_it_allows() {
    let mut table = DataTable::default();
    table.enter(0x1234, 0x8000, leaves(12), true, false);
    assert_eq!(table.read(0x1ff8, 8), Some(0x8ff8));
    assert_eq!(table.write(0x1ff8, 8), None);
    assert_eq!(table.read(0x2000, 8), None);
}

#[test]
fn a_misaligned_access_misses() {
    let mut table = DataTable::default();
    table.enter(0x1000, 0, leaves(12), true, true);
    assert_eq!(table.read(0x1004, 8), None);
    assert_eq!(table.read(0x1004, 4), Some(4));
}

#[test]
fn an_address_fence_drops_code_of_a_big_page() {
    let mut table = JumpTable::default();
    for va in [0x20_0100, 0x20_5200] {
        table.enter_page(va, va, leaves(21));
        table.enter(va, 7);
    }
    table.clear_address(0x40_0000, &mut ());
    assert_eq!((table.get(0x20_0100), table.page(0x20_5204)), (Some(7), Some(0x20_5204)));
    table.clear_address(0x3f_f000, &mut ());
    assert_eq!((table.get(0x20_0100), table.page(0x20_0100)), (None, None));
    assert_eq!((table.get(0x20_5200), table.page(0x20_5204)), (None, None));
}

#[test]
fn an_address_fence_spares_code_of_other_small_pages() {
    let mut table = JumpTable::default();
    for va in [0x1100, 0x2100, 0x3ffe] {
        table.enter_page(va, va, leaves(12));
        table.enter(va, 7);
    }
    table.clear_address(0x2fff, &mut ());
    assert_eq!((table.get(0x2100), table.page(0x2100)), (None, None));
    assert_eq!((table.get(0x1100), table.page(0x1100)), (Some(7), Some(0x1100)));
    assert_eq!((table.get(0x3ffe), table.page(0x3ffe)), (Some(7), Some(0x3ffe)));
}

#[test]
fn more_big_pages_than_are_noted_are_still_fenced() {
    let mut table = DataTable::default();
    let piece = |page: u64| (page << ZONE_BITS) + (page << 12);
    (0..40).for_each(|page| table.enter(piece(page), piece(page), leaves(21), true, true));
    table.clear_address((17 << ZONE_BITS) + (1 << 20), &mut SecondLevel::default());
    assert_eq!(table.read(piece(17), 1), None);
    assert_eq!(table.read(piece(16), 1), Some(piece(16)));
}

#[test]
fn every_big_page_of_a_range_is_fenced() {
    let mut table = DataTable::default();
    let piece = |page: u64| (page << 21) + (page << 12);
    let order = [9, 2, 5, 17];
    order.iter().for_each(|&page| table.enter(piece(page), piece(page), leaves(21), true, true));
    for page in order {
        assert_eq!(table.read(piece(page), 1), Some(piece(page)));
        table.clear_address(page << 21 | 0x1f_f000, &mut SecondLevel::default());
        assert_eq!(table.read(piece(page), 1), None);
    }
}

#[test]
fn a_page_that_became_bigger_is_forgotten_as_a_whole() {
    const NAPOT_BITS: u32 = 16;
    const MEGA_BITS: u32 = 21;
    let mut table = DataTable::default();
    let (va, mega) = (0x4023_5000, 0x4020_0000);
    for page_bits in [NAPOT_BITS, MEGA_BITS] {
        table.enter(va, 0x1000, leaves(page_bits), true, true);
    }
    table.clear_address(mega, &mut SecondLevel::default());
    assert_eq!(table.read(va, 8), None);
}

#[test]
fn a_watched_page_is_no_longer_written() {
    let mut table = DataTable::default();
    table.enter(0x1000, 0x9000, leaves(12), true, true);
    table.enter(0x2000, 0xa000, leaves(12), true, true);
    table.forbid_writes(0x9000);
    assert_eq!((table.read(0x1000, 1), table.write(0x1000, 1)), (Some(0x9000), None));
    assert_eq!(table.write(0x2000, 1), Some(0xa000));
}

#[test]
fn an_address_fence_drops_every_piece_of_a_big_page() {
    let mut table = DataTable::default();
    table.enter(0x20_0000, 0, leaves(21), true, true);
    table.enter(0x20_5000, 0x5000, leaves(21), true, true);
    table.enter(0x40_6000, 0x6000, leaves(12), true, true);
    table.clear_address(0x21_0000, &mut SecondLevel::default());
    assert_eq!(table.read(0x20_0000, 1), None);
    assert_eq!(table.read(0x20_5000, 1), None);
    assert_eq!(table.read(0x40_6000, 1), Some(0x6000));
}

#[test]
fn a_guest_physical_fence_drops_every_piece_of_a_second_stage_page() {
    let (big, small) = ((0x8000_0000, 21), (0x9000_1000, 12));
    let leaves = |(guest_phys, guest_page_bits)| LeafPages { page_bits: 12, guest_phys, guest_page_bits };
    let mut data = DataTable::default();
    let mut code = JumpTable::default();
    for (va, leaves) in [(0x1000, leaves(big)), (0x2000, leaves(small))] {
        data.enter(va, va, leaves, true, true);
        code.enter_page(va, va, leaves);
        code.enter(va, 7);
    }
    data.clear_guest_physical(0x801f_f000, &mut SecondLevel::default());
    code.clear_guest_physical(0x801f_f000, &mut ());
    assert_eq!((data.read(0x1000, 1), code.get(0x1000), code.page(0x1000)), (None, None, None));
    assert_eq!((data.read(0x2000, 1), code.get(0x2000)), (Some(0x2000), Some(7)));
    data.clear_guest_physical(0x9000_1ff8, &mut SecondLevel::default());
    code.clear_guest_physical(0x9000_1ff8, &mut ());
    assert_eq!((data.read(0x2000, 1), code.get(0x2000)), (None, None));
}

#[test]
fn what_is_executed_goes_with_its_page() {
    let mut table = JumpTable::default();
    let same_slots = |n: u64| 0x1100 + n * ((CODE_PAGES as u64) << PAGE_SHIFT);
    let entered = |table: &JumpTable, n| table.get(same_slots(n)).is_some();
    for n in 0..2 {
        table.enter_page(same_slots(n), same_slots(n), leaves(12));
        table.enter(same_slots(n), 7);
    }
    assert!(entered(&table, 0) && entered(&table, 1));
    for n in 2..4 {
        table.enter_page(same_slots(n), same_slots(n), leaves(12));
        let gone = (0..2).filter(|&n| !entered(&table, n) && table.page(same_slots(n)).is_none());
        assert_eq!(gone.count() as u64, n - 1);
    }
}

/// An address in another page than the first one, with this slot.
fn with_slot(slot: usize) -> u64 {
    (0x2000..).step_by(2).find(|&va| jump_index(va) == slot).unwrap()
}

#[test]
fn two_addresses_of_one_slot_are_both_known() {
    let mut table = JumpTable::default();
    let (first, second) = (0x1000, with_slot(jump_index(0x1000)));
    for (va, target) in [(first, 7), (second, 8)] {
        table.enter_page(va, va, leaves(12));
        table.enter(va, target);
    }
    assert_eq!([first, second].map(|va| table.get(va)), [Some(7), Some(8)]);
    table.clear_address(first, &mut ());
    assert_eq!([first, second].map(|va| table.get(va)), [None, Some(8)]);
}

#[test]
fn an_address_in_its_own_slot_is_not_moved_out_by_one_from_beside() {
    let mut table = JumpTable::default();
    let slot = jump_index(0x1000);
    let (beside, first, second) = (with_slot(slot ^ BESIDE), 0x1000, with_slot(slot));
    [beside, first, second].iter().for_each(|&va| table.enter_page(va, va, leaves(12)));
    [(beside, 6), (first, 7), (second, 8)].iter().for_each(|&(va, target)| table.enter(va, target));
    assert_eq!([beside, first, second].map(|va| table.get(va)), [Some(6), None, Some(8)]);
}
