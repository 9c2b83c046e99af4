//! Where the initial RAM disk and the device tree go: by the sizes of everything, never at fixed offsets.
//!
//! Both go as high as they fit, so that whatever a program does just behind its own end does not reach them.

use memory::Ram;

/// Addresses from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First address.
    pub start: u64,
    /// First address after.
    pub end: u64,
}

impl Range {
    /// All of RAM.
    pub fn of(ram: &Ram) -> Self {
        Range { start: ram.base().0, end: ram.base().0 + ram.len_bytes() }
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Range) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// Alignment of the initial RAM disk: pages.
const INITRD_ALIGN: u64 = arch::addr::PAGE_BYTES;
/// Alignment of the device tree: kernels before 5.x map it by large pages.
const TREE_ALIGN: u64 = 2 << 20;
/// Where 2 MiB are too coarse (small memories), the specification's alignment and a page's.
const TREE_ALIGN_SMALL: u64 = arch::addr::PAGE_BYTES;
/// Room behind the device tree, in which firmware adds nodes.
pub const TREE_SLACK_BYTES: u64 = 64 << 10;

/// The places found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// First address of the device tree.
    pub tree: u64,
    /// First address of the initial RAM disk.
    pub initrd: u64,
}

/// Finds places for a device tree and an initial RAM disk of these sizes, clear of `taken`; `None` if there are none.
pub fn place(ram: Range, taken: &[Range], tree_bytes: u64, initrd_bytes: u64) -> Option<Places> {
    let tree_bytes = tree_bytes.checked_add(TREE_SLACK_BYTES)?;
    let fit = |align| {
        let tree = highest(ram, taken, tree_bytes, align)?;
        let mut taken = taken.to_vec();
        taken.push(Range { start: tree, end: tree + tree_bytes });
        let initrd = highest(ram, &taken, initrd_bytes, INITRD_ALIGN)?;
        Some(Places { tree, initrd })
    };
    fit(TREE_ALIGN).or_else(|| fit(TREE_ALIGN_SMALL))
}

/// The highest place for `bytes` within `ram` and clear of `taken`.
fn highest(ram: Range, taken: &[Range], bytes: u64, align: u64) -> Option<u64> {
    let mut end = ram.end;
    loop {
        let start = end.checked_sub(bytes)? / align * align;
        if start < ram.start {
            return None;
        }
        let here = Range { start, end: start + bytes };
        match taken.iter().find(|range| range.overlaps(here)) {
            Some(obstacle) => end = obstacle.start,
            None => return Some(start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const RAM: Range = Range { start: 0x8000_0000, end: 0x8000_0000 + 128 * MIB };

    #[test]
    fn both_go_to_the_top_without_overlap() {
        let kernel = Range { start: 0x8020_0000, end: 0x8020_0000 + 40 * MIB };
        let places = place(RAM, &[kernel], 5000, 20 * MIB).unwrap();
        assert_eq!(places.tree, RAM.end - 2 * MIB);
        assert_eq!(places.initrd, RAM.end - 22 * MIB);
    }

    #[test]
    fn a_program_at_the_top_is_avoided() {
        let program = Range { start: RAM.end - 10 * MIB, end: RAM.end };
        let places = place(RAM, &[program], 5000, 3 * MIB).unwrap();
        assert_eq!(places, Places { tree: RAM.end - 12 * MIB, initrd: RAM.end - 15 * MIB });
    }

    #[test]
    fn small_memories_take_finer_alignment() {
        let ram = Range { start: 0x8000_0000, end: 0x8000_0000 + 4 * MIB };
        let program = Range { start: ram.start, end: ram.end - 512 * 1024 };
        let places = place(ram, &[program], 4096, 0).unwrap();
        assert!(places.tree >= program.end && places.tree + 4096 + TREE_SLACK_BYTES <= ram.end);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(place(RAM, &[], 5000, 128 * MIB), None);
        assert_eq!(place(RAM, &[RAM], 5000, 0), None);
        assert_eq!(place(RAM, &[], 5000, u64::MAX), None);
    }
}
