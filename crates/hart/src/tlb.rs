//! The data TLB and the jump cache: the tables that a context owns.
//!
//! Both are direct-mapped. A [`DataTable`] maps virtual pages of RAM to addresses of the host, with separate tags for
//! reading and writing; device pages and pages whose PMP verdict differs within the page are never entered. A
//! [`JumpTable`] maps virtual instruction addresses to what the engine executes there. Their layout is fixed, for
//! generated code reads them.

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};

use crate::contexts::Table;

/// No page has this tag: bits below the page number are never all set in one.
const NO_PAGE: u64 = u64::MAX;
/// Entries of a [`DataTable`].
pub const DATA_ENTRIES: usize = 512;
/// Entries of a [`JumpTable`].
pub const JUMP_ENTRIES: usize = 4096;
const CODE_PAGES: usize = 256;

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
    /// Log2 of the size of the page this was cut from.
    page_bits: u64,
}

const EMPTY: DataEntry = DataEntry { read: NO_PAGE, write: NO_PAGE, addend: 0, page_bits: 0 };

/// Pages of RAM by virtual address.
pub struct DataTable {
    /// By page number, modulo their count.
    pub entries: Box<[DataEntry; DATA_ENTRIES]>,
    used: bool,
}

impl Default for DataTable {
    fn default() -> Self {
        DataTable { entries: Box::new([EMPTY; DATA_ENTRIES]), used: false }
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
    pub fn enter(&mut self, va: u64, page: u64, page_bits: u32, readable: bool, writable: bool) {
        let start = va & !(PAGE_BYTES - 1);
        let allow = |yes| if yes { start } else { NO_PAGE };
        self.used = true;
        self.entries[data_index(va)] = DataEntry {
            read: allow(readable),
            write: allow(writable),
            addend: page.wrapping_sub(start),
            page_bits: page_bits.into(),
        };
    }
}

impl Table for DataTable {
    fn clear(&mut self) {
        if self.used {
            self.entries.fill(EMPTY);
            self.used = false;
        }
    }

    fn clear_address(&mut self, va: u64) {
        for entry in self.entries.iter_mut() {
            let page = if entry.read != NO_PAGE { entry.read } else { entry.write };
            if page != NO_PAGE && (page ^ va) >> entry.page_bits.min(63) == 0 {
                *entry = EMPTY;
            }
        }
    }
}

/// An instruction that something can be executed for.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct JumpEntry {
    /// Its virtual address.
    pub va: u64,
    /// What the engine made of it: the number of a decoded block, or the address of translated code.
    pub target: u64,
}

/// No instruction is at an odd address.
const NO_JUMP: JumpEntry = JumpEntry { va: NO_PAGE, target: 0 };

/// A page that may be fetched from.
#[derive(Clone, Copy)]
struct CodePage {
    start: u64,
    /// Offset in RAM.
    offset: u64,
}

const NO_CODE: CodePage = CodePage { start: NO_PAGE, offset: 0 };

/// Instructions by virtual address: what is executed for them, and behind it the pages of RAM that they are in.
pub struct JumpTable {
    /// By address in halfwords, modulo their count.
    pub entries: Box<[JumpEntry; JUMP_ENTRIES]>,
    pages: Box<[CodePage; CODE_PAGES]>,
    /// Log2 of the largest page that something was cut from.
    largest_bits: u32,
    used: bool,
    /// The targets are to be forgotten before the table is used again.
    expired: bool,
}

impl Default for JumpTable {
    fn default() -> Self {
        JumpTable {
            entries: Box::new([NO_JUMP; JUMP_ENTRIES]),
            pages: Box::new([NO_CODE; CODE_PAGES]),
            largest_bits: 0,
            used: false,
            expired: false,
        }
    }
}

#[inline(always)]
fn jump_index(va: u64) -> usize {
    (va >> 1) as usize % JUMP_ENTRIES
}

fn page_index(va: u64) -> usize {
    (va >> PAGE_SHIFT) as usize % CODE_PAGES
}

