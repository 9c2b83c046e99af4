//! The hypervisor's own address space: addresses are physical ones, nothing is both writable and executable, and below
//! each stack is a page where nothing is.
//!
//! Privileged architecture, "Sv39: Page-Based 39-bit Virtual-Memory System".

use core::arch::asm;
use core::ops::Range;

use arch::Phys;
use arch::addr::PAGE_BYTES;
use arch::csr::atp;
use arch::pte::Scheme;
use spin::{Mutex, Once};

use super::frames::{LARGE_BYTES, PIECE_BYTES};
use super::image::FREE;
use super::physical::Physical;
use super::table::{Rights, Stage, Table, leaf_bytes};
use crate::start::{entry, hart};

static TABLE: Once<Mutex<Table>> = Once::new();

/// The level of a leaf that maps a piece, and of one that maps 1 GiB.
const PIECE_LEVEL: u32 = 1;
const LARGE_LEVEL: u32 = 2;

/// All of the image.
pub fn image() -> Range<u64> {
    let image = entry::image();
    image.text.start..image.data.end
}

/// Makes the tables: RAM in pages of 1 GiB where the image is not, and of 2 MiB around it, the image in small ones.
pub fn init() {
    let mut table = Table::new(Scheme::Sv39, Stage::Own, &mut Physical).expect("a page for the root");
    let image = image();
    let around = image.start / PIECE_BYTES * PIECE_BYTES..image.end.next_multiple_of(PIECE_BYTES);
    for memory in &hart::board().memory {
        let mut base = memory.start / PIECE_BYTES * PIECE_BYTES;
        while base < memory.end {
            let end = base + LARGE_BYTES;
            let is_large = base.is_multiple_of(LARGE_BYTES) && end <= memory.end;
            base += match () {
                () if around.contains(&base) => in_pages(&mut table, base),
                () if is_large && (end <= around.start || around.end <= base) => map(&mut table, base, LARGE_LEVEL),
                () => map(&mut table, base, PIECE_LEVEL),
            };
        }
    }
    TABLE.call_once(|| Mutex::new(table));
}

/// Maps data where they are, by one leaf; answers how much that is.
fn map(table: &mut Table, base: u64, level: u32) -> u64 {
    map_as(table, base, level, Rights::ReadWrite);
    leaf_bytes(level)
}

fn map_as(table: &mut Table, base: u64, level: u32, rights: Rights) {
    table.map(base, Phys(base), level, rights, &mut Physical).expect("memory for the hypervisor's own tables");
}

/// Lets the registers of a device be reached, and what else is in their pieces.
pub fn map_device(registers: Range<u64>) {
    let mut table = table().lock();
    for base in (registers.start / PIECE_BYTES * PIECE_BYTES..registers.end).step_by(PIECE_BYTES as usize) {
        if table.lookup(base, &Physical).is_none() {
            map(&mut table, base, PIECE_LEVEL);
            forget(base);
        }
    }
}

// ANCHOR: rights
/// The piece at `base`, which has some of the image in it.
fn in_pages(table: &mut Table, base: u64) -> u64 {
    let image = entry::image();
    let rights = |page: u64| match page {
        page if image.text.contains(&page) => Rights::Execute,
        page if image.rodata.contains(&page) => Rights::Read,
        _ => Rights::ReadWrite,
    };
    (base..base + PIECE_BYTES).step_by(PAGE_BYTES as usize).for_each(|page| map_as(table, page, 0, rights(page)));
    PIECE_BYTES
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
