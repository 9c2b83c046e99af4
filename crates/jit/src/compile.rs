//! The translator's instance of the texts: what an instruction does becomes code.
//!
//! A register write waits for the end of the instruction, so every tree still reads the values from before it.
//! An operation that the back end does not do answers [`Untranslatable`], and the instruction goes through the
//! interpreter.

use arch::Mode;
use fp::{Fmt, Op as FpOp};
use hart::engine::{Core, Fetched, Generated};
use privileged::Config;
use privileged::csr::{Fields, InPlace, View, Word, in_place, is_gated};
use semantics::{AmoOp, CboOp, CsrOp, Exec, Order, Out, Privileged, TlbFence, Value, Width};

use crate::expr::{Condition, Expr, Heap, N, Node};
use crate::host::{BlockExit, Emitter, Fence, Ordering, System};
use row::Sight;

mod row;

pub use row::Row;

/// The instruction is not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untranslatable;

/// How an instruction ends a block.
#[derive(Clone, Copy)]
pub enum Leaves<'a> {
    /// It does not.
    Not,
    /// A branch to this address where the condition holds.
    Branch(N<'a>, u64),
    /// A jump to this address.
    To(u64),
    /// A jump to the target that the emitter keeps.
    Kept,
    /// It traps, or returns from a trap.
    System(System),
}

