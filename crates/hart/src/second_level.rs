//! The second level behind the data tables of all contexts.
//!
//! A context's [`crate::tlb::DataTable`] is small, for it is probed at each access. What walks have found is entered
//! here too, in a table that is larger and set-associative, and is looked for here before page tables are walked again.
//! One table serves all contexts: pages carry the number of their [`Owner`], and a context that forgets everything
//! becomes another owner, so that nothing is touched. What a page permits is decided again when it goes to the first
//! level: code pages may have come to be watched. M-mode, which has nothing to walk, has nothing here.

use std::ops::Range;

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};

use crate::tlb::PackedLeafPages;

const WAYS: usize = 4;
/// A power of two; with [`WAYS`], pages of 64 MiB.
const SETS: usize = 4096;

/// The owner of pages: a context, from one time that it forgets everything to the next. Numbers go up; those that
/// differ in more than the bits of an offset are of different times, between which the table was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(u64);

impl Owner {
    /// Owns nothing.
    pub const NOBODY: Owner = Owner(0);
}

/// A page as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Offset in RAM of its first byte.
    pub offset: u64,
    /// Whether it may be read.
    pub readable: bool,
    /// Whether it may be written to while it is not watched.
    pub writable: bool,
    /// Whether the G-stage is a part of its translation.
    pub of_guest: bool,
    /// The leaf pages, of both stages, that it comes from.
    pub leaves: PackedLeafPages,
}

/// Below an offset in RAM.
const READABLE: u64 = 1;
const WRITABLE: u64 = 2;
const OF_GUEST: u64 = 4;

impl Page {
    fn pack(&self) -> u64 {
        let flag = |yes, bit| if yes { bit } else { 0 };
        self.offset | flag(self.readable, READABLE) | flag(self.writable, WRITABLE) | flag(self.of_guest, OF_GUEST)
    }

    fn unpack(place: u64, leaves: u64) -> Page {
        Page {
            offset: place & !(PAGE_BYTES - 1),
            readable: place & READABLE != 0,
            writable: place & WRITABLE != 0,
            of_guest: place & OF_GUEST != 0,
            leaves: PackedLeafPages(leaves),
        }
    }
}

/// The entries whose second-stage pages have the same number in a [`Tally`].
#[derive(Clone, Copy, Default)]
struct Group {
    count: u16,
    /// The sets that they are in, xor-ed: of one entry, its set.
    sets: u16,
}

const _: () =
    assert!(SETS * WAYS <= u16::MAX as usize, "all entries can be counted, and all sets numbered, in 16 bits");

/// What is known of the second-stage pages that entries come from, so that most fences need not look for them.
struct Tally {
    /// By what [`spread`] makes of a page's key, for each size of [`Tally::SIZES`].
    groups: [Vec<Group>; Tally::SIZES.len()],
    /// How many pages are larger still.
    larger: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Tally { groups: Tally::SIZES.map(|(_, numbers)| vec![Group::default(); numbers]), larger: 0 }
    }
}

/// Where the entries can be that come from a second-stage page.
enum Whereabouts {
    Nowhere,
    Set(usize),
    Anywhere,
}

impl Tally {
    /// (Log2 of a size, how many numbers are told apart). NAPOT ranges count as the pages that hold them.
    const SIZES: [(u32, usize); 3] = [(PAGE_SHIFT, SETS * WAYS), (21, 4096), (30, 256)];

    /// The group that a page of this size belongs to; the key is of any address in it.
    fn group(&mut self, key: u64, page_bits: u32) -> Option<&mut Group> {
        let kind = Tally::SIZES.iter().position(|&(bits, _)| page_bits <= bits)?;
        let (bits, numbers) = Tally::SIZES[kind];
        self.groups[kind].get_mut(spread(key, bits, numbers))
    }

    fn add(&mut self, key: u64, page_bits: u32, set: usize) {
        match self.group(key, page_bits) {
            Some(group) => *group = Group { count: group.count + 1, sets: group.sets ^ set as u16 },
            None => self.larger += 1,
        }
    }

    fn take(&mut self, key: u64, page_bits: u32, set: usize) {
        match self.group(key, page_bits) {
            Some(group) => *group = Group { count: group.count - 1, sets: group.sets ^ set as u16 },
            None => self.larger -= 1,
        }
    }

