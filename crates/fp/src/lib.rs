//! Floating point by RISC-V's rules: binary16, binary32 and binary64, exact to the bit and the flag.
//!
//! One function, [`evaluate`], over plain integers: no host floating point, no state. Every operation takes its
//! operands apart (`unpack`), computes a significand that is exact or sticky (`arithmetic`, `convert`), and ends in
//! the one place that rounds (`round`). Unprivileged architecture, F, D, Zfh and Zfa extensions. Out of scope: NaN
//! boxing and `frm`, which belong to the registers; quad precision; bfloat16.

#![no_std]
#![forbid(unsafe_code)]

mod arithmetic;
mod compare;
mod convert;
mod format;
mod round;
mod types;
mod unpack;

pub use types::{Flags, Fmt, Op, Rounding};

use compare::{Nans, Pick};
use format::{Double, Format, Half, Single};

/// Evaluates `op` on raw bits: the value an instruction writes, and the flags it raises.
///
/// `fmt` is the format of the floating-point operands; for `From*` it is that of the result. Operands stand unboxed
/// in the low bits, higher bits are ignored; those an operation does not have are ignored. Floating-point results are
/// zero-extended, 32-bit integer results sign-extended, comparisons 0 or 1. A NaN result is the canonical NaN.
///
/// ```
/// use fp::{Flags, Fmt, Op, Rounding, evaluate};
/// let (one, three) = (1f64.to_bits(), 3f64.to_bits());
/// let third = evaluate(Op::Div, Fmt::D, Rounding::Rne, [one, three, 0]);
/// assert_eq!(third, ((1.0 / 3.0f64).to_bits(), Flags::NX));
/// ```
#[inline]
pub fn evaluate(op: Op, fmt: Fmt, rm: Rounding, operands: [u64; 3]) -> (u64, Flags) {
    match fmt {
        Fmt::H => evaluate_in::<Half>(op, rm, operands),
        Fmt::S => evaluate_in::<Single>(op, rm, operands),
        Fmt::D => evaluate_in::<Double>(op, rm, operands),
    }
}

#[inline]
fn evaluate_in<F: Format>(op: Op, rm: Rounding, [a, b, c]: [u64; 3]) -> (u64, Flags) {
    match op {
        Op::Add => arithmetic::add::<F>(a, b, rm),
        Op::Sub => arithmetic::sub::<F>(a, b, rm),
        Op::Mul => arithmetic::mul::<F>(a, b, rm),
        Op::Div => arithmetic::div::<F>(a, b, rm),
        Op::Sqrt => arithmetic::sqrt::<F>(a, rm),
        Op::Fma => arithmetic::fma::<F>(a, b, c, rm),
        Op::Min => compare::number::<F>(a, b, Pick::Smaller),
        Op::Max => compare::number::<F>(a, b, Pick::Larger),
        Op::MinM => compare::propagating::<F>(a, b, Pick::Smaller),
        Op::MaxM => compare::propagating::<F>(a, b, Pick::Larger),
        Op::Eq => compare::compare::<F>(a, b, Nans::Quiet, i64::eq),
        Op::Lt => compare::compare::<F>(a, b, Nans::Signaling, i64::lt),
        Op::Le => compare::compare::<F>(a, b, Nans::Signaling, i64::le),
        Op::LtQ => compare::compare::<F>(a, b, Nans::Quiet, i64::lt),
        Op::LeQ => compare::compare::<F>(a, b, Nans::Quiet, i64::le),
        Op::Class => (compare::class::<F>(a), Flags::NONE),
        Op::Round => {
            let (value, flags) = convert::to_integral::<F>(a, rm);
            (value, Flags(flags.0 & !Flags::NX.0))
        }
        Op::RoundNx => convert::to_integral::<F>(a, rm),
        Op::ToFmt(Fmt::H) => convert::to_format::<F, Half>(a, rm),
        Op::ToFmt(Fmt::S) => convert::to_format::<F, Single>(a, rm),
        Op::ToFmt(Fmt::D) => convert::to_format::<F, Double>(a, rm),
        Op::ToI32 => convert::to_integer::<F>(a, rm, convert::I32),
        Op::ToU32 => sign_extend(convert::to_integer::<F>(a, rm, convert::U32)),
        Op::ToI64 => convert::to_integer::<F>(a, rm, convert::I64),
        Op::ToU64 => convert::to_integer::<F>(a, rm, convert::U64),
        Op::FromI32 => convert::from_integer::<F>(i128::from(a as i32), rm),
        Op::FromU32 => convert::from_integer::<F>(i128::from(a as u32), rm),
        Op::FromI64 => convert::from_integer::<F>(i128::from(a as i64), rm),
        Op::FromU64 => convert::from_integer::<F>(i128::from(a), rm),
        Op::ModI32 => convert::to_integer_modulo::<F>(a),
    }
}

/// "fcvt.w.s and fcvt.wu.s sign-extend the 32-bit result to the destination register width."
fn sign_extend((value, flags): (u64, Flags)) -> (u64, Flags) {
    (i64::from(value as i32) as u64, flags)
}
