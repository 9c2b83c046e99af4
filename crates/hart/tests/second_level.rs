//! Pages that others have displaced from the first level of the data tables: what they permit is decided anew.

use arch::addr::PAGE_BYTES;
use arch::csr::atp;
use arch::insn::{I, S};
use arch::{Extension, Insn, Isa, Mode, pte};
use hart::Hart;
use hart::engine::{DATA_ENTRIES, Interpreter, Stop};
use kit::{RAM_BASE, Registers};
use vcpu::EmulatedHart;

const FIRST_LEVEL: u64 = DATA_ENTRIES as u64 * PAGE_BYTES;
/// A place, and one in a page that displaces its page.
const PLACE: u64 = RAM_BASE + 0x1008;
const OTHER: u64 = PLACE + FIRST_LEVEL;
const ADDRESS: u8 = 5;
const VALUE: u8 = 6;

const LOAD: Insn = Insn::Ld(I { rd: VALUE, rs1: ADDRESS, imm: 0 });
const STORE: Insn = Insn::Sd(S { rs1: ADDRESS, rs2: VALUE, imm: 0 });

/// A hart whose first page of RAM is a page table that maps the GiB of RAM to itself, with more rights than reading.
fn hart(rights: u64) -> Hart {
    let ram = kit::ram(2 * FIRST_LEVEL);
    let leaf = RAM_BASE >> 12 << 10 | pte::V | pte::R | pte::A | rights;
    ram.store_u64((RAM_BASE >> 30) * pte::PTE_BYTES, leaf).unwrap();
    // software sets A and D
    let mut hart = kit::hart(Isa::default().with(Extension::Svade), ram);
    hart.enter_supervisor(RAM_BASE);
    hart.core.state.mode = Mode::HS;
    hart.core.state.satp = atp::SV39 << atp::MODE_SHIFT | RAM_BASE >> 12;
    hart.core.select();
    hart
}

fn access(hart: &mut Hart, insn: &Insn, va: u64) -> Result<(), Stop> {
    hart.set_x([(ADDRESS, va)]);
    let mut record = ();
    let mut run = Interpreter::new(&mut hart.core, &mut record, RAM_BASE);
    semantics::execute(&mut run, insn)
}

/// Accesses the place, and then the other.
fn displace(hart: &mut Hart, insn: &Insn) {
    access(hart, insn, PLACE).unwrap();
    access(hart, &LOAD, OTHER).unwrap();
    assert_eq!(hart.core.data.active.read(PLACE, 8), None);
}

#[test]
fn a_displaced_page_is_found_without_a_walk() {
    let mut hart = hart(pte::W | pte::D);
    displace(&mut hart, &LOAD);
    let walks = hart.core.counts.first_stage_walks;
    access(&mut hart, &STORE, PLACE).unwrap();
    access(&mut hart, &LOAD, OTHER).unwrap();
    assert_eq!((hart.core.counts.first_stage_walks, hart.core.counts.second_level_hits), (walks, 2));
}

#[test]
fn a_displaced_page_that_came_to_be_watched_is_written_to_with_a_note() {
    let mut hart = hart(pte::W | pte::D);
    displace(&mut hart, &STORE);
    let page = (PLACE - RAM_BASE) / PAGE_BYTES;
    hart.core.watcher.watch(page);
    hart.core.follow_watches();
    access(&mut hart, &LOAD, PLACE).unwrap();
    assert_eq!(hart.core.data.active.write(PLACE, 8), None);
    displace(&mut hart, &LOAD);
    access(&mut hart, &STORE, PLACE).unwrap();
    assert_eq!(hart.core.watcher.written(), Some(vec![page]));
}

#[test]
fn a_displaced_page_is_not_written_to_before_it_is_dirty() {
    let mut hart = hart(pte::W);
    displace(&mut hart, &LOAD);
    assert_eq!(access(&mut hart, &STORE, PLACE), Err(Stop::Trap));
}

#[test]
fn a_displaced_page_that_is_not_readable_any_more_to_the_mode_is_not_read() {
    let mut hart = hart(pte::W | pte::D);
    displace(&mut hart, &LOAD);
    hart.core.state.mode = Mode::U;
    hart.core.select();
    assert_eq!(access(&mut hart, &LOAD, PLACE), Err(Stop::Trap));
}
