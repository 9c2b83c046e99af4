//! Sets of logical counters as calls name them: a mask counted from a base.

use super::COUNTERS;

/// Counters, and the base that they are counted from.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    base: usize,
    bits: u64,
}

impl Set {
    /// The counters of `mask`, counted from `base`. `None`: some do not exist.
    pub fn new(base: u64, mask: u64) -> Option<Set> {
        let base = usize::try_from(base).ok().filter(|&base| base < COUNTERS)?;
        let bits = mask << base;
        (bits >> base == mask && bits < 1 << COUNTERS).then_some(Set { base, bits })
    }

    /// As bits by the counters' numbers.
    pub fn bits(self) -> u64 {
        self.bits
    }

    /// From the lowest on.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..COUNTERS).filter(move |counter| self.bits >> counter & 1 != 0)
    }

    /// The counter's number, counted from the base.
    pub fn place(self, counter: usize) -> usize {
        counter.wrapping_sub(self.base)
    }
}
