//! The translator: finds code for an address, or makes it.
//!
//! Code is keyed by virtual address (links and `auipc` are constants in it) and by offset in RAM, not by privilege, V,
//! ASID or VMID: data accesses go through whichever table the hart's context has, so code survives every switch. A
//! block stays within a page. Blocks of one page are linked directly; all else goes through the context's jump table.
//!
//! Stores do not touch code: as the manual allows, they reach it with FENCE.I. Pages with code are watched
//! ([`memory::Watcher`]). A FENCE.I before which none was written does nothing; else the blocks of those that were are
//! compared with memory before any of them runs again, and made anew if a byte differs. Zifencei: FENCE.I "ensures that
//! a subsequent instruction fetch on a RISC-V hart will see any previous data stores already visible to the same RISC-V
//! hart".

mod build;
mod cache;
mod links;
mod text;

use std::time::Instant;

use arch::addr::PAGE_BYTES;
use arch::insn::Insn;
use hart::engine::Core;

use crate::compile::Compiler;
use crate::expr::Heap;
use crate::host::{Backend, Blocks, MAX_INSNS, Made, Places, Runtime};
use crate::memory::{CodeMemory, most_slow_path_bytes};
use crate::sites::{MOST_SITES, Site, Sites};
use crate::statistics::Counters;
use crate::unit::{Origin, Origins, Unit};
use build::{Builder, MAX_RUN};
use cache::Cache;
use links::{LinkSite, Links};

/// Translates for one hart.
pub struct Translator<B: Backend> {
    memory: CodeMemory,
    stubs: B::Stubs,
    sites: Sites,
    links: Links,
    cache: Cache,
    heap: Heap,
    /// Buffers for the code that is being made, used again and again.
    made: Made,
    counters: Counters,
}

impl<B: Backend> Translator<B> {
    /// A run of blocks has room, places in code are 32 bits, and each slow path that fits has a site.
    const FITS: () = {
        assert!(MAX_RUN * MAX_INSNS as usize * B::SLOW_PATH_BYTES <= B::SMALL_ROOM);
        assert!(B::REACH <= 1 << 32);
        assert!(most_slow_path_bytes(B::REACH) / B::SLOW_PATH_BYTES <= MOST_SITES);
    };

    /// A translator whose code runs in `R`.
    pub fn new<R: Runtime>(mut memory: CodeMemory) -> Self {
        let () = Self::FITS;
        let mut stubs = B::Stubs::default();
        if let Some(places) = memory.place(B::ROOM, 0) {
            let made;
            (stubs, made) = B::stubs::<R>(&places);
            put::<B>(&mut memory, &stubs, &places, &made);
            memory.keep();
        }
        Translator {
            memory,
            stubs,
            sites: Sites::default(),
            links: Links::default(),
            cache: Cache::default(),
            heap: Heap::new(),
            made: Made::default(),
            counters: Counters::default(),
        }
    }

    /// The code between blocks.
    pub fn stubs(&self) -> &B::Stubs {
        &self.stubs
    }

    /// The site of the slow path that this offset in the slow paths is in.
    pub fn site(&self, offset: u64) -> Option<Site> {
        self.sites.get(offset as usize / B::SLOW_PATH_BYTES)
    }

    /// A link by its number.
    pub fn link(&self, number: u64) -> Option<LinkSite> {
        self.links.get(number)
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
        if flushes != self.counters.flushes {
            return;
        }
        if let Some(patch) = self.links.settle(number, core) {
            let at = self.memory.base() + u64::from(patch);
            let bytes = B::retarget(at, code);
            self.memory.patch(at, bytes);
            B::written(&self.stubs, at, &bytes);
        }
    }

    /// FENCE.I.
    pub fn fence(&mut self, core: &mut Core) {
        self.counters.fences += 1;
        self.cache.follow_writes(core);
    }

    /// Drops the code of pages of which an instruction gets or loses a breakpoint: by the virtual page, or anywhere.
    pub fn forget(&mut self, pages: impl Fn(u64) -> bool, core: &mut Core) {
        self.cache.forget(pages, core);
    }

