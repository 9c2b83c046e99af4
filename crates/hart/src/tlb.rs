//! The data TLB and the jump cache: the tables that a context owns.
//!
//! Both are direct-mapped. A [`DataTable`] maps virtual pages of RAM to addresses of the host, with separate tags for
//! reading and writing; device pages and pages whose PMP verdict differs within the page are never entered. A
//! [`JumpTable`] maps virtual instruction addresses to what the engine executes there. Their layout is fixed, for
//! generated code reads them.

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};

use privileged::Translation;

use crate::contexts::Table;
use crate::second_level::{Owner, SecondLevel};

/// No page has this tag: bits below the page number are never all set in one.
const NO_PAGE: u64 = u64::MAX;
/// Entries of a [`DataTable`].
pub const DATA_ENTRIES: usize = 1024;
/// Entries of a [`JumpTable`].
pub const JUMP_ENTRIES: usize = 16384;
/// The index of an address in halfwords is that of the address xor-ed with itself shifted right by this.
pub const JUMP_MIX: u32 = 12;
/// Pages of code that a table knows: the text of a kernel.
const CODE_PAGES: usize = 4096;

/// What is executed is looked for in so many pages one by one; for more, it is forgotten wherever it is, which costs a look
/// at the translator's map and no walk.
const FEW_PAGES: usize = 8;

/// The pages, of the first and of the second stage, that an entry was cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Log2 of the size of the first stage's page.
    pub page_bits: u32,
    /// The address between the stages.
    pub guest_phys: u64,
    /// Log2 of the size of the second stage's page.
    pub guest_page_bits: u32,
}

impl Cut {
    /// What a walk found.
    pub fn of(found: &Translation) -> Cut {
        let Translation { page_bits, guest_phys, guest_page_bits, .. } = *found;
        Cut { page_bits, guest_phys: guest_phys.0, guest_page_bits }
    }

    /// In one word.
    pub fn pack(self) -> Packed {
        let sizes = u64::from(self.guest_page_bits.min(63)) << 6 | u64::from(self.page_bits.min(63));
        Packed(self.guest_phys & !(PAGE_BYTES - 1) | sizes)
    }
}

/// A [`Cut`] in one word: the guest-physical page, and below it the two sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed(pub u64);

impl Packed {
    /// Log2 of the size of the first stage's page.
    pub fn page_bits(self) -> u32 {
        (self.0 & 63) as u32
    }

    /// Log2 of the size of the second stage's page.
    pub fn guest_page_bits(self) -> u32 {
        (self.0 >> 6 & 63) as u32
    }

    /// Whether the first stage's page, which holds `page`, holds `va` too.
    pub fn holds(self, page: u64, va: u64) -> bool {
        (page ^ va) >> self.page_bits() == 0
    }

    /// Whether the second stage's page holds `gpa`.
    pub fn holds_guest(self, gpa: u64) -> bool {
        (self.0 ^ gpa) >> self.guest_page_bits() == 0
    }
}

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
    /// The pages this was cut from.
    cut: Packed,
}

impl DataEntry {
    /// Its page, if it has one.
    fn page(&self) -> u64 {
        if self.read != NO_PAGE { self.read } else { self.write }
    }
}

const EMPTY: DataEntry = DataEntry { read: NO_PAGE, write: NO_PAGE, addend: 0, cut: Packed(0) };

/// The slots that were filled since a table was last empty, so that emptying it need not touch the others.
struct Filled {
    slots: Vec<u16>,
    /// More than these are not emptied one by one.
    few: usize,
}

impl Filled {
    /// Of a table of `count` slots.
    fn of(count: usize) -> Filled {
        Filled { slots: Vec::new(), few: count / 8 }
    }

    #[inline]
    fn note(&mut self, slot: usize) {
        if self.slots.len() <= self.few {
            self.slots.push(slot as u16);
        }
    }

    /// All slots, of `count`, that may be filled.
    fn slots(&self, count: usize) -> impl Iterator<Item = usize> + '_ {
        let many = self.slots.len() > self.few;
        let all = if many { 0..count } else { 0..0 };
        let few = if many { &[][..] } else { &self.slots };
        all.chain(few.iter().map(|&slot| usize::from(slot)))
    }

    fn empty<T: Copy>(&mut self, slots: &mut [T], nothing: T) {
        for slot in self.slots(slots.len()) {
            slots[slot] = nothing;
        }
        self.slots.clear();
    }
}

