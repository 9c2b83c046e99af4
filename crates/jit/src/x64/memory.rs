//! Loads and stores: the probe of the data table.
//!
//! The probe compares the page of the access's last byte with the tag of its first byte's entry, so that an access
//! within a page needs no alignment and one that crosses pages misses. Where alignment is asked for, the low bits of
//! the address take part in the comparison instead. A miss runs the instruction through the interpreter.
//!
//! What is probed for a span is where its first byte and its last one are; within it rcx leads to memory and is
//! nothing else.

use arch::addr::{PAGE_BYTES, PAGE_SHIFT};
use semantics::Width;

use super::asm::{Alu, Cc, RAX, RCX, RDX, Reg, Rm, Scalar, sse};
use super::emit::{Emitter, plain};
use super::inside::Inside;
use super::state::{CBO_ZERO_READY, TABLE, data};
use crate::expr::{N, Node, Op};
use crate::host::{Loads, Span};

/// What an access does, and what it asks of its address.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub read: bool,
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
        for (_, tag) in [(access.read, data::READ), (access.write, data::WRITE)].iter().filter(|(asked, _)| *asked) {
            self.hot.alu(Alu::Cmp, 64, RDX, Rm::X(TABLE, RCX, *tag));
            self.slow_path_if(Cc::NE);
        }
        self.hot.mov(64, RCX, Rm::X(TABLE, RCX, data::ADDEND));
    }

    /// Where an access goes, once it is checked.
    fn place(&mut self, access: Access, address: N) -> Option<Rm> {
        match self.inside {
            Some(inside) => inside.place(address),
            None => Some(Rm::X(self.probe(access, address), RCX, 0)),
        }
    }
}

impl Loads for Emitter {
    fn load<'a>(&mut self, width: Width, aligned: bool, address: N) -> Option<Node<'a>> {
        let bytes = plain(width)?;
        let at = self.place(Access { read: true, write: false, aligned, bytes }, address)?;
        let held = self.memory(at);
        Some(Node::Mem(width, held))
    }

    fn store(&mut self, width: Width, aligned: bool, address: N, value: N) -> Option<()> {
        let bytes = plain(width)?;
        let to = self.place(Access { read: false, write: true, aligned, bytes }, address)?;
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

    fn open_span(&mut self, span: Span) {
        let (base, from) = (Node::X(span.base), Node::Const(span.from));
        let sum = Node::Bin(Op::Add, &base, &from);
        let Span { read, write, bytes, .. } = span;
        let access = Access { read, write, aligned: false, bytes };
        let a = self.probe(access, if span.from == 0 { &base } else { &sum });
        let ahead = Inside::ahead(bytes);
        self.hot.lea(64, RCX, Rm::X(a, RCX, ahead));
        self.outside = std::mem::take(&mut self.slow_paths);
        self.inside = Some(Inside { base: span.base, at: span.from.wrapping_add(ahead.into()) });
    }

    fn outside_span(&mut self) {
        self.inside = None;
        let outside = std::mem::take(&mut self.outside);
        self.go_cold(&outside);
        self.turn();
    }

    fn close_span(&mut self) {
        let behind = self.cold.here();
        self.hot.jmp(behind);
        self.turn();
    }

    fn zero_block(&mut self, block: u64, address: N) {
        self.hot.cmp_byte(CBO_ZERO_READY, 0);
        self.slow_path_if(Cc::E);
        self.free &= !(1 << RAX);
        self.into(RAX, address, 64);
        self.hot.alu_i(Alu::And, 64, Rm::R(RAX), -(block as i32));
        self.probe_register(Access { read: false, write: true, aligned: true, bytes: 1 }, RAX);
        self.hot.zero_sse(0);
        for at in (0..block as i32).step_by(16) {
            self.hot.store_vector(Rm::X(RAX, RCX, at), 0);
        }
    }
}
