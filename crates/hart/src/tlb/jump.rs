//! The jump cache: what is executed for an instruction, by its virtual address.

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};

use super::cover::Covered;
use super::filled::Filled;
use super::leaf::{LeafPages, NO_PAGE, PackedLeafPages};
use crate::fence::Table;

/// Entries of a [`JumpTable`].
pub const JUMP_ENTRIES: usize = 16384;
const _: () = assert!(JUMP_ENTRIES <= 1 << 16, "a slot's number is 16 bits");
/// The index of an address in halfwords is that of the address xor-ed with itself shifted right by this.
pub const JUMP_MIX: u32 = 12;
/// Pages of code that a table knows: the text of a kernel.
pub(super) const CODE_PAGES: usize = 4096;

/// What is executed is looked for in so many pages one by one; for more, it is forgotten wherever it is, which costs a
/// look at the translator's map and no walk.
const FEW_PAGES: usize = 8;

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
#[repr(C)]
pub struct CodePage {
    /// Its first virtual address.
    pub start: u64,
    /// Offset in RAM.
    pub offset: u64,
    /// The pages this comes from.
    leaves: PackedLeafPages,
}

const NO_CODE: CodePage = CodePage { start: NO_PAGE, offset: 0, leaves: PackedLeafPages(0) };

/// Instructions by virtual address: what is executed for them, and behind it the pages of RAM that they are in. What is
/// executed is known only in pages that are known.
pub struct JumpTable {
    /// By address in halfwords, modulo their count.
    pub entries: Box<[JumpEntry; JUMP_ENTRIES]>,
    /// By number, modulo their count, in one of two slots: see [`JumpTable::page_slots`].
    pub pages: Box<[CodePage; CODE_PAGES]>,
    filled: Filled,
    filled_pages: Filled,
    /// For fences, as in [`DataTable`].
    covered: Box<Covered>,
    used: bool,
    /// Which of a page's slots is to make room, as a bit of their index.
    turn: usize,
    /// The targets are to be forgotten before the table is used again.
    expired: bool,
}

impl Default for JumpTable {
    fn default() -> Self {
        JumpTable {
            entries: Box::new([NO_JUMP; JUMP_ENTRIES]),
            pages: Box::new([NO_CODE; CODE_PAGES]),
            filled: Filled::of(JUMP_ENTRIES),
            filled_pages: Filled::of(CODE_PAGES),
            covered: Box::default(),
            used: false,
            turn: 0,
            expired: false,
        }
    }
}

/// The slot of an address in a [`JumpTable`]. Far-apart pages must not share slots only because their offsets are
/// alike: the page number is mixed in.
#[inline(always)]
pub fn jump_index(va: u64) -> usize {
    ((va ^ va >> JUMP_MIX) >> 1) as usize % JUMP_ENTRIES
}

/// What tells the slot of an address in a [`JumpTable`] from the one beside it, where it may have been moved: a few
/// hundred addresses that are executed in turn often have one slot for two.
pub const BESIDE: usize = 1;

/// A page has two slots, this one and the one that differs in [`OTHER_SLOT`]: the pages of a module that is run
/// together with the kernel often have slots of the kernel's own.
fn page_index(va: u64) -> usize {
    (va >> PAGE_SHIFT) as usize % CODE_PAGES
}

const OTHER_SLOT: usize = CODE_PAGES / 2;

impl JumpTable {
    /// What is executed at `va`.
    #[inline(always)]
    pub fn get(&self, va: u64) -> Option<u64> {
        let at = |slot: usize| Some(self.entries[slot]).filter(|entry| entry.va == va);
        let entry = at(jump_index(va)).or_else(|| at(jump_index(va) ^ BESIDE))?;
        Some(entry.target)
    }

    /// Enters what is executed at `va`, whose page has been entered. What has its slot moves to the one beside it,
    /// unless something else has that for its own.
    pub fn enter(&mut self, va: u64, target: u64) {
        let slot = jump_index(va);
        let (before, beside) = (self.entries[slot], self.entries[slot ^ BESIDE]);
        let is_free = beside.va == NO_PAGE || jump_index(beside.va) == slot;
        if before.va != NO_PAGE && before.va != va && is_free {
            self.filled.note(slot ^ BESIDE);
            self.entries[slot ^ BESIDE] = before;
        }
        self.filled.note(slot);
        self.entries[slot] = JumpEntry { va, target };
    }

