//! The emitter: one block's code in the making.
//!
//! Hot code goes on where it is. What seldom runs is elsewhere: in cold code, which leaves the block, and in slow
//! paths, which come back. All slow paths of the cache lie one behind the other, each [`SLOW_PATH_BYTES`] long, in the
//! order of the sites that they run through the interpreter: where a slow path is says which site it is of.

use semantics::Width;

use super::asm::{Alu, Asm, Cc, Fix, RAX, RCX, RDX, Reg, Rm};
use super::inside::Inside;
use super::state::{self, BUDGET, home, jump, x_slot};
use super::stubs::Stubs;
use crate::expr::{Held, N, Node, Op, Rel};
use crate::host::{BlockExit, Blocks, Link, Made, Places, Registers, SecondHalf};

/// A value that lasts to the end of the instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// Memory or a register.
    Rm(Rm),
    /// A scalar in an SSE register.
    Sse(super::asm::Scalar, Reg),
    /// A scalar that is computed into the register that it is for.
    Due(super::float::Due),
}

/// Jumps to one place; most often it is one jump.
pub(super) type Fixes = smallvec::SmallVec<[Fix; 2]>;

/// Size of a slow path: a call and a jump.
pub const SLOW_PATH_BYTES: usize = 10;

/// A mark to come back to.
pub struct Mark {
    hot: usize,
    cold: usize,
    slow_paths: usize,
    inside: Option<Inside>,
    turned: bool,
}

/// Scratch registers, as a set.
pub(super) const ALL_FREE: u8 = 0b111;

/// Bytes of the code that a block begins with: see [`Blocks::open_block`].
const BLOCK_HEAD: usize = 10;

/// Generates code for a run of blocks.
pub struct Emitter {
    pub(super) hot: Asm,
    pub(super) cold: Asm,
    slow_path: Asm,
    pub(super) stubs: Stubs,
    links: Vec<Link>,
    /// Scratch registers that are free, as a set.
    pub(super) free: u8,
    /// Set where an instruction needs more registers than there are: what was emitted for it is void.
    pub(super) overflow: bool,
    pub(super) kept: smallvec::SmallVec<[Kept; 4]>,
    /// Jumps that the current instruction makes to its slow path.
    pub(super) slow_paths: Fixes,
    /// The open span, if there is one.
    pub(super) inside: Option<Inside>,
    /// Jumps to what runs where the check of the open span fails.
    pub(super) outside: Fixes,
    /// That is what is emitted: hot and cold code have changed places.
    turned: bool,
    /// Offset of the open block's entry.
    entry: usize,
    /// Where it goes if the quantum ends, and the offset of its count of instructions in that.
    stop: u64,
    stop_count: usize,
    /// Where the block goes on when it is repeated, and which of its code counts that.
    repeated: Option<Repeated>,
}

/// A block that, repeated, need not check again what its first instruction checks.
#[derive(Clone, Copy)]
struct Repeated {
    /// Offset behind the check.
    behind: usize,
    /// Offset of the subtraction that counts another round, once there is one.
    counts: Option<usize>,
}

impl Emitter {
    /// An emitter to these addresses, which uses the memory of what was made before.
    pub fn new(places: Places, stubs: Stubs, mut used: Made) -> Self {
        used.links.clear();
        Emitter {
            hot: Asm::reuse(used.hot, places.hot),
            cold: Asm::reuse(used.cold, places.cold),
            slow_path: Asm::reuse(used.slow_paths, places.slow_paths),
            stubs,
            links: used.links,
            free: ALL_FREE,
            overflow: false,
            kept: smallvec::SmallVec::new(),
            slow_paths: Fixes::new(),
            inside: None,
            outside: Fixes::new(),
            turned: false,
            entry: 0,
            stop: 0,
            stop_count: 0,
            repeated: None,
        }
    }

