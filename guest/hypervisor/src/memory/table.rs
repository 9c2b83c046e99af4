//! Page tables of any scheme and either stage.
//!
//! Privileged architecture, "Sv39: Page-Based 39-bit Virtual-Memory System" and its siblings; H extension, "Guest
//! Physical Address Translation": the G-stage's root is four times as large.

use arch::Phys;
use arch::addr::PAGE_SHIFT;
use arch::pte::{A, D, G, LEVEL_BITS, PPN_SHIFT, PTE_BYTES, Pte, R, Scheme, U, V, W, WIDENED_BITS, X};

/// The memory that tables lie in.
pub trait TableMemory {
    /// The entry at an address.
    fn read(&self, at: Phys) -> u64;
    /// Replaces it.
    fn write(&mut self, at: Phys, entry: u64);
    /// Pages for a table, zeroed, at a multiple of their size; none where memory has run out.
    fn pages(&mut self, count: u64) -> Option<Phys>;
    /// Takes them back.
    fn return_pages(&mut self, at: Phys, count: u64);
}

/// What a leaf permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Of the hypervisor's own memory.
    Execute,
    /// The same.
    Read,
    /// The same.
    ReadWrite,
    /// A guest's memory. "all memory accesses [...] are considered to be user-level accesses".
    Guest,
    /// A register of the machine's that a guest reaches itself.
    GuestRegister,
    /// A guest's memory that nobody has written to since its log was taken: D is clear, and the hart sets it, or lets
    /// the hypervisor do so.
    GuestClean,
}

impl Rights {
    // ANCHOR: rights
    /// A and D are set, where nobody asks for them.
    const fn bits(self) -> u64 {
        match self {
            Rights::Execute => V | R | X | G | A,
            Rights::Read => V | R | G | A,
            Rights::ReadWrite => V | R | W | G | A | D,
            Rights::Guest => V | R | W | X | U | A | D,
            Rights::GuestRegister => V | R | W | U | A | D,
            Rights::GuestClean => V | R | W | X | U | A,
        }
    }
    // ANCHOR_END: rights
}

/// Which stage a table is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The hypervisor's own.
    Own,
    /// A guest's second.
    Guest,
}

impl Stage {
    const fn widened(self) -> u32 {
        match self {
            Stage::Own => 0,
            Stage::Guest => WIDENED_BITS,
        }
    }
}

/// Memory for tables has run out, or an address is beyond the scheme's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMapped;

/// A page table.
#[derive(Debug)]
pub struct Table {
    root: Phys,
    scheme: Scheme,
    stage: Stage,
}

/// Bytes that a leaf at `level` maps; level 0 has pages of 4 KiB.
pub const fn leaf_bytes(level: u32) -> u64 {
    1 << (PAGE_SHIFT + level * LEVEL_BITS)
}

impl Table {
    /// An empty table; none where memory has run out.
    pub fn new(scheme: Scheme, stage: Stage, memory: &mut impl TableMemory) -> Option<Table> {
        Some(Table { root: memory.pages(1 << stage.widened())?, scheme, stage })
    }

    /// The root's page number, as `satp` and `hgatp` have it.
    pub fn root_ppn(&self) -> u64 {
        self.root.0 >> PAGE_SHIFT
    }

    /// Lets the address `from` mean `to`, by one leaf at `level`.
    ///
    /// # Errors
    /// There is no memory for a table on the way.
    pub fn map(
        &mut self,
        from: u64,
        to: Phys,
        level: u32,
        rights: Rights,
        memory: &mut impl TableMemory,
    ) -> Result<(), NotMapped> {
        if from >> (self.scheme.address_bits() + self.stage.widened()) != 0 {
            return Err(NotMapped);
        }
        let mut at = self.entry(self.root, from, self.scheme.levels() - 1);
        for next in (level..self.scheme.levels() - 1).rev() {
            let table = self.below(at, memory)?;
            at = self.entry(table, from, next);
        }
        memory.write(at, to.0 >> PAGE_SHIFT << PPN_SHIFT | rights.bits());
        Ok(())
    }

    /// Takes a leaf away, so that its addresses mean nothing.
    pub fn unmap(&mut self, from: u64, memory: &mut impl TableMemory) {
        if let Some((at, ..)) = self.leaf(from, memory) {
            memory.write(at, 0);
        }
    }

