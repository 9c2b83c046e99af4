//! Tiles: trees onto instructions.
//!
//! [`Emitter::into`] puts a tree into a register by matching nested nodes; the first arm that fits wins. Two rules keep
//! it right: a destination is written only after the tree's last read of it, else a scratch register goes between; and
//! a scratch register that holds a part of the value is not free while the rest is computed. A tree that needs more of
//! them than there are sets `overflow`, and the instruction is interpreted.

use super::asm::{Alu, Cc, RAX, RCX, RDX, Reg, Rm, Shift};
use super::emit::{ALL_FREE, Emitter, Fixes, Kept};
use super::state::{f_slot, home, x_slot};
use crate::expr::{N, Node, Op, Rel, Un, is_narrow};
use Node::{Bin, Both, Cmp, Const, Either, F, Mem, Select, Sext, X, Zext};
use Op::{Add, And, DivS, DivU, MulhS, MulhU, RemS, RemU, Sar, Shl, Shr, Sub};

fn small(value: i64) -> Option<i32> {
    i32::try_from(value).ok()
}

fn alu(op: Op) -> Option<Alu> {
    Some(match op {
        Add => Alu::Add,
        Sub => Alu::Sub,
        And => Alu::And,
        Op::Or => Alu::Or,
        Op::Xor => Alu::Xor,
        _ => return None,
    })
}

fn shift(op: Op) -> Option<Shift> {
    Some(match op {
        Shl => Shift::Shl,
        Shr => Shift::Shr,
        Sar => Shift::Sar,
        _ => return None,
    })
}

/// The condition under which `cmp a, b` finds the relation.
fn condition(rel: Rel) -> Cc {
    match rel {
        Rel::Eq => Cc::E,
        Rel::Ne => Cc::NE,
        Rel::LtS => Cc::L,
        Rel::GeS => Cc::L.not(),
        Rel::GtS => Cc(15),
        Rel::LeS => Cc(14),
        Rel::LtU => Cc::B,
        Rel::GeU => Cc::AE,
        Rel::GtU => Cc::A,
        Rel::LeU => Cc::A.not(),
    }
}

impl Emitter {
    /// A free scratch register, taken.
    pub(super) fn scratch(&mut self) -> Reg {
        match self.free.trailing_zeros() as Reg {
            r @ RAX..=RDX => {
                self.free &= !(1 << r);
                r
            }
            _ => {
                self.overflow = true;
                RAX
            }
        }
    }

    /// The low `bits` of a tree where they lie already.
    pub(super) fn leaf(&self, e: N, bits: u32) -> Option<Rm> {
        match *e {
            X(x) => Some(home(x).map_or(x_slot(x), Rm::R)),
            F(f) => Some(f_slot(f)),
            Mem(width, held) if width.bits() == bits => match self.kept(held) {
                Kept::Rm(rm) => Some(rm),
                Kept::Sse(..) | Kept::Due(_) => None,
            },
            Node::Kept(held) => match self.kept(held) {
                Kept::Rm(rm) => Some(rm),
                Kept::Sse(..) | Kept::Due(_) => None,
            },
            Sext(n, x) | Zext(n, x) if n >= bits => self.leaf(x, bits),
            _ => None,
        }
    }

    /// The tree as an operand.
    pub(super) fn operand(&mut self, e: N, bits: u32) -> Rm {
        match self.leaf(e, bits) {
            Some(rm) => rm,
            None => {
                let s = self.scratch();
                self.into(s, e, bits);
                Rm::R(s)
            }
        }
    }

    /// The tree in some register.
    pub(super) fn reg(&mut self, e: N) -> Reg {
        match self.leaf(e, 64) {
            Some(Rm::R(r)) => r,
            _ => {
                let s = self.scratch();
                self.into(s, e, 64);
                s
            }
        }
    }

