//! F, D, Zfh, Zfhmin and Zfa: floating point.
//!
//! Unprivileged architecture, the chapters of these names. Arithmetic is [`Exec::fp`], on raw bits; what the texts
//! themselves say is how a narrow value lies in a register ("NaN Boxing of Narrower Values"), signs, and moves.
//! Every text first asks whether floating point is on.

use crate::Width::{B2, B4, B8};
use crate::{Exec, Fmt, FpOp, Out, Value, Width, Word};
use Fmt::{D, H, S};
use arch::insn;

/// `name Format |m, i| value;` writes `value` to the floating-point register rd.
macro_rules! to_f {
    ($($name:ident $format:ident |$m:ident, $i:ident| $value:expr;)*) => { $(
        #[inline(always)]
        pub(crate) fn $name<M: Exec>($m: &mut M, $i: insn::$format) -> Out<M> {
            $m.fp_enabled()?;
            let value = $value;
            $m.set_f($i.rd, value);
            Ok(())
        }
    )* };
}

/// `name Format |m, i| value;` writes `value` to the integer register rd.
macro_rules! to_x {
    ($($name:ident $format:ident |$m:ident, $i:ident| $value:expr;)*) => { $(
        #[inline(always)]
        pub(crate) fn $name<M: Exec>($m: &mut M, $i: insn::$format) -> Out<M> {
            $m.fp_enabled()?;
            let value = $value;
            $m.set_x($i.rd, value);
            Ok(())
        }
    )* };
}

/// `name width;` stores the low bytes of rs2.
macro_rules! stores {
    ($($name:ident $width:ident;)*) => { $(
        #[inline(always)]
        pub(crate) fn $name<M: Exec>(m: &mut M, i: insn::S) -> Out<M> {
            m.fp_enabled()?;
            m.store($width, crate::i::store_address(m, i), m.f(i.rs2))
        }
    )* };
}

/// Bits of a format.
const fn bits(fmt: Fmt) -> u32 {
    match fmt {
        H => 16,
        S => 32,
        D => 64,
    }
}

const fn sign(fmt: Fmt) -> i64 {
    1 << (bits(fmt) - 1)
}

const fn canonical_nan(fmt: Fmt) -> i64 {
    match fmt {
        H => 0x7e00,
        S => 0x7fc0_0000,
        D => 0x7ff8_0000_0000_0000,
    }
}

/// The value of this format in a register: canonical NaN where it is not boxed.
#[inline(always)]
fn unboxed<M: Exec>(m: &M, fmt: Fmt, register: u8) -> M::W {
    let value = m.f(register);
    if fmt == D {
        return value;
    }
    let is_boxed = value.sar(m.imm(bits(fmt).into())).eq(m.imm(-1));
    M::W::select(is_boxed, value.zext(bits(fmt)), m.imm(canonical_nan(fmt)))
}

/// A zero-extended value as it lies in a register.
#[inline(always)]
fn boxed<M: Exec>(m: &M, fmt: Fmt, value: M::W) -> M::W {
    if fmt == D { value } else { value | m.imm(-1 << bits(fmt)) }
}

/// Arithmetic with one operand: raw result.
#[inline(always)]
fn raw1<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, rm: u8, rs1: u8) -> Value<M> {
    let none = m.imm(0);
    m.fp(op, fmt, rm, [unboxed(m, fmt, rs1), none, none])
}

/// Arithmetic with two operands: raw result.
#[inline(always)]
fn raw2<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, rm: u8, rs1: u8, rs2: u8) -> Value<M> {
    let (a, b, none) = (unboxed(m, fmt, rs1), unboxed(m, fmt, rs2), m.imm(0));
    m.fp(op, fmt, rm, [a, b, none])
}

/// rs1 op rs2, rounded.
#[inline(always)]
fn arith<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, i: insn::Rm) -> Value<M> {
    let result = raw2(m, op, fmt, i.rm, i.rs1, i.rs2)?;
    Ok(boxed(m, fmt, result))
}

