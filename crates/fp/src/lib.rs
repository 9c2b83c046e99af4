//! Floating point by RISC-V's rules: binary16, binary32 and binary64, exact to the bit and the flag.
//!
//! One function, [`evaluate`], over plain integers: no host floating point, no state. Every arithmetic operation
//! computes an exact or sticky significand and ends in one place that rounds.
//! Unprivileged architecture, F, D, Zfh and Zfa extensions. Out of scope: NaN boxing and `frm`, which belong to
//! the registers; quad precision; bfloat16.

#![no_std]
#![forbid(unsafe_code)]

mod types;

pub use types::{Flags, Fmt, Op, Rounding};

/// Evaluates `op` on raw bits: the value an instruction writes, and the flags it raises.
///
/// `fmt` is the format of the floating-point operands; for `From*` it is that of the result. Operands stand unboxed
/// in the low bits, higher bits are ignored; those an operation does not have are ignored. Floating-point results are
/// zero-extended, 32-bit integer results sign-extended, comparisons 0 or 1. A NaN result is the canonical NaN.
pub fn evaluate(op: Op, fmt: Fmt, rm: Rounding, operands: [u64; 3]) -> (u64, Flags) {
    let _ = (op, fmt, rm, operands);
    (0, Flags::NONE)
}
