//! Leaves of the G-stage's page tables that walks have found.
//!
//! A walk through both stages descends the G-stage's table for each entry of the VS-stage's; the pages of a guest's
//! page tables are few, and their leaves stay until HFENCE.GVMA names them. One table serves all guests: entries carry
//! their `hgatp`.

use arch::addr::PAGE_SHIFT;
use arch::csr::atp;
use arch::pte::Pte;
use privileged::GuestLeaf;

use crate::fence::{Fence, vmid};
use crate::tlb::GuestPhysical;

/// Entries, a power of two.
const ENTRIES: usize = 1024;

#[derive(Clone, Copy)]
struct Entry {
    /// Number of the guest-physical page of 4 KiB.
    page: u64,
    hgatp: u64,
    pte: u64,
    page_bits: u32,
}

/// No page has this number.
const EMPTY: Entry = Entry { page: u64::MAX, hgatp: 0, pte: 0, page_bits: 0 };

impl Entry {
    /// Whether its page, of whatever size, holds `gpa`.
    fn holds(&self, gpa: u64) -> bool {
        (self.page << PAGE_SHIFT ^ gpa) >> self.page_bits == 0
    }

    fn is_of(&self, wanted: Option<u64>) -> bool {
        wanted.is_none_or(|wanted| wanted == vmid(self.hgatp >> atp::ID_SHIFT))
    }
}

/// Leaves by guest-physical page, direct-mapped. Memory is taken when the first is entered.
#[derive(Default)]
pub struct GuestPages {
    entries: Vec<Entry>,
    /// Pages that entries come from.
    pages: GuestPhysical,
}

fn index(page: u64) -> usize {
    // the guests' memories begin at the same address: VMIDs are not mixed in, as few guests run in turns
    page as usize % ENTRIES
}

impl GuestPages {
    /// The leaf for `gpa` under this `hgatp`.
    pub fn get(&self, hgatp: u64, gpa: u64) -> Option<GuestLeaf> {
        let page = gpa >> PAGE_SHIFT;
        let entry = self.entries.get(index(page))?;
        let found = entry.page == page && entry.hgatp == hgatp;
        found.then_some(GuestLeaf { pte: Pte(entry.pte), page_bits: entry.page_bits })
    }

    /// Enters a leaf.
    pub fn enter(&mut self, hgatp: u64, gpa: u64, leaf: GuestLeaf) {
        if self.entries.is_empty() {
            self.entries = vec![EMPTY; ENTRIES];
        }
        self.pages.note(gpa, leaf.page_bits);
        let page = gpa >> PAGE_SHIFT;
        self.entries[index(page)] = Entry { page, hgatp, pte: leaf.pte.0, page_bits: leaf.page_bits };
    }

    /// Forgets what `fence` names.
    pub fn fence(&mut self, fence: &Fence) {
        match *fence {
            Fence::All => {
                self.clear(|_| true);
                self.pages.clear();
            }
            Fence::GuestPhysical { gpa: None, vmid } => self.clear(|entry| entry.is_of(vmid)),
            Fence::GuestPhysical { gpa: Some(gpa), vmid } => self.clear_address(gpa, vmid),
            Fence::Supervisor { .. } | Fence::Guest { .. } => {}
        }
    }

    fn clear_address(&mut self, gpa: u64, vmid: Option<u64>) {
        let named = |entry: &Entry| entry.is_of(vmid) && entry.holds(gpa);
        if self.pages.may_be_in_larger(gpa) {
            return self.clear(named);
        }
        let entry = self.entries.get_mut(index(gpa >> PAGE_SHIFT));
        entry.filter(|entry| named(entry)).into_iter().for_each(|entry| *entry = EMPTY);
    }

    fn clear(&mut self, named: impl Fn(&Entry) -> bool) {
        self.entries.iter_mut().filter(|entry| named(entry)).for_each(|entry| *entry = EMPTY);
    }
}