/// op rs1, rounded.
#[inline(always)]
fn unary<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, i: insn::R1m) -> Value<M> {
    let result = raw1(m, op, fmt, i.rm, i.rs1)?;
    Ok(boxed(m, fmt, result))
}

/// The lesser or greater.
#[inline(always)]
fn pick<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, i: insn::R) -> Value<M> {
    let result = raw2(m, op, fmt, 0, i.rs1, i.rs2)?;
    Ok(boxed(m, fmt, result))
}

/// A comparison: 0 or 1.
#[inline(always)]
fn compare<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, i: insn::R) -> Value<M> {
    raw2(m, op, fmt, 0, i.rs1, i.rs2)
}

/// Which parts of rs1 x rs2 + rs3 are negated.
#[derive(Clone, Copy)]
struct Negate {
    product: bool,
    addend: bool,
}

const MADD: Negate = Negate { product: false, addend: false };
const MSUB: Negate = Negate { product: false, addend: true };
const NMSUB: Negate = Negate { product: true, addend: false };
const NMADD: Negate = Negate { product: true, addend: true };

/// rs1 x rs2 + rs3, with signs, rounded once.
#[inline(always)]
fn fused<M: Exec>(m: &mut M, negate: Negate, fmt: Fmt, i: insn::R4) -> Value<M> {
    let with_sign = |value: M::W, flip: bool| if flip { value ^ m.imm(sign(fmt)) } else { value };
    let a = with_sign(unboxed(m, fmt, i.rs1), negate.product);
    let c = with_sign(unboxed(m, fmt, i.rs3), negate.addend);
    let b = unboxed(m, fmt, i.rs2);
    let result = m.fp(FpOp::Fma, fmt, i.rm, [a, b, c])?;
    Ok(boxed(m, fmt, result))
}

/// rs1 with the sign that `sign_of` makes of both operands: only the sign bit of its answer counts.
#[inline(always)]
fn inject<M: Exec>(m: &M, fmt: Fmt, i: insn::R, sign_of: impl Fn(M::W, M::W) -> M::W) -> M::W {
    let (a, b) = (unboxed(m, fmt, i.rs1), unboxed(m, fmt, i.rs2));
    let magnitude = a & m.imm(!sign(fmt));
    boxed(m, fmt, magnitude | (sign_of(a, b) & m.imm(sign(fmt))))
}

/// From one floating-point format to another.
#[inline(always)]
fn convert<M: Exec>(m: &mut M, from: Fmt, to: Fmt, i: insn::R1m) -> Value<M> {
    let result = raw1(m, FpOp::ToFmt(to), from, i.rm, i.rs1)?;
    Ok(boxed(m, to, result))
}

/// From an integer register.
#[inline(always)]
fn from_int<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, i: insn::R1m) -> Value<M> {
    let (integer, none) = (m.x(i.rs1), m.imm(0));
    let result = m.fp(op, fmt, i.rm, [integer, none, none])?;
    Ok(boxed(m, fmt, result))
}

/// To an integer.
#[inline(always)]
fn to_int<M: Exec>(m: &mut M, op: FpOp, fmt: Fmt, i: insn::R1m) -> Value<M> {
    raw1(m, op, fmt, i.rm, i.rs1)
}

#[inline(always)]
fn load<M: Exec>(m: &mut M, fmt: Fmt, width: Width, i: insn::I) -> Value<M> {
    let value = m.load(width, crate::i::address(m, i))?;
    Ok(boxed(m, fmt, value))
}

stores! {
    fsh B2;
    fsw B4;
    fsd B8;
}

