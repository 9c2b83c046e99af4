//! A debugger's part in the hart: points at which it stops, single steps, and looks that change nothing.
//!
//! Who executes keeps instructions with a breakpoint out of what is made ahead, decoded blocks and generated code
//! alike, and comes to [`Hart::single`] for them, which asks here. Pages with a watchpoint are kept out of the data
//! tables, so that their accesses take the long way. All of that costs nothing where there are no points.

use std::sync::Arc;

use arch::addr::PAGE_BYTES;
use arch::csr::{self, atp, status};
use arch::pte::{self, Pte};
use arch::{Exception, GuestPhys, Mode, Phys, Privilege, Virt};
use privileged::{Access, Cause, Effects, PageMemory, PagePermits, Request, State, Translation};
use vcpu::Exit;
use vcpu::debug::{Break, Debuggee, Event, Found, Halt, Lost, Only, Points, Space, Touch, Watch, World};

use crate::access::AccessKind;
use crate::core::{Core, look_at_file};
use crate::fence::{self, Fence};
use crate::hart::Hart;
use crate::instruction::Ended;

/// What a hart with points knows of them.
pub struct Debug {
    points: Arc<Points>,
    /// Offsets in pages at which an instruction may have a breakpoint, in halfwords.
    offsets: [u64; WORDS],
}

const WORDS: usize = PAGE_BYTES as usize / 2 / u64::BITS as usize;

impl Debug {
    fn of(points: Arc<Points>) -> Debug {
        let mut offsets = [0; WORDS];
        for point in &points.breaks {
            let (word, bit) = Debug::place(point.address);
            offsets[word] |= bit;
        }
        Debug { points, offsets }
    }

    fn place(address: u64) -> (usize, u64) {
        let half = (address % PAGE_BYTES / 2) as usize;
        (half / 64, 1 << (half % 64))
    }

    /// Whether an instruction at this offset in its page may have a breakpoint.
    fn may_break(&self, address: u64) -> bool {
        let (word, bit) = Debug::place(address);
        self.offsets[word] & bit != 0
    }
}

impl Core {
    /// Whether what is made ahead must leave out an instruction of which only the offset in its page is known.
    #[inline]
    pub fn may_break(&self, address: u64) -> bool {
        self.debugging.points.as_ref().is_some_and(|debug| debug.may_break(address))
    }

    /// Whether what is made ahead must leave out the instruction at `pc`, which is at `offset` in RAM.
    pub fn leaves_out(&self, pc: u64, offset: u64) -> bool {
        let Some(debug) = self.debugging.points.as_ref().filter(|debug| debug.may_break(pc)) else { return false };
        debug.points.breaks.iter().any(|point| match point.space {
            Space::Virtual => point.address == pc,
            Space::Physical => point.address == self.ram.base().0.wrapping_add(offset),
            // where that is may change with each guest that runs
            Space::GuestPhysical => (point.address ^ pc).is_multiple_of(PAGE_BYTES),
        })
    }

    /// Whether writes of this register, as an instruction names it, are waited for.
    pub fn waits_for_csr(&self, address: u16) -> bool {
        let waits = |event: &Event| matches!(event, Event::CsrWrite(at) if *at == address || *at == guests(address));
        self.debugging.points.as_ref().is_some_and(|debug| debug.points.events.iter().any(waits))
    }

    /// Whether the hart stops in front of the instruction at pc; if so, it is said why.
    pub(crate) fn meets_break(&mut self) -> bool {
        let met = self.is_at_break();
        if met {
            self.stop_for(Halt::Break);
        }
        met
    }

    fn is_at_break(&self) -> bool {
        let pc = self.pc;
        let Some(debug) = self.debugging.points.as_ref().filter(|debug| debug.may_break(pc)) else { return false };
        let here = |point: &&Break| self.is_meant(point.only, self.state.mode) && self.is_there(point, pc);
        // an instruction that is not there yet traps, and is met when it is
        debug.points.breaks.iter().any(|point| here(&point)) && self.locate(self.state.mode, pc).is_ok()
    }

    fn is_there(&self, point: &Break, pc: u64) -> bool {
        let found = || self.locate(self.state.mode, pc).ok();
        match point.space {
            Space::Virtual => point.address == pc,
            Space::Physical => found().is_some_and(|found| found.phys.0 == point.address),
            Space::GuestPhysical => {
                self.state.mode.virt && found().is_some_and(|found| found.guest_phys.0 == point.address)
            }
        }
    }

    fn stop_for(&mut self, halt: Halt) {
        // what comes first counts
        self.debugging.halt.get_or_insert(halt);
        self.exit = Some(Exit::Debug);
    }

    /// Whether an instruction may have to be the last that is executed.
    pub(crate) fn may_stop_within(&self) -> bool {
        let may = |points: &Points| {
            let write = |event: &Event| matches!(event, Event::CsrWrite(_));
            !points.watches.is_empty() || points.events.iter().any(write)
        };
        self.debugging.points.as_ref().is_some_and(|debug| may(&debug.points))
    }

