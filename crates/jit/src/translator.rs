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
use arch::isa::Isa;
use hart::engine::{At, Core, decode, raw_at};

use crate::compile::{Compiled, Compiler, Leaves};
use crate::expr::Heap;
use crate::memory::CodeMemory;
use crate::sites::{Site, Sites};
use crate::statistics::Counters;
use crate::unit::{Origin, Place, Source, Unit};
use crate::x64::{DETOUR_BYTES, Emitter, Exit, Helpers, Made, SecondHalf, Stubs};

/// Longest block.
pub const MAX_INSNS: u8 = 64;
/// Blocks translated together at most: each is what the one before falls through to.
const MAX_RUN: usize = 4;
/// Bytes of source that such a run may span.
const WINDOW: usize = 1024;
/// A dispatch that may be repeated behind a jump to it has at most so many instructions.
const MOST_OF_DISPATCH: usize = 16;
/// Bytes of source and instructions that are noted at most, together; some eight times what a full cache has.
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
    /// The address behind its displacement, or 0.
    pub patch: u64,
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
    /// By page.
    units: HashMap<Key, Unit, BuildHasherDefault<KeyHasher>>,
    /// All bytes that blocks were made of.
    bytes: Vec<u8>,
    /// Where their instructions begin.
    places: Vec<Place>,
    /// Virtual pages of the units of a page of RAM.
    aliases: HashMap<u64, Vec<u64>, BuildHasherDefault<KeyHasher>>,
    /// Units that are stale.
    stale: usize,
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
            let mut asm = crate::x64::Asm::new(places.hot);
            stubs = Stubs::generate(&mut asm, helpers, places.detours);
            memory.put(&Made { hot: asm.code, ..Made::default() });
            memory.keep();
        }
        Translator {
            memory,
            stubs,
            sites: Sites::default(),
            links: Vec::new(),
            free_links: Vec::new(),
            units: HashMap::default(),
            bytes: Vec::new(),
            places: Vec::new(),
            aliases: HashMap::default(),
            stale: 0,
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
            self.memory.patch(link.patch, code);
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
            for &va in self.aliases.get(&page).into_iter().flatten() {
                if let Some(unit) = self.units.get_mut(&(va, page)) {
                    self.stale += usize::from(!unit.stale);
                    unit.stale = true;
                    core.code.clear_page_of(va * PAGE_BYTES);
                }
            }
        }
    }

    /// Drops all code.
    fn clear(&mut self, core: &mut Core) {
        self.counters.flushes += 1;
        self.memory.clear();
        self.sites.clear();
        self.links.clear();
        self.free_links.clear();
        self.units.clear();
        self.stale = 0;
        self.aliases.clear();
        self.bytes.clear();
        self.places.clear();
        core.code.clear_targets();
    }

    /// Code for the hart's pc. `None`: there can be no block, as the instruction is not in RAM, goes on in a page that the
    /// jump table does not know, is not legal or cannot be fetched at all.
    pub fn find(&mut self, core: &mut Core) -> Option<u64> {
        let pc = core.pc;
        self.counters.finds += 1;
        if let Some(code) = core.code.active.get(pc) {
            return Some(code);
        }
        self.counters.misses += 1;
        // what is translated now is new: what was written before it must not be seen later as it was
        self.follow_writes(core);
        let offset = core.fetch_offset()?;
        if self.stale != 0 {
            self.validate(pc, offset, core);
        }
        let code = match self.entry(pc, offset) {
            Some(code) => code,
            None => {
                let start = Instant::now();
                let made = self.translate(core, pc, offset);
                self.counters.time += start.elapsed();
                made?
            }
        };
        core.code.active.enter(pc, code);
        Some(code)
    }

    /// Code for the instruction at `pc`, which is at `offset` in RAM.
    fn entry(&self, pc: u64, offset: u64) -> Option<u64> {
        let code = self.units.get(&page_key(pc, offset))?.entry(pc)?;
        Some(self.memory.base() + u64::from(code))
    }

    /// Compares the page's blocks with memory, if it was written to.
    fn validate(&mut self, pc: u64, offset: u64, core: &mut Core) {
        let key = page_key(pc, offset);
        let Some(unit) = self.units.get_mut(&key) else { return };
        if !unit.stale {
            return;
        }
        unit.stale = false;
        self.stale -= 1;
        // before the comparison: a write that comes later is noted again
        core.watcher.watch(key.1);
        core.follow_watches();
        self.counters.compared_pages += 1;
        let bytes = &self.bytes;
        let same = |source: &Source| {
            let mut now = [0; WINDOW];
            let now = &mut now[..usize::from(source.len)];
            let then = source.at as usize;
            read(core, key.1 * PAGE_BYTES + u64::from(source.start), now) && *now == bytes[then..then + now.len()]
        };
        if !unit.sources().iter().all(same) {
            self.counters.changed_pages += 1;
            unit.clear();
        }
    }

    /// Translates the block at `pc`, which is at `offset` in RAM, and what it falls through to.
    fn translate(&mut self, core: &mut Core, pc: u64, offset: u64) -> Option<u64> {
        // instructions that do nothing have notes, but no code
        if self.memory.place(ROOM, SMALL_ROOM).is_none() || self.bytes.len() + self.places.len() > MOST_NOTES {
            self.clear(core);
        }
        let at = self.memory.place(ROOM, SMALL_ROOM)?;
        // before the bytes are read: a write that comes later is noted
        core.watcher.watch(offset / PAGE_BYTES);
        core.follow_watches();
        let mut window = Window::at(core, offset)?;
        let second = window.has_half().then(|| SecondHalf::at(core, pc.wrapping_add(2))).flatten();
        if let Some(second) = second {
            window.append(second.bits);
        }
        let mut heap = std::mem::take(&mut self.heap);
        heap.reset();
        let emitter = Emitter::new(at, self.stubs, std::mem::take(&mut self.made));
        let compiler = Compiler::new(emitter, &heap, core);
        let (hot, places, sites) = (at.hot, self.places.len(), self.sites.len());
        let fresh = Vec::new();
        let mut run = Run {
            translator: self,
            core,
            compiler,
            pc,
            offset,
            window,
            second,
            hot,
            places,
            fresh,
            at: 0,
            before: None,
        };
        let done = run.blocks();
        let fresh = std::mem::take(&mut run.fresh);
        let last = Piece { offset: run.offset, window: run.window, len: run.at, places: run.places };
        let pieces = [run.before.take(), Some(last)];
        self.made = run.compiler.emitter.finish();
        self.heap = heap;
        if !done || !self.memory.put(&self.made) {
            self.places.truncate(places);
            self.sites.truncate(sites);
            return None;
        }
        for link in &self.made.links {
            if let Some(site) = self.links.get_mut(link.site as usize) {
                site.patch = link.patch;
            }
        }
        self.remember(page_key(pc, offset), pieces.iter().flatten(), hot, &fresh);
        fresh.first().map(|&(_, code)| code)
    }

    /// Whether `address` is one of the memory for code.
    pub fn has(&self, address: u64) -> bool {
        self.memory.has(address)
    }

    /// What the hot code at `address` was made of. `None`: it is none, or its block is known no more.
    pub fn origin(&self, address: u64) -> Option<Origin> {
        let host = address.checked_sub(self.memory.base())?;
        let sources =
            self.units.iter().flat_map(|(key, unit)| unit.sources().iter().map(move |source| (key.0, source)));
        let of_run = sources.filter(|(_, s)| host.wrapping_sub(s.code.into()) < u64::from(s.code_bytes));
        let known = of_run.filter_map(|(page, source)| {
            let (mine, number) = self.places_before(source, host - u64::from(source.code))?;
            Some((page, source, mine, number))
        });
        // a run may have followed a jump: what begins last before the address has it
        let (page, source, mine, number) = known.max_by_key(|(.., mine, number)| mine[*number].host)?;
        let opener = mine[..=number].iter().rfind(|place| place.opens).or(mine.first())?;
        let start = page * PAGE_BYTES + u64::from(source.start);
        let guest = usize::from(mine[number].guest);
        let at = source.at as usize;
        let (raw, len) = raw_at(self.bytes.get(at + guest..at + usize::from(source.len))?)?;
        Some(Origin { pc: start + guest as u64, block: start + u64::from(opener.guest), raw, len })
    }

    /// The places of a source, and which of them is the last before this offset in the code of its run.
    fn places_before(&self, source: &Source, host: u64) -> Option<(&[Place], usize)> {
        let rest = self.places.get(source.places as usize..)?;
        // the next source's places begin with offset 0 of its own
        let more = rest.iter().skip(1).take_while(|place| place.guest != 0).count();
        let mine = &rest[..rest.len().min(1 + more)];
        Some((mine, mine.iter().rposition(|place| u64::from(place.host) <= host)?))
    }

    /// Overwrites the hot code of the instruction at `pc`. Answers whether there is any.
    #[cfg(test)]
    pub fn break_code(&mut self, pc: u64, with: &[u8]) -> bool {
        let base = self.memory.base();
        let sources = self.units.values().flat_map(|unit| unit.sources());
        let mut code = sources.flat_map(|s| base + u64::from(s.code)..base + u64::from(s.code + s.code_bytes));
        let Some(at) = code.find(|&at| self.origin(at).is_some_and(|origin| origin.pc == pc)) else { return false };
        self.memory.overwrite(at, with);
        true
    }

    /// Enters blocks of a page, and what they were made of.
    fn remember<'p>(&mut self, page: Key, pieces: impl Iterator<Item = &'p Piece>, hot: u64, fresh: &[(u64, u64)]) {
        let base = self.memory.base();
        let (code, code_bytes) = ((hot - base) as u32, self.made.hot.len() as u32);
        let unit = self.units.entry(page).or_default();
        let aliases = self.aliases.entry(page.1).or_default();
        if !aliases.contains(&page.0) {
            aliases.push(page.0);
        }
        for piece in pieces {
            let start = piece.offset % PAGE_BYTES;
            // code looks itself at what goes on in the next page
            let len = piece.len.min((PAGE_BYTES - start) as usize);
            let (at, places) = (self.bytes.len() as u32, piece.places as u32);
            unit.remember(Source { at, start: start as u16, len: len as u16, code, code_bytes, places });
            self.bytes.extend_from_slice(&piece.window.bytes()[..len]);
        }
        for &(pc, code) in fresh {
            self.counters.blocks += 1;
            unit.enter(pc, (code - base) as u32);
        }
    }
}

