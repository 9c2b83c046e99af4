//! Floating point on the host's unit, where it gives what the manual of RISC-V asks for.
//!
//! Half precision is computed in single precision and rounded once more. For one addition, subtraction, multiplication,
//! division or square root that gives what rounding once gives, as 24 bits are at least twice 11 and two more; so does
//! the host's "inexact", for what is inexact in single precision is so in half precision. Tiny results of these are
//! exact in single precision, or differ from what half precision has by more than single precision does not see. Fused
//! operations and conversions from double precision would round twice and are interpreted.
//!
//! Rounding is to nearest, ties to even (or toward zero, in conversions to integers), as the text or `frm` says; all
//! else is interpreted. The exception flags gather in MXCSR and are folded into `fflags` by the translator's helpers.
//! An operation whose result is a NaN, a conversion that saturates and an operand that is not NaN-boxed run through
//! the interpreter: values and flags are its own then.

use fp::{Fmt, Op as FpOp};
use privileged::csr::FloatPart;
use semantics::CsrOp;

use super::asm::{Alu, Cc, Form, RAX, Reg, Rm, Scalar, sse};
use super::emit::{Emitter, Kept};
use super::state::{FP_READY, f_home, f_slot, f_slot_high, f_slot_upper_word};
use crate::expr::{N, Node, Op, Rel};
use crate::host::Floats;

/// Bits of a scalar.
pub(super) fn bits(fmt: Scalar) -> u32 {
    match fmt {
        Scalar::Single => 32,
        Scalar::Double => 64,
    }
}

/// The format that operations of a format are computed in.
fn scalar(fmt: Fmt) -> Scalar {
    match fmt {
        Fmt::H | Fmt::S => Scalar::Single,
        Fmt::D => Scalar::Double,
    }
}

/// An SSE register that holds nothing at an instruction's end.
const SCRATCH: Reg = 2;
/// What fills a register around a single.
const BOX: i64 = -1 << 32;
/// What fills it around a number of half precision.
const HALF_BOX: i64 = -1 << 16;
/// `rm` fields.
mod rm {
    use fp::Rounding;

    pub const NEAREST: u8 = Rounding::Rne as u8;
    pub const TOWARD_ZERO: u8 = Rounding::Rtz as u8;
    pub const DYNAMIC: u8 = Rounding::DYN;
}

/// What gives a scalar.
#[derive(Clone, Copy, Debug)]
enum Arithmetic {
    /// It is there.
    None(Rm),
    /// An opcode on one operand.
    One(u8, Rm),
    /// An opcode on two.
    Two(u8, Reg, Rm),
    /// a * b + c, with the signs of the product and of c flipped.
    Fused([bool; 2], [Rm; 3]),
}

/// A scalar that is to be computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    fmt: Fmt,
    /// What the operands are computed in.
    from: Scalar,
    arithmetic: Arithmetic,
}

/// An operand without its sign flips, and whether there was one.
fn unsigned(e: N, fmt: Scalar) -> (N, bool) {
    match *e {
        Node::Bin(Op::Xor, inner, &Node::Const(c)) if c == 1 << (bits(fmt) - 1) => (inner, true),
        Node::Bin(Op::Xor, inner, &Node::Const(i64::MIN)) if fmt == Scalar::Double => (inner, true),
        _ => (e, false),
    }
}

/// The register whose value of so many bits the tree is, if it is boxed.
fn boxed(e: N, bits: u32) -> Option<u8> {
    match *e {
        Node::Select(&Node::Cmp(Rel::Eq, _, &Node::Const(-1)), &Node::Zext(n, &Node::F(f)), _) if n == bits => Some(f),
        _ => None,
    }
}

impl Emitter {
    /// Writes a floating-point register: memory, and the SSE register that holds a copy.
    pub(super) fn put_f(&mut self, f: u8, value: N) {
        let home = f_home(f);
        let x = home.unwrap_or(0);
        if self.put_in_sse(x, value) {
            return self.hot.scalar(Scalar::Double, sse::MOV_STORE, x, f_slot(f));
        }
        let s = self.reg(value);
        self.hot.store(8, f_slot(f), s);
        if home.is_some() {
            self.hot.mov_to_sse(64, x, s);
        }
    }

