//! Corner cases, each with the sentence that makes it one.

mod support;

use fp::{Flags, Fmt, Op, Rounding, evaluate};
use support::{FORMATS, Random, corners, widths};

const NAN: u64 = 0x7ff8_0000_0000_0000;
const SIGNALING: u64 = 0x7ff0_0000_0000_0001;
const INFINITY: u64 = 0x7ff0_0000_0000_0000;
const MINUS_ZERO: u64 = 1 << 63;
const MODES: [Rounding; 5] = [Rounding::Rne, Rounding::Rtz, Rounding::Rdn, Rounding::Rup, Rounding::Rmm];

fn double(op: Op, a: u64, b: u64, c: u64) -> (u64, Flags) {
    evaluate(op, Fmt::D, Rounding::Rne, [a, b, c])
}

fn number(op: Op, x: f64) -> (i64, Flags) {
    let (value, flags) = double(op, x.to_bits(), 0, 0);
    (value as i64, flags)
}

/// "Except when otherwise stated, if the result of a floating-point operation is NaN, it is the canonical NaN."
#[test]
fn a_nan_result_is_canonical() {
    let payload = 0xfff8_0000_1234_5678;
    let one = 1f64.to_bits();
    for op in [Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Sqrt, Op::Fma, Op::Round] {
        assert_eq!(double(op, payload, one, one), (NAN, Flags::NONE), "{op:?}");
        assert_eq!(double(op, SIGNALING, one, one), (NAN, Flags::NV), "{op:?}");
    }
    assert_eq!(double(Op::ToFmt(Fmt::S), payload, 0, 0), (0x7fc0_0000, Flags::NONE));
    assert_eq!(double(Op::ToFmt(Fmt::H), SIGNALING, 0, 0), (0x7e00, Flags::NV));
}

/// "must set the invalid operation exception flag when the multiplicands are ∞ and zero, even when the addend is a
/// quiet NaN."
#[test]
fn infinity_times_zero_plus_nan_is_invalid() {
    assert_eq!(double(Op::Fma, INFINITY, 0, NAN), (NAN, Flags::NV));
    assert_eq!(double(Op::Fma, MINUS_ZERO, INFINITY, NAN), (NAN, Flags::NV));
}

/// "If both inputs are NaNs, the result is the canonical NaN. If only one operand is a NaN, the result is the non-NaN
/// operand. Signaling NaN inputs set the invalid operation exception flag, even when the result is not NaN."
#[test]
fn min_and_max_prefer_numbers() {
    let one = 1f64.to_bits();
    assert_eq!(double(Op::Min, NAN, one, 0), (one, Flags::NONE));
    assert_eq!(double(Op::Max, one, SIGNALING, 0), (one, Flags::NV));
    assert_eq!(double(Op::Min, NAN | 7, MINUS_ZERO | NAN, 0), (NAN, Flags::NONE));
    assert_eq!(double(Op::Min, 0, MINUS_ZERO, 0).0, MINUS_ZERO);
    assert_eq!(double(Op::Max, MINUS_ZERO, 0, 0).0, 0);
    assert_eq!(double(Op::Max, (-1f64).to_bits(), MINUS_ZERO | INFINITY, 0).0, (-1f64).to_bits());
}

/// Zfa: "except that if either input is NaN, the result is the canonical NaN."
#[test]
fn minm_and_maxm_prefer_nans() {
    let one = 1f64.to_bits();
    assert_eq!(double(Op::MinM, NAN | 5, one, 0), (NAN, Flags::NONE));
    assert_eq!(double(Op::MaxM, one, SIGNALING, 0), (NAN, Flags::NV));
    assert_eq!(double(Op::MinM, 0, MINUS_ZERO, 0), (MINUS_ZERO, Flags::NONE));
    assert_eq!(double(Op::MaxM, one, 0, 0), (one, Flags::NONE));
}

/// flt and fle "perform what IEEE 754-2008 refers to as signaling comparisons"; feq "a quiet comparison"; Zfa's fltq
/// and fleq are quiet too.
#[test]
fn comparisons_with_nans_are_false() {
    for (op, quiet) in [
        (Op::Eq, Flags::NONE),
        (Op::Lt, Flags::NV),
        (Op::Le, Flags::NV),
        (Op::LtQ, Flags::NONE),
        (Op::LeQ, Flags::NONE),
    ] {
        assert_eq!(double(op, NAN, 0, 0), (0, quiet), "{op:?}");
        assert_eq!(double(op, 0, SIGNALING, 0), (0, Flags::NV), "{op:?}");
    }
    assert_eq!(double(Op::Eq, 0, MINUS_ZERO, 0).0, 1);
    assert_eq!(double(Op::Lt, MINUS_ZERO, 0, 0).0, 0);
    assert_eq!(double(Op::Le, 0, MINUS_ZERO, 0).0, 1);
}

