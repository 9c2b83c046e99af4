//! Every arithmetic operation, conversion and rounding mode against `rustc_apfloat`, a port of LLVM's APFloat.
//!
//! APFloat differs from RISC-V in three points, which the comparison allows for: NaNs keep their payload; underflow is
//! judged on the delivered result, so a result rounded up to the smallest normal number never underflows there; and
//! an overflow that delivers the largest finite number is only inexact. (Those cases are in `rules.rs`.) It has no
//! square root.

mod support;

use fp::{Flags, Fmt, Op, Rounding, evaluate};
use rustc_apfloat::ieee::{Double, Half, Single};
use rustc_apfloat::{Float, FloatConvert, Round, Status, StatusAnd};
use support::{Random, corners, widths};

const MODES: [(Rounding, Round); 5] = [
    (Rounding::Rne, Round::NearestTiesToEven),
    (Rounding::Rtz, Round::TowardZero),
    (Rounding::Rdn, Round::TowardNegative),
    (Rounding::Rup, Round::TowardPositive),
    (Rounding::Rmm, Round::NearestTiesToAway),
];

/// Random operands for each operation and mode; `VHART_FP_ROUNDS` asks for another number.
fn rounds() -> u64 {
    std::env::var("VHART_FP_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

fn flags(status: Status) -> Flags {
    let map = [
        (Status::INVALID_OP, Flags::NV),
        (Status::DIV_BY_ZERO, Flags::DZ),
        (Status::OVERFLOW, Flags::OF),
        (Status::UNDERFLOW, Flags::UF),
        (Status::INEXACT, Flags::NX),
    ];
    map.iter().filter(|(bit, _)| status.contains(*bit)).fold(Flags::NONE, |all, &(_, flag)| all | flag)
}

/// The oracle's answer in RISC-V's terms.
fn expected<T: Float>(answer: StatusAnd<T>) -> (u64, Flags) {
    let bits = if answer.value.is_nan() { T::qnan(None) } else { answer.value }.to_bits() as u64;
    (bits, flags(answer.status))
}

/// The flags in which the oracle may differ for a result of this magnitude.
fn excused(fmt: Fmt, bits: u64) -> u8 {
    let (fraction_bits, exponent_bits) = widths(fmt);
    let infinity = ((1u64 << exponent_bits) - 1) << fraction_bits;
    match bits & !(1 << (fraction_bits + exponent_bits)) {
        magnitude if magnitude == 1 << fraction_bits => Flags::UF.0,
        magnitude if magnitude == infinity - 1 => Flags::OF.0,
        _ => 0,
    }
}

fn check(what: &str, fmt: Fmt, operands: [u64; 3], rm: Rounding, ours: (u64, Flags), oracle: (u64, Flags)) {
    let excused = excused(fmt, oracle.0);
    let same = ours.0 == oracle.0 && ours.1.0 & !excused == oracle.1.0 & !excused;
    assert!(same, "{what} {fmt:?} {operands:x?} {rm:?}: {ours:x?}, oracle {oracle:x?}");
}

fn arithmetic<T: Float>(fmt: Fmt, operands: [u64; 3]) {
    let [a, b, c] = operands.map(|bits| T::from_bits(bits.into()));
    for (rm, round) in MODES {
        let ours = |op| evaluate(op, fmt, rm, operands);
        check("add", fmt, operands, rm, ours(Op::Add), expected(a.add_r(b, round)));
        check("sub", fmt, operands, rm, ours(Op::Sub), expected(a.sub_r(b, round)));
        check("mul", fmt, operands, rm, ours(Op::Mul), expected(a.mul_r(b, round)));
        check("div", fmt, operands, rm, ours(Op::Div), expected(a.div_r(b, round)));
        check("fma", fmt, operands, rm, ours(Op::Fma), fma::<T>([a, b, c], round));
        check("froundnx", fmt, operands, rm, ours(Op::RoundNx), expected(a.round_to_integral(round)));
        integers::<T>(fmt, operands, rm, round);
    }
}

/// IEEE 754 leaves ∞ × 0 + qNaN open; RISC-V makes it invalid.
fn fma<T: Float>([a, b, c]: [T; 3], round: Round) -> (u64, Flags) {
    let invalid = (a.is_infinite() && b.is_zero()) || (a.is_zero() && b.is_infinite());
    let (bits, flags) = expected(a.mul_add_r(b, c, round));
    (bits, flags | Flags::NV.when(invalid))
}

fn integers<T: Float>(fmt: Fmt, operands: [u64; 3], rm: Rounding, round: Round) {
    let a = T::from_bits(operands[0].into());
    for (op, signed, width) in
        [(Op::ToI32, true, 32), (Op::ToU32, false, 32), (Op::ToI64, true, 64), (Op::ToU64, false, 64)]
    {
        let ours = evaluate(op, fmt, rm, operands);
        let exact = &mut false;
        let (value, status) = match signed {
            true => {
                let answer = a.to_i128_r(width, round, exact);
                (answer.value as u64, answer.status)
            }
            false => {
                let answer = a.to_u128_r(width, round, exact);
                (answer.value as u64, answer.status)
            }
        };
        // The oracle says 0 for a NaN; the manual says the largest value.
        let largest = u64::MAX >> (64 - width as u32 + u32::from(signed));
        let value = if a.is_nan() { largest } else { value };
        let value = if width == 32 { value as i32 as u64 } else { value };
        assert_eq!(ours, (value, flags(status)), "{op:?} {fmt:?} {operands:x?} {rm:?}");
    }
    let x = operands[0].rotate_left(operands[1] as u32);
    for (op, value) in [
        (Op::FromI32, i128::from(x as i32)),
        (Op::FromU32, i128::from(x as u32)),
        (Op::FromI64, i128::from(x as i64)),
        (Op::FromU64, i128::from(x)),
    ] {
        let ours = evaluate(op, fmt, rm, [x, 0, 0]);
        check("from integer", fmt, [x, 0, 0], rm, ours, expected(T::from_i128_r(value, round)));
    }
}

fn convert<A: Float + FloatConvert<B>, B: Float>(from: Fmt, to: Fmt, bits: u64) {
    let a = A::from_bits(bits.into());
    for (rm, round) in MODES {
        let signaling = Flags::NV.when(a.is_signaling());
        let (value, flags) = expected(a.convert_r(round, &mut false));
        let oracle = (value, if a.is_nan() { signaling } else { flags });
        check("convert", to, [bits, 0, 0], rm, evaluate(Op::ToFmt(to), from, rm, [bits, 0, 0]), oracle);
    }
}

fn all<T: Float>(fmt: Fmt, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..rounds() {
        let operands = [(); 3].map(|()| random.operand(fmt));
        arithmetic::<T>(fmt, operands);
    }
    let corners = corners(fmt);
    for &a in &corners {
        for &b in &corners {
            let c = corners[random.below(corners.len() as u64) as usize];
            arithmetic::<T>(fmt, [a, b, c]);
        }
    }
}

/// Addends close to a product, where a fused operation cancels.
fn cancelling<T: Float>(fmt: Fmt, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..rounds() {
        let [a, b] = [(); 2].map(|()| random.operand(fmt));
        let product = (T::from_bits(a.into()) * T::from_bits(b.into())).value;
        let c = ((-product).to_bits() as u64).wrapping_add(random.below(5)).wrapping_sub(2);
        arithmetic::<T>(fmt, [a, b, c & (u64::MAX >> (64 - T::BITS as u32))]);
    }
}

#[test]
fn half_agrees() {
    all::<Half>(Fmt::H, 1);
    cancelling::<Half>(Fmt::H, 2);
}

#[test]
fn single_agrees() {
    all::<Single>(Fmt::S, 3);
    cancelling::<Single>(Fmt::S, 4);
}

#[test]
fn double_agrees() {
    all::<Double>(Fmt::D, 5);
    cancelling::<Double>(Fmt::D, 6);
}

#[test]
fn every_half_converts() {
    for bits in 0..=u64::from(u16::MAX) {
        convert::<Half, Single>(Fmt::H, Fmt::S, bits);
        convert::<Half, Double>(Fmt::H, Fmt::D, bits);
    }
}

#[test]
fn conversions_agree() {
    let mut random = Random::new(7);
    for _ in 0..4 * rounds() {
        let (single, double) = (random.operand(Fmt::S), random.operand(Fmt::D));
        convert::<Single, Half>(Fmt::S, Fmt::H, single);
        convert::<Single, Double>(Fmt::S, Fmt::D, single);
        convert::<Double, Half>(Fmt::D, Fmt::H, double);
        convert::<Double, Single>(Fmt::D, Fmt::S, double);
        // Numbers of the narrower format, widened, and their neighbours.
        let wide = evaluate(Op::ToFmt(Fmt::D), Fmt::S, Rounding::Rne, [single, 0, 0]).0;
        convert::<Double, Single>(Fmt::D, Fmt::S, wide.wrapping_add(random.below(3)).wrapping_sub(1));
    }
}
