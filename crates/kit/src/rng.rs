//! A small deterministic random number generator.
//!
//! SplitMix64, as measured work has it: a program is a function of its seed alone, on every host and in every release
//! of every crate.

use workloads::Random;

/// A stream of random numbers, a function of its seed.
#[derive(Clone, Debug)]
pub struct Rng(Random);

impl Rng {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Rng(Random::new(seed))
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// A number below `bound`, which is not 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// True once in `n` times.
    pub const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`, which are not none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// An integer where bugs live: near zero, near a power of two, a sign boundary, few bits, or just random.
    pub fn integer(&mut self) -> u64 {
        match self.below(8) {
            0 => self.below(16),
            1 => self.below(16).wrapping_neg(),
            2 => (1u64 << self.below(64)).wrapping_add(self.below(3)).wrapping_sub(1),
            3 => u64::from(self.bits() as u32),
            4 => self.bits() as i32 as u64,
            5 => self.bits() & self.bits() & self.bits(),
            6 => self.bits() | self.bits() | self.bits(),
            _ => self.bits(),
        }
    }

    /// A floating-point register's contents where bugs live, of any of the three formats, boxed well or badly.
    pub fn float(&mut self) -> u64 {
        match self.below(8) {
            0..=2 => self.float_of(11, 52),
            3..=5 => u64::MAX << 32 | self.float_of(8, 23),
            6 => u64::MAX << 16 | self.float_of(5, 10),
            _ => self.integer(),
        }
    }

    /// A number of the format with `exponent` and `fraction` bits: special, subnormal, near one, or any.
    fn float_of(&mut self, exponent: u32, fraction: u32) -> u64 {
        let top = (1u64 << exponent) - 1;
        let bias = top >> 1;
        let e = match self.below(8) {
            0 => 0,
            1 => top,
            2 => 1 + self.below(2),
            3 => top - 1 - self.below(2),
            4..=6 => (bias + self.below(2 * u64::from(fraction) + 8)).wrapping_sub(u64::from(fraction) + 4) & top,
            _ => self.bits() & top,
        };
        let mask = (1u64 << fraction) - 1;
        let f = match self.below(4) {
            0 => 0,
            1 => self.integer() & mask,
            2 => 1u64 << self.below(u64::from(fraction)),
            _ => self.bits() & mask,
        };
        self.below(2) << (exponent + fraction) | e << fraction | f
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_alone_decides() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        assert_eq!((0..9).map(|_| a.float()).collect::<Vec<_>>(), (0..9).map(|_| b.float()).collect::<Vec<_>>());
    }

    #[test]
    fn floats_stay_in_their_format() {
        let mut rng = Rng::new(1);
        assert!((0..10_000).all(|_| rng.float_of(5, 10) <= 0xffff));
    }
}