    /// Notes that what was checked since `from` holds for the rest of the block, and if that is all that was emitted
    /// for it, for its repetitions.
    pub(super) fn checked_since(&mut self, from: usize) {
        if from == self.entry + BLOCK_HEAD {
            self.repeated = Some(Repeated { behind: self.hot.code.len(), counts: None });
        }
    }

    /// All there is to do at `pc` is to interpret one instruction, fetched anew.
    pub(super) fn single(&mut self, pc: u64) {
        self.hot.mov_i(RAX, pc as i64);
        self.hot.jmp(self.stubs.single);
    }

    /// Lets the instruction take its slow path where the condition holds.
    pub(super) fn slow_path_if(&mut self, cc: Cc) {
        let fix = self.hot.jcc_fix(cc);
        self.slow_paths.push(fix);
    }

    /// The slow path that the current instruction's jumps go to.
    fn slow_path(&mut self) {
        let here = self.slow_path.here();
        self.slow_paths.iter().for_each(|&fix| self.hot.bind(fix, here));
        self.slow_path.call(self.stubs.interpret);
        self.slow_path.jmp(self.hot.here());
    }

    fn link(&mut self, site: u32, from: &[Fix]) {
        if let [fix] = *from {
            self.links.push(Link { site, patch: self.hot.base + fix.0 as u64 - 4 });
        }
        self.go_cold(from);
        self.cold.mov_i(RCX, site.into());
        self.cold.jmp(self.stubs.link);
    }

    /// Lets hot and cold code change places.
    pub(super) fn turn(&mut self) {
        std::mem::swap(&mut self.hot, &mut self.cold);
        self.turned = !self.turned;
    }

    /// Lets jumps go to what is emitted next as cold code.
    pub(super) fn go_cold(&mut self, from: &[Fix]) {
        let here = self.cold.here();
        from.iter().for_each(|&fix| self.hot.bind(fix, here));
    }

    /// Goes to the address in rax, by the jump table.
    fn go_kept(&mut self) {
        // `hart::engine::jump_index`: the bits that come round are masked away
        self.hot.rorx(RCX, RAX, jump::MIX);
        self.hot.alu(Alu::Xor, 32, RCX, Rm::R(RAX));
        self.hot.alu_i(Alu::And, 32, Rm::R(RCX), jump::MASK);
        self.hot.mov(64, RDX, state::JUMP_ENTRIES);
        self.hot.alu(Alu::Cmp, 64, RAX, Rm::S(RDX, RCX, jump::LEFT, jump::VA));
        self.hot.jcc(Cc::NE, self.stubs.find);
        self.hot.jmp_rm(Rm::S(RDX, RCX, jump::LEFT, jump::TARGET));
    }

    /// Compares, with the answer in the carry flag where that costs nothing.
    fn carry_flags(&mut self, condition: N) -> Cc {
        match *condition {
            // only nothing is less than 1
            Node::Cmp(Rel::Eq, a, &Node::Const(0)) => self.flags(&Node::Cmp(Rel::LtU, a, &Node::Const(1))),
            Node::Cmp(Rel::Ne, a, &Node::Const(0)) => self.flags(&Node::Cmp(Rel::GeU, a, &Node::Const(1))),
            _ => self.flags(condition),
        }
    }

    /// Takes back that `count` instructions were counted, where the condition holds.
    fn uncount(&mut self, cc: Cc, count: usize) {
        match (cc, count) {
            (Cc::B, 1) => self.hot.alu_i(Alu::Adc, 64, Rm::R(BUDGET), 0),
            // less -1, less the carry
            (Cc::AE, 1) => self.hot.alu_i(Alu::Sbb, 64, Rm::R(BUDGET), -1),
            _ => {
                let taken = self.scratch();
                self.hot.setcc(cc, taken);
                self.hot.extend(false, 8, taken, Rm::R(taken));
                (0..count).for_each(|_| self.hot.alu(Alu::Add, 64, BUDGET, Rm::R(taken)));
            }
        }
    }