fn page_key(pc: u64, offset: u64) -> Key {
    (pc / PAGE_BYTES, offset / PAGE_BYTES)
}

/// Reads RAM in words where it can.
fn read(core: &Core, offset: u64, into: &mut [u8]) -> bool {
    let mut at = offset;
    let (words, rest) = into.as_chunks_mut::<8>();
    for word in words {
        let Some(value) = core.ram.load_u64(at) else { return false };
        *word = value.to_le_bytes();
        at += 8;
    }
    core.ram.read_bytes(at, rest).is_some()
}

/// Bytes of code, to the end of their page at most.
struct Window {
    bytes: [u8; WINDOW],
    len: usize,
}

impl Window {
    /// What is at this offset in RAM.
    fn at(core: &Core, offset: u64) -> Option<Window> {
        let len = ((PAGE_BYTES - offset % PAGE_BYTES) as usize).min(WINDOW);
        let mut window = Window { bytes: [0; WINDOW], len };
        read(core, offset, &mut window.bytes[..len]).then_some(window)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether it is but the first half of an instruction.
    fn has_half(&self) -> bool {
        matches!(self.bytes(), [low, _] if low & 3 == 3)
    }

    /// Adds the second half.
    fn append(&mut self, half: u16) {
        self.bytes[self.len..self.len + 2].copy_from_slice(&half.to_le_bytes());
        self.len += 2;
    }

    /// The instruction at an offset in the window.
    fn fetch(&self, at: usize, isa: &Isa) -> Option<(Insn, u32, u8)> {
        let (raw, len) = raw_at(self.bytes().get(at..)?)?;
        Some((decode(raw, len, isa)?, raw, len))
    }

    /// Whether this is what interpreters and `switch` in loops have in common: a few instructions on the way to an
    /// indirect jump.
    fn dispatches(&self, isa: &Isa) -> bool {
        const RETURN: [u8; 2] = [1, 5];
        let mut at = 0;
        for _ in 0..MOST_OF_DISPATCH {
            let Some((insn, _, len)) = self.fetch(at, isa) else { return false };
            match (insn, insn.class()) {
                (Insn::Jalr(i), _) => return i.rd == 0 && !RETURN.contains(&i.rs1),
                (_, Class::Jump | Class::Sys) => return false,
                _ => at += usize::from(len),
            }
        }
        false
    }
}

/// Bytes that code was made of.
struct Piece {
    offset: u64,
    window: Window,
    len: usize,
    /// The first of its [`Place`]s.
    places: usize,
}

/// A run of blocks in translation.
struct Run<'t, 'a> {
    translator: &'t mut Translator,
    core: &'t Core,
    compiler: Compiler<'a>,
    /// Of the first instruction.
    pc: u64,
    offset: u64,
    /// The bytes from there on.
    window: Window,
    /// The end of the first instruction, if it goes on in the next page.
    second: Option<SecondHalf>,
    /// Where its hot code begins.
    hot: u64,
    /// Its first [`Place`].
    places: usize,
    /// What was translated before a jump was followed, after which the above are those of its target.
    before: Option<Piece>,
    /// The blocks of this run: where they start, and their code.
    fresh: Vec<(u64, u64)>,
    /// Offset in the window of the next instruction.
    at: usize,
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

impl<'a> Run<'_, 'a> {
    fn blocks(&mut self) -> bool {
        for number in 0..MAX_RUN {
            match self.block(number + 1 == MAX_RUN) {
                End::Closed => break,
                End::FallsThrough => {}
                End::Empty => return number > 0,
            }
        }
        true
    }