const _: () = assert!(DATA_ENTRIES <= 1 << 16 && JUMP_ENTRIES <= 1 << 16, "a slot's number is 16 bits");

/// Ranges of big pages that are noted one by one: more than a kernel has.
const RANGES: usize = 32;
/// Big pages that agree in the address bits above these are noted as one range: a kernel's map of all memory has hundreds.
const ZONE_BITS: u32 = 30;

/// Where the big pages are that entries of a table were cut from, or more.
#[derive(Default)]
struct BigPages {
    /// First and last addresses.
    ranges: [(u64, u64); RANGES],
    count: usize,
}

impl BigPages {
    /// Notes the page of `va`, if it is big.
    fn note(&mut self, va: u64, page_bits: u32) {
        if page_bits <= PAGE_SHIFT {
            return;
        }
        let offsets = (1 << page_bits.min(63)) - 1;
        let (first, last) = (va & !offsets, va | offsets);
        let ranges = &mut self.ranges[..self.count];
        if ranges.iter().any(|range| range.0 <= first && last <= range.1) {
            return;
        }
        match ranges.iter_mut().find(|range| (range.0 ^ first) >> ZONE_BITS == 0) {
            Some(range) => *range = (range.0.min(first), range.1.max(last)),
            None => self.push(first, last),
        }
    }

    fn push(&mut self, first: u64, last: u64) {
        // more than there is room for: one that has all addresses
        let all = self.count == RANGES - 1;
        self.ranges[self.count] = if all { (0, u64::MAX) } else { (first, last) };
        self.count += 1;
    }

    /// Whether `va` may be in one of them.
    fn covers(&self, va: u64) -> bool {
        self.ranges[..self.count].iter().any(|&(first, last)| first <= va && va <= last)
    }

    fn clear(&mut self) {
        self.count = 0;
    }
}

/// Words of a filter.
const FILTER_WORDS: usize = 64;
/// Log2 of the size of the pages that have a filter of their own, besides small ones.
const MIDDLE_BITS: u32 = 21;

/// Numbers, modulo the count of bits.
struct Filter([u64; FILTER_WORDS]);

impl Filter {
    fn place(number: u64) -> (usize, u64) {
        ((number / 64) as usize % FILTER_WORDS, 1 << (number % 64))
    }

    fn note(&mut self, number: u64) {
        let (word, bit) = Filter::place(number);
        self.0[word] |= bit;
    }

    fn may_have(&self, number: u64) -> bool {
        let (word, bit) = Filter::place(number);
        self.0[word] & bit != 0
    }
}

/// The guest-physical pages that entries of a table were cut from, or more. HFENCE.GVMA mostly names a page that was not
/// mapped before, for which no table need be looked through.
pub struct GuestPhysical {
    small: Filter,
    /// Pages of 2 MiB, and NAPOT ranges within.
    middle: Filter,
    big: BigPages,
}

impl Default for GuestPhysical {
    fn default() -> Self {
        let none = || Filter([0; FILTER_WORDS]);
        GuestPhysical { small: none(), middle: none(), big: BigPages::default() }
    }
}

impl GuestPhysical {
    /// Notes the page of `gpa`.
    pub fn note(&mut self, gpa: u64, page_bits: u32) {
        if page_bits <= PAGE_SHIFT {
            self.small.note(gpa >> PAGE_SHIFT);
        } else if page_bits <= MIDDLE_BITS {
            self.middle.note(gpa >> MIDDLE_BITS);
        } else {
            self.big.note(gpa, page_bits);
        }
    }

    /// Whether the page of `gpa` may be among them.
    pub fn may_have(&self, gpa: u64) -> bool {
        self.small.may_have(gpa >> PAGE_SHIFT) || self.may_be_in_larger(gpa)
    }

    /// Whether a page that is not small and holds `gpa` may be among them.
    pub fn may_be_in_larger(&self, gpa: u64) -> bool {
        self.middle.may_have(gpa >> MIDDLE_BITS) || self.big.covers(gpa)
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        *self = GuestPhysical::default();
    }
}

/// What a table covers, so that a fence need not look through it for what it does not have.
#[derive(Default)]
struct Covered {
    big: BigPages,
    guest: GuestPhysical,
}

