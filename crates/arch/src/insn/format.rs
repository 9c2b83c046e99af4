//! Instruction formats: the decoded fields of a 32-bit instruction.
//!
//! Unprivileged architecture, "Base Instruction Formats" and "Immediate Encoding Variants". Register numbers are
//! `u8` below 32; immediates are sign-extended to 32 bits and scaled, as the instruction adds them.

/// Getters and putters of one field each; `put` keeps only the bits the field has.
pub(crate) mod field {
    macro_rules! fields {
        ($($name:ident $type:ty: $low:literal, $width:literal;)*) => { $(
            pub mod $name {
                pub const fn get(raw: u32) -> $type { (raw >> $low & ((1 << $width) - 1)) as $type }
                pub const fn put(value: $type) -> u32 { (value as u32 & ((1 << $width) - 1)) << $low }
            }
        )* };
    }
    fields! {
        rd u8: 7, 5;
        rs1 u8: 15, 5;
        rs2 u8: 20, 5;
        rs3 u8: 27, 5;
        rm u8: 12, 3;
        shamt u8: 20, 6;
        aqrl u8: 25, 2;
        csr u16: 20, 12;
        succ u8: 20, 4;
        pred u8: 24, 4;
        fm u8: 28, 4;
    }

    /// `bits` of `value`, sign-extended.
    const fn signed(value: u32, bits: u32) -> i32 {
        (value << (32 - bits)) as i32 >> (32 - bits)
    }
    /// Bits `high..=low` of `value`, moved to `to`.
    const fn part(value: u32, high: u32, low: u32, to: u32) -> u32 {
        (value >> low & ((1 << (high - low + 1)) - 1)) << to
    }

    macro_rules! immediates {
        ($($name:ident $bits:literal: $($high:literal $low:literal @ $at:literal),*;)*) => { $(
            pub mod $name {
                use super::{part, signed};
                pub const fn get(raw: u32) -> i32 {
                    signed(0 $(| part(raw, $at + $high - $low, $at, $low))*, $bits)
                }
                pub const fn put(value: i32) -> u32 { 0 $(| part(value as u32, $high, $low, $at))* }
            }
        )* };
    }
    // Bits of the immediate, and where the lowest of them stands in the instruction.
    immediates! {
        imm_i 12: 11 0 @ 20;
        imm_s 12: 11 5 @ 25, 4 0 @ 7;
        imm_b 13: 12 12 @ 31, 10 5 @ 25, 4 1 @ 8, 11 11 @ 7;
        imm_u 32: 31 12 @ 12;
        imm_j 21: 20 20 @ 31, 10 1 @ 21, 11 11 @ 20, 19 12 @ 12;
        imm_p 12: 11 5 @ 25;
        mop_r_n 6: 4 4 @ 30, 3 2 @ 26, 1 0 @ 20;
        mop_rr_n 4: 2 2 @ 30, 1 0 @ 26;
    }
}

/// A format: how fields lie in the instruction word.
pub trait Format: Copy {
    /// The fields of `raw`.
    fn decode(raw: u32) -> Self;
    /// The fields in their places, all other bits zero.
    fn encode(self) -> u32;
}

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident { $($field:ident $type:ty: $codec:ident),* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the fields are the manual's")]
        pub struct $name { $(pub $field: $type),* }

        impl Format for $name {
            #[inline(always)]
            fn decode(raw: u32) -> Self {
                let _ = raw;
                $name { $($field: field::$codec::get(raw) as $type),* }
            }
            #[inline]
            fn encode(self) -> u32 { 0 $(| field::$codec::put(self.$field as _))* }
        }
    )* };
}

formats! {
    /// No operands.
    Bare {}
    /// Register and register.
    R { rd u8: rd, rs1 u8: rs1, rs2 u8: rs2 }
    /// One register in, one out.
    R1 { rd u8: rd, rs1 u8: rs1 }
    /// Two registers in, none out.
    Rs { rs1 u8: rs1, rs2 u8: rs2 }
    /// One register in, none out.
    Rs1 { rs1 u8: rs1 }
    /// Floating point with two operands and a rounding mode.
    Rm { rd u8: rd, rs1 u8: rs1, rs2 u8: rs2, rm u8: rm }
    /// Floating point with one operand and a rounding mode.
    R1m { rd u8: rd, rs1 u8: rs1, rm u8: rm }
    /// Floating point with three operands and a rounding mode.
    R4 { rd u8: rd, rs1 u8: rs1, rs2 u8: rs2, rs3 u8: rs3, rm u8: rm }
    /// Register and immediate.
    I { rd u8: rd, rs1 u8: rs1, imm i32: imm_i }
    /// Shift by an immediate.
    Shift { rd u8: rd, rs1 u8: rs1, shamt u8: shamt }
    /// Store.
    S { rs1 u8: rs1, rs2 u8: rs2, imm i32: imm_s }
    /// Branch.
    B { rs1 u8: rs1, rs2 u8: rs2, imm i32: imm_b }
    /// Upper immediate, already in its place.
    U { rd u8: rd, imm i32: imm_u }
    /// Jump.
    J { rd u8: rd, imm i32: imm_j }
    /// Atomic, with the ordering bits: aq is bit 1, rl is bit 0.
    Amo { rd u8: rd, rs1 u8: rs1, rs2 u8: rs2, aqrl u8: aqrl }
    /// Load-reserved.
    Lr { rd u8: rd, rs1 u8: rs1, aqrl u8: aqrl }
    /// CSR and register.
    Csr { rd u8: rd, rs1 u8: rs1, csr u16: csr }
    /// CSR and immediate.
    CsrI { rd u8: rd, uimm u8: rs1, csr u16: csr }
    /// FENCE; rd and rs1 are reserved and ignored.
    Fence { rd u8: rd, rs1 u8: rs1, succ u8: succ, pred u8: pred, fm u8: fm }
    /// Prefetch: base and offset.
    Prefetch { rs1 u8: rs1, imm i32: imm_p }
    /// `fli`: a constant's number.
    Fli { rd u8: rd, index u8: rs1 }
    /// `mop.r.n`.
    MopR { rd u8: rd, rs1 u8: rs1, n u8: mop_r_n }
    /// `mop.rr.n`.
    MopRr { rd u8: rd, rs1 u8: rs1, rs2 u8: rs2, n u8: mop_rr_n }
}
