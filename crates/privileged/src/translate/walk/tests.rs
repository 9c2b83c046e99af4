use std::collections::HashMap;

use arch::csr::{pmpcfg, status};
use arch::{Exception, Isa, Mode, Virt};

use super::*;

extern crate std;

const ROOT: u64 = 0x8000_0000;
const GUEST_ROOT: u64 = 0x8010_0000;
const FLAGS: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;

/// Page-table memory; what no entry was put at is not there.
#[derive(Default)]
struct Tables {
    entries: HashMap<u64, u64>,
    /// Where somebody else interferes: the first update of this entry finds it changed to this.
    race: Option<(u64, u64)>,
}

impl PageMemory for Tables {
    fn read_pte(&mut self, at: Phys) -> Option<u64> {
        self.entries.get(&at.0).copied()
    }

    fn update_pte(&mut self, at: Phys, old: u64, new: u64) -> Option<bool> {
        if let Some((_, other)) = self.race.take_if(|(place, _)| *place == at.0) {
            self.entries.insert(at.0, other);
        }
        let entry = self.entries.get_mut(&at.0)?;
        let is_same = *entry == old;
        if is_same {
            *entry = new;
        }
        Some(is_same)
    }
}

fn pointer(to: u64) -> u64 {
    to >> PAGE_SHIFT << pte::PPN_SHIFT | pte::V
}

fn leaf(to: u64, flags: u64) -> u64 {
    to >> PAGE_SHIFT << pte::PPN_SHIFT | flags
}

fn satp(root: u64) -> u64 {
    atp::SV39 << atp::MODE_SHIFT | root >> PAGE_SHIFT
}

/// An Sv39 tree in which virtual page 1 is the only one, at physical (or guest-physical) 0x9000_0000.
fn tables(flags: u64) -> Tables {
    let entries = [
        (ROOT, pointer(ROOT + 0x1000)),
        (ROOT + 0x1000, pointer(ROOT + 0x2000)),
        (ROOT + 0x2008, leaf(0x9000_0000, flags)),
    ];
    Tables { entries: entries.into(), race: None }
}

/// [`tables`] for VS, and a G-stage that maps the gigabyte of its tables and pages to itself with `guest_flags`.
fn nested(flags: u64, guest_flags: u64) -> Tables {
    let mut tables = tables(flags);
    tables.entries.insert(GUEST_ROOT + 2 * 8, leaf(0x8000_0000, guest_flags));
    tables
}

fn hart(mode: Mode) -> (State, Config) {
    let config = Config::new(Isa::ALL, 0);
    let mut state = State::reset(&config);
    state.mode = mode;
    state.satp = satp(ROOT);
    state.vsatp = satp(ROOT);
    state.hgatp = satp(GUEST_ROOT);
    (state, config)
}

fn go(mode: Mode, access: Access, tables: &mut Tables, adjust: impl FnOnce(&mut State)) -> Result<Translation, Trap> {
    let (mut state, config) = hart(mode);
    adjust(&mut state);
    walk(&state, &config, &Request::for_data(&state, access, Virt(0x1234)), tables)
}

fn s(access: Access, flags: u64) -> Result<Translation, Trap> {
    go(Mode::HS, access, &mut tables(flags), |_| {})
}

fn cause(result: Result<Translation, Trap>) -> Exception {
    result.unwrap_err().cause
}

#[test]
fn a_page_translates() {
    let found = s(Access::Load, FLAGS).unwrap();
    assert_eq!((found.phys, found.page_bits), (Phys(0x9000_0234), 12));
    assert!(found.readable && found.writable && found.executable);
}

#[test]
fn machine_mode_is_not_translated() {
    let found = go(Mode::M, Access::Load, &mut Tables::default(), |_| {}).unwrap();
    assert_eq!((found.phys, found.page_bits), (Phys(0x1234), BARE_BITS));
}

#[test]
fn addresses_are_sign_extended() {
    let (state, config) = hart(Mode::HS);
    let request = Request::for_data(&state, Access::Load, Virt(1 << 39 | 0x1000));
    assert_eq!(cause(walk(&state, &config, &request, &mut tables(FLAGS))), Exception::LoadPageFault);
}

#[test]
fn rights_are_checked() {
    assert_eq!(cause(s(Access::Load, FLAGS & !pte::R & !pte::W)), Exception::LoadPageFault);
    assert_eq!(cause(s(Access::Store, FLAGS & !pte::W)), Exception::StorePageFault);
    assert_eq!(cause(s(Access::Fetch, FLAGS & !pte::X)), Exception::InstructionPageFault);
    assert_eq!(cause(s(Access::Load, FLAGS | pte::U)), Exception::LoadPageFault);
    assert!(go(Mode::U, Access::Load, &mut tables(FLAGS | pte::U), |_| {}).unwrap().executable);
    assert_eq!(cause(go(Mode::U, Access::Load, &mut tables(FLAGS), |_| {})), Exception::LoadPageFault);
}

