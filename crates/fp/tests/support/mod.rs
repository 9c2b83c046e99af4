//! Operands for the comparisons: every class and boundary of a format, and random ones around them.

use fp::Fmt;

/// Every format.
#[allow(dead_code, reason = "each test file uses its part")]
pub const FORMATS: [Fmt; 3] = [Fmt::H, Fmt::S, Fmt::D];

/// (width of the trailing significand, width of the exponent).
pub fn widths(fmt: Fmt) -> (u32, u32) {
    match fmt {
        Fmt::H => (10, 5),
        Fmt::S => (23, 8),
        Fmt::D => (52, 11),
    }
}

/// Random operands.
pub struct Random(fastrand::Rng);

impl Random {
    /// Those of a seed.
    pub fn new(seed: u64) -> Random {
        Random(fastrand::Rng::with_seed(seed))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// An operand that is interesting more often than a random one: special exponents, and significands that are a
    /// run of ones or have few bits.
    pub fn operand(&mut self, fmt: Fmt) -> u64 {
        let (fraction_bits, exponent_bits) = widths(fmt);
        let (bias, special) = ((1 << (exponent_bits - 1)) - 1, (1 << exponent_bits) - 1);
        let exponent = match self.below(8) {
            0 => 0,
            1 => [special, special - 1, 1, 2][self.below(4) as usize],
            2..5 => (bias + self.below(2 * u64::from(fraction_bits) + 9)).wrapping_sub(u64::from(fraction_bits) + 4),
            _ => self.next(),
        } & special;
        let ones = (1u64 << fraction_bits) - 1;
        let fraction = match self.below(6) {
            0 => 0,
            1 => 1 << self.below(u64::from(fraction_bits)),
            2 => ones << self.below(u64::from(fraction_bits)),
            3 => ones >> self.below(u64::from(fraction_bits)),
            _ => self.next(),
        } & ones;
        (self.next() & 1) << (fraction_bits + exponent_bits) | exponent << fraction_bits | fraction
    }
}

/// One or more of every class and boundary, both signs.
#[allow(dead_code, reason = "each test file uses its part")]
pub fn corners(fmt: Fmt) -> Vec<u64> {
    let (fraction_bits, exponent_bits) = widths(fmt);
    let (one_ulp, ones) = (1u64 << fraction_bits, (1u64 << fraction_bits) - 1);
    let (bias, special) = ((1u64 << (exponent_bits - 1)) - 1, (1u64 << exponent_bits) - 1);
    let exponents =
        [0, 1, 2, bias - 2, bias - 1, bias, bias + 1, bias + u64::from(fraction_bits), special - 1, special];
    let fractions = [0, 1, 2, 3, one_ulp >> 1, (one_ulp >> 1) + 1, (one_ulp >> 1) - 1, ones, ones - 1];
    let unsigned = exponents.iter().flat_map(|e| fractions.iter().map(move |f| e << fraction_bits | f));
    unsigned.flat_map(|bits| [bits, bits | 1 << (fraction_bits + exponent_bits)]).collect()
}