    /// Notes where the next instruction begins.
    fn place(&mut self, host: u64, opens: bool) {
        // both fit: a run has some hundred bytes of source, and `ROOM` for code
        let place = Place { guest: self.at as u16, host: (host - self.hot) as u16, opens };
        self.translator.places.push(place);
    }

    fn here(&self) -> u64 {
        self.pc.wrapping_add(self.at as u64)
    }

    fn fetch(&self) -> Option<At> {
        let (insn, raw, len) = self.window.fetch(self.at, &self.core.config.isa)?;
        Some(At { insn, pc: self.here(), raw, len })
    }

    /// Translates a block; `last` when nothing may fall through behind it.
    fn block(&mut self, last: bool) -> End {
        let first_site = self.translator.sites.len();
        let start = self.here();
        if self.fetch().is_none() {
            if self.at == 0 {
                return End::Empty;
            }
            // the block before falls through to here
            let exit = self.exit(start);
            self.compiler.emitter.go(exit);
            return End::Closed;
        }
        if self.at != 0
            && self.before.is_none()
            && let Exit::Code(code) = self.exit(start)
        {
            self.compiler.emitter.go(Exit::Code(code));
            return End::Closed;
        }
        let entry = match self.second.take() {
            Some(second) => self.compiler.emitter.crossing(start, &second),
            None => self.compiler.emitter.here(),
        };
        self.fresh.push((start, entry));
        self.compiler.emitter.open_block(start);
        self.compiler.open_block();
        let mut count = 0;
        let end = loop {
            let Some(at) = self.fetch() else { break None };
            let begins = if count == 0 { entry } else { self.compiler.emitter.here() };
            self.place(begins, count == 0);
            self.at += usize::from(at.len);
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
            if count >= MAX_INSNS {
                break None;
            }
        };
        self.translator.counters.instructions += u64::from(count);
        self.translator.sites.settle(first_site, count);
        self.close(count, end, last)
    }