    /// Keeps a value to the end of the instruction.
    pub(super) fn keep(&mut self, value: Kept) -> Held {
        self.kept.push(value);
        (self.kept.len() - 1) as Held
    }

    pub(super) fn kept(&self, held: Held) -> Kept {
        self.kept.get(usize::from(held)).copied().unwrap_or(Kept::Rm(Rm::R(RDX)))
    }

    /// Memory of a width as the back end kept it.
    pub(super) fn memory(&mut self, at: Rm) -> Held {
        self.keep(Kept::Rm(at))
    }
}

impl Blocks for Emitter {
    type Mark = Mark;

    fn here(&self) -> u64 {
        self.hot.here()
    }

    fn open_block(&mut self, pc: u64) {
        self.entry = self.hot.code.len();
        self.repeated = None;
        self.stop = self.cold.here();
        self.hot.alu_i(Alu::Sub, 64, Rm::R(BUDGET), 1);
        // it does not overflow, so that less and negative are the same; hosts execute a subtraction and this jump as
        // one
        self.hot.jcc(Cc::L, self.stop);
        debug_assert_eq!(self.hot.code.len(), self.entry + BLOCK_HEAD, "what follows is told by its place");
        // the stubs find count and pc behind the call
        let (stub, pc_bytes) =
            if i32::try_from(pc as i64).is_ok() { (self.stubs.stop, 4) } else { (self.stubs.stop_far, 8) };
        self.cold.call(stub);
        self.stop_count = self.cold.code.len();
        self.cold.code.push(0);
        self.cold.code.extend_from_slice(&pc.to_le_bytes()[..pc_bytes]);
    }

    fn crossing(&mut self, pc: u64, half: &SecondHalf) -> u64 {
        self.cross(pc, half)
    }

    fn count(&mut self, count: u8) {
        debug_assert!(count < 128, "the count is a signed byte");
        // 49 83 /5 ib: the immediate is the fourth byte
        for counts in [Some(self.entry), self.repeated.and_then(|r| r.counts)].into_iter().flatten() {
            self.hot.code[counts + 3] = count;
        }
        self.cold.code[self.stop_count] = count;
    }

    fn go(&mut self, exit: BlockExit) {
        match exit {
            BlockExit::Code(to) => {
                if to != self.hot.here() {
                    self.hot.jmp(to);
                }
            }
            BlockExit::Near { site } => {
                let fix = self.hot.jmp_fix();
                self.link(site, &[fix]);
            }
            BlockExit::Far { pc } => go_far(&mut self.hot, &self.stubs, pc),
            BlockExit::Kept => self.go_kept(),
            BlockExit::System { system, pc, raw } => {
                self.hot.mov_i(RAX, pc as i64);
                self.hot.mov_i(RCX, raw.into());
                self.hot.jmp(self.stubs.system[system as usize]);
            }
        }
        self.free = ALL_FREE;
    }

    fn branch(&mut self, condition: N, exit: BlockExit) {
        let mut fixes = Fixes::new();
        self.jump_if(condition, true, &mut fixes);
        match exit {
            BlockExit::Code(to) => fixes.iter().for_each(|&fix| self.hot.bind(fix, to)),
            BlockExit::Near { site } => self.link(site, &fixes),
            BlockExit::Far { pc } => {
                self.go_cold(&fixes);
                go_far(&mut self.cold, &self.stubs, pc);
            }
            BlockExit::Kept | BlockExit::System { .. } => debug_assert!(false, "targets of branches are constants"),
        }
        self.free = ALL_FREE;
    }

    fn repeat(&mut self, condition: N, to: u64) -> bool {
        let Some(repeated) = self.repeated.filter(|_| to == self.hot.base + self.entry as u64) else { return false };
        let mut ends = Fixes::new();
        self.jump_if(condition, false, &mut ends);
        self.repeated = Some(Repeated { counts: Some(self.hot.code.len()), ..repeated });
        self.hot.alu_i(Alu::Sub, 64, Rm::R(BUDGET), 1);
        self.hot.jcc(Cc::L.not(), self.hot.base + repeated.behind as u64);
        self.hot.jmp(self.stop);
        ends.iter().for_each(|&fix| self.hot.bind_here(fix));
        self.free = ALL_FREE;
        true
    }

