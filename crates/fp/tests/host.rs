//! Results against the host's floating-point unit, which rounds to nearest. Values only: Rust shows no flags.

mod support;

use fp::{Fmt, Op, Rounding, evaluate};
use support::{Random, corners};

const ROUNDS: u64 = 200_000;

fn ours(op: Op, fmt: Fmt, operands: [u64; 3]) -> u64 {
    evaluate(op, fmt, Rounding::Rne, operands).0
}

fn bits64(x: f64) -> u64 {
    if x.is_nan() { 0x7ff8_0000_0000_0000 } else { x.to_bits() }
}

fn bits32(x: f32) -> u64 {
    if x.is_nan() { 0x7fc0_0000 } else { x.to_bits().into() }
}

fn double(operands: [u64; 3]) {
    let [a, b, c] = operands.map(f64::from_bits);
    for (op, host) in [
        (Op::Add, a + b),
        (Op::Sub, a - b),
        (Op::Mul, a * b),
        (Op::Div, a / b),
        (Op::Sqrt, a.sqrt()),
        (Op::Fma, a.mul_add(b, c)),
        (Op::Round, a.round_ties_even()),
    ] {
        assert_eq!(ours(op, Fmt::D, operands), bits64(host), "{op:?} {operands:x?}");
    }
    assert_eq!(ours(Op::ToFmt(Fmt::S), Fmt::D, operands), bits32(a as f32), "{operands:x?}");
    assert_eq!(ours(Op::Lt, Fmt::D, operands), u64::from(a < b), "{operands:x?}");
    assert_eq!(ours(Op::Le, Fmt::D, operands), u64::from(a <= b), "{operands:x?}");
    assert_eq!(ours(Op::Eq, Fmt::D, operands), u64::from(a == b), "{operands:x?}");
}

fn single(operands: [u64; 3]) {
    let [a, b, c] = operands.map(|bits| f32::from_bits(bits as u32));
    for (op, host) in [
        (Op::Add, a + b),
        (Op::Sub, a - b),
        (Op::Mul, a * b),
        (Op::Div, a / b),
        (Op::Sqrt, a.sqrt()),
        (Op::Fma, a.mul_add(b, c)),
        (Op::Round, a.round_ties_even()),
    ] {
        assert_eq!(ours(op, Fmt::S, operands), bits32(host), "{op:?} {operands:x?}");
    }
    assert_eq!(ours(Op::ToFmt(Fmt::D), Fmt::S, operands), bits64(a.into()), "{operands:x?}");
}

#[test]
fn double_agrees() {
    let mut random = Random::new(11);
    (0..ROUNDS).for_each(|_| double([(); 3].map(|()| random.operand(Fmt::D))));
    let corners = corners(Fmt::D);
    corners.iter().for_each(|&a| corners.iter().for_each(|&b| double([a, b, a])));
}

#[test]
fn single_agrees() {
    let mut random = Random::new(12);
    (0..ROUNDS).for_each(|_| single([(); 3].map(|()| random.operand(Fmt::S))));
    let corners = corners(Fmt::S);
    corners.iter().for_each(|&a| corners.iter().for_each(|&b| single([a, b, b])));
}

#[test]
fn integers_agree() {
    let mut random = Random::new(13);
    for _ in 0..ROUNDS {
        let x = random.next() >> random.below(64);
        assert_eq!(ours(Op::FromI64, Fmt::D, [x, 0, 0]), bits64(x as i64 as f64));
        assert_eq!(ours(Op::FromU64, Fmt::D, [x, 0, 0]), bits64(x as f64));
        assert_eq!(ours(Op::FromI32, Fmt::S, [x, 0, 0]), bits32(x as i32 as f32));
        assert_eq!(ours(Op::FromU32, Fmt::S, [x, 0, 0]), bits32(x as u32 as f32));
    }
}
