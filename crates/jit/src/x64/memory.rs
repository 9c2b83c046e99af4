//! Loads and stores: the probe of the data table.
//!
//! The probe compares the page of the access's last byte with the tag of its first byte's entry, so that an access
//! within a page needs no alignment and one that crosses pages misses. Where alignment is asked for, the low bits of the
//! address take part in the comparison instead. A miss runs the instruction through the interpreter.

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};
use semantics::Width;

use super::asm::{Alu, Cc, RAX, RCX, RDX, Reg, Rm, Scalar, sse};
use super::emit::{Emitter, plain};
use super::state::{CBO_ZERO_READY, TABLE, data};
use crate::expr::{N, Node};
use crate::host::Loads;

/// What an access does, and what it asks of its address.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub write: bool,
    pub aligned: bool,
    pub bytes: u64,
}

impl Emitter {
    /// Checks an access: the register of the address, to which rcx is then added.
    pub(super) fn probe(&mut self, access: Access, address: N) -> Reg {
        let a = match self.leaf(address, 64) {
            Some(Rm::R(r)) => r,
            _ => {
                self.free &= !(1 << RAX);
                self.into(RAX, address, 64);
                RAX
            }
        };
        self.probe_register(access, a);
        a
    }

    /// Checks an access at the address in `a`; its addend is in rcx then.
    fn probe_register(&mut self, access: Access, a: Reg) {
        let last = access.bytes as i32 - 1;
        let page = -(PAGE_BYTES as i32);
        self.free &= !(1 << RCX);
        // the bits that come round are masked away
        self.hot.rorx(RCX, a, (PAGE_SHIFT - data::SHIFT) as u8);
        self.hot.alu_i(Alu::And, 32, Rm::R(RCX), data::MASK);
        if access.aligned || last == 0 {
            self.hot.mov(64, RDX, Rm::R(a));
            self.hot.alu_i(Alu::And, 64, Rm::R(RDX), page | last);
        } else {
            self.hot.lea(64, RDX, Rm::M(a, last));
            self.hot.alu_i(Alu::And, 64, Rm::R(RDX), page);
        }
        let tag = if access.write { data::WRITE } else { data::READ };
        self.hot.alu(Alu::Cmp, 64, RDX, Rm::X(TABLE, RCX, tag));
        self.detour_if(Cc::NE);
        self.hot.mov(64, RCX, Rm::X(TABLE, RCX, data::ADDEND));
    }
}

impl Loads for Emitter {
    fn load<'a>(&mut self, width: Width, aligned: bool, address: N) -> Option<Node<'a>> {
        let bytes = plain(width)?;
        let a = self.probe(Access { write: false, aligned, bytes }, address);
        let held = self.memory(Rm::X(a, RCX, 0));
        Some(Node::Mem(width, held))
    }

    fn store(&mut self, width: Width, aligned: bool, address: N, value: N) -> Option<()> {
        let bytes = plain(width)?;
        let a = self.probe(Access { write: true, aligned, bytes }, address);
        let to = Rm::X(a, RCX, 0);
        match *value {
            Node::Const(c) if bytes < 8 => self.hot.store_i(bytes, to, c as i32),
            Node::Const(c) if i32::try_from(c).is_ok() => self.hot.store_i(bytes, to, c as i32),
            _ if let (4 | 8, Some(x)) = (bytes, self.f_register(value)) => {
                let fmt = if bytes == 8 { Scalar::Double } else { Scalar::Single };
                self.hot.scalar(fmt, sse::MOV_STORE, x, to);
            }
            _ => {
                let v = self.reg(value);
                self.hot.store(bytes, to, v);
            }
        }
        Some(())
    }

    fn zero_block(&mut self, block: u64, address: N) {
        self.hot.cmp_byte(CBO_ZERO_READY, 0);
        self.detour_if(Cc::E);
        self.free &= !(1 << RAX);
        self.into(RAX, address, 64);
        self.hot.alu_i(Alu::And, 64, Rm::R(RAX), -(block as i32));
        self.probe_register(Access { write: true, aligned: true, bytes: 1 }, RAX);
        self.hot.zero_sse(0);
        for at in (0..block as i32).step_by(16) {
            self.hot.store_vector(Rm::X(RAX, RCX, at), 0);
        }
    }
}