    /// Puts a value for a floating-point register into an SSE register, unless it is easier got as an integer.
    fn put_in_sse(&mut self, x: Reg, value: N) -> bool {
        if let Node::Bin(Op::Or, inner, &Node::Const(HALF_BOX)) = *value {
            return self.settle(x, inner).is_some();
        }
        if let Node::Bin(Op::Or, inner, &Node::Const(BOX)) = *value {
            if let Some(f) = boxed(inner, 32) {
                let single = self.unboxed(f);
                self.put_scalar(x, Scalar::Single, single);
                self.box_sse(x);
                return true;
            }
            match (self.settle(x, inner), self.leaf(inner, 32)) {
                (Some(_), _) => {}
                (_, Some(m @ (Rm::M(..) | Rm::X(..)))) => self.hot.scalar(Scalar::Single, sse::MOV, x, m),
                _ => {
                    let s = self.scratch();
                    self.into(s, inner, 32);
                    self.hot.mov_to_sse(32, x, s);
                }
            }
            self.box_sse(x);
            return true;
        }
        match (self.settle(x, value), self.leaf(value, 64)) {
            (Some(_), _) => {}
            (_, Some(m @ (Rm::M(..) | Rm::X(..)))) => self.hot.scalar(Scalar::Double, sse::MOV, x, m),
            _ => return false,
        }
        true
    }

    /// Boxes the single in an SSE register.
    fn box_sse(&mut self, x: Reg) {
        self.hot.ones_sse(SCRATCH);
        self.hot.interleave_sse(x, SCRATCH);
    }

    fn copy_sse(&mut self, x: Reg, s: Reg) {
        if x != s {
            self.hot.mov_sse(x, s);
        }
    }

    /// The SSE register that holds a floating-point register.
    pub(super) fn f_register(&self, e: N) -> Option<Reg> {
        match *e {
            Node::F(f) => f_home(f),
            _ => None,
        }
    }

    /// Puts what was computed as a scalar into an SSE register.
    fn settle(&mut self, x: Reg, e: N) -> Option<Scalar> {
        let held = match *e {
            Node::Kept(held) => held,
            _ => return None,
        };
        match self.kept(held) {
            Kept::Sse(fmt, s) => {
                self.copy_sse(x, s);
                Some(fmt)
            }
            Kept::Due(due) => {
                self.compute(x, due);
                Some(scalar(due.fmt))
            }
            Kept::Rm(_) => None,
        }
    }

    /// Computes a result; where it is a NaN, the instruction is interpreted: memory still has all operands then.
    fn compute(&mut self, x: Reg, due: Due) {
        let Due { fmt, from, arithmetic } = due;
        let (for_it, x) = (x, if fmt == Fmt::H { 0 } else { x });
        match arithmetic {
            Arithmetic::None(s) => self.put_scalar(x, from, s),
            Arithmetic::One(opcode, s) => {
                let upper = if let Rm::R(r) = s { r } else { x };
                self.hot.scalar3(from, opcode, x, upper, s);
            }
            Arithmetic::Two(opcode, a, s) => self.hot.scalar3(from, opcode, x, a, s),
            Arithmetic::Fused(negate, [a, b, c]) => self.fuse(from, negate, x, [a, b, c]),
        }
        self.hot.comis(scalar(fmt), true, x, Rm::R(x));
        self.slow_path_if(Cc::P);
        if fmt == Fmt::H {
            self.narrow(for_it, x);
        }
    }

    /// x = the single in `s`, rounded to half precision and boxed.
    fn narrow(&mut self, x: Reg, s: Reg) {
        // what is beside the single must not raise flags
        self.hot.zero_sse(SCRATCH);
        self.hot.scalar(Scalar::Single, sse::MOV, SCRATCH, Rm::R(s));
        self.hot.narrow_to_halves(x, SCRATCH);
        self.hot.ones_sse(SCRATCH);
        self.hot.shift_left_sse(SCRATCH, 16);
        self.hot.or_sse(x, SCRATCH);
    }

    /// x = a * b + c, in the form that needs no move, if there is one.
    fn fuse(&mut self, fmt: Scalar, negate: [bool; 2], x: Reg, operands: [Rm; 3]) {
        match operands {
            [Rm::R(a), b, Rm::R(c)] if c == x => self.hot.fused(fmt, Form::F231, negate, x, a, b),
            [Rm::R(a), Rm::R(b), c] if a == x => self.hot.fused(fmt, Form::F213, negate, x, b, c),
            [Rm::R(a), Rm::R(b), c] if b == x => self.hot.fused(fmt, Form::F213, negate, x, a, c),
            [Rm::R(a), b, Rm::R(c)] if a == x => self.hot.fused(fmt, Form::F132, negate, x, c, b),
            [a, b, c] => {
                // x is none of the registers, or both others are in memory
                let sum = if a == Rm::R(x) { 0 } else { x };
                self.put_scalar(sum, fmt, c);
                let a = self.some_register(1, fmt, a);
                self.hot.fused(fmt, Form::F231, negate, sum, a, b);
                self.copy_sse(x, sum);
            }
        }
    }