    /// Where the entries are that come from a page that holds the key's address.
    fn look(&self, key: u64) -> Whereabouts {
        let groups = Tally::SIZES.iter().zip(&self.groups);
        let groups = groups.map(|(&(bits, numbers), groups)| groups[spread(key, bits, numbers)]);
        let all = groups.fold(Group::default(), |a, b| Group { count: a.count + b.count, sets: a.sets ^ b.sets });
        match all.count {
            0 if self.larger == 0 => Whereabouts::Nowhere,
            1 if self.larger == 0 => Whereabouts::Set(all.sets.into()),
            _ => Whereabouts::Anywhere,
        }
    }
}

/// The pages of a set, side by side: few lines of the host's caches are touched.
type Set = [[u64; WAYS]; 3];
/// In a [`Set`]: first addresses of pages, and below them what of their owner's number fits.
const KEYS: usize = 0;
/// In a [`Set`]: packed [`Page`]s.
const PLACES: usize = 1;
/// In a [`Set`]: the leaf pages that they come from.
const LEAVES: usize = 2;

/// No key is 0.
const EMPTY: u64 = 0;

/// Pages by address and owner. Memory is taken when the first is entered, and by the host when it is touched.
pub struct SecondLevel {
    /// By what [`spread`] makes of a key.
    sets: Vec<Set>,
    /// The pages of the second stage that entries come from.
    guest: Tally,
    /// The last owner.
    last: u64,
    /// Which way of a set is to make room.
    turn: usize,
}

impl Default for SecondLevel {
    fn default() -> Self {
        SecondLevel {
            sets: Vec::new(),
            guest: Tally::default(),
            // nobody is then of another time
            last: PAGE_BYTES,
            turn: 0,
        }
    }
}

/// The page of an address, and below it the number of an owner as far as it fits, or that of another key.
fn with_address(owner: u64, address: u64) -> u64 {
    address & !(PAGE_BYTES - 1) | (owner % PAGE_BYTES)
}

/// A number below `count`, a power of two, for the page of so many offset bits of a key. Far-apart pages, and the same
/// page of several owners, must not have the same only because their last bits are alike.
fn spread(key: u64, page_bits: u32, count: usize) -> usize {
    const ODD: u64 = 0x9e5;
    let page = key >> page_bits;
    (page ^ page >> 12 ^ (key % PAGE_BYTES).wrapping_mul(ODD)) as usize % count
}

impl SecondLevel {
    /// What a page is found by. `None`: the owner has nothing.
    fn key(&self, owner: Owner, va: u64) -> Option<u64> {
        let current = owner.0 / PAGE_BYTES == self.last / PAGE_BYTES;
        current.then_some(with_address(owner.0, va))
    }

    fn find(&self, key: u64) -> Option<(usize, usize)> {
        let set = spread(key, PAGE_SHIFT, SETS);
        let way = self.sets.get(set)?[KEYS].iter().position(|&k| k == key)?;
        Some((set, way))
    }

    /// The page of `va`.
    pub fn get(&self, owner: Owner, va: u64) -> Option<Page> {
        let (set, way) = self.find(self.key(owner, va)?)?;
        Some(Page::unpack(self.sets[set][PLACES][way], self.sets[set][LEAVES][way]))
    }

    /// Enters the page of `va`. An owner that has nothing becomes a new one.
    pub fn enter(&mut self, owner: &mut Owner, va: u64, page: Page) {
        let key = match self.key(*owner, va) {
            Some(key) => key,
            None => {
                *owner = self.new_owner();
                with_address(owner.0, va)
            }
        };
        let (set, way) = self.find(key).unwrap_or_else(|| self.room(spread(key, PAGE_SHIFT, SETS)));
        self.clear(set, way);
        self.sets[set][KEYS][way] = key;
        self.sets[set][PLACES][way] = page.pack();
        self.sets[set][LEAVES][way] = page.leaves.0;
        self.note(set, way, Tally::add);
    }

    fn new_owner(&mut self) -> Owner {
        self.last += 1;
        if self.last.is_multiple_of(PAGE_BYTES) || self.sets.is_empty() {
            *self = SecondLevel { last: self.last | 1, ..SecondLevel::default() };
            self.sets = vec![[[EMPTY; WAYS]; 3]; SETS];
        }
        Owner(self.last)
    }

