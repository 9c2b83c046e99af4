//! B (Zba, Zbb, Zbs), Zbc, Zbkb and Zbkx: bit manipulation.
//!
//! Unprivileged architecture, "B Extension for Bit Manipulation", "Zbc Extension for Carry-less Multiplication", and
//! "Zbkb" and "Zbkx" of the scalar cryptography extensions.

use crate::{Exec, Word, x_insns};
use arch::insn::{R, Shift};

/// rs2 + rs1 shifted left.
#[inline(always)]
fn shift_add<M: Exec>(m: &M, shamt: i64, i: R) -> M::W {
    m.x(i.rs2) + (m.x(i.rs1) << m.imm(shamt))
}

/// rs2 + rs1 as an unsigned word, shifted left.
#[inline(always)]
fn shift_add_uw<M: Exec>(m: &M, shamt: i64, i: R) -> M::W {
    m.x(i.rs2) + (m.x(i.rs1).zext(32) << m.imm(shamt))
}

/// Rotates right by an amount that counts modulo 64, as those of both shifts do.
#[inline(always)]
fn rotate<M: Exec>(m: &M, value: M::W, amount: M::W) -> M::W {
    (value >> amount) | (value << (m.imm(0) - amount))
}

/// Rotates the low 32 bits right by an amount modulo 32.
#[inline(always)]
fn rotate_word<M: Exec>(m: &M, value: M::W, amount: M::W) -> M::W {
    let (value, amount) = (value.zext(32), amount & m.imm(31));
    ((value >> amount) | (value << (m.imm(32) - amount))).sext(32)
}

/// The bit that rs2 numbers.
#[inline(always)]
fn bit<M: Exec>(m: &M, i: R) -> M::W {
    m.imm(1) << m.x(i.rs2)
}

/// The bit that the immediate numbers.
#[inline(always)]
fn bit_i<M: Exec>(m: &M, i: Shift) -> M::W {
    m.imm(1) << m.imm(i.shamt.into())
}

/// 0xff in each byte that is not zero.
#[inline(always)]
fn or_combine<M: Exec>(m: &M, value: M::W) -> M::W {
    let low_bits = m.imm(0x7f7f_7f7f_7f7f_7f7f);
    let carry_to_top = (value & low_bits) + low_bits;
    let ones = ((carry_to_top | value) >> m.imm(7)) & m.imm(0x0101_0101_0101_0101);
    ones * m.imm(0xff)
}

/// Swaps neighbouring groups of `width` bits; `low` has ones in the lower group of each pair.
#[inline(always)]
fn swap_groups<M: Exec>(m: &M, value: M::W, width: i64, low: i64) -> M::W {
    ((value & m.imm(low)) << m.imm(width)) | ((value >> m.imm(width)) & m.imm(low))
}

/// The bits of each byte in reverse order.
#[inline(always)]
fn reverse_bytes_bits<M: Exec>(m: &M, value: M::W) -> M::W {
    let value = swap_groups(m, value, 1, 0x5555_5555_5555_5555);
    let value = swap_groups(m, value, 2, 0x3333_3333_3333_3333);
    swap_groups(m, value, 4, 0x0f0f_0f0f_0f0f_0f0f)
}

/// Elements of `1 << log` bits: each of rs2 is replaced by that of rs1 which it numbers, or by zero if there is none.
#[inline(always)]
fn permute<M: Exec>(m: &M, log: i64, i: R) -> M::W {
    let (elements, indices) = (m.x(i.rs1), m.x(i.rs2));
    let ones = m.imm((1 << (1 << log)) - 1);
    (0..64).step_by(1 << log).fold(m.imm(0), |result, at| {
        let index = (indices >> m.imm(at)) & ones;
        let element = (elements >> (index << m.imm(log))) & ones;
        let there = index.lt_u(m.imm(64 >> log));
        result | M::W::select(there, element << m.imm(at), m.imm(0))
    })
}

// Zba
x_insns! {
    add_uw R |m, i| shift_add_uw(m, 0, i);
    sh1add R |m, i| shift_add(m, 1, i);
    sh2add R |m, i| shift_add(m, 2, i);
    sh3add R |m, i| shift_add(m, 3, i);
    sh1add_uw R |m, i| shift_add_uw(m, 1, i);
    sh2add_uw R |m, i| shift_add_uw(m, 2, i);
    sh3add_uw R |m, i| shift_add_uw(m, 3, i);
    slli_uw Shift |m, i| m.x(i.rs1).zext(32) << m.imm(i.shamt.into());
}