#[test]
fn sum_is_for_data_only() {
    let sum = |state: &mut State| state.mstatus |= status::SUM;
    assert!(!go(Mode::HS, Access::Load, &mut tables(FLAGS | pte::U), sum).unwrap().executable);
    assert_eq!(cause(go(Mode::HS, Access::Fetch, &mut tables(FLAGS | pte::U), sum)), Exception::InstructionPageFault);
}

#[test]
fn mxr_reads_executable_pages() {
    let mxr = |state: &mut State| state.mstatus |= status::MXR;
    assert!(go(Mode::HS, Access::Load, &mut tables(pte::V | pte::X | pte::A), mxr).unwrap().readable);
}

#[test]
fn reserved_encodings_fault() {
    for bad in [1 << 54, pte::PBMT, 1 << pte::PBMT_SHIFT, pte::N] {
        assert_eq!(cause(s(Access::Load, FLAGS | bad)), Exception::LoadPageFault, "{bad:#x}");
    }
    assert_eq!(cause(s(Access::Load, FLAGS & !pte::R)), Exception::LoadPageFault);
    assert_eq!(cause(s(Access::Load, FLAGS & !pte::V)), Exception::LoadPageFault);
    let types = |state: &mut State| state.menvcfg |= envcfg::PBMTE;
    assert!(go(Mode::HS, Access::Load, &mut tables(FLAGS | 1 << pte::PBMT_SHIFT), types).is_ok());
    assert!(go(Mode::HS, Access::Load, &mut tables(FLAGS | pte::PBMT), types).is_err());
}

#[test]
fn pointers_have_no_attributes_and_end() {
    for bits in [pte::A, pte::D, pte::U] {
        let mut tables = tables(FLAGS);
        *tables.entries.get_mut(&ROOT).unwrap() |= bits;
        assert_eq!(cause(go(Mode::HS, Access::Load, &mut tables, |_| {})), Exception::LoadPageFault);
    }
    assert_eq!(cause(s(Access::Load, pte::V)), Exception::LoadPageFault);
}

#[test]
fn superpages_are_aligned() {
    let mut tables = tables(FLAGS);
    tables.entries.insert(ROOT + 0x1000, leaf(0x9020_0000, FLAGS));
    let found = go(Mode::HS, Access::Load, &mut tables, |_| {}).unwrap();
    assert_eq!((found.phys, found.page_bits), (Phys(0x9020_1234), 21));
    tables.entries.insert(ROOT + 0x1000, leaf(0x9020_1000, FLAGS));
    assert_eq!(cause(go(Mode::HS, Access::Load, &mut tables, |_| {})), Exception::LoadPageFault);
}

#[test]
fn a_napot_range_is_64_kib() {
    let mut tables = tables(FLAGS);
    tables.entries.insert(ROOT + 0x2008, leaf(0x9000_8000, FLAGS | pte::N));
    let found = go(Mode::HS, Access::Load, &mut tables, |_| {}).unwrap();
    assert_eq!((found.phys, found.page_bits), (Phys(0x9000_1234), 16));
}

#[test]
fn svade_leaves_a_and_d_to_software() {
    assert_eq!(cause(s(Access::Load, FLAGS & !pte::A)), Exception::LoadPageFault);
    assert_eq!(cause(s(Access::Store, FLAGS & !pte::D)), Exception::StorePageFault);
    assert!(!s(Access::Load, FLAGS & !pte::D).unwrap().writable);
}

#[test]
fn with_svadu_hardware_sets_a_and_d() {
    let update = |state: &mut State| state.menvcfg |= envcfg::ADUE;
    let mut tables = tables(FLAGS & !pte::A & !pte::D);
    assert!(!go(Mode::HS, Access::Load, &mut tables, update).unwrap().writable);
    assert_eq!(tables.entries[&(ROOT + 0x2008)], leaf(0x9000_0000, FLAGS & !pte::D));
    assert!(go(Mode::HS, Access::Store, &mut tables, update).unwrap().writable);
    assert_eq!(tables.entries[&(ROOT + 0x2008)], leaf(0x9000_0000, FLAGS));
}

#[test]
fn a_hart_after_reset_sets_a_and_d_unless_it_has_svade() {
    let unset = FLAGS & !pte::A & !pte::D;
    for (svade, svadu, updates) in
        [(false, true, true), (false, false, true), (true, true, false), (true, false, false)]
    {
        let isa = if svade { Isa::ALL } else { Isa::ALL.without(Extension::Svade) };
        let config = Config::new(if svadu { isa } else { isa.without(Extension::Svadu) }, 0);
        let state = State { mode: Mode::HS, satp: satp(ROOT), ..State::reset(&config) };
        let request = Request::for_data(&state, Access::Store, Virt(0x1234));
        let found = walk(&state, &config, &request, &mut tables(unset));
        assert_eq!(found.is_ok(), updates, "svade {svade}, svadu {svadu}: {found:?}");
    }
}

