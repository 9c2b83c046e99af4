//! Which slots of a table are filled, so that a table of which little was used is soon emptied.

/// The slots that were filled since a table was last empty, so that emptying it need not touch the others.
pub struct Filled {
    slots: Vec<u16>,
    /// More than these are not emptied one by one.
    few: usize,
}

impl Filled {
    /// Of a table of `count` slots.
    pub fn of(count: usize) -> Filled {
        Filled { slots: Vec::new(), few: count / 8 }
    }

    #[inline]
    pub fn note(&mut self, slot: usize) {
        if self.slots.len() <= self.few {
            self.slots.push(slot as u16);
        }
    }

    /// All slots, of `count`, that may be filled.
    pub fn slots(&self, count: usize) -> impl Iterator<Item = usize> + '_ {
        let many = self.slots.len() > self.few;
        let all = if many { 0..count } else { 0..0 };
        let few = if many { &[][..] } else { &self.slots };
        all.chain(few.iter().map(|&slot| usize::from(slot)))
    }

    pub fn empty<T: Copy>(&mut self, slots: &mut [T], nothing: T) {
        for slot in self.slots(slots.len()) {
            slots[slot] = nothing;
        }
        self.slots.clear();
    }
}
