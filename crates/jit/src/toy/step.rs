//! The bytecode: steps of a machine that has a stack, places for values that are kept to the end of an instruction, and
//! the hart.

use fp::Fmt;
use privileged::csr::FloatPart;
use semantics::{AmoOp, CsrOp, Width};

use crate::expr::{Op, Rel, Un};
use crate::host::System;

/// Bytes of a step.
pub const STEP_BYTES: usize = 12;
/// Where in a step its `to` is.
pub const TARGET_AT: u64 = 4;

/// A list that is numbered.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// What a step does. What it pops is named as it was pushed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        /// All of them, by number.
        const KINDS: &[Kind] = &[$(Kind::$kind,)*];
    };
}

kinds! {
    /// No code of an emitter's.
    Void,
    /// Pushes `wide`.
    Const,
    /// Pushes integer register `a`.
    X,
    /// Pushes floating-point register `a`.
    F,
    /// Pushes what is kept in place `a`.
    Held,
    /// Pushes the word of the privileged state at offset `wide`.
    Word,
    /// Sign-extends the top from `a` bits.
    Sext,
    /// Zero-extends the top from `a` bits.
    Zext,
    /// Operation `a` of [`UNARY`] on the top.
    Unary,
    /// Operation `a` of [`BINARY`] on two.
    Binary,
    /// Relation `a` of [`RELATIONS`] of two.
    Compare,
    /// Condition, yes, no: one of both.
    Select,
    /// Keeps the top in place `a`.
    Keep,
    /// Keeps the top as where [`Kind::GoKept`] goes.
    KeepTarget,
    /// Writes the top to integer register `a`.
    SetX,
    /// Condition, value: writes integer register `a`, or does not, and does not count `b` instructions.
    SetXUnless,
    /// Writes the top to floating-point register `a`.
    SetF,
    /// Writes the top to the word of the privileged state at offset `wide`.
    SetWord,
    /// A block of `a` instructions at `wide`, if the quantum has as many left.
    Open,
    /// Goes to `to`.
    Go,
    /// Goes to `to` where the top is not 0.
    GoIf,
    /// Goes to the guest's address `wide`.
    GoFar,
    /// Goes to the guest's address that was kept.
    GoKept,
    /// Asks for code for the link `wide`.
    Link,
    /// The bits of the instruction: executes system instruction `a` of [`SYSTEMS`] at `wide`.
    System,
    /// Page: goes on unless the second half of the instruction at `wide` is still there and has the bits of `a` and
    /// `b`.
    Cross,
    /// Runs the instruction through the interpreter, and goes on at `wide`: a slow path.
    Interpret,
    /// From here on, what does not fit goes to the slow path at `to`.
    SlowPath,
    /// Takes the slow path where the top is not 0.
    SlowPathIf,
    /// Address: reads memory of width `a` to place `c`; if `b` is 1, it is in a span.
    Load,
    /// Address, value: writes memory of width `a`; if `b` is 1, it is in a span.
    Store,
    /// Address, bytes: goes to `to` unless they are in one page that may be read, if `a` is 1, and written, if `b` is
    /// 1.
    Span,
    /// Address: zeroes the block of `wide` bytes.
    Zero,
    /// Address, operand: operation `b` of [`AMOS`] on memory of width `a`; what it was, to place `c`.
    Amo,
    /// Address, expected, desired: compares and swaps memory of width `a`; what it was, to place `c`.
    Cas,
    /// Address: reserves memory of width `a`; what it is, to place `c`.
    Reserve,
    /// Address, value: writes memory of width `a` where it is reserved; whether it was not, to place `c`.
    Conditional,
    /// Orders all memory accesses before and after.
    Fence,
    /// Takes the slow path unless floating point may run.
    CheckFp,
    /// Three operands: operation `wide` of [`fp::Op::ALL`] in format `a`, rounded as `b` says, to place `c`.
    Float,
    /// Value: access `a` of [`CSR_OPS`] to part `b` of [`PARTS`]; what it was, to place `c`.
    FloatCsr,
    /// Takes the slow path unless the mode has number `a`.
    CheckMode,
    /// Takes the slow path unless nothing is withheld.
    CheckOpen,
    /// Takes the slow path where an interrupt waits.
    CheckNoInterrupt,
    /// Notes whether floating point may run by now.
    NoteFp,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub kind: Kind,
    pub a: u8,
    pub b: u8,
    pub c: u8,
    /// A number, or in its lower half where the step goes, from its own address.
    pub wide: u64,
}

impl Step {
    /// A step of a kind that says everything.
    pub const fn of(kind: Kind) -> Step {
        Step { kind, a: 0, b: 0, c: 0, wide: 0 }
    }

    /// Its bytes.
    pub fn encode(self) -> [u8; STEP_BYTES] {
        let mut bytes = [self.kind as u8, self.a, self.b, self.c, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[TARGET_AT as usize..].copy_from_slice(&self.wide.to_le_bytes());
        bytes
    }

    /// The step that these bytes are.
    pub fn decode(bytes: &[u8; STEP_BYTES]) -> Step {
        let [kind, a, b, c, wide @ ..] = *bytes;
        let kind = KINDS.get(usize::from(kind)).copied().unwrap_or(Kind::Void);
        Step { kind, a, b, c, wide: u64::from_le_bytes(wide) }
    }

    /// Where it goes, if it is at `at`.
    pub fn to(self, at: u64) -> u64 {
        at.wrapping_add_signed((self.wide as i32).into())
    }
}

/// Where something is in a list.
pub fn index<T: PartialEq>(list: &[T], item: T) -> u8 {
    list.iter().position(|other| *other == item).expect("the list has all of them") as u8
}

pub const UNARY: [Un; 5] = [Un::Not, Un::Clz, Un::Ctz, Un::Cpop, Un::Rev8];
pub const BINARY: [Op; 17] = {
    use Op::*;
    [Add, Sub, And, Or, Xor, Mul, Shl, Shr, Sar, MulhS, MulhU, DivS, DivU, RemS, RemU, Clmul, Clmulh]
};
pub const RELATIONS: [Rel; 10] = {
    use Rel::*;
    [Eq, Ne, LtS, GeS, GtS, LeS, LtU, GeU, GtU, LeU]
};
pub const SYSTEMS: [System; 4] = [System::Ecall, System::Ebreak, System::Sret, System::Mret];
pub const WIDTHS: [Width; 4] = [Width::B1, Width::B2, Width::B4, Width::B8];
pub const AMOS: [AmoOp; 9] = {
    use AmoOp::*;
    [Swap, Add, Xor, And, Or, Min, Max, Minu, Maxu]
};
pub const CSR_OPS: [CsrOp; 5] = [CsrOp::Read, CsrOp::Write, CsrOp::Swap, CsrOp::Set, CsrOp::Clear];
pub const PARTS: [FloatPart; 3] = [FloatPart::Flags, FloatPart::Rounding, FloatPart::Both];
pub const FORMATS: [Fmt; 3] = [Fmt::H, Fmt::S, Fmt::D];
