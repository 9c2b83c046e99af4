//! The emitter: trees in postfix order.

use fp::{Fmt, Op as FpOp, Rounding};
use privileged::csr::FloatPart;
use semantics::{AmoOp, CsrOp, Width};

use super::step::{
    AMOS, BINARY, CSR_OPS, FORMATS, Kind, PARTS, RELATIONS, STEP_BYTES, SYSTEMS, Step, TARGET_AT, UNARY, WIDTHS, index,
};
use crate::expr::{Held, N, Node, Op};
use crate::host::{
    Atomics, BlockExit, Blocks, Fence, Floats, Link, Loads, Made, Ordering, Places, Registers, SecondHalf, Span,
};

/// Code in the making.
pub struct Emitter {
    places: Places,
    made: Made,
    /// Offset of the open block's entry.
    entry: usize,
    /// Places of the current instruction that something is kept in.
    kept: Held,
    /// What was loaded of a CSR.
    pub(super) loaded: Held,
    /// Whether the current instruction may take its slow path.
    slow_paths: bool,
    /// Whether a span is open.
    inside: bool,
    /// Hot and cold code have changed places: what is emitted runs outside of a span.
    turned: bool,
}

/// A place to come back to.
pub struct Mark {
    hot: usize,
    cold: usize,
    slow_paths: usize,
    inside: bool,
    turned: bool,
}

impl Emitter {
    pub fn new(places: Places, mut made: Made) -> Emitter {
        made.hot.clear();
        made.cold.clear();
        made.slow_paths.clear();
        made.links.clear();
        Emitter { places, made, entry: 0, kept: 0, loaded: 0, slow_paths: false, inside: false, turned: false }
    }

    pub(super) fn step(&mut self, step: Step) {
        self.made.hot.extend_from_slice(&step.encode());
    }

    /// A step of a kind that says everything.
    pub(super) fn of(&mut self, kind: Kind) {
        self.step(Step::of(kind));
    }

    /// A step with a small number.
    pub(super) fn with(&mut self, kind: Kind, a: u8) {
        self.step(Step { a, ..Step::of(kind) });
    }

    /// A step with a number.
    pub(super) fn wide(&mut self, kind: Kind, wide: u64) {
        self.step(Step { wide, ..Step::of(kind) });
    }

    pub(super) fn constant(&mut self, value: u64) {
        self.wide(Kind::Const, value);
    }

    pub(super) fn binary(&mut self, op: Op) {
        self.with(Kind::Binary, index(&BINARY, op));
    }

    /// A step that goes somewhere.
    fn going(&mut self, kind: Kind, to: u64) {
        let displacement = to.wrapping_sub(self.here()) as u32;
        self.wide(kind, displacement.into());
    }

    fn cold_here(&self) -> u64 {
        self.places.cold + self.made.cold.len() as u64
    }

    fn slow_path_here(&self) -> u64 {
        self.places.slow_paths + self.made.slow_paths.len() as u64
    }

    /// Pushes the value of a tree.
    pub(super) fn tree(&mut self, tree: N) {
        match *tree {
            Node::Const(c) => self.constant(c as u64),
            Node::X(x) => self.with(Kind::X, x),
            Node::F(f) => self.with(Kind::F, f),
            Node::Mem(_, held) | Node::Kept(held) => self.with(Kind::Held, held),
            Node::Sext(bits, a) => self.tree_and(a, Kind::Sext, bits as u8),
            Node::Zext(bits, a) => self.tree_and(a, Kind::Zext, bits as u8),
            Node::Un(op, a) => self.tree_and(a, Kind::Unary, index(&UNARY, op)),
            Node::Bin(op, a, b) => self.trees(a, b, Kind::Binary, index(&BINARY, op)),
            Node::Cmp(rel, a, b) => self.trees(a, b, Kind::Compare, index(&RELATIONS, rel)),
            Node::Both(a, b) => self.trees(a, b, Kind::Binary, index(&BINARY, Op::And)),
            Node::Either(a, b) => self.trees(a, b, Kind::Binary, index(&BINARY, Op::Or)),
            Node::Select(condition, yes, no) => {
                [condition, yes, no].iter().for_each(|tree| self.tree(tree));
                self.of(Kind::Select);
            }
        }
    }

    fn tree_and(&mut self, tree: N, kind: Kind, a: u8) {
        self.tree(tree);
        self.with(kind, a);
    }

    fn trees(&mut self, one: N, other: N, kind: Kind, a: u8) {
        self.tree(one);
        self.tree_and(other, kind, a);
    }

    /// A new place.
    fn place(&mut self) -> Held {
        self.kept += 1;
        self.kept - 1
    }