/// Table "Format of result of FCLASS instruction".
#[test]
fn class_has_one_bit_each() {
    let cases = [
        (MINUS_ZERO | INFINITY, 0),
        ((-1f64).to_bits(), 1),
        (MINUS_ZERO | 1, 2),
        (MINUS_ZERO, 3),
        (0, 4),
        (1, 5),
        (1f64.to_bits(), 6),
        (INFINITY, 7),
        (SIGNALING, 8),
        (NAN, 9),
    ];
    for (bits, class) in cases {
        assert_eq!(double(Op::Class, bits, 0, 0), (1 << class, Flags::NONE), "{bits:x}");
    }
}

/// Table "Domains of float-to-integer conversions and behavior for invalid inputs".
#[test]
fn integers_saturate() {
    assert_eq!(number(Op::ToI32, f64::NAN), (i32::MAX.into(), Flags::NV));
    assert_eq!(number(Op::ToU32, -1.0), (0, Flags::NV));
    assert_eq!(number(Op::ToU32, -0.5), (0, Flags::NX));
    assert_eq!(number(Op::ToU32, f64::INFINITY), (-1, Flags::NV));
    assert_eq!(number(Op::ToU32, 4294967295.0), (-1, Flags::NONE));
    assert_eq!(number(Op::ToI32, -2147483648.5), (i32::MIN.into(), Flags::NX));
    assert_eq!(number(Op::ToI32, 2147483647.5), (i32::MAX.into(), Flags::NV));
    assert_eq!(number(Op::ToI64, -9223372036854775808.0), (i64::MIN, Flags::NONE));
    assert_eq!(number(Op::ToI64, 1e300), (i64::MAX, Flags::NV));
    assert_eq!(number(Op::ToU64, f64::NEG_INFINITY), (0, Flags::NV));
    assert_eq!(number(Op::ToU64, f64::NAN), (-1, Flags::NV));
}

/// Zfa: "Bits 31:0 are taken from the rounded, unbounded two's complement result ... ±∞ and NaN are converted to zero.
/// Floating-point exception flags are raised the same as they would be for fcvt.w.d".
#[test]
fn modular_conversion_wraps() {
    assert_eq!(number(Op::ModI32, 4294967297.0), (1, Flags::NV));
    assert_eq!(number(Op::ModI32, -4294967297.5), (-1, Flags::NV));
    assert_eq!(number(Op::ModI32, 2147483648.0), (i32::MIN.into(), Flags::NV));
    assert_eq!(number(Op::ModI32, -1.75), (-1, Flags::NX));
    assert_eq!(number(Op::ModI32, f64::NAN), (0, Flags::NV));
    assert_eq!(number(Op::ModI32, f64::NEG_INFINITY), (0, Flags::NV));
    // 2^83 + 2^31: the lowest bit of the significand stands at 2^31.
    assert_eq!(number(Op::ModI32, 9671406556917033397649408.0 + 2147483648.0), (i32::MIN.into(), Flags::NV));
    assert_eq!(number(Op::ModI32, 1e300), (0, Flags::NV));
}

/// Zfa: "Zero and infinite inputs are copied to rd unmodified"; only froundnx "sets the inexact exception flag".
#[test]
fn round_keeps_signs_and_is_exact() {
    let minus_half = (-0.5f64).to_bits();
    assert_eq!(double(Op::Round, minus_half, 0, 0), (MINUS_ZERO, Flags::NONE));
    assert_eq!(double(Op::RoundNx, minus_half, 0, 0), (MINUS_ZERO, Flags::NX));
    assert_eq!(double(Op::Round, MINUS_ZERO | INFINITY, 0, 0), (MINUS_ZERO | INFINITY, Flags::NONE));
    let up = evaluate(Op::RoundNx, Fmt::D, Rounding::Rmm, [0.5f64.to_bits(), 0, 0]);
    assert_eq!(up, (1f64.to_bits(), Flags::NX));
}

/// "In the parlance of IEEE 754-2008, tininess is detected after rounding." Both products deliver the smallest
/// normal number, inexactly; only the first is tiny with an unbounded exponent.
#[test]
fn tininess_is_detected_after_rounding() {
    let smallest_normal = 1 << 52;
    // (1 - 2^-53) × 2^-1022 lies a quarter of an ulp (of the unbounded 53 bits: exact) below.
    let tiny = double(Op::Mul, smallest_normal, (1f64 - 2f64.powi(-53)).to_bits(), 0);
    assert_eq!(tiny, (smallest_normal, Flags::UF | Flags::NX));
    // (2^-511 (1 + 2^-52)) × (2^-511 (1 - 2^-52)) = 2^-1022 (1 - 2^-104), which rounds to 2^-1022 in 53 bits.
    let (a, b) = (2f64.powi(-511) * (1.0 + 2f64.powi(-52)), 2f64.powi(-511) * (1.0 - 2f64.powi(-52)));
    assert_eq!(double(Op::Mul, a.to_bits(), b.to_bits(), 0), (smallest_normal, Flags::NX));
}

