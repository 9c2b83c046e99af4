//! `fflags`, `frm` and `fcsr`, while generated floating point may run and has raised nothing that `fflags` does not have.
//!
//! FS is Dirty and `frm` is to nearest then. Kernels write 0 whenever they load a process's or a guest's registers.

use std::mem::offset_of;

use arch::csr;
use privileged::State;
use semantics::CsrOp;

use super::asm::{Alu, Cc, RAX, RDX, RSP, Rm};
use super::emit::{ALL_FREE, Emitter, Kept};
use super::state::{FP_READY, privileged};
use crate::expr::{N, Node};

/// A register of floating point's flags and rounding mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatCsr {
    /// `fflags`.
    Flags,
    /// `frm`.
    Rounding,
    /// `fcsr`: both.
    Both,
}

impl FloatCsr {
    /// The one with this address.
    pub fn of(address: u16) -> Option<FloatCsr> {
        match address {
            csr::FFLAGS => Some(FloatCsr::Flags),
            csr::FRM => Some(FloatCsr::Rounding),
            csr::FCSR => Some(FloatCsr::Both),
            _ => None,
        }
    }

    /// The bits of a rounding mode.
    const fn rounding(self) -> i32 {
        match self {
            FloatCsr::Flags => 0,
            FloatCsr::Rounding => 7,
            FloatCsr::Both => 7 << 5,
        }
    }
}

/// The bits of `fflags`.
const FLAGS: i32 = 0x1f;
const FFLAGS: Rm = privileged(offset_of!(State, fflags));
/// Memory below the stack that nobody uses before the next call.
const BELOW: Rm = Rm::M(RSP, -8);

impl Emitter {
    /// Accesses one of them; answers what it was. Where it gets another rounding mode, or flags have been raised, the
    /// instruction runs through the interpreter.
    pub fn float_csr<'a>(&mut self, op: CsrOp, part: FloatCsr, value: N) -> Node<'a> {
        self.free &= !(1 << RAX);
        self.hot.cmp_byte(FP_READY, 0);
        let not_ready = self.hot.jcc_fix(Cc::E);
        self.hot.stmxcsr(BELOW);
        self.hot.mov(32, RAX, BELOW);
        self.hot.test_i(RAX, super::flags::EXCEPTIONS as i32);
        let raised = self.hot.jcc_fix(Cc::NE);
        self.detours.extend([not_ready, raised]);
        match part {
            FloatCsr::Rounding => self.hot.mov_i(RAX, 0),
            _ => self.hot.extend(false, 8, RAX, FFLAGS),
        }
        if op != CsrOp::Read {
            self.write_float_csr(op, part, value);
        }
        self.free = ALL_FREE & !(1 << RAX);
        Node::Kept(self.keep(Kept::Rm(Rm::R(RAX))))
    }

    /// Writes what comes of the old value, in rax, and `value`.
    fn write_float_csr(&mut self, op: CsrOp, part: FloatCsr, value: N) {
        self.free &= !(1 << RDX);
        self.into(RDX, value, 64);
        match op {
            CsrOp::Set => self.hot.alu(Alu::Or, 32, RDX, Rm::R(RAX)),
            CsrOp::Clear => self.hot.andn(32, RDX, RDX, Rm::R(RAX)),
            _ => {}
        }
        if part != FloatCsr::Flags {
            self.hot.test_i(RDX, part.rounding());
            self.detour_if(Cc::NE);
        }
        if part != FloatCsr::Rounding {
            self.hot.alu_i(Alu::And, 32, Rm::R(RDX), FLAGS);
            self.hot.store(1, FFLAGS, RDX);
        }
    }
}