    /// Keeps the top.
    pub(super) fn keep(&mut self) -> Held {
        let place = self.place();
        self.with(Kind::Keep, place);
        place
    }

    /// A step whose result goes to a new place.
    fn result<'a>(&mut self, step: Step) -> Node<'a> {
        let c = self.place();
        self.step(Step { c, ..step });
        Node::Kept(c)
    }

    /// What comes next may take the instruction's slow path.
    pub(super) fn may_take_slow_path(&mut self) {
        if !self.slow_paths {
            self.slow_paths = true;
            self.going(Kind::SlowPath, self.slow_path_here());
        }
    }

    pub(super) fn check(&mut self, kind: Kind, a: u8) {
        self.may_take_slow_path();
        self.with(kind, a);
    }

    /// The step of an access to memory, at addresses and with operands that are pushed.
    fn access(&mut self, kind: Kind, width: Width, operands: &[N]) -> Option<Step> {
        let a = WIDTHS.contains(&width).then(|| index(&WIDTHS, width))?;
        if !self.inside {
            self.may_take_slow_path();
        }
        operands.iter().for_each(|operand| self.tree(operand));
        Some(Step { a, b: self.inside.into(), ..Step::of(kind) })
    }

    /// Lets hot and cold code change places.
    fn turn(&mut self) {
        std::mem::swap(&mut self.made.hot, &mut self.made.cold);
        std::mem::swap(&mut self.places.hot, &mut self.places.cold);
        self.turned = !self.turned;
    }

    fn link(&mut self, site: u32) {
        let step = Step { wide: site.into(), ..Step::of(Kind::Link) };
        self.made.cold.extend_from_slice(&step.encode());
    }
}

impl Blocks for Emitter {
    type Mark = Mark;

    fn here(&self) -> u64 {
        self.places.hot + self.made.hot.len() as u64
    }

    fn open_block(&mut self, pc: u64) {
        self.entry = self.made.hot.len();
        self.wide(Kind::Open, pc);
    }

    fn crossing(&mut self, pc: u64, half: &SecondHalf) -> u64 {
        let entry = self.here();
        let [a, b] = half.bits.to_le_bytes();
        self.constant(half.page);
        self.step(Step { a, b, wide: pc, ..Step::of(Kind::Cross) });
        entry
    }

    fn count(&mut self, count: u8) {
        self.made.hot[self.entry + 1] = count;
    }

    fn go(&mut self, exit: BlockExit) {
        match exit {
            BlockExit::Code(to) => self.going(Kind::Go, to),
            BlockExit::Near { site } => {
                self.made.links.push(Link { site, patch: self.here() + TARGET_AT });
                self.going(Kind::Go, self.cold_here());
                self.link(site);
            }
            BlockExit::Far { pc } => self.wide(Kind::GoFar, pc),
            BlockExit::Kept => self.of(Kind::GoKept),
            BlockExit::System { system, pc, raw } => {
                self.constant(raw.into());
                self.step(Step { a: index(&SYSTEMS, system), wide: pc, ..Step::of(Kind::System) });
            }
        }
    }

    fn branch(&mut self, condition: N, exit: BlockExit) {
        self.tree(condition);
        match exit {
            BlockExit::Code(to) => self.going(Kind::GoIf, to),
            BlockExit::Near { site } => {
                self.made.links.push(Link { site, patch: self.here() + TARGET_AT });
                self.going(Kind::GoIf, self.cold_here());
                self.link(site);
            }
            BlockExit::Far { pc } => {
                self.going(Kind::GoIf, self.cold_here());
                self.made.cold.extend_from_slice(&Step { wide: pc, ..Step::of(Kind::GoFar) }.encode());
            }
            BlockExit::Kept | BlockExit::System { .. } => unreachable!("targets of branches are constants"),
        }
    }

    fn repeat(&mut self, _: N, _: u64) -> bool {
        false
    }

    fn keep_target(&mut self, target: N) {
        self.tree(target);
        self.of(Kind::KeepTarget);
    }

    fn mark(&mut self) -> Mark {
        (self.kept, self.slow_paths) = (0, false);
        let Made { hot, cold, slow_paths, .. } = &self.made;
        let (inside, turned) = (self.inside, self.turned);
        Mark { hot: hot.len(), cold: cold.len(), slow_paths: slow_paths.len(), inside, turned }
    }

    fn rewind(&mut self, mark: &Mark) {
        if self.turned != mark.turned {
            self.turn();
        }
        self.inside = mark.inside;
        self.made.hot.truncate(mark.hot);
        self.made.cold.truncate(mark.cold);
        self.made.slow_paths.truncate(mark.slow_paths);
        self.slow_paths = false;
    }

