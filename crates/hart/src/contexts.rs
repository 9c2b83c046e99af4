//! Translation contexts: what a hart remembers of address translation, kept across every switch.
//!
//! A context is the state that decides how an access translates: V, privilege, SUM and MXR, and the address-space
//! registers with their ASID and VMID. Each has tables of its own, so a trap, an xRET, a V switch or a write of
//! `satp` changes which tables are active and forgets nothing; fences do.

use crate::fence::{Fence, KINDS, Key, Table};
use crate::tlb::{DataTable, JumpTable};

/// Contexts kept at once. KVM's exit path visits five (VU, VS, HS, U, M); the rest are other processes.
const POOL: usize = 16;

/// The tables of all contexts of a hart; `active` is the current one's.
pub struct Contexts<T: Table> {
    /// Table of the current context.
    pub active: T,
    /// The second level, which all tables share.
    pub behind: T::Behind,
    key: Key,
    parked: Vec<Parked<T>>,
    /// For each kind of key, where in `parked` the last one is: a hart mostly comes back to it.
    hints: [u8; KINDS],
    tick: u64,
    /// Times that a context was entered which had no tables.
    pub fresh: u64,
    /// Switches.
    pub switches: u64,
}

struct Parked<T> {
    key: Key,
    table: T,
    last_use: u64,
}

impl<T: Table> Contexts<T> {
    /// Contexts of a hart that starts in `key`.
    pub fn new(key: Key) -> Self {
        Contexts {
            active: T::default(),
            behind: T::Behind::default(),
            key,
            parked: Vec::new(),
            hints: [0; KINDS],
            tick: 0,
            fresh: 0,
            switches: 0,
        }
    }

    /// Makes `key` the current context.
    #[inline]
    pub fn select(&mut self, key: Key) {
        if key != self.key {
            self.switch(key);
        }
    }

    fn switch(&mut self, key: Key) {
        self.tick += 1;
        self.switches += 1;
        let hint = usize::from(self.hints[key.kind()]);
        let at = match self.parked.get(hint) {
            Some(parked) if parked.key == key => hint,
            _ => self.find(key),
        };
        self.hints[self.key.kind()] = at as u8;
        let parked = &mut self.parked[at];
        std::mem::swap(&mut parked.table, &mut self.active);
        std::mem::swap(&mut parked.key, &mut self.key);
        parked.last_use = self.tick;
        self.active.activate();
    }

    /// Index of the parked table of `key`, which may be a new one.
    #[cold]
    fn find(&mut self, key: Key) -> usize {
        let known = self.parked.iter().position(|parked| parked.key == key);
        known.unwrap_or_else(|| self.make_room(key))
    }

    /// Index of a parked, empty table for `key`.
    fn make_room(&mut self, key: Key) -> usize {
        self.fresh += 1;
        if self.parked.len() + 1 < POOL {
            self.parked.push(Parked { key, table: T::default(), last_use: 0 });
            return self.parked.len() - 1;
        }
        let oldest = self.parked.iter().enumerate().min_by_key(|(_, p)| p.last_use).map_or(0, |(at, _)| at);
        self.parked[oldest].table.clear();
        self.parked[oldest].key = key;
        oldest
    }

    /// Forgets what `fence` names.
    pub fn fence(&mut self, fence: &Fence) {
        let tables = self.parked.iter_mut().map(|p| (p.key, &mut p.table)).chain([(self.key, &mut self.active)]);
        tables.filter(|(key, _)| fence.selects(key)).for_each(|(_, table)| fence.apply(table, &mut self.behind));
    }
}

impl Contexts<DataTable> {
    /// Takes away the right to write to the page at this host address.
    pub fn forbid_writes(&mut self, page: u64) {
        self.active.forbid_writes(page);
        self.parked.iter_mut().for_each(|p| p.table.forbid_writes(page));
    }
}

impl Contexts<JumpTable> {
    /// Makes every context forget what is executed in the virtual page of `va`.
    pub fn clear_page_of(&mut self, va: u64) {
        self.active.clear_page_of(va);
        self.parked.iter_mut().for_each(|p| p.table.clear_page_of(va));
    }

