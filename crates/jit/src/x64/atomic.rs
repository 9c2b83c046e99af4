//! Atomic memory operations, LR and SC, as locked instructions of the host.
//!
//! What the host keeps in order by itself is all but a store and a load that comes behind it (Intel 64 and IA-32
//! Architectures Software Developer's Manual, volume 3, "Memory Ordering in P6 and More Recent Processor Families"),
//! and a locked instruction orders everything before and after it. So AMOs have every order that `aq` and `rl` may ask
//! for.

use hart::engine::reserved_width;
use semantics::{AmoOp, Width};

use super::asm::{Alu, Cc, RAX, RCX, RDX, Reg, Rm};
use super::emit::{ALL_FREE, Emitter, Kept};
use super::memory::Access;
use super::state::{RESERVATION, RESERVED};
use crate::expr::{N, Node};
use crate::host::{Atomics, Fence, Ordering};

/// What an AMO combines memory with.
#[derive(Clone, Copy)]
enum Operand {
    Rm(Rm),
    Immediate(i32),
}

const AT: Rm = Rm::M(RCX, 0);

impl Emitter {
    /// Checks an atomic access; its address on the host is in rcx then.
    fn atomic(&mut self, write: bool, width: Width, address: N) -> Option<()> {
        let bytes = super::emit::plain(width)?;
        let a = self.probe(Access { read: !write, write, aligned: true, bytes }, address);
        self.hot.alu(Alu::Add, 64, RCX, Rm::R(a));
        Some(())
    }

    /// What an operation left in a scratch register; the others are free.
    fn result<'a>(&mut self, r: Reg) -> Node<'a> {
        self.free = ALL_FREE & !(1 << r);
        Node::Kept(self.keep(Kept::Rm(Rm::R(r))))
    }

    /// Reads, combines and exchanges until nobody came between; the old value is in rax.
    fn exchange_loop(&mut self, bits: u32, op: AmoOp, operand: Operand) {
        self.hot.mov(bits, RAX, AT);
        let again = self.hot.here();
        self.hot.mov(bits, RDX, Rm::R(RAX));
        let keeps_old = match op {
            AmoOp::Min => Some(Cc(14)),
            AmoOp::Max => Some(Cc(13)),
            AmoOp::Minu => Some(Cc::A.not()),
            AmoOp::Maxu => Some(Cc::AE),
            _ => None,
        };
        let combine = match op {
            AmoOp::And => Alu::And,
            AmoOp::Or => Alu::Or,
            _ => Alu::Xor,
        };
        match (operand, keeps_old) {
            (Operand::Rm(operand), Some(cc)) => {
                self.hot.alu(Alu::Cmp, bits, RDX, operand);
                self.hot.cmov(cc.not(), RDX, operand);
            }
            (Operand::Rm(operand), None) => self.hot.alu(combine, bits, RDX, operand),
            (Operand::Immediate(value), _) => self.hot.alu_i(combine, bits, Rm::R(RDX), value),
        }
        self.hot.lock_cmpxchg(bits, AT, RDX);
        self.hot.jcc(Cc::NE, again);
    }
}

impl Atomics for Emitter {
    fn amo<'a>(&mut self, width: Width, op: AmoOp, _: Ordering, address: N, value: N) -> Option<Node<'a>> {
        let bits = width.bits();
        let operand = match *value {
            Node::Const(c) => Operand::Immediate(i32::try_from(c).ok()?),
            _ => Operand::Rm(self.leaf(value, 64)?),
        };
        let compares = matches!(op, AmoOp::Min | AmoOp::Max | AmoOp::Minu | AmoOp::Maxu);
        if compares && matches!(operand, Operand::Immediate(_)) {
            return None;
        }
        self.atomic(true, width, address)?;
        let old = match op {
            AmoOp::Swap | AmoOp::Add => {
                self.into(RDX, value, 64);
                match op {
                    AmoOp::Swap => self.hot.xchg(bits, AT, RDX),
                    _ => self.hot.lock_xadd(bits, AT, RDX),
                }
                RDX
            }
            _ => {
                self.exchange_loop(bits, op, operand);
                RAX
            }
        };
        Some(self.result(old))
    }

    fn compare_and_swap<'a>(
        &mut self,
        width: Width,
        _: Ordering,
        address: N,
        expected: N,
        desired: N,
    ) -> Option<Node<'a>> {
        let bits = width.bits();
        super::emit::plain(width)?;
        self.atomic(true, width, address)?;
        self.into(RAX, expected, 64);
        self.into(RDX, desired, 64);
        if bits == 32 {
            self.hot.mov(32, RAX, Rm::R(RAX));
        }
        self.hot.lock_cmpxchg(bits, AT, RDX);
        Some(self.result(RAX))
    }

    fn reserve<'a>(&mut self, width: Width, ordering: Ordering, address: N) -> Option<Node<'a>> {
        self.atomic(false, width, address)?;
        if ordering.order.is_release() && !ordering.alone {
            // a load of the host's does not wait for the stores before it
            self.hot.fence();
        }
        self.hot.mov(width.bits(), RAX, AT);
        self.hot.store(8, RESERVED, RAX);
        self.hot.alu_i(Alu::Or, 64, Rm::R(RCX), reserved_width(width) as i32);
        self.hot.store(8, RESERVATION, RCX);
        Some(self.result(RAX))
    }

    fn conditional<'a>(&mut self, width: Width, ordering: Ordering, address: N, value: N) -> Option<Node<'a>> {
        super::emit::plain(width)?;
        if !matches!(value, Node::Const(_)) {
            self.leaf(value, 64)?;
        }
        self.atomic(true, width, address)?;
        // what is left of the reservation without the address is what LR's width was
        self.hot.mov(64, RAX, RESERVATION);
        self.hot.alu(Alu::Xor, 64, RAX, Rm::R(RCX));
        let same = reserved_width(width) as i32;
        self.hot.alu_i(Alu::Cmp, 64, Rm::R(RAX), same);
        let holds = self.hot.jcc_fix(Cc::E);
        self.hot.alu_i(Alu::Cmp, 64, Rm::R(RAX), same ^ hart::engine::RESERVED_WIDE as i32);
        self.slow_path_if(Cc::E);
        self.hot.store_i(8, RESERVATION, hart::engine::NOT_RESERVED as i32);
        self.hot.mov_i(RAX, 1);
        let end = self.hot.jmp_fix();
        self.hot.bind_here(holds);
        self.into(RDX, value, 64);
        self.hot.store_i(8, RESERVATION, hart::engine::NOT_RESERVED as i32);
        if ordering.alone {
            // what is there is not compared, and a store of the host's waits for all that is before it
            self.hot.store(width.bytes(), AT, RDX);
            if ordering.order.is_acquire() {
                self.hot.fence();
            }
            self.hot.mov_i(RAX, 0);
        } else {
            self.hot.mov(width.bits(), RAX, RESERVED);
            self.hot.lock_cmpxchg(width.bits(), AT, RDX);
            self.hot.setcc(Cc::NE, RAX);
            self.hot.extend(false, 8, RAX, Rm::R(RAX));
        }
        self.hot.bind_here(end);
        Some(self.result(RAX))
    }

    /// Only stores before loads need more than the host's order; FENCE.TSO leaves them as they are.
    fn fence(&mut self, fence: Fence) {
        if !fence.is_tso() && fence.pred & Fence::WRITES != 0 && fence.succ & Fence::READS != 0 {
            self.hot.fence();
        }
    }
}

#[cfg(test)]
mod tests;