    fn keep_target(&mut self, target: N) {
        self.free &= !1;
        self.into(RAX, target, 64);
        self.free &= !1;
    }

    fn mark(&mut self) -> Mark {
        self.free = if self.inside.is_some() { ALL_FREE & !(1 << RCX) } else { ALL_FREE };
        self.overflow = false;
        self.kept.clear();
        self.slow_paths.clear();
        Mark {
            hot: self.hot.code.len(),
            cold: self.cold.code.len(),
            slow_paths: self.slow_path.code.len(),
            inside: self.inside,
            turned: self.turned,
        }
    }

    fn rewind(&mut self, mark: &Mark) {
        if self.turned != mark.turned {
            self.turn();
        }
        self.inside = mark.inside;
        self.hot.code.truncate(mark.hot);
        self.cold.code.truncate(mark.cold);
        self.repeated = self.repeated.filter(|repeated| repeated.behind <= mark.hot);
        self.free = ALL_FREE;
        self.slow_path.code.truncate(mark.slow_paths);
        self.slow_paths.clear();
    }

    fn end_instruction(&mut self) -> Option<bool> {
        if self.overflow {
            return None;
        }
        let any = !self.slow_paths.is_empty();
        if any {
            self.slow_path();
        }
        Some(any)
    }

    fn interpret(&mut self) {
        let fix = self.hot.jmp_fix();
        self.slow_paths.push(fix);
        self.slow_path();
    }

    fn finish(self) -> Made {
        Made { hot: self.hot.code, cold: self.cold.code, slow_paths: self.slow_path.code, links: self.links }
    }
}

impl Registers for Emitter {
    fn set_x(&mut self, x: u8, value: N) {
        let slot = match home(x) {
            Some(d) => return self.into(d, value, 64),
            None => x_slot(x),
        };
        match *value {
            Node::Const(c) if i32::try_from(c).is_ok() => self.hot.store_i(8, slot, c as i32),
            Node::Bin(Op::Add, &Node::X(y), &Node::Const(c)) if y == x && i32::try_from(c).is_ok() => {
                self.hot.alu_i(Alu::Add, 64, slot, c as i32);
            }
            _ => {
                let s = self.reg(value);
                self.hot.store(8, slot, s);
            }
        }
    }

    fn set_x_unless(&mut self, x: u8, condition: N, value: N, count: usize) {
        let old = home(x).map_or(x_slot(x), Rm::R);
        let new = self.scratch();
        self.into(new, value, 64);
        let cc = self.carry_flags(condition);
        // moves leave the flags as they are
        match old {
            Rm::R(d) => self.hot.cmov(cc.not(), d, Rm::R(new)),
            slot => {
                self.hot.cmov(cc, new, slot);
                self.hot.store(8, slot, new);
            }
        }
        self.uncount(cc, count);
    }

    fn set_f(&mut self, f: u8, value: N) {
        self.put_f(f, value);
    }
}

/// Goes to an address in another page, by the jump table.
fn go_far(asm: &mut Asm, stubs: &Stubs, pc: u64) {
    let at = jump::offset_of_entry(pc);
    asm.mov_i(RAX, pc as i64);
    asm.mov(64, RCX, state::JUMP_ENTRIES);
    asm.alu(Alu::Cmp, 64, RAX, Rm::M(RCX, at + jump::VA));
    asm.jcc(Cc::NE, stubs.find);
    asm.jmp_rm(Rm::M(RCX, at + jump::TARGET));
}

/// The widths that generated code accesses.
pub(super) fn plain(width: Width) -> Option<u64> {
    (width != Width::B16).then_some(width.bytes())
}
