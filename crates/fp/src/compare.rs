//! Comparisons, minimum and maximum, classification.
//!
//! F extension, "Single-Precision Floating-Point Compare Instructions" and "... Classify Instruction"; Zfa, "Minimum
//! and Maximum Instructions" and "Comparison Instructions".

use crate::Flags;
use crate::format::Format;

/// Which NaNs make an operation invalid.
#[derive(Clone, Copy)]
pub(crate) enum Nans {
    /// Only signaling ones.
    Quiet,
    /// All.
    Signaling,
}

/// Which operand a minimum or maximum takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    Smaller,
    Larger,
}

/// Compares with `holds` over (a, b) as ordered integers; with a NaN nothing holds.
pub(crate) fn compare<F: Format>(a: u64, b: u64, nans: Nans, holds: fn(&i64, &i64) -> bool) -> (u64, Flags) {
    if F::is_nan(a) || F::is_nan(b) {
        return (0, invalid::<F>(a, b, nans));
    }
    (u64::from(holds(&ordered::<F>(a), &ordered::<F>(b))), Flags::NONE)
}

/// `fmin`, `fmax`: "If only one operand is a NaN, the result is the non-NaN operand."
pub(crate) fn number<F: Format>(a: u64, b: u64, pick: Pick) -> (u64, Flags) {
    let result = match (F::is_nan(a), F::is_nan(b)) {
        (true, true) => F::NAN,
        (true, false) => F::trim(b),
        (false, true) => F::trim(a),
        (false, false) => select::<F>(a, b, pick),
    };
    (result, invalid::<F>(a, b, Nans::Quiet))
}

/// `fminm`, `fmaxm`: "if either input is NaN, the result is the canonical NaN."
pub(crate) fn propagating<F: Format>(a: u64, b: u64, pick: Pick) -> (u64, Flags) {
    let nan = F::is_nan(a) || F::is_nan(b);
    let result = if nan { F::NAN } else { select::<F>(a, b, pick) };
    (result, invalid::<F>(a, b, Nans::Quiet))
}

/// Neither operand is a NaN. "the value -0.0 is considered to be less than the value +0.0."
fn select<F: Format>(a: u64, b: u64, pick: Pick) -> u64 {
    let (x, y) = (ordered::<F>(a), ordered::<F>(b));
    let a_is_smaller = x < y || (x == y && F::is_negative(a));
    F::trim(if a_is_smaller == (pick == Pick::Smaller) { a } else { b })
}

/// Integers in the order of the numbers; both zeros are 0.
fn ordered<F: Format>(bits: u64) -> i64 {
    let magnitude = F::magnitude(bits) as i64;
    if F::is_negative(bits) { -magnitude } else { magnitude }
}

fn invalid<F: Format>(a: u64, b: u64, nans: Nans) -> Flags {
    Flags::NV.when(match nans {
        Nans::Quiet => F::is_signaling(a) || F::is_signaling(b),
        Nans::Signaling => F::is_nan(a) || F::is_nan(b),
    })
}

/// `fclass`: table "Format of result of FCLASS instruction".
pub(crate) fn class<F: Format>(bits: u64) -> u64 {
    let magnitude = F::magnitude(bits);
    if F::is_nan(bits) {
        return if F::is_signaling(bits) { 1 << 8 } else { 1 << 9 };
    }
    let distance = match magnitude {
        0 => 0,
        m if m <= F::FRACTION => 1,
        m if m < F::INFINITY => 2,
        _ => 3,
    };
    if F::is_negative(bits) { 1 << (3 - distance) } else { 1 << (4 + distance) }
}
