//! What was counted between two moments.

use std::collections::BTreeMap;

use super::{Accesses, Counts, Distribution, Exits, Spent, Walks};

impl Counts {
    /// What was counted since it was as `before`.
    pub fn since(&self, before: &Counts) -> Counts {
        let saturating = |now: &u64, then: &u64| now.saturating_sub(*then);
        // a hart that is reset before it has done anything forgets its worlds
        Counts {
            worlds: apart(&self.worlds, &before.worlds, |now, then| Spent {
                instructions: now.instructions.saturating_sub(then.instructions),
                ticks: now.ticks.saturating_sub(then.ticks),
                waiting: now.waiting.saturating_sub(then.waiting),
            }),
            exits: apart(&self.exits, &before.exits, |now, then| Exits {
                count: now.count.saturating_sub(then.count),
                to_user: now.to_user.saturating_sub(then.to_user),
                instructions: now.instructions.since(&then.instructions),
                ticks: now.ticks.since(&then.ticks),
            }),
            interrupts: apart(&self.interrupts, &before.interrupts, saturating),
            exceptions: apart(&self.exceptions, &before.exceptions, saturating),
            calls: apart(&self.calls, &before.calls, saturating),
            devices: apart(&self.devices, &before.devices, |now, then| now.since(then)),
            kvm_exits: apart(&self.kvm_exits, &before.kvm_exits, Distribution::since),
            walks: apart(&self.walks, &before.walks, |now, then| Walks {
                count: now.count.saturating_sub(then.count),
                reads: now.reads.saturating_sub(then.reads),
            }),
            injected: std::array::from_fn(|bit| self.injected[bit].saturating_sub(before.injected[bit])),
            entries: self.entries.saturating_sub(before.entries),
            instructions: self.instructions.saturating_sub(before.instructions),
            ticks: self.ticks.saturating_sub(before.ticks),
            ..Counts::default()
        }
    }
}

impl Accesses {
    fn since(&self, before: &Accesses) -> Accesses {
        Accesses {
            reads: self.reads.saturating_sub(before.reads),
            writes: self.writes.saturating_sub(before.writes),
            completed: self.completed.saturating_sub(before.completed),
            bytes: self.bytes.saturating_sub(before.bytes),
            interrupts: self.interrupts.saturating_sub(before.interrupts),
        }
    }
}

/// What differs between two states of a map that only grows, without what is as it was.
fn apart<K: Ord + Copy, V: Default + Nothing>(
    now: &BTreeMap<K, V>,
    before: &BTreeMap<K, V>,
    difference: impl Fn(&V, &V) -> V,
) -> BTreeMap<K, V> {
    let none = V::default();
    let rest = now.iter().map(|(key, value)| (*key, difference(value, before.get(key).unwrap_or(&none))));
    rest.filter(|(_, value)| !value.is_nothing()).collect()
}

/// Counts that may say that nothing was counted.
trait Nothing {
    fn is_nothing(&self) -> bool;
}

impl Nothing for u64 {
    fn is_nothing(&self) -> bool {
        *self == 0
    }
}

impl Nothing for Spent {
    fn is_nothing(&self) -> bool {
        *self == Spent::default()
    }
}

impl Nothing for Exits {
    fn is_nothing(&self) -> bool {
        self.count == 0
    }
}

impl Nothing for Walks {
    fn is_nothing(&self) -> bool {
        self.count == 0
    }
}

impl Nothing for Accesses {
    fn is_nothing(&self) -> bool {
        *self == Accesses::default()
    }
}

impl Nothing for Distribution {
    fn is_nothing(&self) -> bool {
        self.count() == 0
    }
}
