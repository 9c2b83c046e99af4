//! Guest values while translating: lazy expression trees.
//!
//! A word of the translator is a reference to a node in an arena that lives for one block. Applying an operator emits
//! nothing: it folds constants through the interpreter's own arithmetic ([`X64`]), settles identities and the order
//! of operands, and keeps the rest as a tree for the sinks to tile.

use std::ops::{Add, BitAnd, BitOr, BitXor, Mul, Not, Shl, Shr, Sub};

use semantics::{Width, Word, X64};

/// An operation on two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of `Word`'s operations")]
pub enum Op {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Mul,
    Shl,
    Shr,
    Sar,
    MulhS,
    MulhU,
    DivS,
    DivU,
    RemS,
    RemU,
    Clmul,
    Clmulh,
}
use Op::*;

/// An operation on one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of `Word`'s operations")]
pub enum Un {
    Not,
    Clz,
    Ctz,
    Cpop,
    Rev8,
}

/// How two words compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Rel {
    Eq,
    Ne,
    LtS,
    GeS,
    GtS,
    LeS,
    LtU,
    GeU,
    GtU,
    LeU,
}

impl Rel {
    /// The relation that holds when this one does not.
    pub fn not(self) -> Rel {
        match self {
            Rel::Eq => Rel::Ne,
            Rel::Ne => Rel::Eq,
            Rel::LtS => Rel::GeS,
            Rel::GeS => Rel::LtS,
            Rel::GtS => Rel::LeS,
            Rel::LeS => Rel::GtS,
            Rel::LtU => Rel::GeU,
            Rel::GeU => Rel::LtU,
            Rel::GtU => Rel::LeU,
            Rel::LeU => Rel::GtU,
        }
    }

    /// The relation of the operands the other way round.
    fn swapped(self) -> Rel {
        match self {
            Rel::LtS => Rel::GtS,
            Rel::GtS => Rel::LtS,
            Rel::LeS => Rel::GeS,
            Rel::GeS => Rel::LeS,
            Rel::LtU => Rel::GtU,
            Rel::GtU => Rel::LtU,
            Rel::LeU => Rel::GeU,
            Rel::GeU => Rel::LeU,
            same => same,
        }
    }

    /// Whether it holds.
    pub fn holds(self, a: X64, b: X64) -> bool {
        match self {
            Rel::Eq => a.eq(b),
            Rel::Ne => !a.eq(b),
            Rel::LtS => a.lt_s(b),
            Rel::GeS => !a.lt_s(b),
            Rel::GtS => b.lt_s(a),
            Rel::LeS => !b.lt_s(a),
            Rel::LtU => a.lt_u(b),
            Rel::GeU => !a.lt_u(b),
            Rel::GtU => b.lt_u(a),
            Rel::LeU => !b.lt_u(a),
        }
    }
}

/// A value that the back end keeps for the rest of the instruction, by a number that is its own.
pub type Held = u8;

