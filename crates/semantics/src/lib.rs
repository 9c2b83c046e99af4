//! What every instruction does, written once.
//!
//! An instruction is a row of `arch`'s table and one generic function of the same name here, in the file of its
//! extension, over an abstract machine: [`Exec`], and [`Privileged`] for what only a hart can do. A value of the guest
//! is an abstract [`Word`]. The interpreter is the instance whose word is a `u64` ([`X64`]); a translator is another.
//!
//! The contract between a text and a machine:
//! - a register write takes effect at the end of the instruction; a machine may do it at once, for every text computes
//!   before it writes, and writes last;
//! - shift amounts count modulo 64;
//! - [`Exec::load`] zero-extends;
//! - everything that can exit comes before the first write.
//!
//! Compressed forms expand to their base instruction and have no semantics of their own. Hints execute as the
//! instruction whose encoding they borrow.

#![no_std]
#![forbid(unsafe_code)]

mod a;
mod b;
mod exec;
mod float;
mod footprint;
mod h;
mod i;
mod m;
mod privileged;
mod word;
mod zi;
mod zicsr;

pub use exec::{AmoOp, CboOp, CsrOp, Exec, Order, Out, Privileged, TlbFence, Value, Width};
pub use footprint::Footprint;
pub use fp::{Fmt, Op as FpOp};
pub use word::{Word, X64};

use arch::Insn;

/// `name Format |m, i| value;` is the instruction that writes `value` to the integer register rd.
macro_rules! x_insns {
    ($($name:ident $format:ident |$m:ident, $i:ident| $value:expr;)*) => { $(
        #[inline(always)]
        pub(crate) fn $name<M: crate::Exec>($m: &mut M, $i: arch::insn::$format) -> crate::Out<M> {
            let value = $value;
            $m.set_x($i.rd, value);
            Ok(())
        }
    )* };
}

/// `name Format |m, i| result;` is an instruction whose whole text is `result`.
macro_rules! insns {
    ($($name:ident $format:ident |$m:ident, $i:ident| $result:expr;)*) => { $(
        #[inline(always)]
        pub(crate) fn $name<M: crate::Exec>($m: &mut M, $i: arch::insn::$format) -> crate::Out<M> { $result }
    )* };
}

/// Like `insns`, for a privileged machine.
macro_rules! privileged_insns {
    ($($name:ident $format:ident |$m:ident, $i:ident| $result:expr;)*) => { $(
        #[inline(always)]
        pub(crate) fn $name<M: crate::Privileged>($m: &mut M, $i: arch::insn::$format) -> crate::Out<M> { $result }
    )* };
}

use {insns, privileged_insns, x_insns};

/// The texts by name, for the dispatch.
mod text {
    pub(crate) use crate::{a::*, b::*, float::*, h::*, i::*, m::*, privileged::*, zi::*, zicsr::*};
}

macro_rules! dispatch {
    ({ $m:ident $insn:ident $run:ident } $($name:ident $function:ident $format:ident $encoding:literal
        $operands:literal $needs:tt $class:ident;)*) => {
        match *$insn { $(Insn::$name(fields) => $run!($class $m $function fields)),* }
    };
}

macro_rules! run_all {
    ($class:ident $m:ident $function:ident $fields:ident) => {
        text::$function($m, $fields)
    };
}

macro_rules! run_user {
    (Csr $m:ident $function:ident $fields:ident) => {{
        let _ = $fields;
        return None;
    }};
    (Hyper $m:ident $function:ident $fields:ident) => {{
        let _ = $fields;
        return None;
    }};
    (Sys $m:ident $function:ident $fields:ident) => {{
        let _ = $fields;
        return None;
    }};
    ($class:ident $m:ident $function:ident $fields:ident) => {
        text::$function($m, $fields)
    };
}

/// Executes one instruction.
///
/// # Errors
/// The machine's way out: for a hart, a trap. No register has been written then.
#[inline(always)]
pub fn execute<M: Privileged>(m: &mut M, insn: &Insn) -> Out<M> {
    arch::for_each_insn! { dispatch { m insn run_all } }
}

/// Executes one instruction on a machine that is not privileged; `None`, and nothing done, where the instruction's
/// class ([`arch::insn::Class`]) asks for one that is.
#[inline(always)]
pub fn execute_user<M: Exec>(m: &mut M, insn: &Insn) -> Option<Out<M>> {
    Some(arch::for_each_insn! { dispatch { m insn run_user } })
}