/// IEEE 754-2019, "Overflow": signaled "if and only if the destination format's largest finite number is exceeded in
/// magnitude by what would have been the rounded floating-point result were the exponent range unbounded".
#[test]
fn overflow_is_judged_after_rounding() {
    let (largest, largest_bits) = (f64::MAX, f64::MAX.to_bits());
    let towards_zero = |op, b: f64| evaluate(op, Fmt::D, Rounding::Rtz, [largest_bits, b.to_bits(), 0]);
    assert_eq!(towards_zero(Op::Add, 1.0), (largest_bits, Flags::NX));
    assert_eq!(towards_zero(Op::Add, largest), (largest_bits, Flags::OF | Flags::NX));
    let upwards = evaluate(Op::Add, Fmt::D, Rounding::Rup, [largest_bits, 1f64.to_bits(), 0]);
    assert_eq!(upwards, (INFINITY, Flags::OF | Flags::NX));
    assert_eq!(double(Op::Add, largest_bits, 1f64.to_bits(), 0), (largest_bits, Flags::NX));
}

#[test]
fn division_by_zero_raises_dz() {
    assert_eq!(double(Op::Div, (-1f64).to_bits(), 0, 0), (MINUS_ZERO | INFINITY, Flags::DZ));
    assert_eq!(double(Op::Div, 0, 0, 0), (NAN, Flags::NV));
    assert_eq!(double(Op::Div, INFINITY, 0, 0), (INFINITY, Flags::NONE));
}

#[test]
fn cancellation_is_minus_zero_only_when_rounding_down() {
    for rm in MODES {
        let zero = if rm == Rounding::Rdn { MINUS_ZERO } else { 0 };
        let one = 1f64.to_bits();
        assert_eq!(evaluate(Op::Sub, Fmt::D, rm, [one, one, 0]), (zero, Flags::NONE), "{rm:?}");
        let minus_one = (-1f64).to_bits();
        assert_eq!(evaluate(Op::Fma, Fmt::D, rm, [one, one, minus_one]), (zero, Flags::NONE), "{rm:?}");
    }
}

/// A narrow format in a wide register: what stands above does not matter.
#[test]
fn bits_above_the_format_are_ignored() {
    let mut random = Random::new(21);
    for _ in 0..20_000 {
        let operands = [(); 3].map(|()| random.operand(Fmt::H));
        let dirty = operands.map(|bits| bits | 0xabcd_ef01_2345_0000);
        for op in [Op::Add, Op::Mul, Op::Fma, Op::Min, Op::MaxM, Op::Eq, Op::Class, Op::Round, Op::ToI64, Op::Sqrt] {
            let clean = evaluate(op, Fmt::H, Rounding::Rup, operands);
            assert_eq!(evaluate(op, Fmt::H, Rounding::Rup, dirty), clean, "{op:?} {operands:x?}");
        }
    }
}

/// The square root in every mode by its definition: r² against a, in exact integers.
#[test]
fn square_roots_are_bounded_by_their_neighbours() {
    let mut random = Random::new(22);
    for fmt in FORMATS {
        let mut operands = corners(fmt);
        operands.extend((0..50_000).map(|_| random.operand(fmt)));
        for a in operands.into_iter().filter(|&a| is_positive_number(fmt, a)) {
            MODES.iter().for_each(|&rm| check_root(fmt, a, rm));
        }
    }
}

fn is_positive_number(fmt: Fmt, bits: u64) -> bool {
    let class = evaluate(Op::Class, fmt, Rounding::Rne, [bits, 0, 0]).0;
    class == 1 << 5 || class == 1 << 6
}

/// (significand, exponent of its last bit) of a positive number.
fn parts(fmt: Fmt, bits: u64) -> (u128, i32) {
    let fraction_bits = widths(fmt).0;
    let (biased, fraction) = ((bits >> fraction_bits) as i32, u128::from(bits & ((1 << fraction_bits) - 1)));
    let bias = (1 << (widths(fmt).1 - 1)) - 1;
    let implicit = u128::from(biased != 0) << fraction_bits;
    (fraction | implicit, biased.max(1) - bias - fraction_bits as i32)
}

fn check_root(fmt: Fmt, a: u64, rm: Rounding) {
    let (root, flags) = evaluate(Op::Sqrt, fmt, rm, [a, 0, 0]);
    let ((a_digits, a_exponent), (digits, exponent)) = (parts(fmt, a), parts(fmt, root));
    // Everything in units of (half an ulp of the root)²: 2^(2 exponent - 2).
    let square = a_digits << (a_exponent - 2 * exponent + 2);
    let twice = 2 * digits;
    assert_eq!(flags, Flags::NX.when(twice * twice != square), "{fmt:?} {a:x} {rm:?}");
    let (low, high) = match rm {
        Rounding::Rne | Rounding::Rmm => (twice - 1, twice + 1),
        Rounding::Rtz | Rounding::Rdn => (twice, twice + 2),
        Rounding::Rup => (twice - 2, twice),
    };
    // A tie cannot happen: no root lies exactly between two numbers.
    assert!(low * low <= square && square <= high * high, "{fmt:?} {a:x} {rm:?}: {root:x}");
}