    fn room(&mut self, set: usize) -> (usize, usize) {
        self.turn = (self.turn + 1) % WAYS;
        let empty = self.sets[set][KEYS].iter().position(|&key| key == EMPTY);
        (set, empty.unwrap_or(self.turn))
    }

    /// Counts the pages that an entry comes from.
    fn note(&mut self, set: usize, way: usize, count: fn(&mut Tally, u64, u32, usize)) {
        let key = self.sets[set][KEYS][way];
        let Page { of_guest, leaves, .. } = Page::unpack(self.sets[set][PLACES][way], self.sets[set][LEAVES][way]);
        if of_guest {
            count(&mut self.guest, with_address(key, leaves.0), leaves.guest_page_bits(), set);
        }
    }

    fn clear(&mut self, set: usize, way: usize) {
        if self.sets[set][KEYS][way] != EMPTY {
            self.note(set, way, Tally::take);
            self.sets[set][KEYS][way] = EMPTY;
        }
    }

    /// Forgets the owner's page of `va`, if no large page of the first stage holds it.
    pub fn clear_page(&mut self, owner: Owner, va: u64) {
        let found = self.key(owner, va).and_then(|key| self.find(key));
        found.into_iter().for_each(|(set, way)| self.clear(set, way));
    }

    /// Forgets the owner's pages that come from one of the first stage that holds `va`.
    pub fn clear_pages(&mut self, owner: Owner, va: u64) {
        let Some(key) = self.key(owner, va) else { return };
        self.clear_in(0..self.sets.len(), key, |page, leaves| leaves.holds(page, va));
    }

    /// Forgets the owner's pages that come from one of the second stage that holds `gpa`.
    pub fn clear_guest_physical(&mut self, owner: Owner, gpa: u64) {
        let Some(key) = self.key(owner, gpa) else { return };
        let sets = match self.guest.look(key) {
            Whereabouts::Nowhere => return,
            Whereabouts::Set(set) => set..set + 1,
            Whereabouts::Anywhere => 0..self.sets.len(),
        };
        self.clear_in(sets, key, |_, leaves| leaves.holds_guest(gpa));
    }

