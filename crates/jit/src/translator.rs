//! The translator: finds code for an address, or makes it.
//!
//! Code is keyed by virtual address (links and `auipc` are constants in it) and by offset in RAM, not by privilege, V,
//! ASID or VMID: data accesses go through whichever table the hart's context has, so code survives every switch. A
//! block stays within a page. Blocks of one page are linked directly; all else goes through the context's jump table.
//!
//! Stores do not touch code: as the manual allows, they reach it with FENCE.I. Pages with code are watched
//! ([`memory::Watcher`]). A FENCE.I before which none was written does nothing; else the blocks of those that were are
//! compared with memory before any of them runs again, and made anew if a byte differs. Zifencei: FENCE.I "ensures that a
//! subsequent instruction fetch on a RISC-V hart will see any previous data stores already visible to the same RISC-V hart".

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use arch::addr::PAGE_BYTES;
use arch::insn::{Class, Insn};
use hart::engine::{At, Core, decode};
use smallvec::SmallVec;

use crate::back_end::{DETOUR_BYTES, Emitter, Exit, Helpers, Made, SecondHalf, Stubs};
use crate::compile::{Compiled, Compiler, Leaves};
use crate::expr::Heap;
use crate::memory::CodeMemory;
use crate::notes::Notes;
use crate::sites::{Site, Sites};
use crate::statistics::Counters;
use crate::unit::{Origin, Source, Unit};

/// Longest block.
pub const MAX_INSNS: u8 = 64;
/// Blocks translated together at most: each is what the one before falls through to.
const MAX_RUN: usize = 4;
/// A dispatch that may be repeated behind a jump to it has at most so many instructions.
const MOST_OF_DISPATCH: usize = 16;
/// Bytes of notes at most; some eight times what a full cache has.
const MOST_NOTES: usize = 128 << 20;
/// Room that the hot code of such a run needs at most.
pub const ROOM: usize = 64 << 10;
/// Room that its cold code and its detours need at most, each.
const SMALL_ROOM: usize = 8 << 10;
const _: () = assert!(MAX_RUN * MAX_INSNS as usize * DETOUR_BYTES <= SMALL_ROOM);

/// A jump within a page that is linked when it is first taken.
#[derive(Clone, Copy)]
pub struct LinkSite {
    /// Where it goes.
    pub target: u64,
    /// Offset in the memory of hot code of what is behind its displacement, or 0.
    patch: u32,
    /// The page of RAM that it is in, and may stay in.
    page: u32,
}

/// Virtual address and offset in RAM.
type Key = (u64, u64);

/// Translates for one hart.
pub struct Translator {
    memory: CodeMemory,
    stubs: Stubs,
    sites: Sites,
    links: Vec<LinkSite>,
    /// Links that have been patched, so that nobody asks for them any more.
    free_links: Vec<u32>,
    /// What there is of each page.
    units: Vec<Unit>,
    /// Which of them is of a page.
    pages: HashMap<Key, u32, BuildHasherDefault<KeyHasher>>,
    /// Which of them are of a page of RAM.
    aliases: HashMap<u64, SmallVec<[u32; 2]>, BuildHasherDefault<KeyHasher>>,
    /// What their blocks were made of.
    notes: Notes,
    heap: Heap,
    /// Memory for what is being made.
    made: Made,
    counters: Counters,
}

impl Translator {
    /// A translator whose code calls these helpers.
    pub fn new(mut memory: CodeMemory, helpers: &Helpers) -> Translator {
        let mut stubs = Stubs::default();
        if let Some(places) = memory.place(ROOM, 0) {
            let made;
            (stubs, made) = Stubs::generate(&places, helpers);
            memory.put(&made);
            memory.keep();
        }
        Translator {
            memory,
            stubs,
            sites: Sites::default(),
            links: Vec::new(),
            free_links: Vec::new(),
            units: Vec::new(),
            pages: HashMap::default(),
            aliases: HashMap::default(),
            notes: Notes::default(),
            heap: Heap::new(),
            made: Made::default(),
            counters: Counters::default(),
        }
    }

    /// The code between blocks.
    pub fn stubs(&self) -> &Stubs {
        &self.stubs
    }

    /// The site of the detour that this offset in the detours is in.
    pub fn site(&self, offset: u64) -> Option<Site> {
        self.sites.get(offset as usize / DETOUR_BYTES)
    }

    /// A link by its number.
    pub fn link(&self, number: u64) -> Option<LinkSite> {
        self.links.get(number as usize).copied()
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        Counters { code_bytes: self.memory.used(), ..self.counters }
    }