    fn convert_format<'a>(&mut self, fmt: Scalar, to: Fmt, a: N) -> Option<Node<'a>> {
        if to == Fmt::H && fmt == Scalar::Double {
            return None;
        }
        let a = self.scalar_operand(0, fmt, a)?;
        let arithmetic = if scalar(to) == fmt { Arithmetic::None(a) } else { Arithmetic::One(sse::CVT_FMT, a) };
        Some(Node::Kept(self.keep(Kept::Due(Due { fmt: to, from: fmt, arithmetic }))))
    }

    /// A scalar as an operand: in memory where it is there, else in SSE register `x`.
    fn scalar_operand(&mut self, x: Reg, fmt: Scalar, e: N) -> Option<Rm> {
        match fmt {
            Scalar::Double => match self.leaf(e, 64) {
                _ if let Some(home) = self.f_register(e) => Some(Rm::R(home)),
                Some(m @ (Rm::M(..) | Rm::X(..))) => Some(m),
                _ => {
                    let r = self.reg(e);
                    self.hot.mov_to_sse(64, x, r);
                    Some(Rm::R(x))
                }
            },
            Scalar::Single => match (boxed(e, 32), boxed(e, 16)) {
                (Some(f), _) => Some(self.unboxed(f)),
                (_, Some(f)) => {
                    self.widen(x, f);
                    Some(Rm::R(x))
                }
                _ => None,
            },
        }
    }

    /// A boxed single in its register; where it is not boxed, the instruction is interpreted.
    fn unboxed(&mut self, f: u8) -> Rm {
        self.hot.alu_i(Alu::Cmp, 32, f_slot_high(f), -1);
        self.slow_path_if(Cc::NE);
        f_home(f).map_or(f_slot(f), Rm::R)
    }

    /// x = a boxed number of half precision as a single; where it is not boxed, the instruction is interpreted. The box
    /// reads as quiet NaNs beside it.
    fn widen(&mut self, x: Reg, f: u8) {
        self.hot.alu_i(Alu::Cmp, 32, f_slot_high(f), -1);
        self.slow_path_if(Cc::NE);
        self.hot.cmp_word(f_slot_upper_word(f), -1);
        self.slow_path_if(Cc::NE);
        self.hot.widen_halves(x, f_home(f).map_or(f_slot(f), Rm::R));
    }

    /// x = what is in an SSE register or in memory.
    fn put_scalar(&mut self, x: Reg, fmt: Scalar, s: Rm) {
        match s {
            Rm::R(r) => self.copy_sse(x, r),
            m => self.hot.scalar(fmt, sse::MOV, x, m),
        }
    }

    /// The SSE register of an operand: `x`, where it is in memory.
    fn some_register(&mut self, x: Reg, fmt: Scalar, s: Rm) -> Reg {
        match s {
            Rm::R(r) => r,
            m => {
                self.put_scalar(x, fmt, m);
                x
            }
        }
    }

    /// A scalar in some SSE register: in `x`, where it is in none.
    fn scalar_register(&mut self, x: Reg, fmt: Scalar, e: N) -> Option<Reg> {
        let s = self.scalar_operand(x, fmt, e)?;
        Some(self.some_register(x, fmt, s))
    }

    fn arithmetic<'a>(&mut self, opcode: u8, result: Fmt, a: N, b: N) -> Option<Node<'a>> {
        let fmt = scalar(result);
        let a = self.scalar_register(0, fmt, a)?;
        let b = self.scalar_operand(1, fmt, b)?;
        Some(self.due(result, Arithmetic::Two(opcode, a, b)))
    }