impl Covered {
    /// Notes a page that is entered.
    fn note(&mut self, va: u64, cut: &Cut) {
        self.big.note(va, cut.page_bits);
        self.guest.note(cut.guest_phys, cut.guest_page_bits);
    }

    fn clear(&mut self) {
        self.big.clear();
        self.guest.clear();
    }
}

/// Pages of RAM by virtual address.
pub struct DataTable {
    /// By page number, modulo their count.
    pub entries: Box<[DataEntry; DATA_ENTRIES]>,
    /// For fences. What a table itself is stays small, as it is moved at each switch of contexts.
    covered: Box<Covered>,
    filled: Filled,
    used: bool,
    /// Whose pages of the second level are this table's.
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
    pub fn enter(&mut self, va: u64, page: u64, cut: Cut, readable: bool, writable: bool) {
        self.used = true;
        self.covered.note(va, &cut);
        self.enter_again(va, page, cut.pack(), readable, writable);
    }

    /// [`DataTable::enter`] of a page that was entered before, and that no fence has named since.
    pub fn enter_again(&mut self, va: u64, page: u64, cut: Packed, readable: bool, writable: bool) {
        let start = va & !(PAGE_BYTES - 1);
        let allow = |yes| if yes { start } else { NO_PAGE };
        self.filled.note(data_index(va));
        self.entries[data_index(va)] =
            DataEntry { read: allow(readable), write: allow(writable), addend: page.wrapping_sub(start), cut };
    }
}

