//! The one place that rounds.
//!
//! F extension, "Floating-Point Control and Status Register"; IEEE 754-2019, "Overflow" and "Underflow". "Underflow is
//! detected after rounding": a result is tiny when, rounded as if the exponent had no lower bound, it lies below the
//! smallest normal number.

use crate::format::Format;
use crate::unpack::{Exact, Sign};
use crate::{Flags, Rounding};

/// Whether the magnitude goes up, where it is cut between a digit (`odd` or not) and `rest`, in units of 2^-64.
#[inline]
pub(crate) fn goes_up(rm: Rounding, negative: Sign, odd: bool, rest: u64) -> bool {
    const HALF: u64 = 1 << 63;
    match rm {
        Rounding::Rne => rest > HALF || (rest == HALF && odd),
        Rounding::Rtz => false,
        Rounding::Rdn => negative && rest != 0,
        Rounding::Rup => !negative && rest != 0,
        Rounding::Rmm => rest >= HALF,
    }
}

/// Rounds `exact` to format `F`.
#[inline]
pub(crate) fn round<F: Format>(exact: Exact, rm: Rounding) -> (u64, Flags) {
    let Exact { negative, exponent, significand } = exact;
    let biased = exponent + F::BIAS;
    let significand = shift_to_word(significand);
    if biased <= 0 {
        return round_small::<F>(negative, biased, significand, rm);
    }
    let (kept, inexact) = cut::<F>(negative, significand, rm);
    // The implicit bit adds one to the exponent field; a carry out of the significand adds another.
    let magnitude = ((biased as u64 - 1) << F::FRACTION_BITS) + kept;
    if magnitude >= F::INFINITY {
        return overflow::<F>(negative, rm);
    }
    (F::signed(negative, magnitude), Flags::NX.when(inexact))
}

/// A result whose exponent lies below that of the smallest normal number.
fn round_small<F: Format>(negative: Sign, biased: i32, significand: u64, rm: Rounding) -> (u64, Flags) {
    let (unbounded, _) = cut::<F>(negative, significand, rm);
    let tiny = biased < 0 || unbounded >> (F::FRACTION_BITS + 1) == 0;
    let shift = (1 - biased).unsigned_abs().min(63);
    let sticky = significand << (64 - shift) != 0;
    let (magnitude, inexact) = cut::<F>(negative, significand >> shift | u64::from(sticky), rm);
    (F::signed(negative, magnitude), Flags::NX.when(inexact) | Flags::UF.when(inexact && tiny))
}

/// Rounds a significand that starts at bit 63 to the precision of `F`; tells whether that changed it.
#[inline]
fn cut<F: Format>(negative: Sign, significand: u64, rm: Rounding) -> (u64, bool) {
    let kept = significand >> (63 - F::FRACTION_BITS);
    let rest = significand << (F::FRACTION_BITS + 1);
    (kept + u64::from(goes_up(rm, negative, kept & 1 != 0, rest)), rest != 0)
}

/// The upper half with a sticky bit: more than any format needs.
#[inline]
fn shift_to_word(significand: u128) -> u64 {
    (significand >> 64) as u64 | u64::from(significand as u64 != 0)
}

/// Infinity or the largest finite number, whichever the rounding mode prefers.
fn overflow<F: Format>(negative: Sign, rm: Rounding) -> (u64, Flags) {
    let away = match rm {
        Rounding::Rne | Rounding::Rmm => true,
        Rounding::Rtz => false,
        Rounding::Rdn => negative,
        Rounding::Rup => !negative,
    };
    (F::signed(negative, F::INFINITY - u64::from(!away)), Flags::OF | Flags::NX)
}