// F
to_f! {
    flw I |m, i| load(m, S, B4, i)?;
    fmadd_s R4 |m, i| fused(m, MADD, S, i)?;
    fmsub_s R4 |m, i| fused(m, MSUB, S, i)?;
    fnmsub_s R4 |m, i| fused(m, NMSUB, S, i)?;
    fnmadd_s R4 |m, i| fused(m, NMADD, S, i)?;
    fadd_s Rm |m, i| arith(m, FpOp::Add, S, i)?;
    fsub_s Rm |m, i| arith(m, FpOp::Sub, S, i)?;
    fmul_s Rm |m, i| arith(m, FpOp::Mul, S, i)?;
    fdiv_s Rm |m, i| arith(m, FpOp::Div, S, i)?;
    fsqrt_s R1m |m, i| unary(m, FpOp::Sqrt, S, i)?;
    fsgnj_s R |m, i| inject(m, S, i, |_, b| b);
    fsgnjn_s R |m, i| inject(m, S, i, |_, b| !b);
    fsgnjx_s R |m, i| inject(m, S, i, |a, b| a ^ b);
    fmin_s R |m, i| pick(m, FpOp::Min, S, i)?;
    fmax_s R |m, i| pick(m, FpOp::Max, S, i)?;
    fcvt_s_w R1m |m, i| from_int(m, FpOp::FromI32, S, i)?;
    fcvt_s_wu R1m |m, i| from_int(m, FpOp::FromU32, S, i)?;
    fcvt_s_l R1m |m, i| from_int(m, FpOp::FromI64, S, i)?;
    fcvt_s_lu R1m |m, i| from_int(m, FpOp::FromU64, S, i)?;
    fmv_w_x R1 |m, i| boxed(m, S, m.x(i.rs1));
}
to_x! {
    fcvt_w_s R1m |m, i| to_int(m, FpOp::ToI32, S, i)?;
    fcvt_wu_s R1m |m, i| to_int(m, FpOp::ToU32, S, i)?;
    fcvt_l_s R1m |m, i| to_int(m, FpOp::ToI64, S, i)?;
    fcvt_lu_s R1m |m, i| to_int(m, FpOp::ToU64, S, i)?;
    fmv_x_w R1 |m, i| m.f(i.rs1).sext(32);
    fclass_s R1 |m, i| raw1(m, FpOp::Class, S, 0, i.rs1)?;
    feq_s R |m, i| compare(m, FpOp::Eq, S, i)?;
    flt_s R |m, i| compare(m, FpOp::Lt, S, i)?;
    fle_s R |m, i| compare(m, FpOp::Le, S, i)?;
}

// D
to_f! {
    fld I |m, i| load(m, D, B8, i)?;
    fmadd_d R4 |m, i| fused(m, MADD, D, i)?;
    fmsub_d R4 |m, i| fused(m, MSUB, D, i)?;
    fnmsub_d R4 |m, i| fused(m, NMSUB, D, i)?;
    fnmadd_d R4 |m, i| fused(m, NMADD, D, i)?;
    fadd_d Rm |m, i| arith(m, FpOp::Add, D, i)?;
    fsub_d Rm |m, i| arith(m, FpOp::Sub, D, i)?;
    fmul_d Rm |m, i| arith(m, FpOp::Mul, D, i)?;
    fdiv_d Rm |m, i| arith(m, FpOp::Div, D, i)?;
    fsqrt_d R1m |m, i| unary(m, FpOp::Sqrt, D, i)?;
    fsgnj_d R |m, i| inject(m, D, i, |_, b| b);
    fsgnjn_d R |m, i| inject(m, D, i, |_, b| !b);
    fsgnjx_d R |m, i| inject(m, D, i, |a, b| a ^ b);
    fmin_d R |m, i| pick(m, FpOp::Min, D, i)?;
    fmax_d R |m, i| pick(m, FpOp::Max, D, i)?;
    fcvt_d_w R1m |m, i| from_int(m, FpOp::FromI32, D, i)?;
    fcvt_d_wu R1m |m, i| from_int(m, FpOp::FromU32, D, i)?;
    fcvt_d_l R1m |m, i| from_int(m, FpOp::FromI64, D, i)?;
    fcvt_d_lu R1m |m, i| from_int(m, FpOp::FromU64, D, i)?;
    fcvt_d_s R1m |m, i| convert(m, S, D, i)?;
    fcvt_s_d R1m |m, i| convert(m, D, S, i)?;
    fmv_d_x R1 |m, i| m.x(i.rs1);
}
to_x! {
    fcvt_w_d R1m |m, i| to_int(m, FpOp::ToI32, D, i)?;
    fcvt_wu_d R1m |m, i| to_int(m, FpOp::ToU32, D, i)?;
    fcvt_l_d R1m |m, i| to_int(m, FpOp::ToI64, D, i)?;
    fcvt_lu_d R1m |m, i| to_int(m, FpOp::ToU64, D, i)?;
    fmv_x_d R1 |m, i| m.f(i.rs1);
    fclass_d R1 |m, i| raw1(m, FpOp::Class, D, 0, i.rs1)?;
    feq_d R |m, i| compare(m, FpOp::Eq, D, i)?;
    flt_d R |m, i| compare(m, FpOp::Lt, D, i)?;
    fle_d R |m, i| compare(m, FpOp::Le, D, i)?;
}

