//! The builder: blocks of a page are translated, one and what it falls through to.

use arch::addr::PAGE_BYTES;
use arch::insn::{Class, Insn};
use hart::engine::{Core, Fetched, decode};
use smallvec::SmallVec;

use super::Translator;
use super::text::{dispatches, raw_in};
use crate::compile::{Compiled, Compiler, Leaves, Row};
use crate::expr::N;
use crate::host::{Backend, BlockExit, Blocks, MAX_INSNS, SecondHalf};
use crate::sites::Site;
use crate::unit::{Source, Unit};

/// Blocks translated together at most: each is what the one before falls through to.
pub const MAX_RUN: usize = 4;

/// A run of blocks in translation.
pub struct Builder<'t, 'a, B: Backend> {
    translator: &'t mut Translator<B>,
    core: &'t Core,
    compiler: Compiler<'a, B::Emitter>,
    /// The blocks of the page that are translated already; new ones are added.
    unit: Unit,
    /// Address and offset of the first instruction of the source that is being read.
    pc: u64,
    offset: u64,
    /// The bytes of it that have been read.
    at: u64,
    source: Source,
    /// The address of the last instruction's code, and whether a block begins with it.
    begun: Option<(u64, bool)>,
    /// Whether a jump was followed.
    followed: bool,
}

/// How a block came to its end.
enum End {
    /// Elsewhere: its exit is emitted.
    Closed,
    /// It goes on in the block that is translated next.
    FallsThrough,
    /// Nothing could be translated.
    Empty,
}

impl<'t, 'a, B: Backend> Builder<'t, 'a, B> {
    /// A builder of blocks of the page that `unit` is of, from `pc` on, which is at `offset` in RAM.
    pub fn new(
        translator: &'t mut Translator<B>,
        core: &'t Core,
        compiler: Compiler<'a, B::Emitter>,
        unit: Unit,
        (pc, offset): (u64, u64),
    ) -> Self {
        let source = Source { at: 0, start: 0, len: 0, code: 0 };
        let mut builder =
            Builder { translator, core, compiler, unit, pc, offset, at: 0, source, begun: None, followed: false };
        builder.open_source(pc, offset);
        builder
    }

    /// Translates what there is. Answers what there is of the page now, and the emitter.
    pub fn build(mut self) -> (Unit, B::Emitter) {
        for number in 0..MAX_RUN {
            match self.block(number) {
                End::Closed => break,
                End::FallsThrough => {}
                End::Empty => return (self.unit, self.compiler.emitter),
            }
        }
        self.close_source();
        (self.unit, self.compiler.emitter)
    }

    /// Goes on with the instructions at `pc`, which are at `offset` in RAM.
    fn open_source(&mut self, pc: u64, offset: u64) {
        (self.pc, self.offset, self.at) = (pc, offset, 0);
        let code = (self.compiler.emitter.here() - self.translator.memory.base()) as u32;
        let at = self.translator.cache.notes.len() as u32;
        self.source = Source { at, start: (offset % PAGE_BYTES) as u16, len: 0, code };
    }

    /// Notes what was read since.
    fn close_source(&mut self) {
        self.measure(self.compiler.emitter.here());
        self.translator.cache.notes.close();
        self.unit.remember(Source { len: self.at.min(self.of_page()) as u16, ..self.source });
    }

    /// Reads an instruction, whose code begins at `host`.
    fn take(&mut self, raw: u32, len: u8, host: u64, opens: bool) {
        self.measure(host);
        self.begun = Some((host, opens));
        // code looks itself at what goes on in the next page
        let noted = u64::from(len).min(self.of_page() - self.at);
        self.translator.cache.notes.instruction(raw, noted as u8);
        self.at += u64::from(len);
    }

    /// Bytes of the page from the source's first on.
    fn of_page(&self) -> u64 {
        PAGE_BYTES - self.offset % PAGE_BYTES
    }

    /// The last instruction's code has come to its end.
    fn measure(&mut self, end: u64) {
        if let Some((begin, opens)) = self.begun.take() {
            self.translator.cache.notes.size(end - begin, opens);
        }
    }

    fn here(&self) -> u64 {
        self.pc.wrapping_add(self.at)
    }

    /// The instruction `ahead` bytes from here, if it ends in the page and is legal.
    fn fetch(&self, ahead: u64) -> Option<Fetched> {
        let ahead = self.at + ahead;
        if ahead >= self.of_page() {
            return None;
        }
        let (raw, len) = raw_in(self.core, self.offset + ahead)?;
        let (insn, pc) = (decode(raw, len, &self.core.config.isa)?, self.pc.wrapping_add(ahead));
        // what a debugger stops at is the interpreter's
        (!self.core.leaves_out(pc, self.offset + ahead)).then_some(Fetched { insn, pc, raw, len })
    }