    /// Forgets the pages of the key's owner, in these sets, for which `named` holds, given an address in them.
    fn clear_in(&mut self, sets: Range<usize>, key: u64, named: impl Fn(u64, PackedLeafPages) -> bool) {
        for set in sets {
            for way in 0..WAYS {
                let of = self.sets[set][KEYS][way];
                if of % PAGE_BYTES == key % PAGE_BYTES && named(of, PackedLeafPages(self.sets[set][LEAVES][way])) {
                    self.clear(set, way);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlb::LeafPages;

    const SMALL: u32 = PAGE_SHIFT;
    const MEGA: u32 = 21;
    const GIGA: u32 = 30;

    fn page(gpa: u64, page_bits: u32, guest_page_bits: u32) -> Page {
        let leaves = LeafPages { page_bits, guest_phys: gpa, guest_page_bits }.pack();
        Page { offset: gpa & !(PAGE_BYTES - 1), readable: true, writable: true, of_guest: true, leaves }
    }

    /// A table with these pages, which are mapped to themselves, of one owner.
    fn filled(pages: &[(u64, u32, u32)]) -> (SecondLevel, Owner) {
        let (mut table, mut owner) = (SecondLevel::default(), Owner::NOBODY);
        pages.iter().for_each(|&(va, bits, guest_bits)| table.enter(&mut owner, va, page(va, bits, guest_bits)));
        (table, owner)
    }

    #[test]
    fn a_page_is_what_was_entered() {
        let (mut table, mut owner) = filled(&[]);
        let entered = Page { writable: false, of_guest: false, ..page(0x7000, SMALL, GIGA) };
        table.enter(&mut owner, 0xffff_ffc0_0123_4567, entered);
        assert_eq!(table.get(owner, 0xffff_ffc0_0123_4000), Some(entered));
        assert_eq!(table.get(owner, 0xffff_ffc0_0123_5000), None);
    }

    #[test]
    fn nobody_has_a_page_and_owners_only_their_own() {
        let (mut table, owner) = filled(&[(0, SMALL, SMALL)]);
        let mut other = Owner::NOBODY;
        table.enter(&mut other, 0x1000, page(0x1000, SMALL, SMALL));
        assert_eq!(table.get(Owner::NOBODY, 0), None);
        assert_eq!((table.get(owner, 0).is_some(), table.get(owner, 0x1000)), (true, None));
        assert_eq!((table.get(other, 0), table.get(other, 0x1000).is_some()), (None, true));
    }

    #[test]
    fn owners_whose_numbers_are_alike_do_not_share() {
        let (mut table, first) = filled(&[(0x1000, SMALL, SMALL)]);
        for _ in 0..PAGE_BYTES {
            let mut next = Owner::NOBODY;
            table.enter(&mut next, 0x2000, page(0x2000, SMALL, SMALL));
            assert_ne!(next.0 % PAGE_BYTES, 0);
            assert_eq!(table.get(next, 0x1000), None);
        }
        assert_eq!(table.get(first, 0x1000), None);
        assert_eq!(table.get(first, 0x2000), None);
    }

    #[test]
    fn a_set_keeps_as_many_pages_as_it_has_ways() {
        let (_, owner) = filled(&[(0, SMALL, SMALL)]);
        let set = |va: u64| spread(with_address(owner.0, va), PAGE_SHIFT, SETS);
        let alike = (0..).step_by(PAGE_BYTES as usize).filter(|&va| set(va) == set(0));
        let pages: Vec<_> = alike.take(WAYS + 1).map(|va| (va, SMALL, SMALL)).collect();
        let (table, owner) = filled(&pages);
        assert_eq!(pages.iter().filter(|page| table.get(owner, page.0).is_some()).count(), WAYS);
    }

    #[test]
    fn an_address_fence_drops_the_pieces_of_a_big_page() {
        let (mut table, owner) =
            filled(&[(0x20_0000, MEGA, SMALL), (0x20_5000, MEGA, SMALL), (0x40_0000, SMALL, SMALL)]);
        table.clear_pages(owner, 0x3f_f000);
        assert_eq!((table.get(owner, 0x20_0000), table.get(owner, 0x20_5000)), (None, None));
        assert!(table.get(owner, 0x40_0000).is_some());
    }

    #[test]
    fn a_guest_physical_fence_drops_what_was_cut_from_the_page() {
        for bits in [SMALL, 16, MEGA, GIGA, 39] {
            let (inside, outside) = (1 << bits, 3 << bits);
            let (mut table, owner) = filled(&[(inside, SMALL, bits), (outside, SMALL, bits), (0x5000, SMALL, SMALL)]);
            table.clear_guest_physical(owner, inside + (1 << bits) - 1);
            assert_eq!(table.get(owner, inside), None, "{bits}");
            assert!(table.get(owner, outside).is_some() && table.get(owner, 0x5000).is_some(), "{bits}");
        }
    }

    #[test]
    fn a_guest_physical_fence_drops_all_addresses_of_the_page() {
        let (mut table, mut owner) = filled(&[]);
        let addresses = [0x1000, 0x7_7000, 0xffff_ffff_ffff_f000];
        addresses.iter().for_each(|&va| table.enter(&mut owner, va, page(0x9000, SMALL, SMALL)));
        table.clear_guest_physical(owner, 0x9008);
        assert!(addresses.iter().all(|&va| table.get(owner, va).is_none()));
    }

    #[test]
    fn fences_spare_other_owners() {
        let (mut table, owner) = filled(&[(0x1000, SMALL, SMALL)]);
        let mut other = Owner::NOBODY;
        table.enter(&mut other, 0x1000, page(0x1000, SMALL, SMALL));
        table.clear_page(owner, 0x1000);
        table.clear_guest_physical(owner, 0x1000);
        assert_eq!(table.get(owner, 0x1000), None);
        assert!(table.get(other, 0x1000).is_some());
    }

    #[test]
    fn a_page_that_is_entered_again_is_counted_once() {
        let (mut table, owner) = filled(&[(0x1000, SMALL, SMALL), (0x1000, SMALL, MEGA), (0x2000, SMALL, MEGA)]);
        table.clear_guest_physical(owner, 0x3000);
        assert_eq!((table.get(owner, 0x1000), table.get(owner, 0x2000)), (None, None));
        assert!(matches!(table.guest.look(with_address(owner.0, 0x1000)), Whereabouts::Nowhere));
    }
}