    /// Makes of the leaf for an address as many as pages of 4 KiB have room for; what they mean stays the same.
    ///
    /// # Errors
    /// There is no memory for their table.
    pub fn split(&mut self, from: u64, memory: &mut impl TableMemory) -> Result<(), NotMapped> {
        while let Some((at, leaf, level)) = self.leaf(from, memory).filter(|(.., level)| *level > 0) {
            split(at, leaf, level, memory)?;
        }
        Ok(())
    }

    /// A guest's memory at an address has been written to: sets D of its leaf, as a hart does that has Svadu.
    pub fn set_written(&mut self, from: u64, memory: &mut impl TableMemory) {
        if let Some((at, leaf, _)) = self.leaf(from, memory).filter(|(_, leaf, _)| leaf.has(X) && !leaf.has(D)) {
            memory.write(at, leaf.0 | D);
        }
    }

    /// How much of a guest's memory has D set, which is clear then: a log of what was written. Large leaves become
    /// small ones, as far as there is memory for their tables. Harts go on to write without setting D to what is in
    /// this log, until they have forgotten it.
    pub fn take_written(&mut self, memory: &mut impl TableMemory) -> u64 {
        let mut bytes = 0;
        self.visit(memory, |at, leaf, level, memory| {
            if leaf.has(X) && leaf.has(D) {
                bytes += leaf_bytes(level);
                into_pages(at, Pte(leaf.0 & !D), level, memory);
            }
        });
        bytes
    }

    /// Lets one leaf at `level` mean what a table below it does, all of which lies side by side; answers the table's
    /// page. Harts may go on to read it, to the same end, until they have forgotten it.
    pub fn join(&mut self, from: u64, level: u32, rights: Rights, memory: &mut impl TableMemory) -> Option<Phys> {
        let (first, _) = self.lookup(from & !(leaf_bytes(level) - 1), memory)?;
        let mut table = self.root;
        for above in (level + 1..self.scheme.levels()).rev() {
            table = Phys(Pte(memory.read(self.entry(table, from, above))).ppn() << PAGE_SHIFT);
        }
        let at = self.entry(table, from, level);
        let below = Pte(memory.read(at));
        memory.write(at, first.0 >> PAGE_SHIFT << PPN_SHIFT | rights.bits());
        Some(Phys(below.ppn() << PAGE_SHIFT))
    }

    /// What the address `from` means, and the level of the leaf that says so.
    pub fn lookup(&self, from: u64, memory: &impl TableMemory) -> Option<(Phys, u32)> {
        let (_, entry, level) = self.leaf(from, memory)?;
        Some((Phys((entry.ppn() << PAGE_SHIFT) + (from & (leaf_bytes(level) - 1))), level))
    }

    /// Gives all tables back.
    pub fn clear(self, memory: &mut impl TableMemory) {
        self.visit(memory, |_, entry, _, memory| {
            if entry.is_pointer() {
                memory.return_pages(Phys(entry.ppn() << PAGE_SHIFT), 1);
            }
        });
        memory.return_pages(self.root, 1 << self.stage.widened());
    }

    fn visit<M: TableMemory>(&self, memory: &mut M, mut each: impl FnMut(Phys, Pte, u32, &mut M)) {
        let (level, entries) = (self.scheme.levels() - 1, 1 << (LEVEL_BITS + self.stage.widened()));
        visit(self.root, level, entries, memory, &mut each);
    }

    /// The leaf for an address: where it stands, itself, its level.
    fn leaf(&self, from: u64, memory: &impl TableMemory) -> Option<(Phys, Pte, u32)> {
        if from >> (self.scheme.address_bits() + self.stage.widened()) != 0 {
            return None;
        }
        let mut table = self.root;
        for level in (0..self.scheme.levels()).rev() {
            let at = self.entry(table, from, level);
            let entry = Pte(memory.read(at));
            if !entry.is_pointer() {
                return entry.has(V).then_some((at, entry, level));
            }
            table = Phys(entry.ppn() << PAGE_SHIFT);
        }
        None
    }

    /// The table that the entry at `at` points to, made if there is none.
    fn below(&self, at: Phys, memory: &mut impl TableMemory) -> Result<Phys, NotMapped> {
        let entry = Pte(memory.read(at));
        match () {
            () if entry.is_pointer() => Ok(Phys(entry.ppn() << PAGE_SHIFT)),
            () if entry.has(V) => Err(NotMapped),
            () => {
                let table = memory.pages(1).ok_or(NotMapped)?;
                memory.write(at, table.0 >> PAGE_SHIFT << PPN_SHIFT | V);
                Ok(table)
            }
        }
    }

