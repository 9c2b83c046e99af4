//! What an emitter does: the code of one run of blocks in the making.
//!
//! Values are trees ([`crate::expr`]), which stand for what registers and memory were before the instruction. What an
//! emitter does not do, or not with these operands, it answers with `None`, and the instruction runs through the
//! interpreter. So it does, by a
//! *slow path*, where a check that is part of its code finds another case than the one that the code is for.

use fp::{Fmt, Op as FpOp};
use hart::engine::Core;
use privileged::csr::{Fields, FloatPart, View};
use semantics::{AmoOp, CsrOp, Order, Width};

use super::Made;
use crate::expr::{N, Node};

/// All that a back end emits.
pub trait Emitter: Blocks + Registers + Loads + Atomics + Floats + Csrs {}

impl<E: Blocks + Registers + Loads + Atomics + Floats + Csrs> Emitter for E {}

/// An instruction that traps, or returns from a trap: its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the manual's")]
pub enum System {
    Ecall,
    Ebreak,
    Sret,
    Mret,
}

/// How a block goes on.
#[derive(Clone, Copy, Debug)]
pub enum BlockExit {
    /// At an address of the host, which has the code of a block of the page.
    Code(u64),
    /// At an address within the page.
    Near {
        /// The site of the link.
        site: u32,
    },
    /// At an address elsewhere.
    Far {
        /// The address.
        pc: u64,
    },
    /// Where [`Blocks::keep_target`] said.
    Kept,
    /// Where the instruction that ends the block, at `pc`, leads.
    System {
        /// What it is.
        system: System,
        /// Its address.
        pc: u64,
        /// Its bits.
        raw: u32,
    },
}

/// The second half of an instruction that goes on in the next page.
#[derive(Clone, Copy)]
pub struct SecondHalf {
    /// Its address.
    pub va: u64,
    /// Where its page is in RAM.
    pub page: u64,
    /// Where it is on the host.
    pub host: u64,
    /// What it is.
    pub bits: u16,
}

impl SecondHalf {
    /// Where it is, from the instruction's address on.
    pub const BEHIND: u64 = 2;

    /// What is at `va`, where a page begins. `None`: the context's jump table does not know the page.
    pub fn at(core: &Core, va: u64) -> Option<SecondHalf> {
        let page = core.code.active.page(va)?;
        let bits = core.ram.load_u16(page)?;
        Some(SecondHalf { va, page, host: core.ram_on_host().wrapping_add(page), bits })
    }
}

/// What an atomic instruction asks of the order of memory accesses, whole. What of it the host keeps by itself is for
/// the back end to know.
#[derive(Clone, Copy, Debug)]
pub struct Ordering {
    /// The instruction's aq and rl.
    pub order: Order,
    /// Whether the machine has no other hart, so that nobody comes between, and only devices see an order.
    pub alone: bool,
}

/// FENCE: what comes before it and is of one set comes before what comes after it and is of the other. Sets of `iorw`,
/// i being bit 3.
#[derive(Clone, Copy, Debug)]
pub struct Fence {
    /// The mode.
    pub fm: u8,
    /// Of what comes before.
    pub pred: u8,
    /// Of what comes after.
    pub succ: u8,
}

impl Fence {
    /// Input and reading of memory.
    pub const READS: u8 = 0b1010;
    /// Output and writing of memory.
    pub const WRITES: u8 = 0b0101;
    const TSO: u8 = 8;
    const READ_WRITE: u8 = 0b0011;

    /// Whether it is FENCE.TSO, which "leaves non-AMO store operations in the FENCE.TSO's predecessor set unordered
    /// with non-AMO loads in its successor set" (Unprivileged 20240411, "Memory Ordering Instructions"). With other
    /// sets that mode is reserved, and the fence an ordinary one.
    pub fn is_tso(self) -> bool {
        (self.fm, self.pred, self.succ) == (Self::TSO, Self::READ_WRITE, Self::READ_WRITE)
    }
}

/// Blocks: where they begin, how they go on, and the instructions in them.
pub trait Blocks {
    /// A place to come back to.
    type Mark;

    /// Where the next byte of hot code goes.
    fn here(&self) -> u64;

    /// The entry of a block at `pc`, whose number of instructions is told to [`Blocks::count`]: they are taken from
    /// what is left of the quantum, or it ends here.
    fn open_block(&mut self, pc: u64);

    /// Code for the instruction at `pc`, the first of a block that is opened next: answers its entry. Where the second
    /// half is another by then, the instruction is fetched anew.
    fn crossing(&mut self, pc: u64, half: &SecondHalf) -> u64;

    /// Ends a block of `count` instructions whose code falls through to what is emitted next.
    fn count(&mut self, count: u8);

    /// Goes on at `exit`.
    fn go(&mut self, exit: BlockExit);

    /// Ends a block of `count` instructions.
    fn close_block(&mut self, count: u8, exit: BlockExit) {
        self.count(count);
        self.go(exit);
    }

    /// Lets a branch go to `exit` where the condition holds.
    fn branch(&mut self, condition: N, exit: BlockExit);

    /// Repeats the open block where the condition holds, behind what was checked first. Answers whether there is such a
    /// place; `to` is the block that is wanted.
    fn repeat(&mut self, condition: N, to: u64) -> bool;

    /// Computes where a jump goes; [`BlockExit::Kept`] goes there.
    fn keep_target(&mut self, target: N);

    /// Starts an instruction.
    fn mark(&mut self) -> Self::Mark;