    /// Whether the tree's value depends on a register.
    fn reads(&self, e: N, r: Reg) -> bool {
        match *e {
            Const(_) | F(_) => false,
            X(x) => home(x) == Some(r),
            Mem(_, held) | Node::Kept(held) => match self.kept(held) {
                Kept::Rm(rm) => rm.touches(r),
                Kept::Sse(..) | Kept::Due(_) => false,
            },
            Sext(_, a) | Zext(_, a) | Node::Un(_, a) => self.reads(a, r),
            Bin(_, a, b) | Cmp(_, a, b) | Both(a, b) | Either(a, b) => self.reads(a, r) || self.reads(b, r),
            Select(a, b, c) => self.reads(a, r) || self.reads(b, r) || self.reads(c, r),
        }
    }

    /// The register of a leaf, if it is not `d`.
    fn elsewhere(&self, e: N, d: Reg) -> Option<Reg> {
        match self.leaf(e, 64) {
            Some(Rm::R(r)) if r != d => Some(r),
            _ => None,
        }
    }

    fn register(&self, e: N) -> Option<Reg> {
        match self.leaf(e, 64) {
            Some(Rm::R(r)) => Some(r),
            _ => None,
        }
    }

    /// Puts the low `bits` (32 or 64) of the tree into `d`. At 32 bits the upper half of `d` is anything.
    pub(super) fn into(&mut self, d: Reg, e: N, bits: u32) {
        let bits = if is_narrow(e) { bits } else { 64 };
        let free = self.free;
        if d <= RDX {
            self.free &= !(1 << d);
        }
        match *e {
            Const(c) => self.hot.mov_i(d, if bits == 32 { i64::from(c as u32) } else { c }),
            X(_) | F(_) => {
                if let Some(s) = self.leaf(e, bits).filter(|&s| s != Rm::R(d)) {
                    self.hot.mov(bits, d, s);
                }
            }
            Mem(width, held) => match self.kept(held) {
                Kept::Rm(rm) => self.hot.extend(false, width.bits(), d, rm),
                Kept::Sse(..) | Kept::Due(_) => self.overflow = true,
            },
            Node::Kept(held) => self.take(d, self.kept(held)),
            Sext(32, x) | Zext(32, x) if bits == 32 => self.into(d, x, 32),
            Sext(from, x) => self.extend(true, from, d, x),
            Zext(from, x) => self.extend(false, from, d, x),
            Node::Un(op, a) => self.unary(op, d, a, bits),
            Bin(op, a, b) => self.binary(op, d, a, b, bits),
            Cmp(..) | Both(..) | Either(..) => self.truth(d, e),
            Select(c, yes, no) => self.select(d, c, yes, no, bits),
        }
        self.free = free;
    }

    fn take(&mut self, d: Reg, kept: Kept) {
        match kept {
            Kept::Rm(Rm::R(s)) if s == d => {}
            Kept::Rm(rm) => self.hot.mov(64, d, rm),
            Kept::Sse(fmt, x) => self.hot.mov_from_sse(super::float::bits(fmt), d, x),
            // results of arithmetic are for floating-point registers
            Kept::Due(_) => self.overflow = true,
        }
    }

    fn extend(&mut self, signed: bool, from: u32, d: Reg, x: N) {
        let s = match self.leaf(x, from) {
            Some(s) => s,
            None => {
                self.into(d, x, 32);
                Rm::R(d)
            }
        };
        self.hot.extend(signed, from, d, s);
    }

    fn unary(&mut self, op: Un, d: Reg, a: N, bits: u32) {
        if matches!(op, Un::Not | Un::Rev8) {
            self.into(d, a, bits);
            return match op {
                Un::Not => self.hot.group3(2, bits, Rm::R(d)),
                _ => self.hot.bswap(d),
            };
        }
        let s = self.operand(a, 64);
        match op {
            Un::Clz => self.hot.lzcnt(d, s),
            Un::Ctz => self.hot.tzcnt(d, s),
            _ => self.hot.popcnt(d, s),
        }
    }

