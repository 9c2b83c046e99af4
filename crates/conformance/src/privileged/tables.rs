//! Random page tables: windows that mostly work, and much that does not.
//!
//! All trees share one pool of pages, so that a wrong pointer leads to some other table.

use arch::csr::atp;
use arch::pte::{self, Scheme};

use super::layout::{CODE, DATA, DATA_PAGES, NOWHERE, TABLES, TO_USER, USER_WINDOW};
use crate::lockstep::RAM_BASE;
use kit::Rng;

const PAGE: u64 = arch::addr::PAGE_BYTES;
const LEAF: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;
const SCHEMES: [(u64, Scheme); 3] = [(atp::SV39, Scheme::Sv39), (atp::SV48, Scheme::Sv48), (atp::SV57, Scheme::Sv57)];

/// What a tree is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Supervisor,
    VirtualSupervisor,
    Guest,
}

/// Page tables, and the roots to choose from.
#[derive(Default)]
pub struct Tables {
    pages: Vec<[u64; 512]>,
    /// Values for `satp`.
    pub satp: Vec<u64>,
    /// Values for `vsatp`.
    pub vsatp: Vec<u64>,
    /// Values for `hgatp`.
    pub hgatp: Vec<u64>,
    /// Addresses of pages of last-level entries for data.
    pub leaves: Vec<u64>,
}

impl Tables {
    /// Some trees of every scheme.
    pub fn random(rng: &mut Rng) -> Tables {
        let mut tables = Tables::default();
        for (mode, scheme) in SCHEMES {
            for _ in 0..2 {
                let value = tables.tree(rng, Kind::Guest, mode, scheme);
                tables.hgatp.push(value);
                let value = tables.tree(rng, Kind::Supervisor, mode, scheme);
                tables.satp.push(value);
                let value = tables.tree(rng, Kind::VirtualSupervisor, mode, scheme);
                tables.vsatp.push(value);
            }
        }
        tables
    }

    /// The memory that they are.
    pub fn into_segment(self) -> (u64, Vec<u8>) {
        (TABLES, self.pages.iter().flatten().flat_map(|entry| entry.to_le_bytes()).collect())
    }

    /// A new page; answers its number.
    fn page(&mut self) -> usize {
        self.pages.push([0; 512]);
        self.pages.len() - 1
    }

    /// A tree; answers the register's value.
    fn tree(&mut self, rng: &mut Rng, kind: Kind, mode: u64, scheme: Scheme) -> u64 {
        let root = self.root(kind);
        let mut table = root;
        for level in (3..scheme.levels()).rev() {
            let next = self.page();
            self.pages[table][0] = pointer(next);
            self.pages[table][1] = self.wild(rng, level);
            self.pages[table][511] = self.wild(rng, level);
            table = next;
        }
        let supervisor = self.megapages(rng, kind, false);
        let user = self.megapages(rng, kind, true);
        let entries =
            [self.wild(rng, 2), pointer(user), pointer(supervisor), leaf(RAM_BASE, LEAF | user_bit(rng, kind))];
        self.pages[table][..4].copy_from_slice(&entries);
        for index in [4, 5, 6, 7, 256, 510, 511] {
            self.pages[table][index] = self.wild(rng, 2);
        }
        mode << atp::MODE_SHIFT | address(root) >> 12
    }

    /// A root page; four for the G-stage, aligned.
    fn root(&mut self, kind: Kind) -> usize {
        let pages = if kind == Kind::Guest { 4 } else { 1 };
        while !self.pages.len().is_multiple_of(pages) {
            self.page();
        }
        let root = self.page();
        (1..pages).for_each(|_| {
            self.page();
        });
        root
    }

    /// A table of the level of 2 MiB: code, page tables and data, as they lie in RAM.
    fn megapages(&mut self, rng: &mut Rng, kind: Kind, for_user: bool) -> usize {
        let page = self.page();
        let user = if for_user || kind == Kind::Guest { pte::U } else { 0 };
        // Guest-physical addresses have both windows too.
        let to = |address: u64| {
            if kind == Kind::VirtualSupervisor && for_user { address.wrapping_add(TO_USER) } else { address }
        };
        self.pages[page][0] = leaf(to(CODE), LEAF & !pte::W | user);
        self.pages[page][1] = leaf(to(CODE + 0x20_0000), LEAF & !pte::W | user);
        self.pages[page][4] = match kind {
            Kind::Guest if rng.one_in(3) => self.walked(rng),
            Kind::Guest => leaf(TABLES, LEAF | user),
            _ => leaf(to(TABLES), LEAF & !pte::W | user),
        };
        let leaves = self.leaves(rng, kind, user);
        self.pages[page][5] = if rng.one_in(12) { leaf(to(DATA), LEAF | user) } else { pointer(leaves) };
        page
    }