impl DataTable {
    /// Takes away the right to write to the page at this host address.
    pub fn forbid_writes(&mut self, page: u64) {
        if self.used {
            let of_page = |e: &&mut DataEntry| e.write != NO_PAGE && e.write.wrapping_add(e.addend) == page;
            self.entries.iter_mut().filter(of_page).for_each(|e| e.write = NO_PAGE);
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
        let in_page = |e: &&mut DataEntry| e.page() != NO_PAGE && e.cut.holds(e.page(), va);
        self.entries.iter_mut().filter(in_page).for_each(|e| *e = EMPTY);
    }

    fn clear_guest_physical(&mut self, gpa: u64, behind: &mut SecondLevel) {
        if self.used && self.covered.guest.may_have(gpa) {
            behind.clear_guest_physical(self.owner, gpa);
            let in_page = |e: &&mut DataEntry| e.page() != NO_PAGE && e.cut.holds_guest(gpa);
            self.entries.iter_mut().filter(in_page).for_each(|e| *e = EMPTY);
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
#[repr(C)]
pub struct CodePage {
    /// Its first virtual address.
    pub start: u64,
    /// Offset in RAM.
    pub offset: u64,
    /// The pages this was cut from.
    cut: Packed,
}

const NO_CODE: CodePage = CodePage { start: NO_PAGE, offset: 0, cut: Packed(0) };

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

/// The slot of an address in a [`JumpTable`]. Far-apart pages must not share slots only because their offsets are alike: the
/// page number is mixed in.
#[inline(always)]
pub fn jump_index(va: u64) -> usize {
    ((va ^ va >> JUMP_MIX) >> 1) as usize % JUMP_ENTRIES
}

/// What tells the slot of an address in a [`JumpTable`] from the one beside it, where it may have been moved: a few hundred
/// addresses that are executed in turn often have one slot for two.
pub const BESIDE: usize = 1;

/// A page has two slots, this one and the one that differs in [`OTHER_SLOT`]: the pages of a module that is run together
/// with the kernel often have slots of the kernel's own.
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

    /// Enters what is executed at `va`, whose page has been entered. What has its slot moves to the one beside it, unless
    /// something else has that for its own.
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
    pub fn enter_page(&mut self, va: u64, offset: u64, cut: Cut) {
        self.used = true;
        self.covered.note(va, &cut);
        self.turn ^= OTHER_SLOT;
        let slot = self.page_slot(va);
        self.clear_page(slot);
        self.filled_pages.note(slot);
        let (start, offset) = (va & !(PAGE_BYTES - 1), offset & !(PAGE_BYTES - 1));
        self.pages[slot] = CodePage { start, offset, cut: cut.pack() };
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
            self.clear_pages(|page| page.cut.holds_guest(gpa));
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
            return self.clear_pages(|page| page.cut.holds(page.start, va));
        }
        self.clear_page_of(va);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(page_bits: u32) -> Cut {
        Cut { page_bits, guest_phys: 0, guest_page_bits: 30 }
    }

    #[test]
    fn a_page_answers_for_what_it_allows() {
        let mut table = DataTable::default();
        table.enter(0x1234, 0x8000, cut(12), true, false);
        assert_eq!(table.read(0x1ff8, 8), Some(0x8ff8));
        assert_eq!(table.write(0x1ff8, 8), None);
        assert_eq!(table.read(0x2000, 8), None);
    }

    #[test]
    fn a_misaligned_access_misses() {
        let mut table = DataTable::default();
        table.enter(0x1000, 0, cut(12), true, true);
        assert_eq!(table.read(0x1004, 8), None);
        assert_eq!(table.read(0x1004, 4), Some(4));
    }

    #[test]
    fn an_address_fence_drops_code_of_a_big_page() {
        let mut table = JumpTable::default();
        for va in [0x20_0100, 0x20_5200] {
            table.enter_page(va, va, cut(21));
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
            table.enter_page(va, va, cut(12));
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
        (0..40).for_each(|page| table.enter(piece(page), piece(page), cut(21), true, true));
        table.clear_address((17 << ZONE_BITS) + (1 << 20), &mut SecondLevel::default());
        assert_eq!(table.read(piece(17), 1), None);
        assert_eq!(table.read(piece(16), 1), Some(piece(16)));
    }

    #[test]
    fn every_big_page_of_a_range_is_fenced() {
        let mut table = DataTable::default();
        let piece = |page: u64| (page << 21) + (page << 12);
        let order = [9, 2, 5, 17];
        order.iter().for_each(|&page| table.enter(piece(page), piece(page), cut(21), true, true));
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
            table.enter(va, 0x1000, cut(page_bits), true, true);
        }
        table.clear_address(mega, &mut SecondLevel::default());
        assert_eq!(table.read(va, 8), None);
    }

    #[test]
    fn a_watched_page_is_no_longer_written() {
        let mut table = DataTable::default();
        table.enter(0x1000, 0x9000, cut(12), true, true);
        table.enter(0x2000, 0xa000, cut(12), true, true);
        table.forbid_writes(0x9000);
        assert_eq!((table.read(0x1000, 1), table.write(0x1000, 1)), (Some(0x9000), None));
        assert_eq!(table.write(0x2000, 1), Some(0xa000));
    }

    #[test]
    fn an_address_fence_drops_every_piece_of_a_big_page() {
        let mut table = DataTable::default();
        table.enter(0x20_0000, 0, cut(21), true, true);
        table.enter(0x20_5000, 0x5000, cut(21), true, true);
        table.enter(0x40_6000, 0x6000, cut(12), true, true);
        table.clear_address(0x21_0000, &mut SecondLevel::default());
        assert_eq!(table.read(0x20_0000, 1), None);
        assert_eq!(table.read(0x20_5000, 1), None);
        assert_eq!(table.read(0x40_6000, 1), Some(0x6000));
    }

    #[test]
    fn a_guest_physical_fence_drops_every_piece_of_a_second_stage_page() {
        let (big, small) = ((0x8000_0000, 21), (0x9000_1000, 12));
        let cut = |(guest_phys, guest_page_bits)| Cut { page_bits: 12, guest_phys, guest_page_bits };
        let mut data = DataTable::default();
        let mut code = JumpTable::default();
        for (va, cut) in [(0x1000, cut(big)), (0x2000, cut(small))] {
            data.enter(va, va, cut, true, true);
            code.enter_page(va, va, cut);
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
            table.enter_page(same_slots(n), same_slots(n), cut(12));
            table.enter(same_slots(n), 7);
        }
        assert!(entered(&table, 0) && entered(&table, 1));
        for n in 2..4 {
            table.enter_page(same_slots(n), same_slots(n), cut(12));
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
            table.enter_page(va, va, cut(12));
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
        [beside, first, second].iter().for_each(|&va| table.enter_page(va, va, cut(12)));
        [(beside, 6), (first, 7), (second, 8)].iter().for_each(|&(va, target)| table.enter(va, target));
        assert_eq!([beside, first, second].map(|va| table.get(va)), [Some(6), None, Some(8)]);
    }
}
