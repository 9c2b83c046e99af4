//! Conversions between formats, to and from integers, and rounding to integral values.
//!
//! F extension, "Single-Precision Floating-Point Conversion and Move Instructions"; Zfa, "Round-to-Integer
//! Instructions" and "Modular Convert-to-Integer Instruction".

use core::ops::RangeInclusive;

use crate::arithmetic::nan;
use crate::format::Format;
use crate::round::{goes_up, round};
use crate::unpack::{Number, Sign, Value, integer, shift_right_sticky, unpack};
use crate::{Flags, Rounding};

/// The values of an integer type.
pub(crate) type Range = RangeInclusive<i128>;
/// Values of `i32`.
pub(crate) const I32: Range = i32::MIN as i128..=i32::MAX as i128;
/// Values of `u32`.
pub(crate) const U32: Range = 0..=u32::MAX as i128;
/// Values of `i64`.
pub(crate) const I64: Range = i64::MIN as i128..=i64::MAX as i128;
/// Values of `u64`.
pub(crate) const U64: Range = 0..=u64::MAX as i128;

/// From format `F` to format `T`.
pub(crate) fn to_format<F: Format, T: Format>(a: u64, rm: Rounding) -> (u64, Flags) {
    match unpack::<F>(a) {
        Value::Finite(x) => round::<T>(x.into(), rm),
        Value::Zero(negative) => (T::signed(negative, 0), Flags::NONE),
        Value::Infinite(negative) => (T::signed(negative, T::INFINITY), Flags::NONE),
        Value::Nan => (T::NAN, nan::<F>(&[a]).1),
    }
}

/// To an integer type: "If the rounded result is not representable in the destination format, it is clipped to the
/// nearest value and the invalid flag is set." NaNs convert like plus infinity.
pub(crate) fn to_integer<F: Format>(a: u64, rm: Rounding, range: Range) -> (u64, Flags) {
    let (value, inexact) = match unpack::<F>(a) {
        Value::Finite(x) => integral(x, rm),
        Value::Zero(_) => (0, false),
        Value::Infinite(true) => (i128::MIN, false),
        Value::Infinite(false) | Value::Nan => (i128::MAX, false),
    };
    if range.contains(&value) {
        return (value as u64, Flags::NX.when(inexact));
    }
    (value.clamp(*range.start(), *range.end()) as u64, Flags::NV)
}

/// `fcvtmod.w.d`: the low 32 bits of the unbounded result, sign-extended; flags as for `fcvt.w.d`.
pub(crate) fn to_integer_modulo<F: Format>(a: u64) -> (u64, Flags) {
    let (_, flags) = to_integer::<F>(a, Rounding::Rtz, I32);
    let low = match unpack::<F>(a) {
        Value::Finite(x) if x.exponent >= 63 + 32 => 0,
        Value::Finite(x) => integral(x, Rounding::Rtz).0 as i32,
        _ => 0,
    };
    (i64::from(low) as u64, flags)
}

/// From an integer.
pub(crate) fn from_integer<F: Format>(value: i128, rm: Rounding) -> (u64, Flags) {
    match integer(value < 0, value.unsigned_abs() as u64) {
        Some(x) => round::<F>(x.into(), rm),
        None => (0, Flags::NONE),
    }
}

/// `froundnx`: the integral value in the same format, inexact when it differs.
pub(crate) fn to_integral<F: Format>(a: u64, rm: Rounding) -> (u64, Flags) {
    match unpack::<F>(a) {
        Value::Nan => nan::<F>(&[a]),
        Value::Finite(x) if x.exponent < F::FRACTION_BITS as i32 => {
            let (value, inexact) = integral(x, rm);
            let (bits, _) = from_integer::<F>(value, rm);
            (F::signed(x.negative, bits), Flags::NX.when(inexact))
        }
        _ => (F::trim(a), Flags::NONE),
    }
}

/// Rounds to an integer; tells whether that changed the value. Beyond ±2^96 the result is only known to be beyond.
fn integral(x: Number, rm: Rounding) -> (i128, bool) {
    if x.exponent > 96 {
        return (signed(x.negative, i128::MAX as u128), false);
    }
    if x.exponent > 62 {
        return (signed(x.negative, u128::from(x.significand) << (x.exponent - 63)), false);
    }
    // The binary point stands at bit 64.
    let fixed = match x.exponent {
        e @ 0.. => u128::from(x.significand) << (e + 1),
        e => shift_right_sticky(u128::from(x.significand), (-1 - e).unsigned_abs()),
    };
    let (kept, rest) = (fixed >> 64, fixed as u64);
    let up = goes_up(rm, x.negative, kept & 1 != 0, rest);
    (signed(x.negative, kept + u128::from(up)), rest != 0)
}

fn signed(negative: Sign, magnitude: u128) -> i128 {
    if negative { -(magnitude as i128) } else { magnitude as i128 }
}
