//! The instructions of generated code that may run through the interpreter.

use arch::addr::PAGE_BYTES;
use arch::insn::Insn;

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
struct Packed {
    insn: Insn,
    /// Index of its page.
    page: u32,
    /// Offset in the page.
    place: u16,
    left: u8,
    /// The length, and above it whether the block is left.
    len: u8,
}

/// Above a length.
const LEAVES: u8 = 0x80;

const _: () = assert!(size_of::<Packed>() <= 20, "there are hundreds of thousands");

/// All sites, by number.
#[derive(Default)]
pub struct Sites {
    list: Vec<Packed>,
    /// First addresses of the pages that they are in, one for each time that translation went to another page.
    pages: Vec<u64>,
}

impl Sites {
    /// The number of the next.
    pub fn len(&self) -> u32 {
        self.list.len() as u32
    }

    /// Adds one.
    pub fn push(&mut self, site: Site) {
        let start = site.pc & !(PAGE_BYTES - 1);
        if self.pages.last() != Some(&start) {
            self.pages.push(start);
        }
        self.list.push(Packed {
            insn: site.insn,
            page: (self.pages.len() - 1) as u32,
            place: (site.pc % PAGE_BYTES) as u16,
            left: site.left,
            len: site.len | if site.leaves { LEAVES } else { 0 },
        });
    }

    /// The site with this number.
    pub fn get(&self, number: u64) -> Option<Site> {
        let Packed { insn, page, place, left, len } = *self.list.get(number as usize)?;
        let pc = self.pages.get(page as usize)? + u64::from(place);
        Some(Site { pc, insn, len: len & !LEAVES, left, leaves: len & LEAVES != 0 })
    }

    /// A block of `count` instructions, whose sites start with `first`, is complete: until now each site's `left` was its
    /// number in the block.
    pub fn settle(&mut self, first: u32, count: u8) {
        let sites = self.list.get_mut(first as usize..).unwrap_or_default();
        sites.iter_mut().for_each(|site| site.left = count + 1 - site.left);
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
        let insn = Insn::Ebreak(arch::insn::Bare {});
        let site = |pc, len, left, leaves| Site { pc, insn, len, left, leaves };
        let all = [site(0x1ffe, 2, 1, true), site(u64::MAX - 3, 4, 2, false)];
        all.iter().for_each(|&site| sites.push(site));
        sites.settle(0, 2);
        assert_eq!(sites.get(0), Some(Site { left: 2, ..all[0] }));
        assert_eq!(sites.get(1), Some(Site { left: 1, ..all[1] }));
        assert_eq!(sites.get(2), None);
    }
}
