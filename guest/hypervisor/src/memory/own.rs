//! The hypervisor's own address space: addresses are physical ones, nothing is both writable and executable, and below each stack
//! is a page where nothing is.
//!
//! Privileged architecture, "Sv39: Page-Based 39-bit Virtual-Memory System".

use core::arch::asm;
use core::ops::Range;

use arch::Phys;
use arch::addr::PAGE_BYTES;
use arch::csr::atp;
use arch::pte::Scheme;
use spin::{Mutex, Once};

use super::frames::PIECE_BYTES;
use super::image::FREE;
use super::physical::Physical;
use super::table::{Rights, Stage, Table};
use crate::start::{entry, hart};

static TABLE: Once<Mutex<Table>> = Once::new();

/// The level of a leaf that maps a piece.
const PIECE_LEVEL: u32 = 1;

/// All of the image.
pub fn image() -> Range<u64> {
    let image = entry::image();
    image.text.start..image.data.end
}

/// Makes the tables: RAM in large pages, the image in small ones.
pub fn init() {
    let mut table = Table::new(Scheme::Sv39, Stage::Own, &mut Physical).expect("a page for the root");
    let image = image();
    let around = image.start / PIECE_BYTES * PIECE_BYTES..image.end.next_multiple_of(PIECE_BYTES);
    for memory in &hart::board().memory {
        let first = memory.start / PIECE_BYTES * PIECE_BYTES;
        for base in (first..memory.end).step_by(PIECE_BYTES as usize) {
            match around.contains(&base) {
                true => in_pages(&mut table, base),
                false => map(&mut table, base, PIECE_LEVEL, Rights::ReadWrite),
            }
        }
    }
    TABLE.call_once(|| Mutex::new(table));
}

fn map(table: &mut Table, base: u64, level: u32, rights: Rights) {
    table.map(base, Phys(base), level, rights, &mut Physical).expect("memory for the hypervisor's own tables");
}

/// Lets the registers of a device be reached, and what else is in their pieces.
pub fn map_device(registers: Range<u64>) {
    let mut table = table().lock();
    for base in (registers.start / PIECE_BYTES * PIECE_BYTES..registers.end).step_by(PIECE_BYTES as usize) {
        if table.lookup(base, &Physical).is_none() {
            map(&mut table, base, PIECE_LEVEL, Rights::ReadWrite);
            forget(base);
        }
    }
}

// ANCHOR: rights
/// The piece at `base`, which has some of the image in it.
fn in_pages(table: &mut Table, base: u64) {
    let image = entry::image();
    let rights = |page: u64| match page {
        page if image.text.contains(&page) => Rights::Execute,
        page if image.rodata.contains(&page) => Rights::Read,
        _ => Rights::ReadWrite,
    };
    (base..base + PIECE_BYTES).step_by(PAGE_BYTES as usize).for_each(|page| map(table, page, 0, rights(page)));
}
// ANCHOR_END: rights

// ANCHOR: stack
/// The end of a new stack of `pages`, below which is a page where nothing is.
pub fn stack(pages: u64) -> u64 {
    let span = (pages + 1).next_power_of_two();
    let base = FREE.lock().pages(span).expect("memory for a stack").0;
    if let Some(table) = TABLE.get() {
        let mut table = table.lock();
        table.split(base, &mut Physical).expect("memory for a table");
        table.unmap(base, &mut Physical);
        forget(base);
    }
    base + span * PAGE_BYTES
}
// ANCHOR_END: stack

/// Forgets what this hart remembers of `base`: the others have not begun.
fn forget(base: u64) {
    // SAFETY: a fence changes no memory.
    unsafe { asm!("sfence.vma {}, zero", in(reg) base, options(nostack)) };
}

/// The register's value for this address space.
pub fn satp() -> u64 {
    atp::SV39 << atp::MODE_SHIFT | table().lock().root_ppn()
}

fn table() -> &'static Mutex<Table> {
    TABLE.get().expect("the first hart has made it")
}