    /// Drops all code.
    pub fn clear(&mut self, core: &mut Core) {
        self.counters.flushes += 1;
        self.memory.clear();
        self.sites.clear();
        self.links.clear();
        self.cache.clear();
        core.code.clear_targets();
    }

    /// Code for the hart's pc. `None`: there can be no block, as the instruction is not in RAM, goes on in a page that
    /// the jump table does not know, is not legal or cannot be fetched at all.
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
        let known = self.cache.up_to_date(pc, offset).map(|code| self.address(code));
        let code = known.or_else(|| self.make(core))?;
        core.code.active.enter(pc, code);
        Some(code)
    }

    /// Code for the hart's pc, for which there is none, or none that is known to be up to date.
    fn make(&mut self, core: &mut Core) -> Option<u64> {
        let pc = core.pc;
        // what is translated now is new: what was written before it must not be seen later as it was
        self.cache.follow_writes(core);
        let offset = core.fetch_offset()?;
        let unit = self.cache.number(pc, offset);
        let known = unit.and_then(|unit| self.cache.entry(unit, pc, offset, core, &mut self.counters));
        known.map(|code| self.address(code)).or_else(|| {
            let start = Instant::now();
            let made = self.translate(core, unit, pc, offset);
            self.counters.time += start.elapsed();
            made
        })
    }

    /// Translates the block at `pc`, which is at `offset` in RAM, and what it falls through to, into the unit with this
    /// number or into a new one.
    fn translate(&mut self, core: &mut Core, mut number: Option<u32>, pc: u64, offset: u64) -> Option<u64> {
        if self.memory.place(B::ROOM, B::SMALL_ROOM).is_none() || self.cache.is_full() {
            self.clear(core);
            number = None;
        }
        let places = self.memory.place(B::ROOM, B::SMALL_ROOM)?;
        // before the bytes are read: a write that comes later is noted
        core.watcher.watch(offset / PAGE_BYTES);
        core.follow_watches();
        let unit = self.cache.take(number, pc);
        let unit = self.build(core, places, unit, (pc, offset));
        let code = unit.entry(pc);
        self.cache.keep(number, unit, offset, code.is_some());
        let code = code?;
        if !put::<B>(&mut self.memory, &self.stubs, &places, &self.made) {
            self.clear(core);
            return None;
        }
        self.links.place(&self.made.links, self.memory.base());
        Some(self.address(code))
    }

    /// Makes the code of a run of blocks, and adds it to the page's unit.
    fn build(&mut self, core: &Core, places: Places, unit: Unit, from: (u64, u64)) -> Unit {
        let mut heap = std::mem::take(&mut self.heap);
        heap.reset();
        let emitter = B::emitter(places, self.stubs.clone(), std::mem::take(&mut self.made));
        let compiler = Compiler::new(emitter, &heap, core);
        let (unit, emitter) = Builder::new(self, core, compiler, unit, from).build();
        self.made = emitter.finish();
        self.heap = heap;
        unit
    }

    /// The address of the hot code at this offset.
    fn address(&self, code: u32) -> u64 {
        self.memory.base() + u64::from(code)
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

impl<B: Backend> Origins for Translator<B> {
    fn has(&self, address: u64) -> bool {
        self.memory.has(address)
    }

    fn origin(&self, address: u64) -> Option<Origin> {
        self.cache.origin(u32::try_from(address.checked_sub(self.memory.base())?).ok()?)
    }
}

/// Puts code where [`CodeMemory::place`] said, and makes it fit to be executed. Answers whether there is room.
fn put<B: Backend>(memory: &mut CodeMemory, stubs: &B::Stubs, places: &Places, made: &Made) -> bool {
    let fits = memory.put(made);
    if fits {
        let parts = [(places.hot, &made.hot), (places.cold, &made.cold), (places.slow_paths, &made.slow_paths)];
        parts.into_iter().for_each(|(at, code)| B::written(stubs, at, code));
    }
    fits
}
