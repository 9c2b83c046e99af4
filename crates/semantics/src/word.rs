//! Values of the guest: the abstract [`Word`], and [`X64`], the word that is a number.

use core::ops::{Add, BitAnd, BitOr, BitXor, Mul, Not, Shl, Shr, Sub};

/// A 64-bit value. No method turns it into an integer of the host, so no text can decide by one.
///
/// Arithmetic wraps; shift amounts count modulo 64; every operation is total.
pub trait Word:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
    + Shl<Output = Self>
    + Shr<Output = Self>
{
    /// A condition.
    type Bool: Copy + BitAnd<Output = Self::Bool> + BitOr<Output = Self::Bool> + Not<Output = Self::Bool>;

    /// Shift right, arithmetic.
    fn sar(self, amount: Self) -> Self;
    /// The low `bits`, sign-extended. `bits` is 8, 16, 32 or 64.
    fn sext(self, bits: u32) -> Self;
    /// The low `bits`, zero-extended. `bits` is 8, 16, 32 or 64.
    fn zext(self, bits: u32) -> Self;
    /// Equal.
    fn eq(self, other: Self) -> Self::Bool;
    /// Less, signed.
    fn lt_s(self, other: Self) -> Self::Bool;
    /// Less, unsigned.
    fn lt_u(self, other: Self) -> Self::Bool;
    /// High half of the product, both signed.
    fn mulh_s(self, other: Self) -> Self;
    /// High half of the product, both unsigned.
    fn mulh_u(self, other: Self) -> Self;
    /// Quotient, signed, towards zero. The divisor is neither 0, nor -1 with the most negative dividend: what comes
    /// out then is any word.
    fn div_s(self, divisor: Self) -> Self;
    /// Quotient, unsigned. The divisor is not 0: what comes out then is any word.
    fn div_u(self, divisor: Self) -> Self;
    /// Remainder, signed; divisor as for [`Word::div_s`].
    fn rem_s(self, divisor: Self) -> Self;
    /// Remainder, unsigned; divisor as for [`Word::div_u`].
    fn rem_u(self, divisor: Self) -> Self;
    /// Number of leading zeros, 64 for zero.
    fn clz(self) -> Self;
    /// Number of trailing zeros, 64 for zero.
    fn ctz(self) -> Self;
    /// Number of ones.
    fn cpop(self) -> Self;
    /// Bytes in reverse order.
    fn rev8(self) -> Self;
    /// Low half of the carry-less product.
    fn clmul(self, other: Self) -> Self;
    /// High half of the carry-less product.
    fn clmulh(self, other: Self) -> Self;
    /// `yes` where the condition holds, else `no`.
    fn select(condition: Self::Bool, yes: Self, no: Self) -> Self;
    /// 1 where the condition holds, else 0.
    fn from_bool(condition: Self::Bool) -> Self;
}

/// The word that is a number: the interpreter's, and a translator's constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct X64(pub u64);

macro_rules! operators {
    ($($trait:ident $method:ident |$a:ident, $b:ident| $value:expr;)*) => { $(
        impl $trait for X64 {
            type Output = X64;
            #[inline(always)]
            fn $method(self, other: X64) -> X64 {
                let ($a, $b) = (self.0, other.0);
                X64($value)
            }
        }
    )* };
}

operators! {
    Add add |a, b| a.wrapping_add(b);
    Sub sub |a, b| a.wrapping_sub(b);
    Mul mul |a, b| a.wrapping_mul(b);
    BitAnd bitand |a, b| a & b;
    BitOr bitor |a, b| a | b;
    BitXor bitxor |a, b| a ^ b;
    Shl shl |a, b| a.wrapping_shl(b as u32);
    Shr shr |a, b| a.wrapping_shr(b as u32);
}

impl Not for X64 {
    type Output = X64;
    #[inline(always)]
    fn not(self) -> X64 {
        X64(!self.0)
    }
}

macro_rules! methods {
    ($($method:ident |$a:ident $(, $b:ident)?| $value:expr;)*) => { $(
        #[inline(always)]
        fn $method(self $(, $b: X64)?) -> X64 {
            let $a = self.0;
            $(let $b = $b.0;)?
            X64($value)
        }
    )* };
}

macro_rules! comparisons {
    ($($method:ident |$a:ident, $b:ident| $value:expr;)*) => { $(
        #[inline(always)]
        fn $method(self, other: X64) -> bool {
            let ($a, $b) = (self.0, other.0);
            $value
        }
    )* };
}

impl Word for X64 {
    type Bool = bool;

    methods! {
        sar |a, b| (a as i64).wrapping_shr(b as u32) as u64;
        mulh_s |a, b| ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64;
        mulh_u |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64;
        div_s |a, b| (a as i64).checked_div(b as i64).unwrap_or(0) as u64;
        div_u |a, b| a.checked_div(b).unwrap_or(0);
        rem_s |a, b| (a as i64).checked_rem(b as i64).unwrap_or(0) as u64;
        rem_u |a, b| a.checked_rem(b).unwrap_or(0);
        clz |a| a.leading_zeros().into();
        ctz |a| a.trailing_zeros().into();
        cpop |a| a.count_ones().into();
        rev8 |a| a.swap_bytes();
        clmul |a, b| carryless(a, b) as u64;
        clmulh |a, b| (carryless(a, b) >> 64) as u64;
    }

    comparisons! {
        eq |a, b| a == b;
        lt_s |a, b| (a as i64) < b as i64;
        lt_u |a, b| a < b;
    }

    #[inline(always)]
    fn sext(self, bits: u32) -> X64 {
        let unused = 64u32.wrapping_sub(bits);
        X64((self.0.wrapping_shl(unused) as i64).wrapping_shr(unused) as u64)
    }

    #[inline(always)]
    fn zext(self, bits: u32) -> X64 {
        let unused = 64u32.wrapping_sub(bits);
        X64(self.0.wrapping_shl(unused).wrapping_shr(unused))
    }

    #[inline(always)]
    fn select(condition: bool, yes: X64, no: X64) -> X64 {
        if condition { yes } else { no }
    }

    #[inline(always)]
    fn from_bool(condition: bool) -> X64 {
        X64(condition.into())
    }
}

/// The carry-less product: shifted copies of `a` added without carry.
const fn carryless(a: u64, mut b: u64) -> u128 {
    let mut product = 0;
    while b != 0 {
        product ^= (a as u128) << b.trailing_zeros();
        b &= b - 1;
    }
    product
}