    /// Counts a call of the interpreter for this instruction.
    pub fn count_call(&mut self, insn: &Insn) {
        self.counters.calls.note(insn);
    }

    /// Times that all code was dropped.
    pub fn flushes(&self) -> u64 {
        self.counters.flushes
    }

    /// Lets the jump of link `number` go to `code`, unless all was dropped since `flushes` were counted, or its page is
    /// mapped to other memory by now.
    pub fn patch(&mut self, number: u64, code: u64, flushes: u64, core: &Core) {
        let Some(link) = self.link(number) else { return };
        let stays = core.code.active.page(link.target).is_some_and(|at| at / PAGE_BYTES == u64::from(link.page));
        if link.patch != 0 && stays && flushes == self.counters.flushes {
            self.memory.patch(self.memory.base() + u64::from(link.patch), code);
            self.free_links.push(number as u32);
        }
    }

    /// The number of a new link to `target`, in the page at this offset in RAM.
    fn new_link(&mut self, target: u64, offset: u64) -> u32 {
        let link = LinkSite { target, patch: 0, page: (offset / PAGE_BYTES) as u32 };
        if let Some(number) = self.free_links.pop() {
            self.links[number as usize] = link;
            return number;
        }
        self.links.push(link);
        (self.links.len() - 1) as u32
    }

    /// FENCE.I.
    pub fn fence(&mut self, core: &mut Core) {
        self.counters.fences += 1;
        self.follow_writes(core);
    }

    /// Lets no block of a page that was written to run before it is compared.
    fn follow_writes(&mut self, core: &mut Core) {
        let written = core.watcher.written();
        for page in written.unwrap_or_else(|| self.aliases.keys().copied().collect()) {
            for &number in self.aliases.get(&page).into_iter().flatten() {
                if let Some(unit) = self.units.get_mut(number as usize) {
                    unit.stale = true;
                    core.code.clear_page_of(unit.page * PAGE_BYTES);
                }
            }
        }
    }

    /// Drops the code of pages of which an instruction gets or loses a breakpoint: by the virtual page, or anywhere.
    pub fn forget(&mut self, pages: impl Fn(u64) -> bool, core: &mut Core) {
        for unit in self.units.iter_mut().filter(|unit| pages(unit.page)) {
            unit.clear();
            core.code.clear_page_of(unit.page * PAGE_BYTES);
        }
    }

    /// Drops all code.
    pub fn clear(&mut self, core: &mut Core) {
        self.counters.flushes += 1;
        self.memory.clear();
        self.sites.clear();
        self.links.clear();
        self.free_links.clear();
        self.units.clear();
        self.pages.clear();
        self.aliases.clear();
        self.notes.clear();
        core.code.clear_targets();
    }

    /// Code for the hart's pc. `None`: there can be no block, as the instruction is not in RAM, goes on in a page that the
    /// jump table does not know, is not legal or cannot be fetched at all.
    #[inline]
    pub fn find(&mut self, core: &mut Core) -> Option<u64> {
        self.counters.finds += 1;
        core.code.active.get(core.pc).or_else(|| self.search(core))
    }

    /// Code for the hart's pc that the jump table does not know.
    #[cold]
    #[inline(never)]
    fn search(&mut self, core: &mut Core) -> Option<u64> {
        let pc = core.pc;
        self.counters.misses += 1;
        let offset = core.fetch_offset()?;
        if core.leaves_out(pc, offset) {
            return None;
        }
        let code = self.up_to_date(pc, offset).or_else(|| self.make(core))?;
        core.code.active.enter(pc, code);
        Some(code)
    }

    /// Code for the hart's pc, for which there is none, or none that is known to be up to date.
    fn make(&mut self, core: &mut Core) -> Option<u64> {
        let pc = core.pc;
        // what is translated now is new: what was written before it must not be seen later as it was
        self.follow_writes(core);
        let offset = core.fetch_offset()?;
        let unit = self.pages.get(&page_key(pc, offset)).copied();
        unit.and_then(|unit| self.entry(unit, pc, offset, core)).or_else(|| {
            let start = Instant::now();
            let made = self.translate(core, unit, pc, offset);
            self.counters.time += start.elapsed();
            made
        })
    }

    /// Code for the instruction at `pc`, which is at `offset` in RAM, unless its page is to be compared first.
    fn up_to_date(&self, pc: u64, offset: u64) -> Option<u64> {
        let unit = self.units.get(*self.pages.get(&page_key(pc, offset))? as usize).filter(|unit| !unit.stale)?;
        Some(self.memory.base() + u64::from(unit.entry(pc)?))
    }