    /// Forgets what is executed, not where the pages are.
    pub fn clear_targets(&mut self) {
        if self.used {
            self.filled.empty(&mut *self.entries, NO_JUMP);
        }
        self.expired = false;
    }

    /// [`JumpTable::clear_targets`], put off until the table is used again.
    pub fn expire_targets(&mut self) {
        self.expired = true;
    }

    /// The slots that the page of `va` may be in.
    pub fn page_slots(va: u64) -> [usize; 2] {
        [page_index(va), page_index(va) ^ OTHER_SLOT]
    }

    /// The slot that has the page of `va`; if there is none, the one to enter it in.
    fn page_slot(&self, va: u64) -> usize {
        let slots = JumpTable::page_slots(va);
        let of = |start| slots.into_iter().find(|&slot| self.pages[slot].start == start);
        of(va & !(PAGE_BYTES - 1)).or_else(|| of(NO_PAGE)).unwrap_or(slots[0] ^ self.turn)
    }

    /// RAM offset of the instruction at `va`.
    pub fn page(&self, va: u64) -> Option<u64> {
        let page = &self.pages[self.page_slot(va)];
        (page.start == va & !(PAGE_BYTES - 1)).then_some(page.offset + va % PAGE_BYTES)
    }

    /// Enters the page of `va`, which is at RAM offset `offset`.
    pub fn enter_page(&mut self, va: u64, offset: u64, leaves: LeafPages) {
        self.used = true;
        self.covered.note(va, &leaves);
        self.turn ^= OTHER_SLOT;
        let slot = self.page_slot(va);
        self.clear_page(slot);
        self.filled_pages.note(slot);
        let (start, offset) = (va & !(PAGE_BYTES - 1), offset & !(PAGE_BYTES - 1));
        self.pages[slot] = CodePage { start, offset, leaves: leaves.pack() };
    }

    /// Forgets the page of `va`, and what is executed in it.
    pub fn clear_page_of(&mut self, va: u64) {
        let slot = self.page_slot(va);
        if self.pages[slot].start == va & !(PAGE_BYTES - 1) {
            self.clear_page(slot);
        }
    }

    /// Forgets the pages for which `here` holds, and what is executed in them.
    fn clear_pages(&mut self, here: impl Fn(&CodePage) -> bool) {
        let known = |at: &usize| self.pages[*at].start != NO_PAGE && here(&self.pages[*at]);
        let found: Vec<usize> = self.filled_pages.slots(CODE_PAGES).filter(known).collect();
        if found.len() <= FEW_PAGES {
            return found.into_iter().for_each(|at| self.clear_page(at));
        }
        found.into_iter().for_each(|at| self.pages[at] = NO_CODE);
        self.clear_targets();
    }

    /// Forgets a page, and what is executed in it.
    fn clear_page(&mut self, index: usize) {
        let start = self.pages[index].start;
        if start == NO_PAGE {
            return;
        }
        self.pages[index] = NO_CODE;
        // the slots of a page are permuted by the page number, within their part of the table
        let part = PAGE_BYTES as usize / 2;
        let first = jump_index(start) / part * part;
        let of_page = |e: &&mut JumpEntry| e.va & !(PAGE_BYTES - 1) == start;
        self.entries[first..first + part].iter_mut().filter(of_page).for_each(|e| *e = NO_JUMP);
    }
}

impl Table for JumpTable {
    type Behind = ();

    fn clear(&mut self) {
        if self.used {
            self.filled.empty(&mut *self.entries, NO_JUMP);
            self.filled_pages.empty(&mut *self.pages, NO_CODE);
            self.covered.clear();
            self.used = false;
        }
    }

    fn clear_guest_physical(&mut self, gpa: u64, (): &mut ()) {
        if self.used && self.covered.guest.may_have(gpa) {
            self.clear_pages(|page| page.leaves.holds_guest(gpa));
        }
    }

    fn activate(&mut self) {
        if self.expired {
            self.clear_targets();
        }
    }

    fn clear_address(&mut self, va: u64, (): &mut ()) {
        if !self.used {
            return;
        }
        if self.covered.big.covers(va) {
            return self.clear_pages(|page| page.leaves.holds(page.start, va));
        }
        self.clear_page_of(va);
    }
}