    fn binary(&mut self, op: Op, d: Reg, a: N, b: N, bits: u32) {
        match (op, a, b) {
            (Add, _, &Const(c)) if let (Some(c), Some(a)) = (small(c), self.elsewhere(a, d)) => {
                self.hot.lea(bits, d, Rm::M(a, c));
            }
            (Add, ..) if let (Some(a), Some(b)) = (self.elsewhere(a, d), self.elsewhere(b, d)) => {
                self.hot.lea(bits, d, Rm::X(a, b, 0));
            }
            (Sub, &Const(0), _) => {
                self.into(d, b, bits);
                self.hot.group3(3, bits, Rm::R(d));
            }
            // instructions on 32 bits clear the upper half
            (Shr, &Zext(32, a), &Const(c @ 1..32)) => {
                self.into(d, a, 32);
                self.hot.shift_i(Shift::Shr, 32, d, c as u8);
            }
            (Shl | Shr | Sar, _, &Const(c)) if let Some(shift) = shift(op) => {
                self.into(d, a, bits);
                self.hot.shift_i(shift, bits, d, c as u8 & 63);
            }
            (Shl | Shr | Sar, ..) if let Some(shift) = shift(op) => {
                let n = match *b {
                    Bin(And, n, &Const(31)) if bits == 32 => n,
                    _ => b,
                };
                let n = self.reg(n);
                let a = self.operand(a, bits);
                self.hot.shift(shift, bits, d, a, n);
            }
            (MulhS, ..) => self.wide(5, d, RDX, a, b),
            (MulhU, ..) => self.wide(4, d, RDX, a, b),
            (DivS, ..) => self.wide(7, d, RAX, a, b),
            (DivU, ..) => self.wide(6, d, RAX, a, b),
            (RemS, ..) => self.wide(7, d, RDX, a, b),
            (RemU, ..) => self.wide(6, d, RDX, a, b),
            (Op::Clmul | Op::Clmulh, ..) => self.polynomial(op == Op::Clmulh, d, a, b),
            (And, _, &Node::Un(Un::Not, n)) if let (Some(n), 64) = (self.register(n), bits) => {
                let a = self.operand(a, 64);
                self.hot.andn(64, d, n, a);
            }
            _ => self.two_address(op, d, a, b, bits),
        }
    }

    fn two_address(&mut self, op: Op, d: Reg, a: N, b: N, bits: u32) {
        let (a, b) = if op != Sub && self.leaf(b, bits) == Some(Rm::R(d)) { (b, a) } else { (a, b) };
        if let (Const(c), Some(op)) = (*b, alu(op))
            && let Some(c) = if bits == 32 { Some(c as i32) } else { small(c) }
        {
            self.into(d, a, bits);
            return self.hot.alu_i(op, bits, Rm::R(d), c);
        }
        let t = if self.reads(b, d) && self.leaf(a, bits) != Some(Rm::R(d)) { self.scratch() } else { d };
        self.into(t, a, bits);
        if t <= RDX {
            self.free &= !(1 << t);
        }
        let s = self.operand(b, bits);
        match alu(op) {
            Some(op) => self.hot.alu(op, bits, t, s),
            None => self.hot.imul(bits, t, s),
        }
        if t != d {
            self.hot.mov(64, d, Rm::R(t));
        }
    }

    /// The lower or the upper half of a product without carries.
    fn polynomial(&mut self, upper: bool, d: Reg, a: N, b: N) {
        // both before either goes to its place: a factor may be such a product itself
        let free = self.free;
        let factors = [self.reg(a), self.reg(b)];
        self.free = free;
        factors.iter().zip(0..).for_each(|(&r, x)| self.hot.mov_to_sse(64, x, r));
        self.hot.carryless_multiply(0, 1);
        if upper {
            self.hot.upper_half(0);
        }
        self.hot.mov_from_sse(64, d, 0);
    }

    /// Multiplies or divides rdx:rax by group 3; the result is in `from`. Takes all scratch registers.
    fn wide(&mut self, n: u8, d: Reg, from: Reg, a: N, b: N) {
        let held_by_d = if d <= RDX { 1 << d } else { 0 };
        if self.free | held_by_d != ALL_FREE {
            self.overflow = true;
            return;
        }
        self.free = ALL_FREE;
        let b = match self.leaf(b, 64) {
            Some(b) => b,
            None => {
                self.into(RCX, b, 64);
                Rm::R(RCX)
            }
        };
        self.free = 1 << RDX;
        self.into(RAX, a, 64);
        match n {
            7 => self.hot.cqo(),
            6 => self.hot.mov_i(RDX, 0),
            _ => {}
        }
        self.hot.group3(n, 64, b);
        if d != from {
            self.hot.mov(64, d, Rm::R(from));
        }
    }

