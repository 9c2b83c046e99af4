//! The instructions of generated code that may run through the interpreter.

use arch::addr::PAGE_BYTES;
use arch::insn::{Insn, Opcode};

use crate::host::MAX_INSNS;

/// An instruction that may run through the interpreter, and what that needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its address.
    pub pc: u64,
    /// What it does.
    pub insn: Insn,
    /// Its length in bytes.
    pub len: u8,
    /// Instructions of its block from it to the end, itself included: all count as done already.
    pub left: u8,
    /// Whether the block is left after it.
    pub leaves: bool,
}

/// A site as it is kept.
#[derive(Clone, Copy)]
struct PackedSite {
    /// The encoding of what it does; compressed instructions stand as what they expand to.
    raw: u32,
    /// Index of its page, and in the lower bits what is left.
    page_and_left: u32,
    opcode: Opcode,
    /// Offset in the page, and in the bits above whether it is a long instruction, and whether the block is left.
    place: u16,
}

const LEFT_BITS: u32 = 7;
const LONG: u16 = 1 << 12;
const LEAVES: u16 = 1 << 13;

const _: () = assert!(PAGE_BYTES <= LONG as u64 && MAX_INSNS < 1 << LEFT_BITS);
const _: () = assert!(size_of::<PackedSite>() <= 12, "there are hundreds of thousands");

/// Sites at most.
pub const MOST_SITES: usize = 1 << (u32::BITS - LEFT_BITS);

/// All sites, by number.
#[derive(Default)]
pub struct Sites {
    list: Vec<PackedSite>,
    /// First addresses of the pages that they are in, one for each time that translation went to another page.
    pages: Vec<u64>,
}

impl Sites {
    /// The number of the next.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds one.
    pub fn push(&mut self, site: Site) {
        let start = site.pc & !(PAGE_BYTES - 1);
        if self.pages.last() != Some(&start) {
            self.pages.push(start);
        }
        let page = (self.pages.len() - 1) as u32;
        let flag = |flag, set| if set { flag } else { 0 };
        self.list.push(PackedSite {
            raw: site.insn.encode(),
            page_and_left: page << LEFT_BITS | u32::from(site.left),
            opcode: site.insn.opcode(),
            place: (site.pc % PAGE_BYTES) as u16 | flag(LONG, site.len == 4) | flag(LEAVES, site.leaves),
        });
    }

    /// The site with this number.
    pub fn get(&self, number: usize) -> Option<Site> {
        let PackedSite { raw, page_and_left, opcode, place } = *self.list.get(number)?;
        let start = self.pages.get((page_and_left >> LEFT_BITS) as usize)?;
        Some(Site {
            pc: start + u64::from(place % LONG),
            insn: Insn::decode_as(opcode, raw),
            len: if place & LONG != 0 { 4 } else { 2 },
            left: (page_and_left % (1 << LEFT_BITS)) as u8,
            leaves: place & LEAVES != 0,
        })
    }

    /// A block of `count` instructions, whose sites start with `first`, is complete: until now each site's `left` was
    /// its number in the block.
    pub fn settle(&mut self, first: usize, count: u8) {
        let sites = self.list.get_mut(first..).unwrap_or_default();
        sites.iter_mut().for_each(|site| {
            let number = site.page_and_left % (1 << LEFT_BITS);
            site.page_and_left = site.page_and_left - number + (u32::from(count) + 1 - number);
        });
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.list.clear();
        self.pages.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_come_back_as_they_went() {
        let mut sites = Sites::default();
        let site = |insn, pc, len, left, leaves| Site { pc, insn, len, left, leaves };
        let all = [
            site(Insn::Ebreak(arch::insn::Bare {}), 0x1ffe, 2, 1, true),
            site(Insn::Sd(arch::insn::S { rs1: 31, rs2: 1, imm: -8 }), u64::MAX - 3, 4, 2, false),
            site(Insn::Csrrwi(arch::insn::CsrI { rd: 10, uimm: 31, csr: 0xfff }), 0x8000_0000, 4, MAX_INSNS, true),
        ];
        all.iter().for_each(|&site| sites.push(site));
        sites.settle(0, MAX_INSNS);
        let settled = all.map(|site| Some(Site { left: MAX_INSNS + 1 - site.left, ..site }));
        assert_eq!([0, 1, 2].map(|number| sites.get(number)), settled);
        assert_eq!(sites.get(3), None);
    }
}
