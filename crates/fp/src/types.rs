//! What callers name: formats, rounding modes, flags, operations.

/// A binary interchange format of IEEE 754.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fmt {
    /// binary16 (Zfh).
    H,
    /// binary32 (F).
    S,
    /// binary64 (D).
    D,
}

/// A rounding mode. F extension, "Floating-Point Control and Status Register", table "Rounding mode encoding".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Rounding {
    /// Round to Nearest, ties to Even.
    Rne = 0,
    /// Round towards Zero.
    Rtz = 1,
    /// Round Down (towards minus infinity).
    Rdn = 2,
    /// Round Up (towards plus infinity).
    Rup = 3,
    /// Round to Nearest, ties to Max Magnitude.
    Rmm = 4,
}

impl Rounding {
    /// The `rm` field that says that `frm` decides: DYN.
    pub const DYN: u8 = 7;

    /// The static rounding mode of an `rm` field or of `frm`; `None` for the reserved encodings and for
    /// [`Rounding::DYN`], which only the caller can resolve.
    #[inline]
    pub const fn from_rm(rm: u8) -> Option<Self> {
        match rm {
            0 => Some(Rounding::Rne),
            1 => Some(Rounding::Rtz),
            2 => Some(Rounding::Rdn),
            3 => Some(Rounding::Rup),
            4 => Some(Rounding::Rmm),
            _ => None,
        }
    }
}

/// Accrued exceptions, with the bits of `fflags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// No exception.
    pub const NONE: Flags = Flags(0);
    /// Inexact.
    pub const NX: Flags = Flags(1);
    /// Underflow.
    pub const UF: Flags = Flags(2);
    /// Overflow.
    pub const OF: Flags = Flags(4);
    /// Divide by zero.
    pub const DZ: Flags = Flags(8);
    /// Invalid operation.
    pub const NV: Flags = Flags(16);

    /// These flags if `raised`, else none.
    #[inline]
    pub const fn when(self, raised: bool) -> Flags {
        if raised { self } else { Flags::NONE }
    }
}

impl core::ops::BitOr for Flags {
    type Output = Flags;

    #[inline]
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// Declares the operations, and behind them the conversions to each format.
macro_rules! operations {
    ($($(#[$doc:meta])* $op:ident,)* ; $(#[$to_doc:meta])* $to:ident($($fmt:ident),*)) => {
        /// An operation. Operands are named a, b, c in the order of [`crate::evaluate`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Op {
            $($(#[$doc])* $op,)*
            $(#[$to_doc])*
            $to(Fmt),
        }

        impl Op {
            /// All of them.
            pub const ALL: &[Op] = &[$(Op::$op,)* $(Op::$to(Fmt::$fmt)),*];
        }
    };
}

operations! {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a × b.
    Mul,
    /// a ÷ b.
    Div,
    /// Square root of a.
    Sqrt,
    /// a × b + c with one rounding. The other three fused forms negate a or c before.
    Fma,
    /// `fmin`: minimumNumber; a NaN loses against a number.
    Min,
    /// `fmax`: maximumNumber.
    Max,
    /// `fminm` (Zfa): minimum; a NaN wins.
    MinM,
    /// `fmaxm` (Zfa): maximum; a NaN wins.
    MaxM,
    /// `feq`: quiet comparison.
    Eq,
    /// `flt`: signaling comparison.
    Lt,
    /// `fle`: signaling comparison.
    Le,
    /// `fltq` (Zfa): quiet comparison.
    LtQ,
    /// `fleq` (Zfa): quiet comparison.
    LeQ,
    /// `fclass`: the 10-bit mask.
    Class,
    /// `fround` (Zfa): to an integral value; never inexact.
    Round,
    /// `froundnx` (Zfa): to an integral value; inexact when the value changes.
    RoundNx,
    /// `fcvt.w.*`.
    ToI32,
    /// `fcvt.wu.*`; the result is sign-extended like every 32-bit result.
    ToU32,
    /// `fcvt.l.*`.
    ToI64,
    /// `fcvt.lu.*`.
    ToU64,
    /// `fcvt.*.w`: the low 32 bits of a, signed.
    FromI32,
    /// `fcvt.*.wu`: the low 32 bits of a, unsigned.
    FromU32,
    /// `fcvt.*.l`.
    FromI64,
    /// `fcvt.*.lu`.
    FromU64,
    /// `fcvtmod.w.d` (Zfa): modulo 2³² towards zero, whatever the rounding mode.
    ModI32,
    ;
    /// Conversion to another floating-point format.
    ToFmt(H, S, D)
}