impl JumpTable {
    /// What is executed at `va`.
    #[inline(always)]
    pub fn get(&self, va: u64) -> Option<u64> {
        let entry = &self.entries[jump_index(va)];
        (entry.va == va).then_some(entry.target)
    }

    /// Enters what is executed at `va`, whose page has been entered.
    pub fn enter(&mut self, va: u64, target: u64) {
        self.entries[jump_index(va)] = JumpEntry { va, target };
    }

    /// Forgets what is executed, not where the pages are.
    pub fn clear_targets(&mut self) {
        if self.used {
            self.entries.fill(NO_JUMP);
        }
        self.expired = false;
    }

    /// [`JumpTable::clear_targets`], put off until the table is used again.
    pub fn expire_targets(&mut self) {
        self.expired = true;
    }

    /// RAM offset of the instruction at `va`.
    pub fn page(&self, va: u64) -> Option<u64> {
        let page = &self.pages[page_index(va)];
        (page.start == va & !(PAGE_BYTES - 1)).then_some(page.offset + va % PAGE_BYTES)
    }

    /// Enters the page of `va`, which is at RAM offset `offset` and was cut from one of 2^`page_bits` bytes.
    pub fn enter_page(&mut self, va: u64, offset: u64, page_bits: u32) {
        self.used = true;
        self.largest_bits = self.largest_bits.max(page_bits.min(63));
        let first = offset & !(PAGE_BYTES - 1);
        self.pages[page_index(va)] = CodePage { start: va & !(PAGE_BYTES - 1), offset: first };
    }
}

impl Table for JumpTable {
    fn clear(&mut self) {
        if self.used {
            self.entries.fill(NO_JUMP);
            self.pages.fill(NO_CODE);
            self.used = false;
            self.largest_bits = 0;
        }
    }

    fn activate(&mut self) {
        if self.expired {
            self.clear_targets();
        }
    }

    /// Entries do not remember the size of their page, so all go that might be in the same as `va`.
    fn clear_address(&mut self, va: u64) {
        let bits = self.largest_bits;
        if !self.used {
            return;
        }
        self.entries.iter_mut().filter(|e| (e.va ^ va) >> bits == 0).for_each(|e| *e = NO_JUMP);
        self.pages.iter_mut().filter(|p| (p.start ^ va) >> bits == 0).for_each(|p| *p = NO_CODE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_answers_for_what_it_allows() {
        let mut table = DataTable::default();
        table.enter(0x1234, 0x8000, 12, true, false);
        assert_eq!(table.read(0x1ff8, 8), Some(0x8ff8));
        assert_eq!(table.write(0x1ff8, 8), None);
        assert_eq!(table.read(0x2000, 8), None);
    }

    #[test]
    fn a_misaligned_access_misses() {
        let mut table = DataTable::default();
        table.enter(0x1000, 0, 12, true, true);
        assert_eq!(table.read(0x1004, 8), None);
        assert_eq!(table.read(0x1004, 4), Some(4));
    }

    #[test]
    fn an_address_fence_spares_code_of_other_large_pages() {
        let mut table = JumpTable::default();
        for va in [0x20_0100, 0x40_0100] {
            table.enter_page(va, va, 21);
            table.enter(va, 7);
        }
        table.clear_address(0x3f_f000);
        assert_eq!((table.get(0x20_0100), table.page(0x20_0100)), (None, None));
        assert_eq!((table.get(0x40_0100), table.page(0x40_0104)), (Some(7), Some(0x40_0104)));
    }

    #[test]
    fn an_address_fence_drops_every_piece_of_a_big_page() {
        let mut table = DataTable::default();
        table.enter(0x20_0000, 0, 21, true, true);
        table.enter(0x20_5000, 0x5000, 21, true, true);
        table.enter(0x40_6000, 0x6000, 12, true, true);
        table.clear_address(0x21_0000);
        assert_eq!(table.read(0x20_0000, 1), None);
        assert_eq!(table.read(0x20_5000, 1), None);
        assert_eq!(table.read(0x40_6000, 1), Some(0x6000));
    }
}