    /// The instruction that the run begins with, if it goes on in the next page, and its second half.
    fn crossing(&self) -> Option<(Fetched, SecondHalf)> {
        let low = u32::from(self.core.ram.load_u16(self.offset)?);
        if low & 3 != 3 || self.of_page() != SecondHalf::BEHIND {
            return None;
        }
        let second = SecondHalf::at(self.core, self.pc.wrapping_add(SecondHalf::BEHIND))?;
        let (raw, len) = (u32::from(second.bits) << 16 | low, 4);
        let insn = decode(raw, len, &self.core.config.isa)?;
        Some((Fetched { insn, pc: self.pc, raw, len }, second))
    }

    /// Translates block `number` of the run.
    fn block(&mut self, number: usize) -> End {
        let first_site = self.translator.sites.len();
        let start = self.here();
        let mut second = None;
        let first = self.fetch(0).or_else(|| {
            let (at, half) = self.crossing().filter(|_| number == 0)?;
            second = Some(half);
            Some(at)
        });
        let Some(first) = first else { return self.nothing(start, number) };
        if number != 0
            && !self.followed
            && let Some(code) = self.known(start)
        {
            self.compiler.emitter.go(BlockExit::Code(code));
            return End::Closed;
        }
        let begin = self.open(start, second);
        let (count, last, end) = self.instructions(first, begin);
        self.translator.counters.instructions += u64::from(count);
        self.translator.sites.settle(first_site, count);
        self.close(count, last, end, number + 1 == MAX_RUN)
    }

    /// There is nothing to translate at `start`, to which the block before, if there is one, falls through.
    fn nothing(&mut self, start: u64, number: usize) -> End {
        if number == 0 {
            return End::Empty;
        }
        let exit = self.exit(start);
        self.compiler.emitter.go(exit);
        End::Closed
    }

    /// Opens a block at `start`; answers where its code begins.
    fn open(&mut self, start: u64, second: Option<SecondHalf>) -> u64 {
        let begin = self.compiler.emitter.here();
        let entry = match second {
            Some(second) => self.compiler.emitter.crossing(start, &second),
            None => begin,
        };
        self.enter(start, entry);
        self.compiler.emitter.open_block(start);
        self.compiler.open_block();
        begin
    }

    /// Translates instructions from `at` on, whose code begins at `begin`. Answers how many they are, the last, and how
    /// it ends the block, if it does.
    fn instructions(&mut self, mut at: Fetched, begin: u64) -> (u8, Fetched, Option<Leaves<'a>>) {
        let mut count = 0;
        loop {
            if let Some((accesses, behind)) = self.row(at, count) {
                count += accesses;
                match behind {
                    Some(next) => at = next,
                    None => return (count, at, None),
                }
                continue;
            }
            let begins = if count == 0 { begin } else { self.compiler.emitter.here() };
            self.take(at.raw, at.len, begins, count == 0);
            count += 1;
            match self.instruction(at, count) {
                Some(Leaves::Branch(condition, target))
                    if let Some(skipped) = self.hammock(condition, target, count) =>
                {
                    count += skipped;
                }
                Some(Leaves::To(target)) if count < MAX_INSNS && self.follow(target) => {}
                Some(end) => return (count, at, Some(end)),
                None => {}
            }
            match self.fetch(0) {
                Some(next) if count < MAX_INSNS => at = next,
                _ => return (count, at, None),
            }
        }
    }

    /// Translates the loads and stores from `first` on that are in a row, if there are several, behind `count`
    /// instructions of the block. Answers how many they are, and the instruction behind them, if that is of the block.
    fn row(&mut self, first: Fetched, count: u8) -> Option<(u8, Option<Fetched>)> {
        let mut row = Row::default();
        let (mut next, mut ahead) = (Some(first), 0);
        while let Some(at) = next.filter(|_| count + (row.insns.len() as u8) < MAX_INSNS) {
            if !self.compiler.extend(&mut row, at) {
                break;
            }
            ahead += u64::from(at.len);
            next = self.fetch(ahead);
        }
        if row.insns.len() < 2 {
            return None;
        }
        let begins = self.compiler.row(&row).ok()?;
        let mut number = count;
        for (at, host) in row.insns.iter().zip(begins) {
            self.take(at.raw, at.len, host, number == 0);
            number += 1;
            self.translator.sites.push(Site { pc: at.pc, insn: at.insn, len: at.len, left: number, leaves: false });
        }
        Some((number - count, next.filter(|_| number < MAX_INSNS)))
    }

