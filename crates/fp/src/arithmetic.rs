//! Addition, multiplication, division, square root, fused multiply-add.
//!
//! F extension, "Single-Precision Floating-Point Computational Instructions". Each function sorts out the special
//! operands, computes a significand that is exact or sticky, and rounds it.

use crate::format::Format;
use crate::round::round;
use crate::unpack::{Exact, Number, Sign, Value, shift_right_sticky, unpack};
use crate::{Flags, Rounding};

use Value::{Finite, Infinite, Nan, Zero};

/// a + b.
pub(crate) fn add<F: Format>(a: u64, b: u64, rm: Rounding) -> (u64, Flags) {
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Finite(x), Finite(y)) => sum::<F>(x.into(), y.into(), rm),
        (Nan, _) | (_, Nan) => nan::<F>(&[a, b]),
        (Infinite(x), Infinite(y)) if x != y => invalid::<F>(),
        (Infinite(x), _) | (_, Infinite(x)) => infinity::<F>(x),
        (Zero(x), Zero(y)) => zero::<F>(sign_of_zero_sum(x, y, rm)),
        (Finite(x), Zero(_)) | (Zero(_), Finite(x)) => round::<F>(x.into(), rm),
    }
}

/// a - b.
pub(crate) fn sub<F: Format>(a: u64, b: u64, rm: Rounding) -> (u64, Flags) {
    add::<F>(a, b ^ F::SIGN, rm)
}

/// a × b.
pub(crate) fn mul<F: Format>(a: u64, b: u64, rm: Rounding) -> (u64, Flags) {
    let negative = F::is_negative(a ^ b);
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Finite(x), Finite(y)) => round::<F>(product(x, y), rm),
        (Nan, _) | (_, Nan) => nan::<F>(&[a, b]),
        (Infinite(_), Zero(_)) | (Zero(_), Infinite(_)) => invalid::<F>(),
        (Infinite(_), _) | (_, Infinite(_)) => infinity::<F>(negative),
        (Zero(_), _) | (_, Zero(_)) => zero::<F>(negative),
    }
}

/// a ÷ b.
pub(crate) fn div<F: Format>(a: u64, b: u64, rm: Rounding) -> (u64, Flags) {
    let negative = F::is_negative(a ^ b);
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Finite(x), Finite(y)) => round::<F>(quotient(x, y), rm),
        (Nan, _) | (_, Nan) => nan::<F>(&[a, b]),
        (Infinite(_), Infinite(_)) | (Zero(_), Zero(_)) => invalid::<F>(),
        (Infinite(_), _) => infinity::<F>(negative),
        (Finite(_), Zero(_)) => (F::signed(negative, F::INFINITY), Flags::DZ),
        (Zero(_), _) | (_, Infinite(_)) => zero::<F>(negative),
    }
}

/// √a.
pub(crate) fn sqrt<F: Format>(a: u64, rm: Rounding) -> (u64, Flags) {
    match unpack::<F>(a) {
        Nan => nan::<F>(&[a]),
        Zero(negative) => zero::<F>(negative),
        Finite(Number { negative: true, .. }) | Infinite(true) => invalid::<F>(),
        Infinite(false) => infinity::<F>(false),
        Finite(x) => round::<F>(root(x), rm),
    }
}