    /// Where the entry for an address stands in a table of `level`. Only the G-stage's root has more than 512.
    fn entry(&self, table: Phys, from: u64, level: u32) -> Phys {
        let root = level == self.scheme.levels() - 1;
        let bits = if root { LEVEL_BITS + self.stage.widened() } else { LEVEL_BITS };
        let index = from >> (PAGE_SHIFT + level * LEVEL_BITS) & ((1 << bits) - 1);
        Phys(table.0 + index * PTE_BYTES)
    }
}

/// Puts a table of smaller leaves, which mean the same, in place of the one at `at`.
fn split(at: Phys, leaf: Pte, level: u32, memory: &mut impl TableMemory) -> Result<(), NotMapped> {
    let table = memory.pages(1).ok_or(NotMapped)?;
    for index in 0..1 << LEVEL_BITS {
        let part = (index * leaf_bytes(level - 1)) >> PAGE_SHIFT << PPN_SHIFT;
        memory.write(Phys(table.0 + index * PTE_BYTES), leaf.0 + part);
    }
    memory.write(at, table.0 >> PAGE_SHIFT << PPN_SHIFT | V);
    Ok(())
}

/// Puts `leaf` at `at`, as pages of 4 KiB as far as there is memory for their tables.
fn into_pages(at: Phys, leaf: Pte, level: u32, memory: &mut impl TableMemory) {
    if level == 0 || split(at, leaf, level, memory).is_err() {
        return memory.write(at, leaf.0);
    }
    let table = Pte(memory.read(at)).ppn() << PAGE_SHIFT;
    for at in (0..1 << LEVEL_BITS).map(|index| Phys(table + index * PTE_BYTES)).filter(|_| level > 1) {
        into_pages(at, Pte(memory.read(at)), level - 1, memory);
    }
}

