//! The layout of a binary interchange format.
//!
//! IEEE 754-2019, "Binary interchange format encodings": sign, biased exponent, trailing significand. Every constant
//! follows from the widths of the two fields.

/// A format, as a type: the operations are compiled once for each.
pub(crate) trait Format {
    /// Width of the trailing significand field.
    const FRACTION_BITS: u32;
    /// Width of the exponent field.
    const EXPONENT_BITS: u32;

    /// The sign bit.
    const SIGN: u64 = 1 << (Self::FRACTION_BITS + Self::EXPONENT_BITS);
    /// Bits of the trailing significand.
    const FRACTION: u64 = (1 << Self::FRACTION_BITS) - 1;
    /// What is added to the exponent; also the largest exponent.
    const BIAS: i32 = (1 << (Self::EXPONENT_BITS - 1)) - 1;
    /// The exponent field of infinities and NaNs.
    const SPECIAL: u64 = (1 << Self::EXPONENT_BITS) - 1;
    /// Plus infinity.
    const INFINITY: u64 = Self::SPECIAL << Self::FRACTION_BITS;
    /// The bit that makes a NaN quiet.
    const QUIET: u64 = 1 << (Self::FRACTION_BITS - 1);
    /// "the canonical NaN" of the F extension, "NaN Generation and Propagation".
    const NAN: u64 = Self::INFINITY | Self::QUIET;

    /// The sign of raw bits.
    fn is_negative(bits: u64) -> bool {
        bits & Self::SIGN != 0
    }

    /// The bits below the sign.
    fn magnitude(bits: u64) -> u64 {
        bits & (Self::SIGN - 1)
    }

    /// The bits that belong to the format.
    fn trim(bits: u64) -> u64 {
        bits & (Self::SIGN | (Self::SIGN - 1))
    }

    /// Whether the bits are a NaN.
    fn is_nan(bits: u64) -> bool {
        Self::magnitude(bits) > Self::INFINITY
    }

    /// Whether the bits are a signaling NaN.
    fn is_signaling(bits: u64) -> bool {
        Self::is_nan(bits) && bits & Self::QUIET == 0
    }

    /// `magnitude` with a sign.
    fn signed(negative: bool, magnitude: u64) -> u64 {
        if negative { magnitude | Self::SIGN } else { magnitude }
    }
}

/// binary16.
pub(crate) enum Half {}
/// binary32.
pub(crate) enum Single {}
/// binary64.
pub(crate) enum Double {}

impl Format for Half {
    const FRACTION_BITS: u32 = 10;
    const EXPONENT_BITS: u32 = 5;
}
impl Format for Single {
    const FRACTION_BITS: u32 = 23;
    const EXPONENT_BITS: u32 = 8;
}
impl Format for Double {
    const FRACTION_BITS: u32 = 52;
    const EXPONENT_BITS: u32 = 11;
}