// Zbb
x_insns! {
    andn R |m, i| m.x(i.rs1) & !m.x(i.rs2);
    orn R |m, i| m.x(i.rs1) | !m.x(i.rs2);
    xnor R |m, i| !(m.x(i.rs1) ^ m.x(i.rs2));
    max R |m, i| M::W::select(m.x(i.rs1).lt_s(m.x(i.rs2)), m.x(i.rs2), m.x(i.rs1));
    maxu R |m, i| M::W::select(m.x(i.rs1).lt_u(m.x(i.rs2)), m.x(i.rs2), m.x(i.rs1));
    min R |m, i| M::W::select(m.x(i.rs1).lt_s(m.x(i.rs2)), m.x(i.rs1), m.x(i.rs2));
    minu R |m, i| M::W::select(m.x(i.rs1).lt_u(m.x(i.rs2)), m.x(i.rs1), m.x(i.rs2));
    rol R |m, i| rotate(m, m.x(i.rs1), m.imm(0) - m.x(i.rs2));
    ror R |m, i| rotate(m, m.x(i.rs1), m.x(i.rs2));
    rori Shift |m, i| rotate(m, m.x(i.rs1), m.imm(i.shamt.into()));
    rolw R |m, i| rotate_word(m, m.x(i.rs1), m.imm(0) - m.x(i.rs2));
    rorw R |m, i| rotate_word(m, m.x(i.rs1), m.x(i.rs2));
    roriw Shift |m, i| rotate_word(m, m.x(i.rs1), m.imm(i.shamt.into()));
    clz R1 |m, i| m.x(i.rs1).clz();
    clzw R1 |m, i| m.x(i.rs1).zext(32).clz() - m.imm(32);
    ctz R1 |m, i| m.x(i.rs1).ctz();
    ctzw R1 |m, i| (m.x(i.rs1) | m.imm(1 << 32)).ctz();
    cpop R1 |m, i| m.x(i.rs1).cpop();
    cpopw R1 |m, i| m.x(i.rs1).zext(32).cpop();
    sext_b R1 |m, i| m.x(i.rs1).sext(8);
    sext_h R1 |m, i| m.x(i.rs1).sext(16);
    zext_h R1 |m, i| m.x(i.rs1).zext(16);
    orc_b R1 |m, i| or_combine(m, m.x(i.rs1));
    rev8 R1 |m, i| m.x(i.rs1).rev8();
}

// Zbkb
x_insns! {
    pack R |m, i| m.x(i.rs1).zext(32) | (m.x(i.rs2) << m.imm(32));
    packh R |m, i| m.x(i.rs1).zext(8) | (m.x(i.rs2).zext(8) << m.imm(8));
    packw R |m, i| (m.x(i.rs1).zext(16) | (m.x(i.rs2) << m.imm(16))).sext(32);
    brev8 R1 |m, i| reverse_bytes_bits(m, m.x(i.rs1));
}

// Zbkx
x_insns! {
    xperm4 R |m, i| permute(m, 2, i);
    xperm8 R |m, i| permute(m, 3, i);
}

// Zbc
x_insns! {
    clmul R |m, i| m.x(i.rs1).clmul(m.x(i.rs2));
    clmulh R |m, i| m.x(i.rs1).clmulh(m.x(i.rs2));
    // Bits 126 to 63 of the product.
    clmulr R |m, i| (m.x(i.rs1).clmulh(m.x(i.rs2)) << m.imm(1)) | (m.x(i.rs1).clmul(m.x(i.rs2)) >> m.imm(63));
}

// Zbs
x_insns! {
    bclr R |m, i| m.x(i.rs1) & !bit(m, i);
    bclri Shift |m, i| m.x(i.rs1) & !bit_i(m, i);
    bext R |m, i| (m.x(i.rs1) >> m.x(i.rs2)) & m.imm(1);
    bexti Shift |m, i| (m.x(i.rs1) >> m.imm(i.shamt.into())) & m.imm(1);
    binv R |m, i| m.x(i.rs1) ^ bit(m, i);
    binvi Shift |m, i| m.x(i.rs1) ^ bit_i(m, i);
    bset R |m, i| m.x(i.rs1) | bit(m, i);
    bseti Shift |m, i| m.x(i.rs1) | bit_i(m, i);
}
