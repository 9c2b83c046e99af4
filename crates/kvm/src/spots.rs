//! Breakpoints in a guest's memory: an `ebreak` of two bytes in the place of an instruction's first. Every KVM guest
//! has C.

use std::sync::{Mutex, MutexGuard, PoisonError};

use memory::Ram;

/// `c.ebreak`.
const C_EBREAK: u16 = 0x9002;

/// What a debugger has in a machine's memory. Whoever changes that has its instructions fetched anew.
#[derive(Default)]
pub(crate) struct Spots(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    /// The offsets of its breakpoints.
    wanted: Vec<u64>,
    /// Where memory has them now, and what it had before.
    put: Vec<(u64, u16)>,
    /// When all harts came to stand, by the guest's clock.
    since: Option<u64>,
}

impl Spots {
    /// All harts stand since `now`: memory is as the guest left it.
    pub fn stand(&self, ram: &Ram, now: Option<u64>) {
        let mut inside = self.lock();
        inside.lift(ram);
        inside.since = inside.since.or(now);
    }

    /// All harts go on, and stop at these offsets. Answers when they came to stand.
    pub fn go(&self, ram: &Ram, wanted: Vec<u64>) -> Option<u64> {
        let mut inside = self.lock();
        inside.lift(ram);
        inside.put(ram, &wanted);
        inside.wanted = wanted;
        inside.since.take()
    }

    /// Memory is as the guest left it, for a hart that executes alone.
    pub fn lift(&self, ram: &Ram) {
        self.lock().lift(ram);
    }

    /// A hart that executes alone stops at these offsets and nowhere else.
    pub fn only(&self, ram: &Ram, offsets: &[u64]) {
        let mut inside = self.lock();
        inside.lift(ram);
        inside.put(ram, offsets);
    }

    /// It is alone no more.
    pub fn again(&self, ram: &Ram) {
        let mut inside = self.lock();
        inside.lift(ram);
        let wanted = inside.wanted.clone();
        inside.put(ram, &wanted);
    }

    /// Whether the debugger wants harts to stop at this offset.
    pub fn is_wanted(&self, offset: u64) -> bool {
        self.lock().wanted.contains(&offset)
    }

    /// Whether the `ebreak` at this offset is one of these.
    pub fn is_put(&self, offset: u64) -> bool {
        self.lock().is_put(offset)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn is_put(&self, offset: u64) -> bool {
        self.put.iter().any(|(at, _)| *at == offset)
    }

    fn put(&mut self, ram: &Ram, offsets: &[u64]) {
        for &offset in offsets {
            if let Some(was) = ram.load_u16(offset).filter(|_| !self.is_put(offset)) {
                ram.store_u16(offset, C_EBREAK);
                self.put.push((offset, was));
            }
        }
    }

    fn lift(&mut self, ram: &Ram) {
        for (offset, was) in self.put.drain(..).rev() {
            // What the guest wrote there meanwhile stays.
            if ram.load_u16(offset) == Some(C_EBREAK) {
                ram.store_u16(offset, was);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use arch::Phys;
    use arch::insn::{Insn, decompress};
    use arch::isa::Isa;

    use super::*;

    fn ram() -> Ram {
        let ram = Ram::new(Phys(0x8000_0000), 0x1000).unwrap();
        (0..8).for_each(|at| _ = ram.store_u16(2 * at, at as u16));
        ram
    }

    fn words(ram: &Ram) -> Vec<u16> {
        (0..4).filter_map(|at| ram.load_u16(2 * at)).collect()
    }

    #[test]
    fn the_instruction_is_the_one_that_is_meant() {
        assert!(matches!(decompress(C_EBREAK, &Isa::ALL), Some(Insn::Ebreak(_))));
    }

    #[test]
    fn memory_is_the_guests_while_harts_stand() {
        let (ram, spots) = (ram(), Spots::default());
        assert_eq!(spots.go(&ram, vec![2, 6, 2, 0x2000]), None);
        assert_eq!(words(&ram), [0, C_EBREAK, 2, C_EBREAK]);
        spots.stand(&ram, Some(7));
        spots.stand(&ram, Some(9));
        assert_eq!((words(&ram), spots.is_put(2), spots.is_wanted(2)), (vec![0, 1, 2, 3], false, true));
        assert_eq!(spots.go(&ram, vec![0]), Some(7));
        assert_eq!(words(&ram), [C_EBREAK, 1, 2, 3]);
    }

    #[test]
    fn a_hart_alone_stops_where_it_is_to_and_nowhere_else() {
        let (ram, spots) = (ram(), Spots::default());
        spots.go(&ram, vec![2]);
        spots.only(&ram, &[4]);
        assert_eq!((words(&ram), spots.is_put(2), spots.is_put(4)), (vec![0, 1, C_EBREAK, 3], false, true));
        spots.again(&ram);
        assert_eq!(words(&ram), [0, C_EBREAK, 2, 3]);
    }

    #[test]
    fn what_the_guest_wrote_over_a_breakpoint_stays() {
        let (ram, spots) = (ram(), Spots::default());
        spots.go(&ram, vec![2, 4]);
        ram.store_u16(2, 77);
        spots.lift(&ram);
        assert_eq!(words(&ram), [0, 77, 2, 3]);
    }
}