    /// Whether a page must stay out of the data tables.
    #[cold]
    pub(crate) fn is_watched(&self, va: u64, found: &Translation) -> bool {
        let Some(debug) = &self.debugging.points else { return false };
        let page = PAGE_BYTES - 1;
        debug.points.watches.iter().any(|watch| {
            let at = in_space(watch.space, va, found);
            watch.address & !page <= at && at <= watch.address.saturating_add(watch.len - 1) | page
        })
    }

    /// Looks for a watchpoint that this access meets, which is about to be made.
    #[cold]
    pub(crate) fn watch(&mut self, kind: AccessKind, access: Access, va: u64, bytes: u64, found: &Translation) {
        let Some(debug) = &self.debugging.points else { return };
        let mode = if kind == AccessKind::Ordinary { self.state.data_mode() } else { self.state.hyper_mode() };
        let touches = |watch: &&Watch| {
            let at = in_space(watch.space, va, found);
            let counts = match watch.touch {
                Touch::Read => access == Access::Load,
                Touch::Write => access == Access::Store,
                Touch::Any => true,
            };
            let overlap = at < watch.address.saturating_add(watch.len) && watch.address < at.saturating_add(bytes);
            counts && overlap && self.is_meant(watch.only, mode)
        };
        let Some(&Watch { touch, address, .. }) = debug.points.watches.iter().find(touches) else { return };
        self.stop_for(Halt::Watch { touch, address });
    }

    /// Whether a point that is about some executions is about those in `mode`.
    fn is_meant(&self, only: Only, mode: Mode) -> bool {
        let World { asid, vmid, .. } = self.world_of(mode);
        only.mode.is_none_or(|wanted| wanted == mode)
            && only.asid.is_none_or(|wanted| wanted == asid)
            && only.vmid.is_none_or(|wanted| Some(wanted) == vmid)
    }

    fn world_of(&self, mode: Mode) -> World {
        let satp = if mode.virt { self.state.vsatp } else { self.state.satp };
        let asid = fence::asid(satp >> atp::ID_SHIFT) as u16;
        World { mode, asid, vmid: mode.virt.then(|| self.vmid() as u16) }
    }

    /// Looks for events that a trap is: from `from` to the current mode.
    #[cold]
    pub(crate) fn watch_trap(&mut self, cause: Cause, from: Mode, pc: u64) {
        let Some(debug) = &self.debugging.points else { return };
        let to = self.state.mode;
        let code = self.state.bank(to).cause;
        let is_met = |event: &Event| match *event {
            Event::VirtSwitch => from.virt != to.virt,
            Event::Trap(wanted) => wanted.is_none_or(|wanted| wanted == code),
            Event::CsrWrite(_) => false,
        };
        if debug.points.events.iter().any(is_met) {
            let (name, from, to) = (cause_name(cause), from.name(), to.name());
            self.stop_for(Halt::Event(format!("{name} at pc {pc:#x}: from {from} to {to}")));
        }
    }

    /// Looks for events that a return from a trap is.
    #[cold]
    pub(crate) fn watch_return(&mut self, from: Mode) {
        let Some(debug) = &self.debugging.points else { return };
        let to = self.state.mode;
        if from.virt != to.virt && debug.points.events.contains(&Event::VirtSwitch) {
            let (from, to) = (from.name(), to.name());
            self.stop_for(Halt::Event(format!("return from {from} to {to}")));
        }
    }

    /// Looks for events that a write of this CSR is.
    #[cold]
    pub(crate) fn watch_csr(&mut self, address: u16, value: u64) {
        let reached = if self.state.mode.virt { guests(address) } else { address };
        let Some(debug) = &self.debugging.points else { return };
        if debug.points.events.contains(&Event::CsrWrite(reached)) {
            let name = csr::name(reached).map_or_else(|| format!("{reached:#x}"), |name| name.to_string());
            self.stop_for(Halt::Event(format!("{name} becomes {value:#x}")));
        }
    }

    /// The privileged state in M-mode, with floating point on: nothing withholds a CSR.
    fn as_debugger(&self) -> State {
        let mut state = self.state.clone();
        state.mode = Mode::M;
        state.mstatus |= status::FS;
        state.hpm.totals = self.totals(state.instret);
        state
    }

    fn locate(&self, mode: Mode, address: u64) -> Result<Found, Lost> {
        let permits = PagePermits { sum: true, mxr: true, mxr_g: true };
        let request = Request { va: Virt(address), access: Access::Load, mode, hlvx: false, permits };
        match privileged::walk(&self.state, &self.config, &request, &mut Looker { core: self }) {
            Ok(Translation { phys, guest_phys, page_bits, guest_page_bits, .. }) => {
                Ok(Found { phys, guest_phys, page_bits, guest_page_bits })
            }
            Err(trap) => Err(match trap.cause {
                Exception::LoadGuestPageFault => Lost::GuestStage(GuestPhys(trap.tval2 << 2)),
                Exception::LoadPageFault => Lost::FirstStage,
                _ => Lost::Table,
            }),
        }
    }
}