/// A register to be written at the instruction's end.
#[derive(Clone, Copy)]
enum Write<'a> {
    X(u8, N<'a>),
    F(u8, N<'a>),
}

/// What is known while a block is compiled.
pub struct Compiler<'a, E> {
    /// The back end.
    pub emitter: E,
    heap: &'a Heap,
    core: &'a Core,
    config: &'a Config,
    /// The mode that CSRs are accessed in.
    mode: Mode,
    /// Whether jumps need targets that are multiples of four.
    aligned_jumps: bool,
    /// Whether there is no other hart to wait for.
    alone: bool,
    pc: u64,
    next: u64,
    /// Values of integer registers that a block has written with constants.
    known: [Option<i64>; 32],
    /// Whether the block has checked that floating point may run.
    fp_checked: bool,
    /// Whether this instruction does the check.
    fp_checks: bool,
    write: Option<Write<'a>>,
    leaves: Leaves<'a>,
    /// What skipped instructions would have made of a register; see [`Compiler::hammock`].
    skipped: Option<(u8, N<'a>)>,
    /// Nothing is emitted: what memory would be accessed is all that is asked; see [`Compiler::sight`].
    looks: bool,
    sight: Option<Sight>,
}

impl<'a, E: Emitter> Compiler<'a, E> {
    /// A compiler on this back end.
    pub fn new(emitter: E, heap: &'a Heap, core: &'a Core) -> Self {
        Compiler {
            emitter,
            heap,
            core,
            config: &core.config,
            mode: core.state.mode,
            aligned_jumps: core.aligned_jumps,
            alone: core.others.alone,
            pc: 0,
            next: 0,
            known: [None; 32],
            fp_checked: false,
            fp_checks: false,
            write: None,
            leaves: Leaves::Not,
            skipped: None,
            looks: false,
            sight: None,
        }
    }

    /// At the start of a block nothing is known.
    pub fn open_block(&mut self) {
        self.known = [None; 32];
        self.fp_checked = false;
    }

    /// After an instruction that was interpreted in the middle of a block, what it may have changed is not known.
    pub fn interpreted(&mut self, insn: &arch::Insn) {
        let written = semantics::Footprint::of(insn).x_written;
        (0..32).filter(|x| written >> x & 1 != 0).for_each(|x| self.known[x] = None);
        self.fp_checked = false;
    }

    /// Compiles the instruction at `pc`, which ends at `next`. Answers how it leaves, and whether its slow path, if
    /// taken, must leave the block.
    ///
    /// # Errors
    /// [`Untranslatable`]: nothing was emitted.
    pub fn instruction(&mut self, insn: &arch::Insn, pc: u64, next: u64) -> Result<Compiled<'a>, Untranslatable> {
        let mark = self.emitter.mark();
        (self.pc, self.next, self.write, self.leaves, self.fp_checks) = (pc, next, None, Leaves::Not, false);
        let done = match semantics::execute(self, insn) {
            Ok(()) => {
                self.commit();
                self.emitter.end_instruction()
            }
            Err(Untranslatable) => None,
        };
        let Some(slow_paths) = done else {
            self.emitter.rewind(&mark);
            return Err(Untranslatable);
        };
        if let Some(Write::X(x, value)) = self.write {
            self.known[usize::from(x & 31)] = match *value {
                Node::Const(c) => Some(c),
                _ => None,
            };
        }
        self.fp_checked |= self.fp_checks;
        Ok(Compiled { leaves: self.leaves, slow_paths, slow_path_leaves: self.fp_checks })
    }

    /// Lets a branch go to `exit` where the condition holds. A block that repeats itself need not check again that
    /// floating point may run.
    pub fn branch(&mut self, condition: N<'a>, exit: BlockExit) {
        let repeats = match exit {
            BlockExit::Code(to) if self.fp_checked => self.emitter.repeat(condition, to),
            _ => false,
        };
        if !repeats {
            self.emitter.branch(condition, exit);
        }
    }

    /// Compiles the instructions that a branch skips where `condition` holds: where all of them only compute one
    /// integer register, the register keeps its value or gets the new one, without a jump. Compilers for RISC-V, whose
    /// base has no conditional move, write minima, maxima and counts like this, and hosts predict such branches badly.
    ///
    /// # Errors
    /// [`Untranslatable`]: nothing was emitted.
    pub fn hammock(&mut self, condition: N<'a>, skipped: &[Fetched]) -> Result<(), Untranslatable> {
        let mark = self.emitter.mark();
        self.skipped = None;
        let done = skipped.iter().try_for_each(|at| self.skip(at)).and_then(|()| {
            let (x, value) = self.skipped.ok_or(Untranslatable)?;
            self.emitter.set_x_unless(x, condition, value, skipped.len());
            self.emitter.end_instruction().filter(|slow_paths| !slow_paths).ok_or(Untranslatable)?;
            self.known[usize::from(x & 31)] = None;
            Ok(())
        });
        self.skipped = None;
        if done.is_err() {
            self.emitter.rewind(&mark);
        }
        done
    }

    /// Takes note of what a skipped instruction would do.
    fn skip(&mut self, at: &Fetched) -> Result<(), Untranslatable> {
        if at.insn.class() != arch::insn::Class::Alu {
            return Err(Untranslatable);
        }
        (self.pc, self.next, self.write) = (at.pc, at.pc.wrapping_add(at.len.into()), None);
        semantics::execute(self, &at.insn)?;
        match (self.write.take(), self.skipped) {
            (Some(Write::X(x, value)), None) => self.skipped = Some((x, value)),
            (Some(Write::X(x, value)), Some((before, _))) if x == before => self.skipped = Some((x, value)),
            _ => return Err(Untranslatable),
        }
        Ok(())
    }

    fn commit(&mut self) {
        match self.write {
            Some(Write::X(x, value)) => self.emitter.set_x(x, value),
            Some(Write::F(f, value)) => self.emitter.set_f(f, value),
            None => {}
        }
    }

    /// What an atomic instruction with these bits asks for.
    fn ordering(&self, order: Order) -> Ordering {
        Ordering { order, alone: self.alone }
    }

    fn leaf(&self, node: Node<'a>) -> Expr<'a> {
        Expr::leaf(self.heap, node)
    }

    fn fit(&self, node: Option<Node<'a>>) -> Value<Self> {
        node.map(|node| self.leaf(node)).ok_or(Untranslatable)
    }
}

/// What came of an instruction.
pub struct Compiled<'a> {
    /// How it ends the block.
    pub leaves: Leaves<'a>,
    /// Whether it may run through the interpreter.
    pub slow_paths: bool,
    /// Whether it must leave the block then: what the rest of the block takes for granted may not hold.
    pub slow_path_leaves: bool,
}

impl<'a, E: Emitter> Exec for Compiler<'a, E> {
    type W = Expr<'a>;
    type Stop = Untranslatable;