/// A tree.
#[derive(Clone, Copy, Debug)]
pub enum Node<'a> {
    /// A constant.
    Const(i64),
    /// An integer register's value before the instruction; never x0.
    X(u8),
    /// A floating-point register's value before the instruction.
    F(u8),
    /// Memory of this width, checked before, zero-extended.
    Mem(Width, Held),
    /// What the back end computed.
    Kept(Held),
    /// The low bits, sign-extended.
    Sext(u32, N<'a>),
    /// The low bits, zero-extended.
    Zext(u32, N<'a>),
    /// One operand.
    Un(Un, N<'a>),
    /// Two operands.
    Bin(Op, N<'a>, N<'a>),
    /// 1 where the relation holds, else 0.
    Cmp(Rel, N<'a>, N<'a>),
    /// 1 where both are 1.
    Both(N<'a>, N<'a>),
    /// 1 where one is 1.
    Either(N<'a>, N<'a>),
    /// The second where the first is 1, else the third.
    Select(N<'a>, N<'a>, N<'a>),
}
use Node::*;

/// A reference to a tree.
pub type N<'a> = &'a Node<'a>;

/// Where the nodes of a block live.
pub type Heap = bumpalo::Bump;

/// A word: a tree and where to put more.
#[derive(Clone, Copy)]
pub struct Expr<'a> {
    /// The tree.
    pub node: N<'a>,
    heap: &'a Heap,
}

impl<'a> Expr<'a> {
    /// A tree of one node.
    pub fn leaf(heap: &'a Heap, node: Node<'a>) -> Self {
        Expr { node: heap.alloc(node), heap }
    }

    /// A tree that is there.
    pub fn of(heap: &'a Heap, node: N<'a>) -> Self {
        Expr { node, heap }
    }

    fn grow(self, node: Node<'a>) -> Self {
        Expr { node: self.heap.alloc(node), ..self }
    }

    fn constant(self, value: u64) -> Self {
        self.grow(Const(value as i64))
    }

    fn bin(self, op: Op, other: Self) -> Self {
        match (op, *self.node, *other.node) {
            (_, Const(a), Const(b)) => self.constant(fold(op, X64(a as u64), X64(b as u64)).0),
            (Add | Sub | Or | Xor | Shl | Shr | Sar, _, Const(0)) | (And, _, Const(-1)) => self,
            (Add | Or | Xor, Const(0), _) | (And, Const(-1), _) => other,
            (And | Mul, Const(0), _) | (And | Mul, _, Const(0)) => self.constant(0),
            (Add | And | Or | Xor | Mul, Const(_), _) => other.bin(op, self),
            (Sub, _, Const(c)) if c != i64::MIN => self.bin(Add, self.constant(c.wrapping_neg() as u64)),
            (Add, Bin(Add, n, &Const(a)), Const(b)) => {
                let sum = self.constant(a.wrapping_add(b) as u64);
                Expr { node: n, ..self }.bin(Add, sum)
            }
            (Xor, ..) if same(self.node, other.node) => self.constant(0),
            // what sign injection makes of one register: itself, or itself with its sign flipped
            (Or, Bin(And, n, &Const(a)), Bin(And, m, &Const(b))) if same(n, m) => {
                Expr { node: n, ..self }.bin(And, self.constant((a | b) as u64))
            }
            (Or, Bin(And, n, &Const(a)), Bin(And, &Node::Un(Un::Not, m), &Const(b))) if a == !b && same(n, m) => {
                Expr { node: n, ..self }.bin(Xor, self.constant(b as u64))
            }
            (And, _, Const(0xff)) => self.zext(8),
            (And, _, Const(0xffff)) => self.zext(16),
            (And, _, Const(0xffff_ffff)) => self.zext(32),
            (Xor, _, Const(-1)) => self.grow(Node::Un(Un::Not, self.node)),
            (Shl | Shr | Sar, _, Const(c)) if c & 63 != c => self.bin(op, self.constant(c as u64 & 63)),
            (Shl | Shr | Sar, _, Bin(And, n, &Const(63))) => self.grow(Bin(op, self.node, n)),
            _ => self.grow(Bin(op, self.node, other.node)),
        }
    }

    fn unary(self, op: Un) -> Self {
        match *self.node {
            Const(c) => self.constant(fold_unary(op, X64(c as u64)).0),
            _ => self.grow(Node::Un(op, self.node)),
        }
    }

    fn compare(self, rel: Rel, other: Self) -> Condition<'a> {
        Condition(match (rel, *self.node, *other.node) {
            (_, Const(a), Const(b)) => self.constant(rel.holds(X64(a as u64), X64(b as u64)).into()),
            (Rel::LtU, Const(0), _) => other.grow(Cmp(Rel::Ne, other.node, self.node)),
            (Rel::LtU, _, Const(1)) => self.grow(Cmp(Rel::Eq, self.node, self.constant(0).node)),
            (_, Const(_), _) => self.grow(Cmp(rel.swapped(), other.node, self.node)),
            _ => self.grow(Cmp(rel, self.node, other.node)),
        })
    }

    fn extend(self, bits: u32, signed: bool) -> Self {
        match *self.node {
            _ if bits >= 64 => self,
            Const(c) => {
                let value = X64(c as u64);
                self.constant(if signed { value.sext(bits) } else { value.zext(bits) }.0)
            }
            Mem(width, _) if !signed && width.bits() <= bits => self,
            Sext(from, _) if signed && from <= bits => self,
            // zeroes were shifted in, where the sign would be
            Bin(Shr, &Zext(from, _), &Const(1..64)) if signed && from <= bits => self,
            Zext(from, _) if !signed && from <= bits => self,
            // of the low bits nothing is changed by a wider extension
            Sext(from, n) | Zext(from, n) if from >= bits => Expr { node: n, ..self }.extend(bits, signed),
            _ => self.grow(if signed { Sext(bits, self.node) } else { Zext(bits, self.node) }),
        }
    }
}

/// Whether two trees are alike, of the kinds that an instruction makes of a register read twice.
fn same(a: N, b: N) -> bool {
    match (*a, *b) {
        (X(a), X(b)) | (F(a), F(b)) => a == b,
        (Const(a), Const(b)) => a == b,
        (Zext(m, a), Zext(n, b)) => m == n && same(a, b),
        (Bin(o, a, c), Bin(p, b, d)) => o == p && same(a, b) && same(c, d),
        (Cmp(q, a, c), Cmp(r, b, d)) => q == r && same(a, b) && same(c, d),
        (Select(a, c, e), Select(b, d, f)) => same(a, b) && same(c, d) && same(e, f),
        _ => false,
    }
}

/// The interpreter's arithmetic on one word.
pub fn fold_unary(op: Un, value: X64) -> X64 {
    match op {
        Un::Not => !value,
        Un::Clz => value.clz(),
        Un::Ctz => value.ctz(),
        Un::Cpop => value.cpop(),
        Un::Rev8 => value.rev8(),
    }
}

/// The interpreter's arithmetic.
pub fn fold(op: Op, a: X64, b: X64) -> X64 {
    match op {
        Add => a + b,
        Sub => a - b,
        And => a & b,
        Or => a | b,
        Xor => a ^ b,
        Mul => a * b,
        Shl => a << b,
        Shr => a >> b,
        Sar => a.sar(b),
        MulhS => a.mulh_s(b),
        MulhU => a.mulh_u(b),
        DivS => a.div_s(b),
        DivU => a.div_u(b),
        RemS => a.rem_s(b),
        RemU => a.rem_u(b),
        Clmul => a.clmul(b),
        Clmulh => a.clmulh(b),
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident;)*) => { $(
        impl<'a> $trait for Expr<'a> {
            type Output = Self;
            fn $method(self, other: Self) -> Self { self.bin($op, other) }
        }
    )* };
}
operators! {
    Add add Add; Sub sub Sub; Mul mul Mul; BitAnd bitand And; BitOr bitor Or; BitXor bitxor Xor;
    Shl shl Shl; Shr shr Shr;
}