#[test]
fn a_lost_race_starts_over() {
    let update = |state: &mut State| state.menvcfg |= envcfg::ADUE;
    let mut tables = tables(FLAGS & !pte::A);
    tables.race = Some((ROOT + 0x2008, leaf(0xa000_0000, FLAGS)));
    assert_eq!(go(Mode::HS, Access::Load, &mut tables, update).unwrap().phys, Phys(0xa000_0234));
}

#[test]
fn page_tables_that_are_not_there_are_access_faults() {
    let mut tables = tables(FLAGS);
    tables.entries.remove(&(ROOT + 0x1000));
    assert_eq!(cause(go(Mode::HS, Access::Store, &mut tables, |_| {})), Exception::StoreAccessFault);
    let closed = |state: &mut State| state.pmpcfg[0] = pmpcfg::A_NAPOT;
    assert_eq!(cause(go(Mode::HS, Access::Load, &mut super::tests::tables(FLAGS), closed)), Exception::LoadAccessFault);
}

#[test]
fn both_stages_decide() {
    let found = go(Mode::VS, Access::Load, &mut nested(FLAGS, FLAGS | pte::U), |_| {}).unwrap();
    assert_eq!((found.phys, found.page_bits), (Phys(0x9000_0234), 12));
    assert!(found.readable && found.writable && found.executable);
    let read_only = FLAGS & !pte::W | pte::U;
    assert!(!go(Mode::VS, Access::Load, &mut nested(FLAGS, read_only), |_| {}).unwrap().writable);
    let trap = go(Mode::VS, Access::Store, &mut nested(FLAGS, read_only), |_| {}).unwrap_err();
    assert_eq!((trap.cause, trap.tval), (Exception::StoreGuestPageFault, 0x1234));
    assert_eq!((trap.tval2, trap.tinst, trap.gva), (0x9000_0234 >> 2, 0, true));
}

#[test]
fn the_guest_stage_wants_user_pages() {
    let trap = go(Mode::VS, Access::Load, &mut nested(FLAGS, FLAGS), |_| {}).unwrap_err();
    assert_eq!((trap.cause, trap.tval2, trap.tinst), (Exception::LoadGuestPageFault, ROOT >> 2, 0x3000));
}

#[test]
fn an_implicit_write_needs_a_writable_guest_page() {
    let update = |state: &mut State| {
        state.menvcfg |= envcfg::ADUE;
        state.henvcfg |= envcfg::ADUE;
    };
    let mut tables = nested(FLAGS & !pte::A, FLAGS & !pte::W | pte::U);
    let trap = go(Mode::VS, Access::Load, &mut tables, update).unwrap_err();
    assert_eq!((trap.cause, trap.tval2, trap.tinst), (Exception::LoadGuestPageFault, (ROOT + 0x2008) >> 2, 0x3020));
}

#[test]
fn guest_physical_addresses_are_not_sign_extended() {
    let bare = |state: &mut State| state.vsatp = 0;
    let (mut state, config) = hart(Mode::VS);
    bare(&mut state);
    let mut tables = Tables::default();
    // Two bits more than Sv39: the last entry of a root of 16 KiB.
    tables.entries.insert(GUEST_ROOT + 2047 * 8, leaf(0x8000_0000, FLAGS | pte::U));
    let request = Request::for_data(&state, Access::Load, Virt((1 << 41) - 8));
    let found = walk(&state, &config, &request, &mut tables).unwrap();
    assert_eq!((found.phys, found.page_bits), (Phys(0xbfff_fff8), 30));
    let request = Request::for_data(&state, Access::Load, Virt(u64::MAX));
    let trap = walk(&state, &config, &request, &mut tables).unwrap_err();
    assert_eq!((trap.cause, trap.tval2), (Exception::LoadGuestPageFault, u64::MAX >> 2));
}

#[test]
fn hlvx_needs_execute_in_both_stages() {
    let (state, config) = hart(Mode::HS);
    let request = Request { mode: Mode::VS, ..Request::for_hyper(&state, Access::Load, true, Virt(0x1234)) };
    let execute = pte::V | pte::X | pte::A;
    assert!(walk(&state, &config, &request, &mut nested(execute, FLAGS | pte::U)).is_ok());
    let trap = walk(&state, &config, &request, &mut nested(execute, FLAGS & !pte::X | pte::U)).unwrap_err();
    assert_eq!(trap.cause, Exception::LoadGuestPageFault);
    let trap = walk(&state, &config, &request, &mut nested(FLAGS & !pte::X, FLAGS | pte::U)).unwrap_err();
    assert_eq!(trap.cause, Exception::LoadPageFault);
}
