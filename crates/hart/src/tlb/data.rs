//! The data TLB: pages of RAM by virtual address, with separate tags for reading and writing.
//!
//! Device pages and pages whose PMP verdict differs within the page are never entered.

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};

use super::cover::Covered;
use super::filled::Filled;
use super::leaf::{LeafPages, NO_PAGE, PackedLeafPages};
use crate::fence::Table;
use crate::second_level::{Owner, SecondLevel};

/// Entries of a [`DataTable`].
pub const DATA_ENTRIES: usize = 4096;
const _: () = assert!(DATA_ENTRIES <= 1 << 16, "a slot's number is 16 bits");

/// One page.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct DataEntry {
    /// Its first virtual address, if it may be read.
    pub read: u64,
    /// Its first virtual address, if it may be written.
    pub write: u64,
    /// Address on the host minus virtual address.
    pub addend: u64,
    /// The pages this comes from.
    leaves: PackedLeafPages,
}

impl DataEntry {
    /// Its page, if it has one.
    fn page(&self) -> u64 {
        if self.read != NO_PAGE { self.read } else { self.write }
    }
}

const EMPTY: DataEntry = DataEntry { read: NO_PAGE, write: NO_PAGE, addend: 0, leaves: PackedLeafPages(0) };

/// Pages of RAM by virtual address.
pub struct DataTable {
    /// By page number, modulo their count.
    pub entries: Box<[DataEntry; DATA_ENTRIES]>,
    /// For fences. What a table itself is stays small, as it is moved at each switch of contexts.
    covered: Box<Covered>,
    filled: Filled,
    used: bool,
    /// The owner of the second level's pages that this table may take: its context.
    pub owner: Owner,
}

impl Default for DataTable {
    fn default() -> Self {
        let entries = Box::new([EMPTY; DATA_ENTRIES]);
        DataTable {
            entries,
            covered: Box::default(),
            filled: Filled::of(DATA_ENTRIES),
            used: false,
            owner: Owner::NOBODY,
        }
    }
}

/// The page number bits of `va`, and its low bits that make an access of `bytes` misaligned: equal to a tag only for
/// an aligned access to that page.
#[inline(always)]
fn tag(va: u64, bytes: u64) -> u64 {
    va & (!(PAGE_BYTES - 1) | (bytes - 1))
}

#[inline(always)]
fn data_index(va: u64) -> usize {
    (va >> PAGE_SHIFT) as usize % DATA_ENTRIES
}

impl DataTable {
    /// Host address of an aligned read of `bytes` at `va`.
    #[inline(always)]
    pub fn read(&self, va: u64, bytes: u64) -> Option<u64> {
        let entry = &self.entries[data_index(va)];
        (entry.read == tag(va, bytes)).then_some(va.wrapping_add(entry.addend))
    }

    /// Host address of an aligned write of `bytes` at `va`.
    #[inline(always)]
    pub fn write(&self, va: u64, bytes: u64) -> Option<u64> {
        let entry = &self.entries[data_index(va)];
        (entry.write == tag(va, bytes)).then_some(va.wrapping_add(entry.addend))
    }

    /// Enters the page of `va`, whose first byte is at host address `page`.
    pub fn enter(&mut self, va: u64, page: u64, leaves: LeafPages, readable: bool, writable: bool) {
        self.used = true;
        self.covered.note(va, &leaves);
        self.enter_again(va, page, leaves.pack(), readable, writable);
    }

    /// [`DataTable::enter`] of a page that was entered before, and that no fence has named since.
    pub fn enter_again(&mut self, va: u64, page: u64, leaves: PackedLeafPages, readable: bool, writable: bool) {
        let start = va & !(PAGE_BYTES - 1);
        let allow = |yes| if yes { start } else { NO_PAGE };
        self.filled.note(data_index(va));
        self.entries[data_index(va)] =
            DataEntry { read: allow(readable), write: allow(writable), addend: page.wrapping_sub(start), leaves };
    }

    /// Changes those entries that `chosen` names.
    fn change(&mut self, chosen: impl Fn(&DataEntry) -> bool, change: impl Fn(&mut DataEntry)) {
        for slot in self.filled.slots(DATA_ENTRIES) {
            if chosen(&self.entries[slot]) {
                change(&mut self.entries[slot]);
            }
        }
    }

    /// Takes away the right to write to the page at this host address.
    pub fn forbid_writes(&mut self, page: u64) {
        if self.used {
            let of_page = |e: &DataEntry| e.write != NO_PAGE && e.write.wrapping_add(e.addend) == page;
            self.change(of_page, |e| e.write = NO_PAGE);
        }
    }
}

impl Table for DataTable {
    type Behind = SecondLevel;

    fn clear(&mut self) {
        if self.used {
            self.owner = Owner::NOBODY;
            self.filled.empty(&mut *self.entries, EMPTY);
            self.covered.clear();
            self.used = false;
        }
    }

    fn clear_address(&mut self, va: u64, behind: &mut SecondLevel) {
        if !self.covered.big.covers(va) {
            behind.clear_page(self.owner, va);
            let entry = &mut self.entries[data_index(va)];
            if entry.page() == va & !(PAGE_BYTES - 1) {
                *entry = EMPTY;
            }
            return;
        }
        behind.clear_pages(self.owner, va);
        self.change(|e| e.page() != NO_PAGE && e.leaves.holds(e.page(), va), |e| *e = EMPTY);
    }

    fn clear_guest_physical(&mut self, gpa: u64, behind: &mut SecondLevel) {
        if self.used && self.covered.guest.may_have(gpa) {
            behind.clear_guest_physical(self.owner, gpa);
            self.change(|e| e.page() != NO_PAGE && e.leaves.holds_guest(gpa), |e| *e = EMPTY);
        }
    }
}