/// a × b + c. "The fused multiply-add instructions must set the invalid operation exception flag when the
/// multiplicands are ∞ and zero, even when the addend is a quiet NaN."
pub(crate) fn fma<F: Format>(a: u64, b: u64, c: u64, rm: Rounding) -> (u64, Flags) {
    let negative = F::is_negative(a ^ b);
    match (unpack::<F>(a), unpack::<F>(b), unpack::<F>(c)) {
        (Finite(x), Finite(y), Finite(z)) => sum::<F>(product(x, y), z.into(), rm),
        (Infinite(_), Zero(_), _) | (Zero(_), Infinite(_), _) => invalid::<F>(),
        (Nan, ..) | (_, Nan, _) | (.., Nan) => nan::<F>(&[a, b, c]),
        (Infinite(_), _, Infinite(z)) | (_, Infinite(_), Infinite(z)) if negative != z => invalid::<F>(),
        (Infinite(_), ..) | (_, Infinite(_), _) => infinity::<F>(negative),
        (.., Infinite(z)) => infinity::<F>(z),
        (Finite(x), Finite(y), Zero(_)) => round::<F>(product(x, y), rm),
        (.., Finite(z)) => round::<F>(z.into(), rm),
        (.., Zero(z)) => zero::<F>(sign_of_zero_sum(negative, z, rm)),
    }
}

/// The rounded sum. At most one of the two has more than 64 significant bits, and then at most 106.
#[inline]
fn sum<F: Format>(x: Exact, y: Exact, rm: Rounding) -> (u64, Flags) {
    let (large, small) = if (x.exponent, x.significand) >= (y.exponent, y.significand) { (x, y) } else { (y, x) };
    let distance = (large.exponent - small.exponent).unsigned_abs();
    // One bit of room for the carry. Only a distance below 2 can cancel more than one leading bit, and then nothing
    // has been cut off.
    let (a, b) = (large.significand >> 1, shift_right_sticky(small.significand >> 1, distance));
    let significand = if x.negative == y.negative { a + b } else { a - b };
    if significand == 0 {
        return zero::<F>(sign_of_zero_sum(true, false, rm));
    }
    round::<F>(normalize(large.negative, large.exponent + 1, significand), rm)
}

/// The exact product.
#[inline]
fn product(x: Number, y: Number) -> Exact {
    let significand = u128::from(x.significand) * u128::from(y.significand);
    normalize(x.negative != y.negative, x.exponent + y.exponent + 1, significand)
}

/// The quotient: 63 or 64 bits and a sticky bit.
fn quotient(x: Number, y: Number) -> Exact {
    let dividend = u128::from(x.significand) << 63;
    let quotient = dividend / u128::from(y.significand);
    let inexact = quotient * u128::from(y.significand) != dividend;
    normalize(x.negative != y.negative, x.exponent - y.exponent, quotient << 64 | u128::from(inexact))
}

/// The square root: 64 bits and a sticky bit.
fn root(x: Number) -> Exact {
    let odd = x.exponent & 1;
    let radicand = u128::from(x.significand) << (63 + odd);
    let root = radicand.isqrt();
    let inexact = root * root != radicand;
    Exact { negative: false, exponent: (x.exponent - odd) / 2, significand: root << 64 | u128::from(inexact) }
}

/// Moves the leading one to bit 127. `significand` is not zero.
#[inline]
fn normalize(negative: Sign, exponent: i32, significand: u128) -> Exact {
    let shift = significand.leading_zeros();
    Exact { negative, exponent: exponent - shift as i32, significand: significand << shift }
}

/// IEEE 754-2019, "The sign bit": a sum of zeros of opposite signs, or an exact cancellation, is +0 except when
/// rounding down.
fn sign_of_zero_sum(a: Sign, b: Sign, rm: Rounding) -> Sign {
    if a == b { a } else { rm == Rounding::Rdn }
}

/// The canonical NaN; invalid if an operand is signaling.
#[cold]
pub(crate) fn nan<F: Format>(operands: &[u64]) -> (u64, Flags) {
    (F::NAN, Flags::NV.when(operands.iter().any(|&bits| F::is_signaling(bits))))
}

fn invalid<F: Format>() -> (u64, Flags) {
    (F::NAN, Flags::NV)
}

fn infinity<F: Format>(negative: Sign) -> (u64, Flags) {
    (F::signed(negative, F::INFINITY), Flags::NONE)
}

fn zero<F: Format>(negative: Sign) -> (u64, Flags) {
    (F::signed(negative, 0), Flags::NONE)
}