// Zfh and Zfhmin
to_f! {
    flh I |m, i| load(m, H, B2, i)?;
    fmadd_h R4 |m, i| fused(m, MADD, H, i)?;
    fmsub_h R4 |m, i| fused(m, MSUB, H, i)?;
    fnmsub_h R4 |m, i| fused(m, NMSUB, H, i)?;
    fnmadd_h R4 |m, i| fused(m, NMADD, H, i)?;
    fadd_h Rm |m, i| arith(m, FpOp::Add, H, i)?;
    fsub_h Rm |m, i| arith(m, FpOp::Sub, H, i)?;
    fmul_h Rm |m, i| arith(m, FpOp::Mul, H, i)?;
    fdiv_h Rm |m, i| arith(m, FpOp::Div, H, i)?;
    fsqrt_h R1m |m, i| unary(m, FpOp::Sqrt, H, i)?;
    fsgnj_h R |m, i| inject(m, H, i, |_, b| b);
    fsgnjn_h R |m, i| inject(m, H, i, |_, b| !b);
    fsgnjx_h R |m, i| inject(m, H, i, |a, b| a ^ b);
    fmin_h R |m, i| pick(m, FpOp::Min, H, i)?;
    fmax_h R |m, i| pick(m, FpOp::Max, H, i)?;
    fcvt_h_w R1m |m, i| from_int(m, FpOp::FromI32, H, i)?;
    fcvt_h_wu R1m |m, i| from_int(m, FpOp::FromU32, H, i)?;
    fcvt_h_l R1m |m, i| from_int(m, FpOp::FromI64, H, i)?;
    fcvt_h_lu R1m |m, i| from_int(m, FpOp::FromU64, H, i)?;
    fcvt_h_s R1m |m, i| convert(m, S, H, i)?;
    fcvt_s_h R1m |m, i| convert(m, H, S, i)?;
    fcvt_h_d R1m |m, i| convert(m, D, H, i)?;
    fcvt_d_h R1m |m, i| convert(m, H, D, i)?;
    fmv_h_x R1 |m, i| boxed(m, H, m.x(i.rs1));
}
to_x! {
    fcvt_w_h R1m |m, i| to_int(m, FpOp::ToI32, H, i)?;
    fcvt_wu_h R1m |m, i| to_int(m, FpOp::ToU32, H, i)?;
    fcvt_l_h R1m |m, i| to_int(m, FpOp::ToI64, H, i)?;
    fcvt_lu_h R1m |m, i| to_int(m, FpOp::ToU64, H, i)?;
    fmv_x_h R1 |m, i| m.f(i.rs1).sext(16);
    fclass_h R1 |m, i| raw1(m, FpOp::Class, H, 0, i.rs1)?;
    feq_h R |m, i| compare(m, FpOp::Eq, H, i)?;
    flt_h R |m, i| compare(m, FpOp::Lt, H, i)?;
    fle_h R |m, i| compare(m, FpOp::Le, H, i)?;
}