    /// Puts 1 or 0 into `d`.
    fn truth(&mut self, d: Reg, e: N) {
        if !matches!(e, Cmp(..)) {
            return self.select_by_jumps(d, e, &Const(1), &Const(0), 64);
        }
        let early = !self.reads(e, d);
        if early {
            self.hot.mov_i(d, 0);
        }
        let cc = self.flags(e);
        self.hot.setcc(cc, d);
        if !early {
            self.hot.extend(false, 8, d, Rm::R(d));
        }
    }

    fn select(&mut self, d: Reg, c: N, yes: N, no: N, bits: u32) {
        let simple = |e: N| matches!(e, Const(_)) || self.leaf(e, 64).is_some();
        match *c {
            Cmp(_, x, y) if simple(x) && simple(y) && self.leaf(yes, 64).is_some() => {
                let s = if self.reads(c, d) || self.reads(yes, d) { self.scratch() } else { d };
                self.into(s, no, 64);
                if s <= RDX {
                    self.free &= !(1 << s);
                }
                let cc = self.flags(c);
                if let Some(yes) = self.leaf(yes, 64) {
                    self.hot.cmov(cc, s, yes);
                }
                if s != d {
                    self.hot.mov(64, d, Rm::R(s));
                }
            }
            Cmp(rel, x, y) if simple(x) && simple(y) && self.leaf(no, 64).is_some() => {
                self.select(d, &Cmp(rel.not(), x, y), no, yes, bits);
            }
            _ => self.select_by_jumps(d, c, yes, no, bits),
        }
    }

    fn select_by_jumps(&mut self, d: Reg, c: N, yes: N, no: N, bits: u32) {
        let mut otherwise = Fixes::new();
        self.jump_if(c, false, &mut otherwise);
        self.into(d, yes, bits);
        let done = self.hot.jmp_fix();
        otherwise.iter().for_each(|&fix| self.hot.bind_here(fix));
        self.into(d, no, bits);
        self.hot.bind_here(done);
    }

    /// Compares; answers the condition that says yes.
    pub(super) fn flags(&mut self, c: N) -> Cc {
        let free = self.free;
        let cc = match *c {
            Cmp(rel, a, &Const(0)) if let Some(r) = self.register(a) => {
                self.hot.test(64, r, r);
                condition(rel)
            }
            Cmp(rel, a, &Const(v)) if let Some(v) = small(v) => {
                let a = self.operand(a, 64);
                self.hot.alu_i(Alu::Cmp, 64, a, v);
                condition(rel)
            }
            Cmp(rel, a, b) if let (Some(m @ Rm::M(..)), Some(b)) = (self.leaf(a, 64), self.register(b)) => {
                self.hot.alu_mr(Alu::Cmp, 64, m, b);
                condition(rel)
            }
            Cmp(rel, a, b) => {
                let a = self.reg(a);
                let b = self.operand(b, 64);
                self.hot.alu(Alu::Cmp, 64, a, b);
                condition(rel)
            }
            _ => {
                let r = self.reg(c);
                self.hot.test(64, r, r);
                Cc::NE
            }
        };
        self.free = free;
        cc
    }

    /// Jumps where the condition is `want`.
    pub(super) fn jump_if(&mut self, c: N, want: bool, to: &mut Fixes) {
        match *c {
            Both(a, b) | Either(a, b) => {
                // whether one operand alone, being `want`, decides
                let alone = matches!(c, Both(..)) != want;
                let mut skip = Fixes::new();
                if alone {
                    self.jump_if(a, want, to);
                } else {
                    self.jump_if(a, !want, &mut skip);
                }
                self.jump_if(b, want, to);
                skip.iter().for_each(|&fix| self.hot.bind_here(fix));
            }
            _ => {
                let cc = self.flags(c);
                to.push(self.hot.jcc_fix(if want { cc } else { cc.not() }));
            }
        }
    }
}