/// The address of an access to `va` in a space.
fn in_space(space: Space, va: u64, found: &Translation) -> u64 {
    match space {
        Space::Virtual => va,
        Space::GuestPhysical => found.guest_phys.0,
        Space::Physical => found.phys.0,
    }
}

/// The register that a guest reaches which names this one.
fn guests(address: u16) -> u16 {
    let guests = address + (csr::VSSTATUS - csr::SSTATUS);
    let has_own = csr::privilege(address) == Privilege::Supervisor as u8 && csr::name(guests).is_some();
    if has_own { guests } else { address }
}

fn cause_name(cause: Cause) -> String {
    match cause {
        Cause::Interrupt(interrupt) | Cause::Asserted(interrupt, _) => format!("{interrupt:?} interrupt"),
        Cause::Exception(trap) => format!("{:?}", trap.cause),
    }
}

/// Page tables as a debugger reads them: every page may be read by everybody, and A and D are as if set.
struct Looker<'a> {
    core: &'a Core,
}

impl PageMemory for Looker<'_> {
    fn read_pte(&mut self, at: Phys) -> Option<u64> {
        let entry = self.core.ram.load_u64(self.core.ram.offset(at, 8)?)?;
        let pte = Pte(entry);
        let is_leaf = pte.has(pte::V) && pte.has_any(pte::R | pte::X);
        Some(if is_leaf { entry | pte::A | pte::D | pte::U | pte::R } else { entry })
    }

    fn update_pte(&mut self, _at: Phys, _old: u64, _new: u64) -> Option<bool> {
        None
    }
}

impl Hart {
    /// Names what the hart stops for. Nothing that was made ahead of the instructions of a breakpoint stays; who has
    /// made more than this hart knows of forgets it himself.
    pub fn set_points(&mut self, points: &Arc<Points>) {
        let none = Points::default();
        let old = self.core.debugging.points.as_ref().map_or(&none, |debug| &debug.points);
        if *old == **points {
            return;
        }
        let (breaks, watches) = (old.breaks != points.breaks, old.watches != points.watches);
        self.core.debugging.points = (!points.is_empty()).then(|| Box::new(Debug::of(points.clone())));
        if breaks {
            self.blocks.clear();
            self.core.code.fence(&Fence::All);
        }
        if watches {
            self.core.data.fence(&Fence::All);
        }
    }

    /// [`Debuggee::step`].
    pub fn step_one(&mut self, interrupts: bool) -> Option<Exit> {
        let core = &mut self.core;
        core.follow_watcher();
        core.follow_watches();
        core.refresh();
        core.select();
        (core.wfi.waiting, core.exit) = (false, None);
        if !interrupts || self.interrupt().is_none() {
            let _: Ended = self.fetched(&mut ());
        }
        self.core.watcher.rest();
        self.core.exit.take()
    }

    /// What the hart stops for.
    pub fn points(&self) -> Arc<Points> {
        self.core.debugging.points.as_ref().map(|debug| debug.points.clone()).unwrap_or_default()
    }
}

impl Debuggee for Hart {
    fn set_points(&mut self, points: &Arc<Points>) {
        Hart::set_points(self, points);
    }

    fn is_at_break(&mut self) -> bool {
        self.core.is_at_break()
    }

    fn step(&mut self, interrupts: bool) -> Option<Exit> {
        self.step_one(interrupts)
    }

    fn take_halt(&mut self) -> Option<Halt> {
        self.core.debugging.halt.take()
    }

    fn world(&self) -> World {
        self.core.world_of(self.core.state.mode)
    }

    fn set_mode(&mut self, mode: Mode) {
        self.core.state.mode = mode;
        self.core.select();
    }

    fn f(&self, number: u8) -> u64 {
        self.core.f[usize::from(number & 31)]
    }

    fn set_f(&mut self, number: u8, value: u64) {
        self.core.f[usize::from(number & 31)] = value;
    }

    fn peek_csr(&self, address: u16) -> Option<u64> {
        let mut state = self.core.as_debugger();
        look_at_file(&mut state, &self.core.config, &self.core.pins, address);
        privileged::csr::read(&state, &self.core.config, address).ok()
    }

    fn poke_csr(&mut self, address: u16, value: u64) -> bool {
        let core = &mut self.core;
        if privileged::csr::check(&core.as_debugger(), &core.config, address, true).is_err() {
            return false;
        }
        let fs = core.state.mstatus & status::FS;
        let is_float = matches!(address, csr::FFLAGS | csr::FRM | csr::FCSR);
        if is_float {
            core.state.mstatus |= status::FS;
        }
        vcpu::EmulatedHart::set_csr(self, address, value);
        if is_float {
            let core = &mut self.core;
            core.state.mstatus = core.state.mstatus & !status::FS | fs;
            core.apply(Effects::NONE);
        }
        true
    }

    fn locate(&self, mode: Mode, address: u64) -> Result<Found, Lost> {
        self.core.locate(mode, address)
    }
}