    /// Makes a conditional move of the instructions that a branch to `target` skips, if they are few and simple enough;
    /// answers how many they are.
    fn hammock(&mut self, condition: crate::expr::N<'a>, target: u64, count: u8) -> Option<u8> {
        const MOST: u8 = 2;
        let start = self.at;
        let mut skipped = Vec::new();
        while self.here() != target {
            let at = self.fetch().filter(|_| skipped.len() < MOST.into());
            let Some(at) = at else { break };
            self.at += usize::from(at.len);
            skipped.push(at);
        }
        let fits = self.here() == target && !skipped.is_empty() && count + MOST <= MAX_INSNS;
        if fits && self.compiler.hammock(condition, &skipped).is_ok() {
            return Some(skipped.len() as u8);
        }
        self.at = start;
        None
    }

    /// Goes on at the target of a jump, where that only dispatches: the host predicts many indirect jumps better, each
    /// with a history of its own, than one that goes everywhere.
    fn follow(&mut self, target: u64) -> bool {
        if self.before.is_some() || target / PAGE_BYTES != self.pc / PAGE_BYTES {
            return false;
        }
        let offset = (self.offset & !(PAGE_BYTES - 1)) + target % PAGE_BYTES;
        let Some(window) = Window::at(self.core, offset).filter(|w| w.dispatches(&self.core.config.isa)) else {
            return false;
        };
        let window = std::mem::replace(&mut self.window, window);
        let places = std::mem::replace(&mut self.places, self.translator.places.len());
        self.before = Some(Piece { offset: self.offset, window, len: self.at, places });
        (self.pc, self.offset, self.at) = (target, offset, 0);
        true
    }

    fn close(&mut self, count: u8, end: Option<Leaves<'a>>, last: bool) -> End {
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
        let fresh = self.fresh.iter().find(|(pc, _)| *pc == target).map(|&(_, code)| code);
        if let Some(code) = fresh.or_else(|| self.translator.entry(target, self.offset)) {
            return Exit::Code(code);
        }
        Exit::Near { site: self.translator.new_link(target, self.offset) }
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