    /// Enters the block at `pc`, whose code begins at `host`.
    fn enter(&mut self, pc: u64, host: u64) {
        self.translator.counters.blocks += 1;
        self.unit.enter(pc, (host - self.translator.memory.base()) as u32);
    }

    /// Makes a conditional move of the instructions that a branch to `target` skips, if they are few and simple enough;
    /// answers how many they are.
    fn hammock(&mut self, condition: N<'a>, target: u64, count: u8) -> Option<u8> {
        const MOST: usize = 2;
        let mut skipped = SmallVec::<[Fetched; MOST]>::new();
        let mut ahead = 0;
        while self.here().wrapping_add(ahead) != target {
            let at = self.fetch(ahead).filter(|_| skipped.len() < MOST)?;
            ahead += u64::from(at.len);
            skipped.push(at);
        }
        let number = skipped.len() as u8;
        if skipped.is_empty() || count + number > MAX_INSNS || self.compiler.hammock(condition, &skipped).is_err() {
            return None;
        }
        let host = self.compiler.emitter.here();
        skipped.iter().for_each(|at| self.take(at.raw, at.len, host, false));
        Some(number)
    }

    /// Goes on at the target of a jump, where that only dispatches: the host predicts many indirect jumps better, each
    /// with a history of its own, than one that goes everywhere.
    fn follow(&mut self, target: u64) -> bool {
        let offset = (self.offset & !(PAGE_BYTES - 1)) + target % PAGE_BYTES;
        if self.followed || target / PAGE_BYTES != self.pc / PAGE_BYTES || !dispatches(self.core, offset) {
            return false;
        }
        self.close_source();
        self.open_source(target, offset);
        self.followed = true;
        true
    }

    /// Ends a block of `count` instructions, the last of which is `at`.
    fn close(&mut self, count: u8, at: Fetched, end: Option<Leaves<'a>>, last: bool) -> End {
        let behind = self.here();
        let exit = match end {
            Some(Leaves::To(target)) => self.exit(target),
            Some(Leaves::Kept) => BlockExit::Kept,
            Some(Leaves::System(system)) => BlockExit::System { system, pc: at.pc, raw: at.raw },
            Some(Leaves::Not) => {
                self.compiler.emitter.count(count);
                return End::Closed;
            }
            Some(Leaves::Branch(condition, target)) => {
                let exit = self.exit(target);
                self.compiler.branch(condition, exit);
                return self.go_on(count, behind, last);
            }
            None => return self.go_on(count, behind, last),
        };
        self.compiler.emitter.close_block(count, exit);
        End::Closed
    }

    fn go_on(&mut self, count: u8, behind: u64, last: bool) -> End {
        if last || behind.is_multiple_of(PAGE_BYTES) {
            let exit = self.exit(behind);
            self.compiler.emitter.close_block(count, exit);
            return End::Closed;
        }
        self.compiler.emitter.count(count);
        End::FallsThrough
    }

    /// Translates one instruction, number `count` of its block; answers how the block ends, if it does.
    fn instruction(&mut self, at: Fetched, count: u8) -> Option<Leaves<'a>> {
        // a site's `left` is its number in the block, until the block's length is known
        let site = Site { pc: at.pc, insn: at.insn, len: at.len, left: count, leaves: false };
        match self.compiler.instruction(&at.insn, at.pc, self.here()) {
            Ok(Compiled { leaves, slow_paths, slow_path_leaves }) => {
                if slow_paths {
                    self.translator.sites.push(Site { leaves: slow_path_leaves, ..site });
                }
                (!matches!(leaves, Leaves::Not)).then_some(leaves)
            }
            Err(_) => {
                let ends = leaves_block(&at.insn);
                self.translator.counters.interpreted += 1;
                self.translator.sites.push(Site { leaves: ends, ..site });
                self.compiler.emitter.interpret();
                self.compiler.interpreted(&at.insn);
                ends.then_some(Leaves::Not)
            }
        }
    }

    /// How to go to `target`.
    fn exit(&mut self, target: u64) -> BlockExit {
        if target / PAGE_BYTES != self.pc / PAGE_BYTES {
            return BlockExit::Far { pc: target };
        }
        match self.known(target) {
            Some(code) => BlockExit::Code(code),
            None => BlockExit::Near { site: self.translator.links.add(target, self.offset) },
        }
    }

    /// Code for an address of the page.
    fn known(&self, pc: u64) -> Option<u64> {
        Some(self.translator.memory.base() + u64::from(self.unit.entry(pc)?))
    }
}

/// Whether the interpreter's instance of an instruction decides where to go on.
fn leaves_block(insn: &Insn) -> bool {
    matches!(insn.class(), Class::Branch | Class::Jump | Class::Sys)
}