    fn multiply_add<'a>(&mut self, result: Fmt, a: N, b: N, c: N) -> Option<Node<'a>> {
        let fmt = scalar(result);
        let ((a, negate_product), (c, negate_addend)) = (unsigned(a, fmt), unsigned(c, fmt));
        let c = self.scalar_operand(0, fmt, c)?;
        let a = self.scalar_register(1, fmt, a)?;
        let b = self.scalar_operand(2, fmt, b)?;
        let operands = [Rm::R(a), b, c];
        Some(self.due(result, Arithmetic::Fused([negate_product, negate_addend], operands)))
    }

    fn due<'a>(&mut self, fmt: Fmt, arithmetic: Arithmetic) -> Node<'a> {
        Node::Kept(self.keep(Kept::Due(Due { fmt, from: scalar(fmt), arithmetic })))
    }

    /// A result in an SSE register; of half precision, as a single that is rounded yet.
    fn computed<'a>(&mut self, fmt: Fmt, x: Reg) -> Node<'a> {
        match fmt {
            Fmt::H => self.due(fmt, Arithmetic::None(Rm::R(x))),
            _ => Node::Kept(self.keep(Kept::Sse(scalar(fmt), x))),
        }
    }

    /// The lesser or the greater of two numbers.
    fn extreme<'a>(&mut self, lesser: bool, result: Fmt, a: N, b: N) -> Option<Node<'a>> {
        let fmt = scalar(result);
        let a = self.scalar_register(1, fmt, a)?;
        let b = self.scalar_operand(2, fmt, b)?;
        self.hot.comis(fmt, true, a, b);
        self.slow_path_if(Cc::P);
        self.hot.mov_sse(0, a);
        // of equal numbers the host takes b, and only zeros differ: the negative one is less
        self.hot.scalar(fmt, if lesser { sse::MIN } else { sse::MAX }, 0, b);
        let different = self.hot.jcc_fix(Cc::NE);
        if lesser {
            self.hot.or_sse(0, a);
        } else {
            self.hot.and_sse(0, a);
        }
        self.hot.bind_here(different);
        Some(self.computed(result, 0))
    }

    /// An unsigned integer below 2 to the power of `bits`, toward zero, sign-extended from 32 bits where it has so
    /// many.
    fn unsigned_of<'a>(&mut self, fmt: Scalar, bits: u32, a: N) -> Option<Node<'a>> {
        let limit = match fmt {
            Scalar::Single => i64::from(127 + bits) << 23,
            Scalar::Double => i64::from(1023 + bits) << 52,
        };
        let a = self.scalar_register(0, fmt, a)?;
        self.free &= !(1 << RAX);
        // before the conversion, which would raise "inexact" for what does not fit
        self.hot.zero_sse(1);
        self.hot.comis(fmt, true, a, Rm::R(1));
        let negative = self.hot.jcc_fix(Cc::B);
        self.hot.mov_i(RAX, limit);
        self.hot.mov_to_sse(64, 1, RAX);
        self.hot.comis(fmt, true, a, Rm::R(1));
        let too_big = self.hot.jcc_fix(Cc::AE);
        self.slow_paths.extend([negative, too_big]);
        self.hot.scalar_int(fmt, sse::CVT_TO_INT_TRUNCATE, 64, RAX, Rm::R(a));
        if bits == 32 {
            self.hot.extend(true, 32, RAX, Rm::R(RAX));
        }
        Some(Node::Kept(self.keep(Kept::Rm(Rm::R(RAX)))))
    }

    fn equal<'a>(&mut self, fmt: Scalar, a: N, b: N) -> Option<Node<'a>> {
        let a = self.scalar_register(0, fmt, a)?;
        let b = self.scalar_operand(1, fmt, b)?;
        self.free &= !(1 << RAX);
        self.hot.mov_i(RAX, 0);
        self.hot.comis(fmt, true, a, b);
        // unordered reads as equal, with the parity flag
        let unordered = self.hot.jcc_fix(Cc::P);
        self.hot.setcc(Cc::E, RAX);
        self.hot.bind_here(unordered);
        Some(Node::Kept(self.keep(Kept::Rm(Rm::R(RAX)))))
    }

    /// a < b (`cc` is above) or a <= b (above or equal), as b compares with a.
    fn ordered<'a>(&mut self, cc: Cc, quiet: bool, fmt: Scalar, a: N, b: N) -> Option<Node<'a>> {
        let b = self.scalar_register(1, fmt, b)?;
        let a = self.scalar_operand(0, fmt, a)?;
        self.free &= !(1 << RAX);
        self.hot.mov_i(RAX, 0);
        self.hot.comis(fmt, quiet, b, a);
        self.hot.setcc(cc, RAX);
        Some(Node::Kept(self.keep(Kept::Rm(Rm::R(RAX)))))
    }