    /// For the G-stage: the page tables in small pages, of which not all will do.
    fn walked(&mut self, rng: &mut Rng) -> u64 {
        let page = self.page();
        for index in 0..512 {
            let damage = if rng.one_in(24) { 1 << rng.below(8) } else { 0 };
            self.pages[page][index] = leaf(TABLES + index as u64 * PAGE, (LEAF | pte::U) ^ damage);
        }
        pointer(page)
    }

    /// A table of last-level entries for the data pages.
    fn leaves(&mut self, rng: &mut Rng, kind: Kind, user: u64) -> usize {
        let page = self.page();
        for index in 0..512 {
            let index = index as usize;
            self.pages[page][index] = data_entry(rng, user, kind == Kind::VirtualSupervisor);
        }
        self.leaves.push(address(page));
        page
    }

    /// An entry at `level` that need not mean anything.
    fn wild(&mut self, rng: &mut Rng, level: u32) -> u64 {
        let flags = wild_flags(rng);
        match rng.below(8) {
            0 => 0,
            1 => pointer_to(NOWHERE),
            2 => leaf(NOWHERE, flags),
            3 if level <= 2 => leaf(RAM_BASE, LEAF | flags),
            4 => rng.bits(),
            _ => pointer_to(TABLES + rng.below(self.pages.len() as u64) * PAGE) | if rng.one_in(8) { flags } else { 0 },
        }
    }
}

fn user_bit(rng: &mut Rng, kind: Kind) -> u64 {
    if kind == Kind::Guest || rng.one_in(2) { pte::U } else { 0 }
}

/// Flags of an entry, mostly of a leaf.
fn wild_flags(rng: &mut Rng) -> u64 {
    let rare = match rng.below(40) {
        0 => pte::N,
        1 => 1 << pte::PBMT_SHIFT,
        2 => 2 << pte::PBMT_SHIFT,
        3 => pte::PBMT,
        4 => 1 << (54 + rng.below(7)),
        _ => 0,
    };
    rare | rng.bits() & 0x3ff | if rng.one_in(10) { 0 } else { pte::V }
}

/// A last-level entry for data; `user` is what U had better be.
pub fn data_entry(rng: &mut Rng, user: u64, guest_physical: bool) -> u64 {
    let page = DATA + rng.below(DATA_PAGES) * PAGE;
    let page = if guest_physical && rng.one_in(4) { page.wrapping_add(TO_USER) } else { page };
    match rng.below(16) {
        0..7 => leaf(page, LEAF | user),
        7..9 => leaf(page, (LEAF | user) ^ pte::D),
        9..11 => leaf(page, (LEAF | user) ^ 1 << rng.below(8)),
        11 => leaf(page & !0xffff | 0x8000, LEAF | user | pte::N),
        12 => leaf(page, LEAF | user | rng.below(4) << pte::PBMT_SHIFT),
        13 => leaf(if rng.one_in(2) { NOWHERE } else { page | 1 << rng.below(56) & !0xfff }, LEAF | user),
        _ => leaf(page, wild_flags(rng)),
    }
}

fn address(page: usize) -> u64 {
    TABLES + page as u64 * PAGE
}

fn pointer(page: usize) -> u64 {
    pointer_to(address(page))
}

const fn pointer_to(address: u64) -> u64 {
    leaf(address, pte::V)
}

const fn leaf(address: u64, flags: u64) -> u64 {
    (address >> 12 & atp::PPN) << pte::PPN_SHIFT | flags
}

/// An address in a data page; accesses do not cross pages, as what a store that faults leaves behind is open.
pub fn data_address(rng: &mut Rng, window: u64) -> u64 {
    let offset = match rng.below(4) {
        0 => PAGE - 8,
        1 => rng.below(PAGE - 16),
        _ => rng.below(PAGE / 16) * 16,
    };
    window.wrapping_add(DATA - RAM_BASE + rng.below(DATA_PAGES) * PAGE + offset)
}

const _: () = assert!(USER_WINDOW & 0x3fff_ffff == 0);
