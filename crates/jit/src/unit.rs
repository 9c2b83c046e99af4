//! The generated code of one page at a virtual address: where the code of each block is, and which of the guest's bytes
//! it was made of.
//!
//! There are hundreds of thousands of blocks, in some thousands of pages. The lists that are searched for one are
//! small, and lie together in memory.

use arch::addr::PAGE_BYTES;

/// Bytes that blocks were made of, and where their code is.
#[derive(Clone, Copy)]
pub struct Source {
    /// The [note](crate::notes) of them.
    pub at: u32,
    /// Offset of the first in its page.
    pub start: u16,
    /// Their number.
    pub len: u16,
    /// Where their code begins, as offset in the memory of hot code.
    pub code: u32,
}

/// What an address of generated code was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Address of the guest's instruction.
    pub pc: u64,
    /// Address of the first instruction of its block.
    pub block: u64,
    /// Its bits.
    pub raw: u32,
    /// Their number in bytes.
    pub len: u8,
}

/// Who knows what generated code was made of.
pub trait Origins {
    /// Whether an address is one of the memory for code.
    fn has(&self, address: u64) -> bool;

    /// What the hot code at an address was made of. `None`: it is none, or its block is known no more.
    fn origin(&self, address: u64) -> Option<Origin>;
}

/// The blocks of a page at a virtual address.
#[derive(Default)]
pub struct Unit {
    /// The virtual page.
    pub page: u64,
    /// The page was written to since its blocks were made or compared.
    pub stale: bool,
    sources: Vec<Source>,
    /// Offsets in the page of instructions that there is code for, in order.
    places: Vec<u16>,
    /// Their code, as offset in the memory of hot code.
    code: Vec<u32>,
}

/// Offset in its page.
fn place(pc: u64) -> u16 {
    (pc % PAGE_BYTES) as u16
}

/// Lets a list grow by a quarter where it would grow to the double: there are thousands of them.
fn reserve<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(4 + list.len() / 4);
    }
}

impl Unit {
    /// The unit of a page without blocks.
    pub fn of(page: u64) -> Unit {
        Unit { page, ..Unit::default() }
    }

    /// Code for the instruction at `pc`.
    pub fn entry(&self, pc: u64) -> Option<u32> {
        let at = self.places.binary_search(&place(pc)).ok()?;
        self.code.get(at).copied()
    }

    /// Enters code for the instruction at `pc`.
    pub fn enter(&mut self, pc: u64, code: u32) {
        match self.places.binary_search(&place(pc)) {
            Ok(at) => self.code[at] = code,
            Err(at) => {
                reserve(&mut self.places);
                reserve(&mut self.code);
                self.places.insert(at, place(pc));
                self.code.insert(at, code);
            }
        }
    }

    /// What the blocks were made of.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Notes what blocks were made of.
    pub fn remember(&mut self, source: Source) {
        reserve(&mut self.sources);
        self.sources.push(source);
    }

    /// Forgets all blocks.
    pub fn clear(&mut self) {
        self.sources.clear();
        self.places.clear();
        self.code.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_place_in_the_page() {
        let mut unit = Unit::default();
        for (pc, code) in [(0x5ffe, 3), (0x5000, 1), (0x5100, 2), (0x5100, 4)] {
            unit.enter(pc, code);
        }
        assert_eq!([0x5000, 0x5100, 0x5ffe, 0x5102].map(|pc| unit.entry(pc)), [Some(1), Some(4), Some(3), None]);
        unit.clear();
        assert_eq!(unit.entry(0x5000), None);
    }
}