    fn convert_integer<'a>(&mut self, result: Fmt, bits: u32, a: N) -> Option<Node<'a>> {
        let a = self.operand(a, bits);
        self.hot.zero_sse(0);
        self.hot.scalar_int(scalar(result), sse::CVT_FROM_INT, bits, 0, a);
        Some(self.computed(result, 0))
    }

    fn integer_of<'a>(&mut self, fmt: Scalar, bits: u32, rm: u8, a: N) -> Option<Node<'a>> {
        let opcode = match rm {
            rm::TOWARD_ZERO => sse::CVT_TO_INT_TRUNCATE,
            rm::NEAREST | rm::DYNAMIC => sse::CVT_TO_INT,
            _ => return None,
        };
        let a = self.scalar_operand(0, fmt, a)?;
        self.free &= !(1 << RAX);
        self.hot.scalar_int(fmt, opcode, bits, RAX, a);
        // what does not fit gives the most negative number: only from it does 1 not subtract
        self.hot.alu_i(Alu::Cmp, bits, Rm::R(RAX), 1);
        self.slow_path_if(Cc(0));
        if bits == 32 {
            self.hot.extend(true, 32, RAX, Rm::R(RAX));
        }
        Some(Node::Kept(self.keep(Kept::Rm(Rm::R(RAX)))))
    }
}

impl Floats for Emitter {
    fn check_fp(&mut self) {
        let from = self.hot.code.len();
        self.hot.cmp_byte(FP_READY, 0);
        self.slow_path_if(Cc::E);
        self.checked_since(from);
    }

    fn fp<'a>(&mut self, op: FpOp, fmt: Fmt, rm: u8, operands: [N; 3]) -> Option<Node<'a>> {
        let (result, fmt) = (fmt, scalar(fmt));
        let nearest = matches!(rm, rm::NEAREST | rm::DYNAMIC);
        let [a, b, c] = operands;
        match op {
            FpOp::Add if nearest => self.arithmetic(sse::ADD, result, a, b),
            FpOp::Sub if nearest => self.arithmetic(sse::SUB, result, a, b),
            FpOp::Mul if nearest => self.arithmetic(sse::MUL, result, a, b),
            FpOp::Div if nearest => self.arithmetic(sse::DIV, result, a, b),
            FpOp::Sqrt if nearest => {
                let a = self.scalar_operand(0, fmt, a)?;
                Some(self.due(result, Arithmetic::One(sse::SQRT, a)))
            }
            FpOp::Fma if nearest && result != Fmt::H => self.multiply_add(result, a, b, c),
            FpOp::Min | FpOp::Max => self.extreme(op == FpOp::Min, result, a, b),
            FpOp::Eq => self.equal(fmt, a, b),
            FpOp::Lt => self.ordered(Cc::A, false, fmt, a, b),
            FpOp::Le => self.ordered(Cc::AE, false, fmt, a, b),
            FpOp::LtQ => self.ordered(Cc::A, true, fmt, a, b),
            FpOp::LeQ => self.ordered(Cc::AE, true, fmt, a, b),
            FpOp::ToFmt(to) if nearest => self.convert_format(fmt, to, a),
            FpOp::FromI32 if nearest => self.convert_integer(result, 32, a),
            FpOp::FromU32 if nearest => self.convert_integer(result, 64, &Node::Zext(32, a)),
            FpOp::FromI64 if nearest => self.convert_integer(result, 64, a),
            FpOp::FromU64 if nearest => {
                let r = self.reg(a);
                self.hot.test(64, r, r);
                self.slow_path_if(Cc::S);
                self.convert_integer(result, 64, a)
            }
            FpOp::ToU32 if rm == rm::TOWARD_ZERO => self.unsigned_of(fmt, 32, a),
            FpOp::ToU64 if rm == rm::TOWARD_ZERO => self.unsigned_of(fmt, 63, a),
            FpOp::ToI32 => self.integer_of(fmt, 32, rm, a),
            FpOp::ToI64 => self.integer_of(fmt, 64, rm, a),
            _ => None,
        }
    }

    fn float_csr<'a>(&mut self, op: CsrOp, part: FloatPart, value: N) -> Node<'a> {
        self.access_float_csr(op, part, value)
    }
}
