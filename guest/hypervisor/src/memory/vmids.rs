//! VMIDs, by generations: there may be more guests than VMIDs.
//!
//! H extension, "Hypervisor Guest Address Translation and Protection (`hgatp`) Register": "The number of VMID bits is
//! UNSPECIFIED and may be zero". A guest keeps its VMID until all have been given. Then a new generation begins, in
//! which whoever runs next gets one anew, and a hart that meets it forgets all that it remembers by the old one's.

use core::sync::atomic::{AtomicU64, Ordering};

/// A VMID, good in its generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vmid {
    /// None is of generation 0, so that what is made by default is good in none.
    pub generation: u64,
    /// What `hgatp` holds.
    pub number: u64,
}

/// Those that the harts have.
#[derive(Debug)]
pub struct Vmids {
    count: u64,
    generation: u64,
    given: u64,
}

impl Vmids {
    /// So many, at least one.
    pub const fn new(count: u64) -> Vmids {
        Vmids { count, generation: 1, given: 0 }
    }

    // ANCHOR: renew
    /// The VMID of a guest that has had `held`: the same, unless it is of an older generation.
    pub fn renew(&mut self, held: Vmid) -> Vmid {
        if held.generation == self.generation {
            return held;
        }
        if self.given == self.count {
            (self.generation, self.given) = (self.generation + 1, 0);
        }
        self.given += 1;
        Vmid { generation: self.generation, number: self.given % self.count }
    }
    // ANCHOR_END: renew
}

/// The generation by which a hart remembers translations.
#[derive(Debug, Default)]
pub struct Remembered(AtomicU64);

impl Remembered {
    /// Whether the hart has to forget what it remembers by any VMID, since it meets this generation for the first time.
    pub fn meets(&self, generation: u64) -> bool {
        self.0.swap(generation, Ordering::Relaxed) != generation
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn who_has_one_keeps_it_while_there_are_enough() {
        let mut vmids = Vmids::new(4);
        let held: Vec<Vmid> = (0..4).map(|_| vmids.renew(Vmid::default())).collect();
        assert_eq!(held.iter().map(|vmid| vmid.number).collect::<Vec<_>>(), [1, 2, 3, 0]);
        assert!(held.iter().all(|&vmid| vmids.renew(vmid) == vmid));
    }

    #[test]
    fn no_two_guests_have_the_same_in_a_generation() {
        for count in [1, 2, 4] {
            let (mut vmids, mut held) = (Vmids::new(count), [Vmid::default(); 5]);
            // whoever runs, in an order without rule: the last that had the same number is of an older generation
            for round in 0..200 {
                let guest = round * round % 7 % 5;
                held[guest] = vmids.renew(held[guest]);
                let current = held[guest];
                assert!(current.number < count);
                let twins = held.iter().filter(|vmid| **vmid == current).count();
                assert_eq!(twins, 1, "{count} VMIDs, round {round}");
            }
        }
    }

    /// What emulators do not show: they remember by all of `hgatp`, or nothing at all.
    #[test]
    fn no_hart_remembers_another_guests_translations_by_the_vmid_that_it_loads() {
        for count in [1, 2, 4] {
            let (mut vmids, mut held) = (Vmids::new(count), [Vmid::default(); 5]);
            let mut harts: [(Remembered, BTreeMap<u64, usize>); 3] = Default::default();
            for round in 0..1000usize {
                let (guest, hart) = (round * round % 7 % 5, round * 5 % 11 % 3);
                held[guest] = vmids.renew(held[guest]);
                let (remembered, translations) = &mut harts[hart];
                if remembered.meets(held[guest].generation) {
                    translations.clear();
                }
                let before = translations.insert(held[guest].number, guest);
                assert!(before.is_none_or(|before| before == guest), "{count} VMIDs, round {round}");
            }
        }
    }

    #[test]
    fn with_one_alone_each_change_of_guests_is_a_generation() {
        let mut vmids = Vmids::new(1);
        let first = vmids.renew(Vmid::default());
        assert_eq!((first.number, vmids.renew(first)), (0, first));
        let second = vmids.renew(Vmid::default());
        assert_eq!((second.number, second.generation), (0, first.generation + 1));
        assert_ne!(vmids.renew(first), first);
    }
}
