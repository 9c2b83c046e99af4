//! What raw bits mean.

use crate::format::Format;

/// A datum of any format, taken apart.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    /// Zero, with its sign.
    Zero(Sign),
    /// A subnormal or normal number.
    Finite(Number),
    /// Infinity, with its sign.
    Infinite(Sign),
    /// A NaN.
    Nan,
}

/// Whether a datum is negative.
pub(crate) type Sign = bool;

/// ±`significand` × 2^(`exponent` - 63). Bit 63 of the significand is set.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    pub negative: Sign,
    pub exponent: i32,
    pub significand: u64,
}

/// ±`significand` × 2^(`exponent` - 127), where bit 0 of the significand stands for itself and everything below
/// ("sticky"): set when anything nonzero was cut off. Bit 127 is set.
#[derive(Clone, Copy)]
pub(crate) struct Exact {
    pub negative: Sign,
    pub exponent: i32,
    pub significand: u128,
}

/// Takes raw bits apart.
#[inline]
pub(crate) fn unpack<F: Format>(bits: u64) -> Value {
    let negative = F::is_negative(bits);
    let fraction = bits & F::FRACTION;
    let biased = (F::magnitude(bits) >> F::FRACTION_BITS) as i32;
    if biased == F::SPECIAL as i32 {
        return if fraction == 0 { Value::Infinite(negative) } else { Value::Nan };
    }
    if biased == 0 {
        return subnormal::<F>(negative, fraction);
    }
    let significand = (fraction | 1 << F::FRACTION_BITS) << (63 - F::FRACTION_BITS);
    Value::Finite(Number { negative, exponent: biased - F::BIAS, significand })
}

fn subnormal<F: Format>(negative: Sign, fraction: u64) -> Value {
    match integer(negative, fraction) {
        Some(n) => Value::Finite(Number { exponent: n.exponent + 1 - F::BIAS - F::FRACTION_BITS as i32, ..n }),
        None => Value::Zero(negative),
    }
}

/// The integer `magnitude` as a number, unless it is zero.
pub(crate) fn integer(negative: Sign, magnitude: u64) -> Option<Number> {
    let shift = magnitude.leading_zeros();
    (magnitude != 0).then(|| Number { negative, exponent: 63 - shift as i32, significand: magnitude << shift })
}

impl From<Number> for Exact {
    fn from(n: Number) -> Exact {
        Exact { negative: n.negative, exponent: n.exponent, significand: u128::from(n.significand) << 64 }
    }
}

/// `value` shifted right; what falls out stays as the sticky bit.
#[inline]
pub(crate) fn shift_right_sticky(value: u128, by: u32) -> u128 {
    if by > 127 {
        return u128::from(value != 0);
    }
    let kept = value >> by;
    kept | u128::from(kept << by != value)
}
