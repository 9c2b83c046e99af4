//! The code cache: the units of all pages, each the generated code of one, and the notes of what that was made of.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arch::addr::PAGE_BYTES;
use hart::engine::Core;
use smallvec::SmallVec;

use super::text::is_in_ram;
use crate::notes::Notes;
use crate::statistics::Counters;
use crate::unit::{Origin, Source, Unit};

/// Bytes of notes at most; some eight times what a full cache has.
const MOST_NOTES: usize = 128 << 20;

/// A page at a virtual address: it, and the page of RAM there.
type Key = (u64, u64);

/// All pages that have blocks.
#[derive(Default)]
pub struct Cache {
    /// One for each of them.
    units: Vec<Unit>,
    /// The index of a page's unit.
    pages: HashMap<Key, u32, BuildHasherDefault<KeyHasher>>,
    /// The indices of the units of a page of RAM, which may be mapped at several addresses.
    aliases: HashMap<u64, SmallVec<[u32; 2]>, BuildHasherDefault<KeyHasher>>,
    /// What their blocks were made of.
    pub notes: Notes,
}

impl Cache {
    /// Whether everything is to be forgotten before more is noted: instructions that do nothing have notes, but no
    /// code.
    pub fn is_full(&self) -> bool {
        self.notes.len() > MOST_NOTES
    }

    /// The number of the unit of the page of `pc`, which is at `offset` in RAM.
    pub fn number(&self, pc: u64, offset: u64) -> Option<u32> {
        self.pages.get(&page_key(pc, offset)).copied()
    }

    /// Offset of the code for the instruction at `pc`, which is at `offset` in RAM, unless its page is to be compared
    /// first.
    pub fn up_to_date(&self, pc: u64, offset: u64) -> Option<u32> {
        self.units.get(self.number(pc, offset)? as usize).filter(|unit| !unit.stale)?.entry(pc)
    }

    /// Offset of the code for the instruction at `pc`, which is at `offset` in RAM, in the unit with this number, which
    /// is compared with memory if need be.
    pub fn entry(
        &mut self,
        number: u32,
        pc: u64,
        offset: u64,
        core: &mut Core,
        counters: &mut Counters,
    ) -> Option<u32> {
        let unit = self.units.get_mut(number as usize)?;
        if unit.stale {
            counters.compared_pages += 1;
            if !is_same(unit, &self.notes, offset / PAGE_BYTES, core) {
                counters.changed_pages += 1;
                unit.clear();
            }
            unit.stale = false;
        }
        unit.entry(pc)
    }

    /// Takes the unit with this number, to add to it, or makes one of the page of `pc`.
    pub fn take(&mut self, number: Option<u32>, pc: u64) -> Unit {
        let known = number.and_then(|number| self.units.get_mut(number as usize));
        known.map_or_else(|| Unit::of(pc / PAGE_BYTES), std::mem::take)
    }

    /// Takes back a unit that had this number; a new one, of a page at `offset` in RAM, is kept only where it has
    /// blocks.
    pub fn keep(&mut self, number: Option<u32>, unit: Unit, offset: u64, has_blocks: bool) {
        match number.and_then(|number| self.units.get_mut(number as usize)) {
            Some(place) => *place = unit,
            None if has_blocks => {
                let (number, page) = (self.units.len() as u32, offset / PAGE_BYTES);
                self.pages.insert((unit.page, page), number);
                self.aliases.entry(page).or_default().push(number);
                self.units.push(unit);
            }
            None => {}
        }
    }

    /// Lets no block of a page that was written to run before it is compared.
    pub fn follow_writes(&mut self, core: &mut Core) {
        let written = core.watcher.written();
        for page in written.unwrap_or_else(|| self.aliases.keys().copied().collect()) {
            for &number in self.aliases.get(&page).into_iter().flatten() {
                if let Some(unit) = self.units.get_mut(number as usize) {
                    unit.stale = true;
                    core.code.clear_page_of(unit.page * PAGE_BYTES);
                }
            }
        }
    }

    /// Drops the blocks of the virtual pages for which `pages` holds.
    pub fn forget(&mut self, pages: impl Fn(u64) -> bool, core: &mut Core) {
        for unit in self.units.iter_mut().filter(|unit| pages(unit.page)) {
            unit.clear();
            core.code.clear_page_of(unit.page * PAGE_BYTES);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.units.clear();
        self.pages.clear();
        self.aliases.clear();
        self.notes.clear();
    }

    /// What the hot code at this offset was made of. `None`: it is none, or its block is known no more.
    pub fn origin(&self, host: u32) -> Option<Origin> {
        let sources = self.units.iter().flat_map(|unit| unit.sources().iter().map(move |source| (unit.page, source)));
        // what begins last before the address has it, if anything has
        let (page, source) = sources.filter(|(_, source)| source.code <= host).max_by_key(|(_, source)| source.code)?;
        let made = self.notes.origin(source, (host - source.code).into())?;
        let start = page * PAGE_BYTES + u64::from(source.start);
        let address = |at: u16| start + u64::from(at);
        Some(Origin { pc: address(made.at), block: address(made.block), raw: made.raw, len: made.len })
    }
}

/// Whether the page of RAM with this number still has what the unit's blocks were made of.
fn is_same(unit: &Unit, notes: &Notes, page: u64, core: &mut Core) -> bool {
    // before the comparison: a write that comes later is noted again
    core.watcher.watch(page);
    core.follow_watches();
    let is_there = |source: &Source| is_in_ram(core, page * PAGE_BYTES + u64::from(source.start), notes.bytes(source));
    unit.sources().iter().all(is_there)
}

fn page_key(pc: u64, offset: u64) -> Key {
    (pc / PAGE_BYTES, offset / PAGE_BYTES)
}

/// Spreads addresses.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(b.into()));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
