//! Instructions on SSE registers: scalars of both precisions, halves of them, and vectors as far as they serve scalars.

use super::Rm::R;
use super::{Asm, Reg, Rm, VEX_0F3A};

/// A scalar format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum Scalar {
    Single,
    Double,
}

impl Scalar {
    fn prefix(self) -> u8 {
        match self {
            Scalar::Single => 0xf3,
            Scalar::Double => 0xf2,
        }
    }
}

/// What a fused operation multiplies, and what it adds: the opcode with no sign flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// x * s + a.
    F132 = 0x99,
    /// a * x + s.
    F213 = 0xa9,
    /// a * s + x.
    F231 = 0xb9,
}

/// Opcodes of scalar arithmetic, behind F3 0F (single) or F2 0F (double).
pub mod sse {
    #![allow(missing_docs, reason = "the names are the manual's")]
    pub const MOV: u8 = 0x10;
    pub const MOV_STORE: u8 = 0x11;
    pub const SQRT: u8 = 0x51;
    pub const ADD: u8 = 0x58;
    pub const MUL: u8 = 0x59;
    pub const CVT_FMT: u8 = 0x5a;
    pub const SUB: u8 = 0x5c;
    pub const MIN: u8 = 0x5d;
    pub const DIV: u8 = 0x5e;
    pub const MAX: u8 = 0x5f;
    pub const CVT_FROM_INT: u8 = 0x2a;
    pub const CVT_TO_INT: u8 = 0x2d;
    pub const CVT_TO_INT_TRUNCATE: u8 = 0x2c;
}

impl Asm {
    /// Scalar arithmetic or move; see [`sse`].
    pub fn scalar(&mut self, fmt: Scalar, opcode: u8, x: Reg, s: Rm) {
        self.prefixed(fmt.prefix(), false, &[0x0f, opcode], x, s);
    }

    /// Scalar arithmetic x = a op s (AVX); see [`sse`]. Where there is no a, it gives what fills the upper half.
    pub fn scalar3(&mut self, fmt: Scalar, opcode: u8, x: Reg, a: Reg, s: Rm) {
        const MAP: u8 = 1;
        let pp = match fmt {
            Scalar::Single => 2,
            Scalar::Double => 3,
        };
        self.vex_of(MAP, false, pp, opcode, x, a, s);
    }

    /// Scalar conversion from (x is SSE) or to (x is general) an integer of `bits`.
    pub fn scalar_int(&mut self, fmt: Scalar, opcode: u8, bits: u32, x: Reg, s: Rm) {
        self.prefixed(fmt.prefix(), bits == 64, &[0x0f, opcode], x, s);
    }

    /// Compares: quiet (ucomis) or signaling (comis).
    pub fn comis(&mut self, fmt: Scalar, quiet: bool, x: Reg, s: Rm) {
        if fmt == Scalar::Double {
            self.byte(0x66);
        }
        self.op(false, &[0x0f, if quiet { 0x2e } else { 0x2f }], x, s);
    }

    /// x = all of s.
    pub fn mov_sse(&mut self, x: Reg, s: Reg) {
        self.op(false, &[0x0f, 0x28], x, R(s));
    }

    /// x = x & s, all bits.
    pub fn and_sse(&mut self, x: Reg, s: Reg) {
        self.op(false, &[0x0f, 0x54], x, R(s));
    }

    /// x = x | s, all bits.
    pub fn or_sse(&mut self, x: Reg, s: Reg) {
        self.op(false, &[0x0f, 0x56], x, R(s));
    }

    /// All bits of x are set.
    pub fn ones_sse(&mut self, x: Reg) {
        self.prefixed(0x66, false, &[0x0f, 0x76], x, R(x));
    }

    /// x = its low 32 bits, and above them those of s, and so on for the second 32 bits of each.
    pub fn interleave_sse(&mut self, x: Reg, s: Reg) {
        self.op(false, &[0x0f, 0x14], x, R(s));
    }

    /// x = 0.
    pub fn zero_sse(&mut self, x: Reg) {
        self.op(false, &[0x0f, 0x57], x, R(x));
    }

    /// Stores all 16 bytes of x.
    pub fn store_vector(&mut self, d: Rm, x: Reg) {
        self.op(false, &[0x0f, 0x11], x, d);
    }

    /// x = the low `bits` of s.
    pub fn mov_to_sse(&mut self, bits: u32, x: Reg, s: Reg) {
        self.prefixed(0x66, bits == 64, &[0x0f, 0x6e], x, R(s));
    }

    /// d = the low `bits` of x.
    pub fn mov_from_sse(&mut self, bits: u32, d: Reg, x: Reg) {
        self.prefixed(0x66, bits == 64, &[0x0f, 0x7e], x, R(d));
    }

    /// x = the four half-precision numbers of s in single precision (F16C).
    pub fn widen_halves(&mut self, x: Reg, s: Rm) {
        self.vex(false, 1, 0x13, x, 0, s);
    }

    /// x = the four single-precision numbers of s in half precision, rounded as MXCSR says, and above them zeroes
    /// (F16C).
    pub fn narrow_to_halves(&mut self, x: Reg, s: Reg) {
        const AS_MXCSR_SAYS: u8 = 4;
        self.vex_of(VEX_0F3A, false, 1, 0x1d, s, 0, R(x));
        self.byte(AS_MXCSR_SAYS);
    }

    /// x = its two 64-bit halves shifted left.
    pub fn shift_left_sse(&mut self, x: Reg, amount: u8) {
        self.prefixed(0x66, false, &[0x0f, 0x73], 6, R(x));
        self.byte(amount);
    }

    /// x = the product of the low halves of x and s, as polynomials over two elements (PCLMULQDQ).
    pub fn carryless_multiply(&mut self, x: Reg, s: Reg) {
        self.prefixed(0x66, false, &[0x0f, 0x3a, 0x44], x, R(s));
        self.byte(0);
    }

    /// The low half of x = its upper half.
    pub fn upper_half(&mut self, x: Reg) {
        const UPPER: u8 = 0b1110;
        self.prefixed(0x66, false, &[0x0f, 0x70], x, R(x));
        self.byte(UPPER);
    }

    /// Multiplies and adds in one (FMA), in the order that `form` says, with the product's and the addend's sign
    /// flipped if so told.
    pub fn fused(
        &mut self,
        fmt: Scalar,
        form: Form,
        [negate_product, negate_addend]: [bool; 2],
        x: Reg,
        a: Reg,
        s: Rm,
    ) {
        let opcode = form as u8 + 2 * u8::from(negate_addend) + 4 * u8::from(negate_product);
        self.vex(fmt == Scalar::Double, 1, opcode, x, a, s);
    }
}
