//! Where things lie in the machine of random programs, and page tables with holes.

use arch::pte;

use super::{DEVICE, Pair, RAM_BASE};
pub use conformance::pair::TABLES;
use jit::Backend;
use kit::Rng;

/// The trap handler.
pub const HANDLER: u64 = RAM_BASE;
/// What the handler goes on with: entries of [`ENTRY_BYTES`].
pub const POOL: u64 = RAM_BASE + 0x4000;
/// Entries of the pool.
pub const ENTRIES: u64 = 32;
/// Bytes of an entry.
pub const ENTRY_BYTES: u64 = 512;
/// Random code.
pub const CODE: u64 = RAM_BASE + 0x8000;
/// Pages of it.
pub const CODE_PAGES: u64 = 8;
/// What loads and stores reach; the two are in the same 64 KiB of addresses.
pub const DATA: u64 = RAM_BASE + 0x1_0000;
/// Pages of it.
pub const DATA_PAGES: u64 = 16;
const PAGE: u64 = 4096;

/// Which pages of code user mode executes.
pub type UserPages = [bool; CODE_PAGES as usize];

/// Builds page tables.
pub struct Tables<'a, B: Backend> {
    pair: &'a Pair<B>,
    next: u64,
}

/// One stage of translation.
#[derive(Clone, Copy)]
pub struct Stage {
    /// `satp`, `vsatp` or `hgatp`.
    pub atp: u64,
    pub user: UserPages,
}

impl<'a, B: Backend> Tables<'a, B> {
    pub fn new(pair: &'a Pair<B>) -> Self {
        Tables { pair, next: TABLES }
    }

    fn take(&mut self, bytes: u64) -> u64 {
        self.next = self.next.next_multiple_of(bytes) + bytes;
        self.next - bytes
    }

    fn map(&mut self, root: u64, va: u64, pa: u64, flags: u64) {
        let mut table = root;
        for level in [2, 1] {
            let at = table + (va >> (12 + 9 * level) & if level == 2 { 0x7ff } else { 0x1ff }) * 8;
            let entry = self.pair.rams[0].load_u64(at - RAM_BASE).unwrap();
            table = if entry != 0 { entry >> 10 << 12 } else { self.take(PAGE) };
            self.pair.put(at, &(table >> 2 | pte::V).to_le_bytes());
        }
        let at = table + (va >> 12 & 0x1ff) * 8;
        self.pair.put(at, &(pa >> 2 | flags | pte::V).to_le_bytes());
    }

    /// A stage with pages shuffled, missing, read-only, and with A and D clear.
    pub fn stage(&mut self, rng: &mut Rng, is_guest_physical: bool) -> Stage {
        let root = self.take(4 * PAGE);
        let mut user = [true; CODE_PAGES as usize];
        for page in 0..CODE_PAGES {
            let is_user = is_guest_physical || rng.one_in(2);
            user[page as usize] = is_user;
            let to = if rng.one_in(4) { rng.below(CODE_PAGES) } else { page };
            let flags = pte::X | bits(!rng.one_in(4), pte::R) | bits(!rng.one_in(8), pte::A) | bits(is_user, pte::U);
            if !rng.one_in(16) {
                self.map(root, CODE + page * PAGE, CODE + to * PAGE, flags);
            }
        }
        for page in 0..DATA_PAGES {
            let is_user = is_guest_physical || rng.one_in(2);
            let to = DATA + if rng.one_in(2) { rng.below(DATA_PAGES) } else { page } * PAGE;
            let to = if rng.one_in(16) { DEVICE } else { to };
            let flags = pte::R
                | bits(!rng.one_in(5), pte::W)
                | bits(!rng.one_in(8), pte::A)
                | bits(!rng.one_in(5), pte::D)
                | bits(is_user, pte::U);
            if !rng.one_in(12) {
                self.map(root, DATA + page * PAGE, to, flags);
            }
        }
        let flags = pte::R | pte::W | pte::A | pte::D | bits(is_guest_physical, pte::U);
        self.map(root, DEVICE, DEVICE, flags);
        if is_guest_physical {
            for table in (TABLES..TABLES + 0x4_0000).step_by(PAGE as usize) {
                self.map(root, table, table, flags);
            }
        }
        let id = rng.below(3);
        Stage { atp: 8 << 60 | id << 44 | root >> 12, user }
    }
}

/// `value` where it is wanted.
pub fn bits(wanted: bool, value: u64) -> u64 {
    if wanted { value } else { 0 }
}