    fn imm(&self, value: i64) -> Expr<'a> {
        self.leaf(Node::Const(value))
    }
    fn pc(&self) -> Expr<'a> {
        self.leaf(Node::Const(self.pc as i64))
    }
    fn next_pc(&self) -> Expr<'a> {
        self.leaf(Node::Const(self.next as i64))
    }
    fn x(&self, register: u8) -> Expr<'a> {
        match (register, self.known[usize::from(register & 31)]) {
            (0, _) => self.imm(0),
            _ if let Some((_, value)) = self.skipped.filter(|(x, _)| *x == register) => Expr::of(self.heap, value),
            (_, Some(value)) => self.imm(value),
            _ => self.leaf(Node::X(register)),
        }
    }
    fn f(&self, register: u8) -> Expr<'a> {
        self.leaf(Node::F(register))
    }
    fn set_x(&mut self, register: u8, value: Expr<'a>) {
        if register != 0 {
            // only amocas.q writes two, and is unfit before
            debug_assert!(self.write.is_none(), "one register is written");
            self.write = Some(Write::X(register, value.node));
        }
    }
    fn set_f(&mut self, register: u8, value: Expr<'a>) {
        self.write = Some(Write::F(register, value.node));
    }

    fn load(&mut self, width: Width, address: Expr<'a>) -> Value<Self> {
        if self.looks {
            return self.see(width, address, false).map(|()| self.imm(0));
        }
        let node = self.emitter.load(width, !self.config.misaligned, address.node);
        self.fit(node)
    }
    fn store(&mut self, width: Width, address: Expr<'a>, value: Expr<'a>) -> Out<Self> {
        if self.looks {
            return self.see(width, address, true);
        }
        self.emitter.store(width, !self.config.misaligned, address.node, value.node).ok_or(Untranslatable)
    }
    fn branch(&mut self, condition: Condition<'a>, target: Expr<'a>) -> Out<Self> {
        let Node::Const(target) = *target.node else { return Err(Untranslatable) };
        if self.aligned_jumps && target & 2 != 0 {
            return Err(Untranslatable);
        }
        self.leaves = match *condition.0.node {
            Node::Const(0) => Leaves::To(self.next),
            Node::Const(_) => Leaves::To(target as u64),
            _ => Leaves::Branch(condition.0.node, target as u64),
        };
        Ok(())
    }
    fn jump(&mut self, target: Expr<'a>) -> Out<Self> {
        if self.aligned_jumps {
            return Err(Untranslatable);
        }
        match *target.node {
            Node::Const(target) => self.leaves = Leaves::To(target as u64),
            _ => {
                self.emitter.keep_target(target.node);
                self.leaves = Leaves::Kept;
            }
        }
        Ok(())
    }

    fn amo(&mut self, width: Width, op: AmoOp, order: Order, address: Expr<'a>, value: Expr<'a>) -> Value<Self> {
        let node = self.emitter.amo(width, op, self.ordering(order), address.node, value.node);
        self.fit(node)
    }
    fn amocas(
        &mut self,
        width: Width,
        order: Order,
        address: Expr<'a>,
        expected: [Expr<'a>; 2],
        desired: [Expr<'a>; 2],
    ) -> Result<[Expr<'a>; 2], Untranslatable> {
        let ordering = self.ordering(order);
        let node = self.emitter.compare_and_swap(width, ordering, address.node, expected[0].node, desired[0].node);
        Ok([self.fit(node)?, self.imm(0)])
    }
    fn reserve(&mut self, width: Width, order: Order, address: Expr<'a>) -> Value<Self> {
        let node = self.emitter.reserve(width, self.ordering(order), address.node);
        self.fit(node)
    }
    fn conditional(&mut self, width: Width, order: Order, address: Expr<'a>, value: Expr<'a>) -> Value<Self> {
        let node = self.emitter.conditional(width, self.ordering(order), address.node, value.node);
        self.fit(node)
    }
    fn fence(&mut self, fm: u8, pred: u8, succ: u8) -> Out<Self> {
        self.emitter.fence(Fence { fm, pred, succ });
        Ok(())
    }
    fn pause(&mut self) -> Out<Self> {
        if self.alone { Ok(()) } else { Err(Untranslatable) }
    }
    fn cbo_zero(&mut self, address: Expr<'a>) -> Out<Self> {
        self.emitter.zero_block(hart::engine::CACHE_BLOCK, address.node);
        Ok(())
    }
    fn cbo_maint(&mut self, _op: CboOp, _address: Expr<'a>) -> Out<Self> {
        Err(Untranslatable)
    }

    fn fp_enabled(&mut self) -> Out<Self> {
        if self.looks {
            return Err(Untranslatable);
        }
        if !self.fp_checked {
            self.emitter.check_fp();
            self.fp_checks = true;
        }
        Ok(())
    }
    fn fp(&mut self, op: FpOp, fmt: Fmt, rm: u8, operands: [Expr<'a>; 3]) -> Value<Self> {
        let node = self.emitter.fp(op, fmt, rm, operands.map(|e| e.node));
        self.fit(node)
    }

    fn illegal(&mut self) -> Untranslatable {
        Untranslatable
    }
}

macro_rules! unfit {
    ($($method:ident)*) => { $( fn $method(&mut self) -> Out<Self> { Err(Untranslatable) } )* };
}

macro_rules! leaves {
    ($($method:ident: $system:ident),*) => { $(
        fn $method(&mut self) -> Out<Self> {
            self.leaves = Leaves::System(System::$system);
            Ok(())
        }
    )* };
}

/// Only CSRs that lie open, and the ways to and from trap handlers, are translated; all else that is privileged is the
/// hart's to do.
impl<'a, E: Emitter> Privileged for Compiler<'a, E> {
    leaves! { ecall: Ecall, ebreak: Ebreak, sret: Sret, mret: Mret }
    unfit! { wfi wrs_nto wrs_sto fence_i sfence_w_inval sfence_inval_ir }

    fn csr(&mut self, op: CsrOp, address: u16, value: Expr<'a>) -> Value<Self> {
        if op != CsrOp::Read && self.core.waits_for_csr(address) {
            return Err(Untranslatable);
        }
        let place = in_place(self.config, self.mode, address).ok_or(Untranslatable)?;
        if let InPlace::Float(part) = place {
            self.fp_checked &= op == CsrOp::Read;
            let old = self.emitter.float_csr(op, part, value.node);
            return Ok(self.leaf(old));
        }
        let gated = is_gated(self.config, self.mode, address);
        if gated && self.mode != Mode::HS {
            return Err(Untranslatable);
        }
        match place {
            InPlace::Word(word) => self.word(op, word, gated, value),
            InPlace::View(view) => self.view(op, &view, gated, value),
            InPlace::Fields(fields) => self.fields(op, &fields, gated, value),
            InPlace::Constant(value) => self.constant(value, gated),
            InPlace::Float(_) => Err(Untranslatable),
        }
    }
    fn tlb_fence(&mut self, _: TlbFence, _: Option<Expr<'a>>, _: Option<Expr<'a>>) -> Out<Self> {
        Err(Untranslatable)
    }
    fn hyper_load(&mut self, _: Width, _: Expr<'a>) -> Value<Self> {
        Err(Untranslatable)
    }
    fn hyper_load_exec(&mut self, _: Width, _: Expr<'a>) -> Value<Self> {
        Err(Untranslatable)
    }
    fn hyper_store(&mut self, _: Width, _: Expr<'a>, _: Expr<'a>) -> Out<Self> {
        Err(Untranslatable)
    }
}

impl<'a, E: Emitter> Compiler<'a, E> {
    /// Lets the instruction run through the interpreter in another mode, and where something may withhold a gated
    /// register.
    fn check_access(&mut self, gated: bool) {
        match gated {
            true => self.emitter.check_open(),
            false => self.emitter.check_mode(Generated::mode_code(self.mode)),
        }
    }

    /// Accesses a register that is a word, as trap handlers do with `sscratch` and `sepc`.
    fn word(&mut self, op: CsrOp, word: Word, gated: bool, value: Expr<'a>) -> Value<Self> {
        if matches!(op, CsrOp::Set | CsrOp::Clear) {
            return Err(Untranslatable);
        }
        self.check_access(gated);
        let old = match op {
            CsrOp::Write => Node::Const(0),
            _ => self.emitter.read_word(word.offset),
        };
        if op != CsrOp::Read {
            let legal = value & self.imm(word.mask as i64);
            self.emitter.write_word(word.offset, legal.node);
        }
        Ok(self.leaf(old))
    }

    /// Accesses a register that always shows the same.
    fn constant(&mut self, value: u64, gated: bool) -> Value<Self> {
        self.check_access(gated);
        Ok(self.imm(value as i64))
    }

    /// Accesses a register that is a view of others, as KVM does with a vCPU's at every exit: most writes change
    /// nothing.
    fn view(&mut self, op: CsrOp, view: &View, gated: bool, value: Expr<'a>) -> Value<Self> {
        if op != CsrOp::Write && !view.readable {
            return Err(Untranslatable);
        }
        self.check_access(gated);
        self.emitter.load_view(view);
        if op != CsrOp::Read {
            self.emitter.check_unchanged(op, view, value.node);
        }
        let shown = self.emitter.show_view();
        Ok(self.leaf(shown))
    }

    /// Accesses a register of fields, as kernels do with `sstatus` around every lock, trap and access to user memory,
    /// and with `hstatus` at every entry to a guest.
    fn fields(&mut self, op: CsrOp, fields: &Fields, gated: bool, value: Expr<'a>) -> Value<Self> {
        self.check_access(gated);
        if op != CsrOp::Read && fields.fp != 0 {
            self.fp_checked = false;
        }
        if op != CsrOp::Read && fields.has_sie {
            self.emitter.check_no_interrupt_waits();
        }
        self.emitter.load_fields(fields.word.offset);
        if op != CsrOp::Read {
            self.emitter.change_fields(op, fields, self.mode.virt, value.node);
        }
        if op == CsrOp::Write {
            return Ok(self.imm(0));
        }
        let old = self.emitter.show_fields(fields);
        Ok(self.leaf(old))
    }
}