    /// Code for the instruction at `pc`, which is at `offset` in RAM, in the unit with this number.
    fn entry(&mut self, unit: u32, pc: u64, offset: u64, core: &mut Core) -> Option<u64> {
        let unit = self.units.get_mut(unit as usize)?;
        if unit.stale {
            let page = offset / PAGE_BYTES;
            // before the comparison: a write that comes later is noted again
            core.watcher.watch(page);
            core.follow_watches();
            self.counters.compared_pages += 1;
            let is_same = |source: &Source| {
                is_in_ram(core, page * PAGE_BYTES + u64::from(source.start), self.notes.bytes(source))
            };
            if !unit.sources().iter().all(is_same) {
                self.counters.changed_pages += 1;
                unit.clear();
            }
            unit.stale = false;
        }
        Some(self.memory.base() + u64::from(unit.entry(pc)?))
    }

    /// Translates the block at `pc`, which is at `offset` in RAM, and what it falls through to, into the unit with this number
    /// or into a new one.
    fn translate(&mut self, core: &mut Core, number: Option<u32>, pc: u64, offset: u64) -> Option<u64> {
        let mut number = number;
        // instructions that do nothing have notes, but no code
        if self.memory.place(ROOM, SMALL_ROOM).is_none() || self.notes.len() > MOST_NOTES {
            self.clear(core);
            number = None;
        }
        let at = self.memory.place(ROOM, SMALL_ROOM)?;
        // before the bytes are read: a write that comes later is noted
        core.watcher.watch(offset / PAGE_BYTES);
        core.follow_watches();
        let known = number.and_then(|number| self.units.get_mut(number as usize));
        let unit = known.map_or_else(|| Unit::of(pc / PAGE_BYTES), std::mem::take);
        let mut heap = std::mem::take(&mut self.heap);
        heap.reset();
        let emitter = Emitter::new(at, self.stubs, std::mem::take(&mut self.made));
        let compiler = Compiler::new(emitter, &heap, core);
        let mut run = Run::new(self, core, compiler, unit, pc, offset);
        run.blocks();
        let (unit, emitter) = (run.unit, run.compiler.emitter);
        self.made = emitter.finish();
        self.heap = heap;
        let code = unit.entry(pc);
        self.keep_unit(number, unit, offset, code.is_some());
        let code = code?;
        if !self.memory.put(&self.made) {
            self.clear(core);
            return None;
        }
        for link in &self.made.links {
            if let Some(site) = self.links.get_mut(link.site as usize) {
                site.patch = (link.patch - self.memory.base()) as u32;
            }
        }
        Some(self.memory.base() + u64::from(code))
    }

    /// Takes back a unit that had this number; a new one, of a page at `offset` in RAM, is kept only where it has blocks.
    fn keep_unit(&mut self, number: Option<u32>, unit: Unit, offset: u64, has_blocks: bool) {
        match number.and_then(|number| self.units.get_mut(number as usize)) {
            Some(place) => *place = unit,
            None if has_blocks => {
                let (number, page) = (self.units.len() as u32, offset / PAGE_BYTES);
                self.pages.insert((unit.page, page), number);
                self.aliases.entry(page).or_default().push(number);
                self.units.push(unit);
            }
            None => {}
        }
    }

    /// Whether `address` is one of the memory for code.
    pub fn has(&self, address: u64) -> bool {
        self.memory.has(address)
    }

    /// What the hot code at `address` was made of. `None`: it is none, or its block is known no more.
    pub fn origin(&self, address: u64) -> Option<Origin> {
        let host = u32::try_from(address.checked_sub(self.memory.base())?).ok()?;
        let sources = self.units.iter().flat_map(|unit| unit.sources().iter().map(move |source| (unit.page, source)));
        // what begins last before the address has it, if anything has
        let (page, source) = sources.filter(|(_, source)| source.code <= host).max_by_key(|(_, source)| source.code)?;
        let made = self.notes.origin(source, (host - source.code).into())?;
        let start = page * PAGE_BYTES + u64::from(source.start);
        let address = |at: u16| start + u64::from(at);
        Some(Origin { pc: address(made.at), block: address(made.block), raw: made.raw, len: made.len })
    }

    /// Overwrites the hot code of the instruction at `pc`. Answers whether there is any.
    #[cfg(test)]
    pub fn break_code(&mut self, pc: u64, with: &[u8]) -> bool {
        let base = self.memory.base();
        let mut code = base..base + self.memory.used()[0] as u64;
        let Some(at) = code.find(|&at| self.origin(at).is_some_and(|origin| origin.pc == pc)) else { return false };
        self.memory.overwrite(at, with);
        true
    }
}

fn page_key(pc: u64, offset: u64) -> Key {
    (pc / PAGE_BYTES, offset / PAGE_BYTES)
}