    /// Makes every context forget what is executed where: the active one now, the others before their next use.
    pub fn clear_targets(&mut self) {
        self.active.clear_targets();
        self.parked.iter_mut().for_each(|p| p.table.expire_targets());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Pages(Vec<u64>);

    impl Table for Pages {
        type Behind = ();
        fn clear(&mut self) {
            self.0.clear();
        }
        fn clear_address(&mut self, va: u64, (): &mut ()) {
            self.0.retain(|&p| p != va);
        }
        fn clear_guest_physical(&mut self, gpa: u64, (): &mut ()) {
            self.0.retain(|&p| p + 10 != gpa);
        }
    }

    fn key(virt: bool, asid: u64, vmid: u64) -> Key {
        Key { virt, privilege: 1, permits: 0, satp: asid << 44, hgatp: vmid << 44 }
    }

    /// Contexts with pages 1 and 2 in each of the given keys.
    fn filled(keys: &[Key]) -> Contexts<Pages> {
        let mut contexts = Contexts::<Pages>::new(keys[0]);
        for &k in keys {
            contexts.select(k);
            contexts.active.0 = vec![1, 2];
        }
        contexts
    }

    fn pages(contexts: &mut Contexts<Pages>, key: Key) -> Vec<u64> {
        contexts.select(key);
        contexts.active.0.clone()
    }

    #[test]
    fn a_switch_forgets_nothing() {
        let (host, guest) = (key(false, 1, 0), key(true, 1, 7));
        let mut c = filled(&[host, guest]);
        assert_eq!(pages(&mut c, host), [1, 2]);
        assert_eq!(pages(&mut c, guest), [1, 2]);
    }

    #[test]
    fn sfence_with_asid_spares_other_spaces_and_guests() {
        let (a, b, guest) = (key(false, 1, 0), key(false, 2, 0), key(true, 1, 7));
        let mut c = filled(&[a, b, guest]);
        c.fence(&Fence::Supervisor { va: None, asid: Some(1) });
        assert_eq!(pages(&mut c, a), [0u64; 0]);
        assert_eq!(pages(&mut c, b), [1, 2]);
        assert_eq!(pages(&mut c, guest), [1, 2]);
    }

    #[test]
    fn sfence_with_address_spares_other_pages() {
        let a = key(false, 1, 0);
        let mut c = filled(&[a]);
        c.fence(&Fence::Supervisor { va: Some(2), asid: None });
        assert_eq!(pages(&mut c, a), [1]);
    }

    #[test]
    fn hfence_vvma_reaches_only_the_current_guest() {
        let (seven, eight, host) = (key(true, 1, 7), key(true, 1, 8), key(false, 1, 0));
        let mut c = filled(&[seven, eight, host]);
        c.fence(&Fence::Guest { va: Some(1), asid: Some(1), vmid: 7 });
        assert_eq!(pages(&mut c, seven), [2]);
        assert_eq!(pages(&mut c, eight), [1, 2]);
        assert_eq!(pages(&mut c, host), [1, 2]);
    }

    #[test]
    fn hfence_gvma_with_vmid_spares_other_guests() {
        let (seven, eight) = (key(true, 1, 7), key(true, 1, 8));
        let mut c = filled(&[seven, eight]);
        c.fence(&Fence::GuestPhysical { gpa: None, vmid: Some(8) });
        assert_eq!(pages(&mut c, seven), [1, 2]);
        assert_eq!(pages(&mut c, eight), [0u64; 0]);
    }

    #[test]
    fn hfence_gvma_with_address_spares_other_pages_and_guests() {
        let (seven, eight) = (key(true, 1, 7), key(true, 1, 8));
        let mut c = filled(&[seven, eight]);
        c.fence(&Fence::GuestPhysical { gpa: Some(11), vmid: Some(7) });
        assert_eq!(pages(&mut c, seven), [2]);
        assert_eq!(pages(&mut c, eight), [1, 2]);
    }

    #[test]
    fn the_least_recently_used_context_makes_room() {
        let keys: Vec<Key> = (0..POOL as u64 + 1).map(|asid| key(false, asid, 0)).collect();
        let mut c = filled(&keys);
        assert_eq!(pages(&mut c, keys[1]), [1, 2]);
        assert_eq!(pages(&mut c, keys[0]), [0u64; 0]);
    }
}
