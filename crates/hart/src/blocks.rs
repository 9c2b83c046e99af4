//! The decode cache: runs of decoded instructions by physical address.
//!
//! A block stays within one 4 KiB page and ends after a jump, a system instruction or [`MAX_SLOTS`] instructions. Its
//! key is the physical address, so it survives every switch of address space. Pages with blocks are watched
//! ([`memory::Watcher`]): after FENCE.I the blocks of those that were written to are compared with memory before they
//! run again; until then, as the manual allows, stores do not reach them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arch::addr::PAGE_BYTES;
use arch::insn::Insn;
use arch::isa::Isa;
use memory::{Ram, Watcher};

use crate::core::Core;

/// Longest block.
const MAX_SLOTS: usize = 32;
/// Instructions kept at most, all blocks together (16 bytes each); then the cache starts over.
const CAPACITY: usize = 1 << 19;

/// A decoded instruction.
#[derive(Clone, Copy)]
pub struct Slot {
    /// What to do.
    pub insn: Insn,
    /// Bytes from the start of the block.
    pub at: u8,
    /// Length of the encoding in bytes.
    pub len: u8,
}

/// A run of instructions.
pub struct Block {
    /// The instructions; at least one.
    pub slots: Box<[Slot]>,
    /// The encodings, to tell whether memory still says the same.
    raw: Box<[u8]>,
    /// Offset in RAM.
    offset: u64,
    /// Memory may say otherwise by now.
    stale: bool,
}

impl Block {
    /// The encoding of one of its instructions, as fetched.
    pub fn raw_of(&self, slot: &Slot) -> u32 {
        self.raw.get(usize::from(slot.at)..).and_then(raw_at).map_or(0, |(raw, _)| raw)
    }
}

/// Reads the encoding at the start of `bytes`: (encoding, length).
pub fn raw_at(bytes: &[u8]) -> Option<(u32, u8)> {
    let low = u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]);
    if low & 3 != 3 {
        return Some((low.into(), 2));
    }
    let high = u16::from_le_bytes([*bytes.get(2)?, *bytes.get(3)?]);
    Some((u32::from(high) << 16 | u32::from(low), 4))
}

/// Decodes one encoding of either length.
pub fn decode(raw: u32, len: u8, isa: &Isa) -> Option<Insn> {
    if len == 2 { arch::insn::decompress(raw as u16, isa) } else { arch::insn::decode(raw, isa) }
}

/// Decodes the block that starts `bytes`, which end with the page, up to an instruction that is `left_out`.
fn slots(bytes: &[u8], isa: &Isa, left_out: impl Fn(usize) -> bool) -> Vec<Slot> {
    let mut slots = Vec::with_capacity(8);
    let mut at = 0;
    while let Some((raw, len)) = raw_at(&bytes[at..]) {
        let Some(insn) = decode(raw, len, isa).filter(|_| !left_out(at)) else { break };
        slots.push(Slot { insn, at: at as u8, len });
        at += len as usize;
        if insn.ends_block() || slots.len() == MAX_SLOTS {
            break;
        }
    }
    slots
}

/// All blocks of a hart.
pub struct Blocks {
    blocks: Vec<Block>,
    by_offset: HashMap<u64, u32, BuildHasherDefault<OffsetHasher>>,
    /// The numbers of a page's blocks.
    by_page: HashMap<u64, Vec<u32>, BuildHasherDefault<OffsetHasher>>,
    slots: usize,
}

impl Blocks {
    /// An empty cache.
    pub fn new() -> Self {
        let (by_offset, by_page) = (HashMap::default(), HashMap::default());
        Blocks { blocks: Vec::new(), by_offset, by_page, slots: 0 }
    }

    /// The block of this number, if it is known to match memory.
    #[inline(always)]
    pub fn get(&self, number: u32) -> Option<&Block> {
        self.blocks.get(number as usize).filter(|b| !b.stale)
    }

    /// FENCE.I: blocks of pages that were written to must be compared with memory before they run again.
    pub fn fence(&mut self, watcher: &mut Watcher) {
        let Some(pages) = watcher.written() else {
            self.blocks.iter_mut().for_each(|block| block.stale = true);
            return;
        };
        for number in pages.iter().filter_map(|page| self.by_page.get(page)).flatten() {
            self.blocks[*number as usize].stale = true;
        }
    }

    /// Whether the cache must start over before another block is decoded. Numbers given out before are void then.
    pub fn is_full(&self) -> bool {
        self.slots >= CAPACITY
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Blocks::new();
    }

    /// The number of the block at a RAM offset, decoded now if need be. `None`: the first instruction runs into the
    /// next page, or is not legal.
    pub fn at(&mut self, offset: u64, core: &mut Core) -> Option<u32> {
        // what is decoded now is new: what was written before it must not be seen later as it was
        self.fence(&mut core.watcher);
        // before the bytes are read: a write that comes later is noted
        core.watcher.watch(offset / PAGE_BYTES);
        core.follow_watches();
        let known = self.by_offset.get(&offset).copied();
        if let Some(number) = known
            && self.still_true(number, &core.ram)
        {
            return Some(number);
        }
        let left = PAGE_BYTES - offset % PAGE_BYTES;
        let mut bytes = [0; 4 * MAX_SLOTS];
        let bytes = &mut bytes[..left.min(4 * MAX_SLOTS as u64) as usize];
        core.ram.read_bytes(offset, bytes)?;
        let slots = slots(bytes, &core.config.isa, |at| at != 0 && core.may_break(offset + at as u64));
        let last = slots.last()?;
        let len = usize::from(last.at) + usize::from(last.len);
        self.slots += slots.len();
        let block = Block { slots: slots.into(), raw: bytes[..len].into(), offset, stale: false };
        Some(self.keep(known, block))
    }

    fn keep(&mut self, place: Option<u32>, block: Block) -> u32 {
        if let Some(number) = place {
            self.slots -= self.blocks[number as usize].slots.len();
            self.blocks[number as usize] = block;
            return number;
        }
        let number = self.blocks.len() as u32;
        self.by_offset.insert(block.offset, number);
        self.by_page.entry(block.offset / PAGE_BYTES).or_default().push(number);
        self.blocks.push(block);
        number
    }

    /// Compares a block with memory, unless that is known to say the same.
    fn still_true(&mut self, number: u32, ram: &Ram) -> bool {
        let block = &mut self.blocks[number as usize];
        if !block.stale {
            return true;
        }
        let mut bytes = [0; 4 * MAX_SLOTS];
        let bytes = &mut bytes[..block.raw.len()];
        let same = ram.read_bytes(block.offset, bytes).is_some() && *bytes == *block.raw;
        block.stale = !same;
        same
    }
}

impl std::ops::Index<u32> for Blocks {
    type Output = Block;
    /// A block that [`Blocks::at`] has just numbered.
    fn index(&self, number: u32) -> &Block {
        &self.blocks[number as usize]
    }
}

/// Offsets are multiples of two; one multiplication spreads them.
#[derive(Default)]
pub struct OffsetHasher(u64);

impl Hasher for OffsetHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(b.into()));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