/// Whether these bytes are at this offset in RAM, which is even as their number is.
fn is_in_ram(core: &Core, offset: u64, bytes: &[u8]) -> bool {
    let (halves, _) = bytes.as_chunks::<2>();
    let mut at = (offset..).step_by(2);
    halves.iter().all(|half| at.next().and_then(|at| core.ram.load_u16(at)) == Some(u16::from_le_bytes(*half)))
}

/// The bits of the instruction at this offset in RAM and their number in bytes, if it ends in the same page.
fn raw_in(core: &Core, offset: u64) -> Option<(u32, u8)> {
    let low = u32::from(core.ram.load_u16(offset)?);
    if low & 3 != 3 {
        return Some((low, 2));
    }
    let behind = offset + 2;
    if behind.is_multiple_of(PAGE_BYTES) {
        return None;
    }
    Some((u32::from(core.ram.load_u16(behind)?) << 16 | low, 4))
}

/// Whether what is at this offset in RAM is what interpreters and `switch` in loops have in common: a few instructions on
/// the way to an indirect jump.
fn dispatches(core: &Core, mut offset: u64) -> bool {
    const RETURN: [u8; 2] = [1, 5];
    for _ in 0..MOST_OF_DISPATCH {
        let raw = raw_in(core, offset);
        let Some((insn, len)) = raw.and_then(|(raw, len)| Some((decode(raw, len, &core.config.isa)?, len))) else {
            return false;
        };
        match (insn, insn.class()) {
            (Insn::Jalr(i), _) => return i.rd == 0 && !RETURN.contains(&i.rs1),
            (_, Class::Jump | Class::Sys) => return false,
            _ => offset += u64::from(len),
        }
        if offset.is_multiple_of(PAGE_BYTES) {
            return false;
        }
    }
    false
}

/// A run of blocks in translation.
struct Run<'t, 'a> {
    translator: &'t mut Translator,
    core: &'t Core,
    compiler: Compiler<'a>,
    /// What there is of the page.
    unit: Unit,
    /// Of the first instruction of the source that is being read.
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
    /// What comes next is the block behind.
    FallsThrough,
    /// Nothing could be translated.
    Empty,
}

impl<'t, 'a> Run<'t, 'a> {
    fn new(
        translator: &'t mut Translator,
        core: &'t Core,
        compiler: Compiler<'a>,
        unit: Unit,
        pc: u64,
        offset: u64,
    ) -> Self {
        let source = Source { at: 0, start: 0, len: 0, code: 0 };
        let mut run = Run { translator, core, compiler, unit, pc, offset, at: 0, source, begun: None, followed: false };
        run.open_source(pc, offset);
        run
    }

    /// Translates what there is.
    fn blocks(&mut self) {
        for number in 0..MAX_RUN {
            match self.block(number) {
                End::Closed => break,
                End::FallsThrough => {}
                End::Empty => return,
            }
        }
        self.close_source();
    }

    /// Goes on with the instructions at `pc`, which are at `offset` in RAM.
    fn open_source(&mut self, pc: u64, offset: u64) {
        (self.pc, self.offset, self.at) = (pc, offset, 0);
        let code = (self.compiler.emitter.here() - self.translator.memory.base()) as u32;
        let at = self.translator.notes.len() as u32;
        self.source = Source { at, start: (offset % PAGE_BYTES) as u16, len: 0, code };
    }

    /// Notes what was read since.
    fn close_source(&mut self) {
        self.measure(self.compiler.emitter.here());
        self.translator.notes.close();
        self.unit.remember(Source { len: self.at.min(self.of_page()) as u16, ..self.source });
    }

    /// Reads an instruction, whose code begins at `host`.
    fn take(&mut self, raw: u32, len: u8, host: u64, opens: bool) {
        self.measure(host);
        self.begun = Some((host, opens));
        // code looks itself at what goes on in the next page
        let noted = u64::from(len).min(self.of_page() - self.at);
        self.translator.notes.instruction(raw, noted as u8);
        self.at += u64::from(len);
    }

    /// Bytes of the page from the source's first on.
    fn of_page(&self) -> u64 {
        PAGE_BYTES - self.offset % PAGE_BYTES
    }

    /// The last instruction's code has come to its end.
    fn measure(&mut self, end: u64) {
        if let Some((begin, opens)) = self.begun.take() {
            self.translator.notes.size(end - begin, opens);
        }
    }

    fn here(&self) -> u64 {
        self.pc.wrapping_add(self.at)
    }

