//! M and Zmmul: multiplication and division.
//!
//! Unprivileged architecture, "M Extension for Integer Multiplication and Division"; the corner cases are those of
//! table "Semantics for division by zero and division overflow".

use crate::{Exec, Word, x_insns};

/// The divisor, or 1 in both corner cases: then the quotient is the dividend and the remainder 0, which is what an
/// overflow gives; zero is left to the caller.
#[inline(always)]
fn safe_divisor<M: Exec>(m: &M, a: M::W, b: M::W) -> M::W {
    let overflow = a.eq(m.imm(i64::MIN)) & b.eq(m.imm(-1));
    M::W::select(b.eq(m.imm(0)) | overflow, m.imm(1), b)
}

#[inline(always)]
fn nonzero<M: Exec>(m: &M, b: M::W) -> M::W {
    M::W::select(b.eq(m.imm(0)), m.imm(1), b)
}

#[inline(always)]
fn quotient_s<M: Exec>(m: &M, a: M::W, b: M::W) -> M::W {
    M::W::select(b.eq(m.imm(0)), m.imm(-1), a.div_s(safe_divisor(m, a, b)))
}

#[inline(always)]
fn quotient_u<M: Exec>(m: &M, a: M::W, b: M::W) -> M::W {
    M::W::select(b.eq(m.imm(0)), m.imm(-1), a.div_u(nonzero(m, b)))
}

#[inline(always)]
fn remainder_s<M: Exec>(m: &M, a: M::W, b: M::W) -> M::W {
    M::W::select(b.eq(m.imm(0)), a, a.rem_s(safe_divisor(m, a, b)))
}

#[inline(always)]
fn remainder_u<M: Exec>(m: &M, a: M::W, b: M::W) -> M::W {
    M::W::select(b.eq(m.imm(0)), a, a.rem_u(nonzero(m, b)))
}

x_insns! {
    mul R |m, i| m.x(i.rs1) * m.x(i.rs2);
    mulh R |m, i| m.x(i.rs1).mulh_s(m.x(i.rs2));
    mulhu R |m, i| m.x(i.rs1).mulh_u(m.x(i.rs2));
    // A negative rs1 read as unsigned is 2^64 too large.
    mulhsu R |m, i| m.x(i.rs1).mulh_u(m.x(i.rs2)) - (m.x(i.rs1).sar(m.imm(63)) & m.x(i.rs2));
    mulw R |m, i| (m.x(i.rs1) * m.x(i.rs2)).sext(32);
    div R |m, i| quotient_s(m, m.x(i.rs1), m.x(i.rs2));
    divu R |m, i| quotient_u(m, m.x(i.rs1), m.x(i.rs2));
    rem R |m, i| remainder_s(m, m.x(i.rs1), m.x(i.rs2));
    remu R |m, i| remainder_u(m, m.x(i.rs1), m.x(i.rs2));
    divw R |m, i| quotient_s(m, m.x(i.rs1).sext(32), m.x(i.rs2).sext(32)).sext(32);
    divuw R |m, i| quotient_u(m, m.x(i.rs1).zext(32), m.x(i.rs2).zext(32)).sext(32);
    remw R |m, i| remainder_s(m, m.x(i.rs1).sext(32), m.x(i.rs2).sext(32)).sext(32);
    remuw R |m, i| remainder_u(m, m.x(i.rs1).zext(32), m.x(i.rs2).zext(32)).sext(32);
}