impl Not for Expr<'_> {
    type Output = Self;
    fn not(self) -> Self {
        self.unary(Un::Not)
    }
}

/// A condition: a tree that is 0 or 1.
#[derive(Clone, Copy)]
pub struct Condition<'a>(pub Expr<'a>);

impl BitAnd for Condition<'_> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        match (*self.0.node, *other.0.node) {
            (Const(0), _) | (_, Const(1)) => self,
            (Const(_), _) | (_, Const(0)) => other,
            _ => Condition(self.0.grow(Both(self.0.node, other.0.node))),
        }
    }
}

impl BitOr for Condition<'_> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        match (*self.0.node, *other.0.node) {
            (Const(1), _) | (_, Const(0)) => self,
            (Const(_), _) | (_, Const(1)) => other,
            _ => Condition(self.0.grow(Either(self.0.node, other.0.node))),
        }
    }
}

impl Not for Condition<'_> {
    type Output = Self;
    fn not(self) -> Self {
        match *self.0.node {
            Cmp(rel, a, b) => Condition(self.0.grow(Cmp(rel.not(), a, b))),
            _ => self.0.compare(Rel::Eq, self.0.constant(0)),
        }
    }
}

macro_rules! binary {
    ($($method:ident $op:ident;)*) => { $( fn $method(self, other: Self) -> Self { self.bin($op, other) } )* };
}
macro_rules! unary {
    ($($method:ident $op:ident;)*) => { $( fn $method(self) -> Self { self.unary(Un::$op) } )* };
}
macro_rules! relation {
    ($($method:ident $rel:ident;)*) => { $(
        fn $method(self, other: Self) -> Condition<'a> { self.compare(Rel::$rel, other) }
    )* };
}

impl<'a> Word for Expr<'a> {
    type Bool = Condition<'a>;

    binary! {
        sar Sar; mulh_s MulhS; mulh_u MulhU; div_s DivS; div_u DivU; rem_s RemS; rem_u RemU; clmul Clmul; clmulh Clmulh;
    }
    unary! { clz Clz; ctz Ctz; cpop Cpop; rev8 Rev8; }
    relation! { eq Eq; lt_s LtS; lt_u LtU; }

    fn sext(self, bits: u32) -> Self {
        self.extend(bits, true)
    }
    fn zext(self, bits: u32) -> Self {
        self.extend(bits, false)
    }
    fn select(condition: Condition<'a>, yes: Self, no: Self) -> Self {
        match *condition.0.node {
            Const(0) => no,
            Const(_) => yes,
            _ => yes.grow(Select(condition.0.node, yes.node, no.node)),
        }
    }
    fn from_bool(condition: Condition<'a>) -> Self {
        condition.0
    }
}

/// Whether the low 32 bits of the tree can be computed from the low 32 bits of its leaves.
pub fn is_narrow(node: N) -> bool {
    let counts = |n: N| matches!(n, &Const(0..32) | &Bin(And, _, &Const(31)));
    match *node {
        Bin(Shl, _, n) => counts(n),
        Bin(Shr, &Zext(32, _), n) | Bin(Sar, &Sext(32, _), n) => counts(n),
        Bin(op, ..) => matches!(op, Add | Sub | And | Or | Xor | Mul),
        Const(_) | X(_) | F(_) | Sext(32, _) | Zext(32, _) | Node::Un(Un::Not, _) => true,
        _ => false,
    }
}