    /// The instruction `ahead` bytes from here, if it ends in the page and is legal.
    fn fetch(&self, ahead: u64) -> Option<At> {
        let ahead = self.at + ahead;
        if ahead >= self.of_page() {
            return None;
        }
        let (raw, len) = raw_in(self.core, self.offset + ahead)?;
        let (insn, pc) = (decode(raw, len, &self.core.config.isa)?, self.pc.wrapping_add(ahead));
        // what a debugger stops at is the interpreter's
        (!self.core.leaves_out(pc, self.offset + ahead)).then_some(At { insn, pc, raw, len })
    }

    /// The instruction that the run begins with, if it goes on in the next page, and its second half.
    fn crossing(&self) -> Option<(At, SecondHalf)> {
        const HALF: u64 = 2;
        let low = u32::from(self.core.ram.load_u16(self.offset)?);
        if low & 3 != 3 || self.of_page() != HALF {
            return None;
        }
        let second = SecondHalf::at(self.core, self.pc.wrapping_add(HALF))?;
        let (raw, len) = (u32::from(second.bits) << 16 | low, 4);
        let insn = decode(raw, len, &self.core.config.isa)?;
        Some((At { insn, pc: self.pc, raw, len }, second))
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
        let Some(mut at) = first else {
            if number == 0 {
                return End::Empty;
            }
            // the block before falls through to here
            let exit = self.exit(start);
            self.compiler.emitter.go(exit);
            return End::Closed;
        };
        if number != 0
            && !self.followed
            && let Some(code) = self.known(start)
        {
            self.compiler.emitter.go(Exit::Code(code));
            return End::Closed;
        }
        let begin = self.compiler.emitter.here();
        let entry = match second {
            Some(second) => self.compiler.emitter.crossing(start, &second),
            None => begin,
        };
        self.enter(start, entry);
        self.compiler.emitter.open_block(start);
        self.compiler.open_block();
        let mut count = 0;
        let end = loop {
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
                Some(end) => break Some(end),
                None => {}
            }
            match self.fetch(0) {
                Some(next) if count < MAX_INSNS => at = next,
                _ => break None,
            }
        };
        self.translator.counters.instructions += u64::from(count);
        self.translator.sites.settle(first_site, count);
        self.close(count, at, end, number + 1 == MAX_RUN)
    }

    /// Enters the block at `pc`, whose code begins at `host`.
    fn enter(&mut self, pc: u64, host: u64) {
        self.translator.counters.blocks += 1;
        self.unit.enter(pc, (host - self.translator.memory.base()) as u32);
    }

    /// Makes a conditional move of the instructions that a branch to `target` skips, if they are few and simple enough;
    /// answers how many they are.
    fn hammock(&mut self, condition: crate::expr::N<'a>, target: u64, count: u8) -> Option<u8> {
        const MOST: usize = 2;
        let mut skipped = SmallVec::<[At; MOST]>::new();
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
    fn close(&mut self, count: u8, at: At, end: Option<Leaves<'a>>, last: bool) -> End {
        let behind = self.here();
        match end {
            Some(Leaves::To(target)) => {
                let exit = self.exit(target);
                self.compiler.emitter.close_block(count, exit);
                End::Closed
            }
            Some(Leaves::Kept) => {
                self.compiler.emitter.close_block(count, Exit::Kept);
                End::Closed
            }
            Some(Leaves::System(system)) => {
                self.compiler.emitter.close_block(count, Exit::System { system, pc: at.pc, raw: at.raw });
                End::Closed
            }
            Some(Leaves::Not) => {
                self.compiler.emitter.count(count);
                End::Closed
            }
            Some(Leaves::Branch(condition, target)) => {
                let exit = self.exit(target);
                self.compiler.branch(condition, exit);
                self.go_on(count, behind, last)
            }
            None => self.go_on(count, behind, last),
        }
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
    fn instruction(&mut self, at: At, count: u8) -> Option<Leaves<'a>> {
        // a site's `left` is its number in the block, until the block's length is known
        let site = Site { pc: at.pc, insn: at.insn, len: at.len, left: count, leaves: false };
        match self.compiler.instruction(&at.insn, at.pc, self.here()) {
            Ok(Compiled { leaves, detours, detour_leaves }) => {
                if detours {
                    self.translator.sites.push(Site { leaves: detour_leaves, ..site });
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
    fn exit(&mut self, target: u64) -> Exit {
        if target / PAGE_BYTES != self.pc / PAGE_BYTES {
            return Exit::Far { pc: target };
        }
        match self.known(target) {
            Some(code) => Exit::Code(code),
            None => Exit::Near { site: self.translator.new_link(target, self.offset) },
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

/// Spreads addresses.
#[derive(Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(b.into()));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}
