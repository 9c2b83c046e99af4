//! `fflags`, `frm` and `fcsr`, while generated floating point may run and has raised nothing that `fflags` does not
//! have.
//!
//! FS is Dirty and `frm` is to nearest then. Kernels write 0 whenever they load a process's or a guest's registers.

use std::mem::offset_of;

use privileged::State;
use privileged::csr::FloatPart;
use semantics::CsrOp;

use super::asm::{Alu, Cc, RAX, RDX, RSP, Rm};
use super::emit::{ALL_FREE, Emitter, Kept};
use super::state::{FP_READY, privileged};
use crate::expr::{N, Node};

/// The bits of a rounding mode.
const fn rounding(part: FloatPart) -> i32 {
    match part {
        FloatPart::Flags => 0,
        FloatPart::Rounding => 7,
        FloatPart::Both => 7 << 5,
    }
}

/// The bits of `fflags`.
const FLAGS: i32 = crate::host::FFLAGS as i32;
const FFLAGS: Rm = privileged(offset_of!(State, fflags));
/// Memory below the stack that nobody uses before the next call.
const BELOW: Rm = Rm::M(RSP, -8);

impl Emitter {
    /// [`crate::host::Floats::float_csr`].
    pub(super) fn access_float_csr<'a>(&mut self, op: CsrOp, part: FloatPart, value: N) -> Node<'a> {
        self.free &= !(1 << RAX);
        self.hot.cmp_byte(FP_READY, 0);
        let not_ready = self.hot.jcc_fix(Cc::E);
        self.hot.stmxcsr(BELOW);
        self.hot.mov(32, RAX, BELOW);
        self.hot.test_i(RAX, super::flags::EXCEPTIONS as i32);
        let raised = self.hot.jcc_fix(Cc::NE);
        self.slow_paths.extend([not_ready, raised]);
        match part {
            FloatPart::Rounding => self.hot.mov_i(RAX, 0),
            _ => self.hot.extend(false, 8, RAX, FFLAGS),
        }
        if op != CsrOp::Read {
            self.write_float_csr(op, part, value);
        }
        self.free = ALL_FREE & !(1 << RAX);
        Node::Kept(self.keep(Kept::Rm(Rm::R(RAX))))
    }

    /// Writes what comes of the old value, in rax, and `value`.
    fn write_float_csr(&mut self, op: CsrOp, part: FloatPart, value: N) {
        self.free &= !(1 << RDX);
        self.into(RDX, value, 64);
        match op {
            CsrOp::Set => self.hot.alu(Alu::Or, 32, RDX, Rm::R(RAX)),
            CsrOp::Clear => self.hot.andn(32, RDX, RDX, Rm::R(RAX)),
            _ => {}
        }
        if part != FloatPart::Flags {
            self.hot.test_i(RDX, rounding(part));
            self.slow_path_if(Cc::NE);
        }
        if part != FloatPart::Rounding {
            self.hot.alu_i(Alu::And, 32, Rm::R(RDX), FLAGS);
            self.hot.store(1, FFLAGS, RDX);
        }
    }
}