// Zfa
to_f! {
    fli_s Fli |m, i| boxed(m, S, m.imm(constant(S, i.index)));
    fminm_s R |m, i| pick(m, FpOp::MinM, S, i)?;
    fmaxm_s R |m, i| pick(m, FpOp::MaxM, S, i)?;
    fround_s R1m |m, i| unary(m, FpOp::Round, S, i)?;
    froundnx_s R1m |m, i| unary(m, FpOp::RoundNx, S, i)?;
    fli_d Fli |m, i| boxed(m, D, m.imm(constant(D, i.index)));
    fminm_d R |m, i| pick(m, FpOp::MinM, D, i)?;
    fmaxm_d R |m, i| pick(m, FpOp::MaxM, D, i)?;
    fround_d R1m |m, i| unary(m, FpOp::Round, D, i)?;
    froundnx_d R1m |m, i| unary(m, FpOp::RoundNx, D, i)?;
    fli_h Fli |m, i| boxed(m, H, m.imm(constant(H, i.index)));
    fminm_h R |m, i| pick(m, FpOp::MinM, H, i)?;
    fmaxm_h R |m, i| pick(m, FpOp::MaxM, H, i)?;
    fround_h R1m |m, i| unary(m, FpOp::Round, H, i)?;
    froundnx_h R1m |m, i| unary(m, FpOp::RoundNx, H, i)?;
}
to_x! {
    fleq_s R |m, i| compare(m, FpOp::LeQ, S, i)?;
    fltq_s R |m, i| compare(m, FpOp::LtQ, S, i)?;
    fleq_d R |m, i| compare(m, FpOp::LeQ, D, i)?;
    fltq_d R |m, i| compare(m, FpOp::LtQ, D, i)?;
    fleq_h R |m, i| compare(m, FpOp::LeQ, H, i)?;
    fltq_h R |m, i| compare(m, FpOp::LtQ, H, i)?;
    fcvtmod_w_d R1 |m, i| raw1(m, FpOp::ModI32, D, 1, i.rs1)?;
}

/// Exponent and the two first fraction bits of the constants 2 to 29. Zfa, table "Immediate values loaded by the
/// fli.d instructions".
const CONSTANTS: [(i32, i64); 28] = [
    (-16, 0),
    (-15, 0),
    (-8, 0),
    (-7, 0),
    (-4, 0),
    (-3, 0),
    (-2, 0),
    (-2, 1),
    (-2, 2),
    (-2, 3),
    (-1, 0),
    (-1, 1),
    (-1, 2),
    (-1, 3),
    (0, 0),
    (0, 1),
    (0, 2),
    (0, 3),
    (1, 0),
    (1, 1),
    (1, 2),
    (2, 0),
    (3, 0),
    (4, 0),
    (7, 0),
    (8, 0),
    (15, 0),
    (16, 0),
];

/// The constant that `fli` loads. Half precision has two of them as subnormals, and infinity for 65536.
const fn constant(fmt: Fmt, index: u8) -> i64 {
    let (bias, fraction_bits) = match fmt {
        H => (15, 10),
        S => (127, 23),
        D => (1023, 52),
    };
    let infinity = (2 * bias as i64 + 1) << fraction_bits;
    let (exponent, quarters) = match index & 31 {
        0 => return sign(fmt) | (bias as i64) << fraction_bits, // -1.0
        1 => return 1 << fraction_bits,                         // the least normal number
        30 => return infinity,
        31 => return canonical_nan(fmt),
        index => CONSTANTS[index as usize - 2],
    };
    let (biased, significand) = (exponent + bias, (4 | quarters) << (fraction_bits - 2));
    match biased {
        ..=0 => significand >> (1 - biased),
        _ if biased > 2 * bias => infinity,
        _ => ((biased as i64 - 1) << fraction_bits) + significand,
    }
}
