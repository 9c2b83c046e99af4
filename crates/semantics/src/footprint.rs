//! The instance that computes nothing: which registers an instruction reads and writes.

use crate::{AmoOp, CboOp, CsrOp, Exec, Fmt, FpOp, Order, Out, Privileged, TlbFence, Value, Width, Word};
use arch::Insn;
use core::ops::{Add, BitAnd, BitOr, BitXor, Mul, Not, Shl, Shr, Sub};

/// Sets of registers: bit n stands for register n. Neither set of integer registers ever holds x0, whose value all
/// know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Integer registers read.
    pub x_read: u32,
    /// Integer registers written.
    pub x_written: u32,
    /// Floating-point registers read.
    pub f_read: u32,
    /// Floating-point registers written.
    pub f_written: u32,
}

impl Footprint {
    /// What `insn` reads and writes when it comes to its end.
    pub fn of(insn: &Insn) -> Footprint {
        let mut recorder = Recorder::default();
        // an instruction that is illegal by its register numbers has no footprint
        let _ = crate::execute(&mut recorder, insn);
        Footprint {
            x_read: recorder.x_read.get() & !1,
            x_written: recorder.x_written & !1,
            f_read: recorder.f_read.get(),
            f_written: recorder.f_written,
        }
    }
}

/// A word without a value: only registers are noted.
#[derive(Clone, Copy)]
struct Unknown;

macro_rules! operators {
    ($($trait:ident $method:ident;)*) => { $(
        impl $trait for Unknown {
            type Output = Unknown;
            fn $method(self, _: Unknown) -> Unknown { Unknown }
        }
    )* };
}

operators! { Add add; Sub sub; Mul mul; BitAnd bitand; BitOr bitor; BitXor bitxor; Shl shl; Shr shr; }

impl Not for Unknown {
    type Output = Unknown;
    fn not(self) -> Unknown {
        Unknown
    }
}

macro_rules! methods {
    ($($method:ident($($type:ty),*);)*) => { $(
        fn $method(self $(, _: $type)*) -> Unknown { Unknown }
    )* };
}

impl Word for Unknown {
    type Bool = Unknown;
    methods! {
        sar(Unknown); sext(u32); zext(u32); eq(Unknown); lt_s(Unknown); lt_u(Unknown);
        mulh_s(Unknown); mulh_u(Unknown); div_s(Unknown); div_u(Unknown); rem_s(Unknown); rem_u(Unknown);
        clz(); ctz(); cpop(); rev8(); clmul(Unknown); clmulh(Unknown);
    }
    fn select(_: Unknown, _: Unknown, _: Unknown) -> Unknown {
        Unknown
    }
    fn from_bool(_: Unknown) -> Unknown {
        Unknown
    }
}

#[derive(Default)]
struct Recorder {
    x_read: core::cell::Cell<u32>,
    f_read: core::cell::Cell<u32>,
    x_written: u32,
    f_written: u32,
}

/// The register numbers are reserved ones.
struct Illegal;

impl Exec for Recorder {
    type W = Unknown;
    type Stop = Illegal;

    fn imm(&self, _: i64) -> Unknown {
        Unknown
    }
    fn pc(&self) -> Unknown {
        Unknown
    }
    fn next_pc(&self) -> Unknown {
        Unknown
    }
    fn x(&self, register: u8) -> Unknown {
        self.x_read.set(self.x_read.get() | 1 << register);
        Unknown
    }
    fn f(&self, register: u8) -> Unknown {
        self.f_read.set(self.f_read.get() | 1 << register);
        Unknown
    }
    fn set_x(&mut self, register: u8, _: Unknown) {
        self.x_written |= 1 << register;
    }
    fn set_f(&mut self, register: u8, _: Unknown) {
        self.f_written |= 1 << register;
    }
    fn load(&mut self, _: Width, _: Unknown) -> Value<Self> {
        Ok(Unknown)
    }
    fn store(&mut self, _: Width, _: Unknown, _: Unknown) -> Out<Self> {
        Ok(())
    }
    fn branch(&mut self, _: Unknown, _: Unknown) -> Out<Self> {
        Ok(())
    }
    fn jump(&mut self, _: Unknown) -> Out<Self> {
        Ok(())
    }
    fn amo(&mut self, _: Width, _: AmoOp, _: Order, _: Unknown, _: Unknown) -> Value<Self> {
        Ok(Unknown)
    }
    fn amocas(
        &mut self,
        _: Width,
        _: Order,
        _: Unknown,
        _: [Unknown; 2],
        _: [Unknown; 2],
    ) -> Result<[Unknown; 2], Illegal> {
        Ok([Unknown; 2])
    }
    fn reserve(&mut self, _: Width, _: Order, _: Unknown) -> Value<Self> {
        Ok(Unknown)
    }
    fn conditional(&mut self, _: Width, _: Order, _: Unknown, _: Unknown) -> Value<Self> {
        Ok(Unknown)
    }
    fn fence(&mut self, _: u8, _: u8, _: u8) -> Out<Self> {
        Ok(())
    }
    fn pause(&mut self) -> Out<Self> {
        Ok(())
    }
    fn cbo_zero(&mut self, _: Unknown) -> Out<Self> {
        Ok(())
    }
    fn cbo_maint(&mut self, _: CboOp, _: Unknown) -> Out<Self> {
        Ok(())
    }
    fn fp_enabled(&mut self) -> Out<Self> {
        Ok(())
    }
    fn fp(&mut self, _: FpOp, _: Fmt, _: u8, _: [Unknown; 3]) -> Value<Self> {
        Ok(Unknown)
    }
    fn illegal(&mut self) -> Illegal {
        Illegal
    }
}

macro_rules! nothing {
    ($($method:ident)*) => { $( fn $method(&mut self) -> Out<Self> { Ok(()) } )* };
}

impl Privileged for Recorder {
    nothing! { ecall ebreak sret mret wfi wrs_nto wrs_sto fence_i sfence_w_inval sfence_inval_ir }

    fn csr(&mut self, _: CsrOp, _: u16, _: Unknown) -> Value<Self> {
        Ok(Unknown)
    }
    fn tlb_fence(&mut self, _: TlbFence, _: Option<Unknown>, _: Option<Unknown>) -> Out<Self> {
        Ok(())
    }
    fn hyper_load(&mut self, _: Width, _: Unknown) -> Value<Self> {
        Ok(Unknown)
    }
    fn hyper_load_exec(&mut self, _: Width, _: Unknown) -> Value<Self> {
        Ok(Unknown)
    }
    fn hyper_store(&mut self, _: Width, _: Unknown, _: Unknown) -> Out<Self> {
        Ok(())
    }
}