    /// Takes back what was emitted since the mark.
    fn rewind(&mut self, mark: &Self::Mark);

    /// Ends an instruction: where it asked for a slow path, one runs it through the interpreter and comes back here.
    /// Answers whether it did. `None`: everything that was emitted for it is void.
    fn end_instruction(&mut self) -> Option<bool>;

    /// Runs the instruction through the interpreter, by a slow path.
    fn interpret(&mut self);

    /// All that was made.
    fn finish(self) -> Made;
}

/// Writes of registers.
pub trait Registers {
    /// Writes an integer register.
    fn set_x(&mut self, x: u8, value: N);

    /// Writes an integer register unless the condition holds; then `count` instructions are not counted.
    fn set_x_unless(&mut self, x: u8, condition: N, value: N, count: usize);

    /// Writes a floating-point register.
    fn set_f(&mut self, f: u8, value: N);
}

/// Memory that instructions in a row access, off one register.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The register; never x0.
    pub base: u8,
    /// Where it begins, from the register's value on.
    pub from: i64,
    /// How long it is.
    pub bytes: u64,
    /// Whether any of it is read.
    pub read: bool,
    /// Whether any of it is written.
    pub write: bool,
}

/// Loads, stores and cache blocks. Where `aligned`, a misaligned access is the interpreter's.
pub trait Loads {
    /// Reads memory.
    fn load<'a>(&mut self, width: Width, aligned: bool, address: N) -> Option<Node<'a>>;

    /// Writes memory.
    fn store(&mut self, width: Width, aligned: bool, address: N, value: N) -> Option<()>;

    /// Checks whether a span lies in one page that may be accessed like that. Until [`Loads::outside_span`], what reads
    /// and writes memory does so within the span, and is not checked again.
    fn open_span(&mut self, span: Span);

    /// From here on comes what runs where the check of the span fails, in place of what came since it.
    fn outside_span(&mut self);

    /// Both go on here.
    fn close_span(&mut self);

    /// Zeroes the cache block, of so many bytes, of an address, where the mode may.
    fn zero_block(&mut self, block: u64, address: N);
}

/// Atomic instructions and fences.
pub trait Atomics {
    /// An AMO: the old value, zero-extended.
    fn amo<'a>(&mut self, width: Width, op: AmoOp, ordering: Ordering, address: N, value: N) -> Option<Node<'a>>;

    /// Compare and swap of one register: the old value, zero-extended.
    fn compare_and_swap<'a>(
        &mut self,
        width: Width,
        ordering: Ordering,
        address: N,
        expected: N,
        desired: N,
    ) -> Option<Node<'a>>;

    /// LR: reads and reserves.
    fn reserve<'a>(&mut self, width: Width, ordering: Ordering, address: N) -> Option<Node<'a>>;

    /// SC: writes where the reservation holds, and ends it; 0 for written, 1 for not.
    fn conditional<'a>(&mut self, width: Width, ordering: Ordering, address: N, value: N) -> Option<Node<'a>>;

    /// FENCE.
    fn fence(&mut self, fence: Fence);
}

/// Floating point.
pub trait Floats {
    /// Lets the instruction run through the interpreter unless floating point may run as generated
    /// ([`hart::engine::Generated::fp_ready`]).
    fn check_fp(&mut self);

    /// Arithmetic as `fp::evaluate` does it, with `rm` as it is in the instruction.
    fn fp<'a>(&mut self, op: FpOp, fmt: Fmt, rm: u8, operands: [N; 3]) -> Option<Node<'a>>;

    /// Accesses a register of flags and rounding mode; answers what it was. Where it gets another rounding mode, or
    /// flags have been raised that `fflags` does not have, the instruction runs through the interpreter.
    fn float_csr<'a>(&mut self, op: CsrOp, part: FloatPart, value: N) -> Node<'a>;
}

/// CSRs that are read and written where they lie: [`privileged::csr::InPlace`]. Offsets are in the privileged state.
pub trait Csrs {
    /// Lets the instruction run through the interpreter in any other mode.
    fn check_mode(&mut self, code: u8);

    /// Lets the instruction run through the interpreter in any mode but HS-mode, and where something is withheld from
    /// it.
    fn check_open(&mut self);

    /// Lets the instruction run through the interpreter where an interrupt waits.
    fn check_no_interrupt_waits(&mut self);

    /// Reads the register at this offset.
    fn read_word<'a>(&mut self, offset: usize) -> Node<'a>;

    /// Writes the register at this offset.
    fn write_word(&mut self, offset: usize, value: N);

    /// Computes a view, for [`Csrs::check_unchanged`] and [`Csrs::show_view`].
    fn load_view(&mut self, view: &View);

    /// Lets the instruction run through the interpreter where it changes the view that was loaded.
    fn check_unchanged(&mut self, op: CsrOp, view: &View, value: N);

    /// The view that was loaded.
    fn show_view<'a>(&mut self) -> Node<'a>;

    /// Loads the register at this offset, for [`Csrs::change_fields`] and [`Csrs::show_fields`].
    fn load_fields(&mut self, offset: usize);

    /// Writes the fields of `mask`, unless what changes has consequences: then the instruction runs through the
    /// interpreter. `virt`: whether the mode is virtual.
    fn change_fields(&mut self, op: CsrOp, fields: &Fields, virt: bool, value: N);

    /// What the register showed before: the fields, what always shows, and SD where FS is Dirty.
    fn show_fields<'a>(&mut self, fields: &Fields) -> Node<'a>;
}