/// Calls `each` with all entries of a table and of those below it, which come first: where each stands, itself, its
/// level.
fn visit<M: TableMemory>(
    table: Phys,
    level: u32,
    entries: u64,
    memory: &mut M,
    each: &mut impl FnMut(Phys, Pte, u32, &mut M),
) {
    for at in (0..entries).map(|index| Phys(table.0 + index * PTE_BYTES)) {
        let entry = Pte(memory.read(at));
        if entry.is_pointer() && level > 0 {
            visit(Phys(entry.ppn() << PAGE_SHIFT), level - 1, 1 << LEVEL_BITS, memory, each);
        }
        if entry.has(V) {
            each(at, entry, level, memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::{BTreeMap, BTreeSet};
    use arch::addr::PAGE_BYTES;

    /// Memory that counts its pages.
    #[derive(Default)]
    struct Pages {
        entries: BTreeMap<u64, u64>,
        given: BTreeSet<u64>,
        left: u64,
    }

    impl TableMemory for Pages {
        fn read(&self, at: Phys) -> u64 {
            self.entries.get(&at.0).copied().unwrap_or(0)
        }
        fn write(&mut self, at: Phys, entry: u64) {
            self.entries.insert(at.0, entry);
        }
        fn pages(&mut self, count: u64) -> Option<Phys> {
            self.left = self.left.checked_sub(count)?;
            let base = 0x9000_0000 + (self.given.len() as u64) * 4 * PAGE_BYTES;
            self.given.insert(base);
            Some(Phys(base))
        }
        fn return_pages(&mut self, at: Phys, count: u64) {
            assert!(self.given.remove(&at.0));
            self.left += count;
        }
    }

    fn memory(left: u64) -> Pages {
        Pages { left, ..Pages::default() }
    }

    #[test]
    fn a_large_page_means_all_that_it_maps() {
        let mut pages = memory(16);
        let mut table = Table::new(Scheme::Sv39, Stage::Guest, &mut pages).unwrap();
        table.map(0x8020_0000, Phys(0x1_0040_0000), 1, Rights::Guest, &mut pages).unwrap();
        assert_eq!(table.lookup(0x8020_0000, &pages), Some((Phys(0x1_0040_0000), 1)));
        assert_eq!(table.lookup(0x803f_ffff, &pages), Some((Phys(0x1_005f_ffff), 1)));
        assert_eq!((table.lookup(0x8040_0000, &pages), table.lookup(0x801f_ffff, &pages)), (None, None));
    }

    #[test]
    fn entries_are_as_the_manual_has_them() {
        // "Sv39": PPN from bit 10 on; H extension: U must be set; V R W X U A D
        let mut pages = memory(16);
        let mut table = Table::new(Scheme::Sv39, Stage::Guest, &mut pages).unwrap();
        table.map(0x0, Phys(0x8000_0000), 2, Rights::Guest, &mut pages).unwrap();
        assert_eq!(pages.read(Phys(0x9000_0000)), 0x8000_0000 >> 2 | 0b1101_1111);
        // the widened root: address bit 40 is the eleventh of the index
        table.map(1 << 40, Phys(0x8000_0000), 2, Rights::Guest, &mut pages).unwrap();
        assert_eq!(pages.read(Phys(0x9000_0000 + (1 << 10) * 8)), 0x8000_0000 >> 2 | 0b1101_1111);
        assert_eq!(table.map(1 << 41, Phys(0), 2, Rights::Guest, &mut pages), Err(NotMapped));
    }

    #[test]
    fn no_right_of_the_hypervisors_is_to_write_and_to_execute() {
        for rights in [Rights::Execute, Rights::Read, Rights::ReadWrite] {
            assert!(rights.bits() & (W | X) != W | X && rights.bits() & U == 0, "{rights:?}");
        }
    }

    #[test]
    fn a_leaf_that_is_split_means_the_same() {
        let mut pages = memory(16);
        let mut table = Table::new(Scheme::Sv39, Stage::Own, &mut pages).unwrap();
        table.map(0x8000_0000, Phys(0x8000_0000), 2, Rights::ReadWrite, &mut pages).unwrap();
        table.split(0x8123_4000, &mut pages).unwrap();
        assert_eq!(table.lookup(0x8123_4567, &pages), Some((Phys(0x8123_4567), 0)));
        assert_eq!(table.lookup(0x8140_0000, &pages), Some((Phys(0x8140_0000), 1)));
        table.unmap(0x8123_4000, &mut pages);
        assert_eq!(table.lookup(0x8123_4567, &pages), None);
        assert_eq!(table.lookup(0x8123_5000, &pages), Some((Phys(0x8123_5000), 0)));
    }

    #[test]
    fn pages_that_are_joined_mean_the_same_by_one_leaf() {
        for scheme in [Scheme::Sv39, Scheme::Sv48, Scheme::Sv57] {
            let mut pages = memory(16);
            let mut table = Table::new(scheme, Stage::Guest, &mut pages).unwrap();
            for page in 0..512 {
                let (from, to) = (0x8020_0000 + page * PAGE_BYTES, 0x9040_0000 + page * PAGE_BYTES);
                table.map(from, Phys(to), 0, Rights::Guest, &mut pages).unwrap();
            }
            let left = pages.left;
            let below = table.join(0x8030_0000, 1, Rights::Guest, &mut pages).unwrap();
            pages.return_pages(below, 1);
            assert_eq!(table.lookup(0x803f_f123, &pages), Some((Phys(0x905f_f123), 1)), "{scheme:?}");
            assert_eq!(pages.left, left + 1);
            table.clear(&mut pages);
            assert_eq!(pages.left, 16);
        }
    }

    /// A guest's table with memory of 2 MiB by one leaf, a page, and a page of registers.
    fn written(pages: &mut Pages) -> Table {
        let mut table = Table::new(Scheme::Sv39, Stage::Guest, pages).unwrap();
        table.map(0x8020_0000, Phys(0x9020_0000), 1, Rights::Guest, pages).unwrap();
        table.map(0x8040_0000, Phys(0x9040_0000), 0, Rights::GuestClean, pages).unwrap();
        table.map(0x2800_0000, Phys(0x2400_0000), 0, Rights::GuestRegister, pages).unwrap();
        table
    }

    #[test]
    fn what_was_written_is_told_once_page_by_page() {
        let mut pages = memory(16);
        let mut table = written(&mut pages);
        assert_eq!(table.take_written(&mut pages), 2 << 20);
        assert_eq!(table.take_written(&mut pages), 0);
        assert_eq!(table.lookup(0x8023_4567, &pages), Some((Phys(0x9023_4567), 0)));
        for at in [0x8020_0000, 0x8020_0fff, 0x8030_0000, 0x8040_0123] {
            table.set_written(at, &mut pages);
        }
        assert_eq!(table.take_written(&mut pages), 3 * PAGE_BYTES);
        assert_eq!(table.take_written(&mut pages), 0);
    }

    /// H extension, "Two-Stage Address Translation": a store needs D, which the hart sets or a guest-page fault asks
    /// for.
    #[test]
    fn a_log_clears_d_of_memory_and_of_nothing_else() {
        let mut pages = memory(16);
        let mut table = written(&mut pages);
        table.take_written(&mut pages);
        let bits = |table: &Table, at: u64| table.leaf(at, &pages).unwrap().1.0 & 0xff;
        assert_eq!((bits(&table, 0x8020_0000), bits(&table, 0x803f_f000)), (0b0101_1111, 0b0101_1111));
        assert_eq!(bits(&table, 0x2800_0000), 0b1101_0111);
        table.set_written(0x2800_0000, &mut pages);
        table.set_written(0x7000_0000, &mut pages);
        assert_eq!(table.take_written(&mut pages), 0);
    }

    #[test]
    fn a_log_of_a_gib_is_of_pages_too() {
        let mut pages = memory(600);
        let mut table = Table::new(Scheme::Sv39, Stage::Guest, &mut pages).unwrap();
        table.map(0x8000_0000, Phys(0xc000_0000), 2, Rights::Guest, &mut pages).unwrap();
        assert_eq!(table.take_written(&mut pages), 1 << 30);
        table.set_written(0x8123_4000, &mut pages);
        assert_eq!(table.take_written(&mut pages), PAGE_BYTES);
        table.clear(&mut pages);
        assert_eq!(pages.left, 600);
    }

    #[test]
    fn a_log_without_memory_for_tables_is_of_larger_pages() {
        let mut pages = memory(16);
        let mut table = written(&mut pages);
        pages.left = 0;
        assert_eq!(table.take_written(&mut pages), 2 << 20);
        assert_eq!(table.lookup(0x8020_0000, &pages), Some((Phys(0x9020_0000), 1)));
        table.set_written(0x8030_0000, &mut pages);
        assert_eq!(table.take_written(&mut pages), 2 << 20);
    }

    #[test]
    fn pieces_that_are_joined_mean_the_same_by_one_leaf_of_1_gib() {
        for scheme in [Scheme::Sv39, Scheme::Sv48, Scheme::Sv57] {
            let mut pages = memory(16);
            let mut table = Table::new(scheme, Stage::Guest, &mut pages).unwrap();
            for piece in 0..512 {
                let offset = piece * leaf_bytes(1);
                table.map(0x8000_0000 + offset, Phys(0x1_4000_0000 + offset), 1, Rights::Guest, &mut pages).unwrap();
            }
            let below = table.join(0xa000_0000, 2, Rights::Guest, &mut pages).unwrap();
            pages.return_pages(below, 1);
            assert_eq!(table.lookup(0xbfff_f123, &pages), Some((Phys(0x1_7fff_f123), 2)), "{scheme:?}");
            table.clear(&mut pages);
            assert_eq!(pages.left, 16);
        }
    }

    #[test]
    fn a_table_that_is_cleared_gives_all_back() {
        let mut pages = memory(16);
        let mut table = Table::new(Scheme::Sv48, Stage::Guest, &mut pages).unwrap();
        table.map(0x8020_0000, Phys(0x9020_0000), 1, Rights::Guest, &mut pages).unwrap();
        table.map(0x4000_0000_1000, Phys(0xa000_0000), 0, Rights::Guest, &mut pages).unwrap();
        table.unmap(0x8020_0000, &mut pages);
        table.map(0x8040_0000, Phys(0x9040_0000), 1, Rights::Guest, &mut pages).unwrap();
        table.clear(&mut pages);
        assert_eq!((pages.left, pages.given.len()), (16, 0));
    }

    #[test]
    fn where_memory_runs_out_nothing_is_mapped() {
        let mut pages = memory(5);
        let mut table = Table::new(Scheme::Sv39, Stage::Guest, &mut pages).unwrap();
        assert_eq!(table.map(0x1000, Phys(0x1000), 0, Rights::Guest, &mut pages), Err(NotMapped));
        assert_eq!(table.lookup(0x1000, &pages), None);
    }
}