    fn end_instruction(&mut self) -> Option<bool> {
        if self.slow_paths {
            let back = Step { wide: self.here(), ..Step::of(Kind::Interpret) };
            self.made.slow_paths.extend_from_slice(&back.encode());
        }
        Some(std::mem::take(&mut self.slow_paths))
    }

    fn interpret(&mut self) {
        self.going(Kind::Go, self.slow_path_here());
        self.slow_paths = true;
        self.end_instruction();
    }

    fn finish(self) -> Made {
        self.made
    }
}

impl Registers for Emitter {
    fn set_x(&mut self, x: u8, value: N) {
        self.tree_and(value, Kind::SetX, x);
    }

    fn set_x_unless(&mut self, x: u8, condition: N, value: N, count: usize) {
        self.tree(condition);
        self.tree(value);
        self.step(Step { a: x, b: count as u8, ..Step::of(Kind::SetXUnless) });
    }

    fn set_f(&mut self, f: u8, value: N) {
        self.tree_and(value, Kind::SetF, f);
    }
}

/// Every misaligned access that is not in a span is the interpreter's.
impl Loads for Emitter {
    fn load<'a>(&mut self, width: Width, _: bool, address: N) -> Option<Node<'a>> {
        let step = self.access(Kind::Load, width, &[address])?;
        Some(self.result(step))
    }

    fn store(&mut self, width: Width, _: bool, address: N, value: N) -> Option<()> {
        let step = self.access(Kind::Store, width, &[address, value])?;
        self.step(step);
        Some(())
    }

    fn open_span(&mut self, span: Span) {
        self.with(Kind::X, span.base);
        self.constant(span.from as u64);
        self.binary(Op::Add);
        self.constant(span.bytes);
        let displacement = self.cold_here().wrapping_sub(self.here()) as u32;
        let (a, b, wide) = (span.read.into(), span.write.into(), displacement.into());
        self.step(Step { a, b, wide, ..Step::of(Kind::Span) });
        self.inside = true;
    }

    fn outside_span(&mut self) {
        self.inside = false;
        self.turn();
    }

    fn close_span(&mut self) {
        self.going(Kind::Go, self.cold_here());
        self.turn();
    }

    fn zero_block(&mut self, block: u64, address: N) {
        self.may_take_slow_path();
        self.tree(address);
        self.wide(Kind::Zero, block);
    }
}

/// All of them have every order.
impl Atomics for Emitter {
    fn amo<'a>(&mut self, width: Width, op: AmoOp, _: Ordering, address: N, value: N) -> Option<Node<'a>> {
        let step = self.access(Kind::Amo, width, &[address, value])?;
        Some(self.result(Step { b: index(&AMOS, op), ..step }))
    }

    fn compare_and_swap<'a>(
        &mut self,
        width: Width,
        _: Ordering,
        address: N,
        expected: N,
        desired: N,
    ) -> Option<Node<'a>> {
        let step = self.access(Kind::Cas, width, &[address, expected, desired])?;
        Some(self.result(step))
    }

    fn reserve<'a>(&mut self, width: Width, _: Ordering, address: N) -> Option<Node<'a>> {
        let step = self.access(Kind::Reserve, width, &[address])?;
        Some(self.result(step))
    }

    fn conditional<'a>(&mut self, width: Width, _: Ordering, address: N, value: N) -> Option<Node<'a>> {
        let step = self.access(Kind::Conditional, width, &[address, value])?;
        Some(self.result(step))
    }

    fn fence(&mut self, _: Fence) {
        self.of(Kind::Fence);
    }
}

impl Floats for Emitter {
    fn check_fp(&mut self) {
        self.check(Kind::CheckFp, 0);
    }

    fn fp<'a>(&mut self, op: FpOp, fmt: Fmt, rm: u8, operands: [N; 3]) -> Option<Node<'a>> {
        // the others are illegal
        Rounding::from_rm(rm).filter(|_| rm != Rounding::DYN).or((rm == Rounding::DYN).then_some(Rounding::Rne))?;
        operands.iter().for_each(|operand| self.tree(operand));
        let step =
            Step { a: index(&FORMATS, fmt), b: rm, wide: index(fp::Op::ALL, op).into(), ..Step::of(Kind::Float) };
        Some(self.result(step))
    }

    fn float_csr<'a>(&mut self, op: CsrOp, part: FloatPart, value: N) -> Node<'a> {
        self.may_take_slow_path();
        self.tree(value);
        self.result(Step { a: index(&CSR_OPS, op), b: index(&PARTS, part), ..Step::of(Kind::FloatCsr) })
    }
}

const _: () = assert!(STEP_BYTES == TARGET_AT as usize + 8);
