//! The machine as `gdbstub` wants a target: registers, memory, threads, points, and how harts go on.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use arch::Phys;
use arch::addr::PAGE_BYTES;
use board::Held;
use board::control::Action;
use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::multithread::{
    MultiThreadBase, MultiThreadRangeStepping, MultiThreadRangeSteppingOps, MultiThreadResume, MultiThreadResumeOps,
    MultiThreadSchedulerLocking, MultiThreadSchedulerLockingOps, MultiThreadSingleStep, MultiThreadSingleStepOps,
};
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint,
    SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::monitor_cmd::MonitorCmdOps;
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{Target, TargetError, TargetResult};
use vcpu::Reg;
use vcpu::debug::{Break, Event, Only, Points, Space, Touch, Watch, World};

use crate::Debugged;
use crate::registers::{BYTES, Integers, Register, Rv64, description};

/// More points than this have no use, and each costs.
const MOST_POINTS: usize = 256;
/// Error of an address that leads nowhere: EFAULT.
const NO_MEMORY: u8 = 14;
/// Error of what there is not: EINVAL.
const INVALID: u8 = 22;

/// Why there is nothing to say.
pub const NO_HART: &str = "the machine has ended";

/// A machine with its debugger's wishes.
pub struct Stub<M> {
    /// The machine.
    pub machine: M,
    /// Breakpoints that the client calls software ones.
    pub soft: Vec<u64>,
    /// And hardware ones.
    pub hard: Vec<u64>,
    /// Its watchpoints.
    pub watches: Vec<Watch>,
    /// What was asked for through `monitor`.
    pub own: Points,
    /// Whether addresses are the machine's own (`Qqemu.PhyMemMode`).
    pub physical: bool,
    /// Whether steps let interrupts in.
    pub interrupts: bool,
    /// The hart that `monitor` is about.
    pub current: usize,
    /// What harts are to do that were named.
    actions: Vec<Option<Action>>,
    others_stay: bool,
    description: String,
}

impl<M: Debugged> Stub<M> {
    /// Of a machine that stands.
    pub fn new(machine: M) -> Stub<M> {
        let description = machine.with(0, |hart| {
            hart.all_stand();
            hart.debuggee().map(|hart| description(hart))
        });
        let (soft, hard, watches) = (Vec::new(), Vec::new(), Vec::new());
        Stub {
            machine,
            soft,
            hard,
            watches,
            own: Points::default(),
            physical: false,
            interrupts: false,
            current: 0,
            actions: Vec::new(),
            others_stay: false,
            description: description.flatten().unwrap_or_default(),
        }
    }

    /// Does something to a hart.
    pub fn on<T: Send + 'static>(&self, hart: usize, act: impl FnOnce(&mut Held) -> T + Send + 'static) -> Option<T> {
        self.machine.with(hart, act)
    }

    /// Where a hart is.
    pub fn world(&self, hart: usize) -> Option<World> {
        self.on(hart, |hart| hart.debuggee().map(|hart| hart.world())).flatten()
    }

    /// What GDB shows beside a thread.
    pub fn hart_in_words(&self, hart: usize) -> String {
        let Some(World { mode, asid, vmid }) = self.world(hart) else { return format!("hart {hart}") };
        let vmid = vmid.map(|vmid| format!(", VMID {vmid}")).unwrap_or_default();
        format!("hart {hart} ({}{vmid}, ASID {asid})", mode.name())
    }

    /// All that makes harts stop.
    fn points(&self) -> Arc<Points> {
        let mut points = self.own.clone();
        points.breaks.extend(self.soft.iter().chain(&self.hard).copied().map(plain));
        points.watches.extend(&self.watches);
        Arc::new(points)
    }

    /// What `monitor` may add to: whether there is room for one more point.
    pub fn has_room(&self) -> bool {
        let Points { breaks, watches, events } = &self.own;
        let own = breaks.len() + watches.len() + events.len();
        own + self.soft.len() + self.hard.len() + self.watches.len() < MOST_POINTS
    }

    /// Whether harts can stop there.
    fn takes(&self, address: u64) -> bool {
        let point = plain(address);
        self.has_room() && address & 1 == 0 && self.on(self.current, move |hart| hart.takes(&point)).unwrap_or(false)
    }

    /// Whether harts stop for all that there is to stop for.
    pub fn takes_all(&self) -> bool {
        self.on(self.current, |hart| hart.takes_all()).unwrap_or(false)
    }

    /// Whether harts can stop at this breakpoint of `monitor`'s.
    pub fn takes_break(&self, point: Break) -> bool {
        self.on(self.current, move |hart| hart.takes(&point)).unwrap_or(false)
    }

    /// The machine's address of one of the current hart's.
    pub fn locate(&self, hart: usize, address: u64) -> Option<Phys> {
        if self.physical {
            return Some(Phys(address));
        }
        let find = move |hart: &mut Held| {
            let hart = hart.debuggee()?;
            hart.locate(hart.world().mode, address).ok()
        };
        self.on(hart, find).flatten().map(|found| found.phys)
    }

    /// Does something to each part of a range of addresses that lies in one page, `(address of the machine, part)`,
    /// until that fails. Answers how many bytes there were from the first on.
    fn pages(&self, hart: usize, start: u64, len: usize, mut act: impl FnMut(Phys, Range<usize>) -> bool) -> usize {
        let mut done = 0;
        while done < len {
            let address = start.wrapping_add(done as u64);
            let part = ((PAGE_BYTES - address % PAGE_BYTES) as usize).min(len - done);
            if !self.locate(hart, address).is_some_and(|phys| act(phys, done..done + part)) {
                break;
            }
            done += part;
        }
        done
    }

    fn read(&self, address: Phys, into: &mut [u8]) -> bool {
        let ram = self.machine.ram();
        match ram.offset(address, into.len() as u64) {
            Some(offset) => ram.read_bytes(offset, into).is_some(),
            None => self.machine.read_rom(address, into),
        }
    }

    fn set_action(&mut self, tid: Tid, action: Action) {
        if let Some(place) = self.actions.get_mut(tid.get() - 1) {
            *place = Some(action);
        }
    }

    fn add(list: &mut Vec<u64>, address: u64, fits: bool) -> bool {
        if fits && !list.contains(&address) {
            list.push(address);
        }
        fits
    }

    fn remove(list: &mut Vec<u64>, address: u64) -> bool {
        let before = list.len();
        list.retain(|known| *known != address);
        list.len() != before
    }
}

/// A breakpoint of the protocol's.
fn plain(address: u64) -> Break {
    Break { space: Space::Virtual, address, only: Only::default() }
}

/// The hart of a thread.
fn hart_of(tid: Tid) -> usize {
    tid.get() - 1
}

/// The thread of a hart.
pub fn thread_of(hart: usize) -> Tid {
    Tid::MIN.saturating_add(hart)
}

impl<M: Debugged> Target for Stub<M> {
    type Arch = Rv64;
    type Error = Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, Rv64, Infallible> {
        BaseOps::MultiThread(self)
    }
    fn use_rle(&self) -> bool {
        false
    }
    fn use_fork_stop_reason(&self) -> bool {
        false
    }
    fn use_vfork_stop_reason(&self) -> bool {
        false
    }
    fn use_vforkdone_stop_reason(&self) -> bool {
        false
    }
    fn use_lldb_register_info(&self) -> bool {
        false
    }
    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }
    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }
    fn support_target_description_xml_override(&mut self) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl<M: Debugged> MultiThreadBase for Stub<M> {
    fn read_registers(&mut self, regs: &mut Integers, tid: Tid) -> TargetResult<(), Self> {
        let read =
            |hart: &mut Held| Integers { x: std::array::from_fn(|n| hart.reg(Reg::X(n as u8))), pc: hart.reg(Reg::Pc) };
        *regs = self.on(hart_of(tid), read).ok_or(TargetError::Errno(INVALID))?;
        Ok(())
    }

    fn write_registers(&mut self, regs: &Integers, tid: Tid) -> TargetResult<(), Self> {
        let regs = regs.clone();
        let write = move |hart: &mut Held| {
            regs.x.iter().zip(0..).for_each(|(value, n)| hart.set_reg(Reg::X(n), *value));
            hart.set_reg(Reg::Pc, regs.pc);
        };
        self.on(hart_of(tid), write).ok_or(TargetError::Errno(INVALID))
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u64, data: &mut [u8], tid: Tid) -> TargetResult<usize, Self> {
        let len = data.len();
        let read = self.pages(hart_of(tid), start, len, |phys, part| self.read(phys, &mut data[part]));
        if read == 0 && len != 0 { Err(TargetError::Errno(NO_MEMORY)) } else { Ok(read) }
    }

    fn write_addrs(&mut self, start: u64, data: &[u8], tid: Tid) -> TargetResult<(), Self> {
        let (ram, len) = (self.machine.ram(), data.len());
        let there = |phys, part: &Range<usize>| ram.offset(phys, part.len() as u64);
        if self.pages(hart_of(tid), start, len, |phys, part| there(phys, &part).is_some()) != len {
            return Err(TargetError::Errno(NO_MEMORY));
        }
        self.pages(hart_of(tid), start, len, |phys, part| {
            there(phys, &part).and_then(|offset| ram.write_bytes(offset, &data[part])).is_some()
        });
        for hart in 0..self.machine.harts() {
            self.on(hart, |hart| hart.fence_instructions());
        }
        Ok(())
    }

    fn list_active_threads(&mut self, thread_is_active: &mut dyn FnMut(Tid)) -> Result<(), Infallible> {
        (0..self.machine.harts()).for_each(|hart| thread_is_active(thread_of(hart)));
        Ok(())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

impl<M: Debugged> SingleRegisterAccess<Tid> for Stub<M> {
    fn read_register(&mut self, tid: Tid, register: Register, buf: &mut [u8]) -> TargetResult<usize, Self> {
        let value = self.on(hart_of(tid), move |hart| register.read(hart)).flatten();
        let value = value.ok_or(TargetError::Errno(INVALID))?.to_le_bytes();
        buf.get_mut(..BYTES).ok_or(TargetError::NonFatal)?.copy_from_slice(&value);
        Ok(BYTES)
    }

    fn write_register(&mut self, tid: Tid, register: Register, value: &[u8]) -> TargetResult<(), Self> {
        let value = value.try_into().map(u64::from_le_bytes).map_err(|_| TargetError::Errno(INVALID))?;
        match self.on(hart_of(tid), move |hart| register.write(hart, value)) {
            Some(true) => Ok(()),
            _ => Err(TargetError::Errno(INVALID)),
        }
    }
}

impl<M: Debugged> MultiThreadResume for Stub<M> {
    fn resume(&mut self) -> Result<(), Infallible> {
        let otherwise = if self.others_stay { Action::Stay } else { Action::Continue };
        let actions = std::mem::take(&mut self.actions).into_iter();
        let actions: Vec<Action> = actions.map(|action| action.unwrap_or_else(|| otherwise.clone())).collect();
        let points = self.points();
        let placed = points.clone();
        self.on(self.current, move |hart| hart.all_go(&placed));
        self.machine.resume(&actions, &points);
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Infallible> {
        (self.actions, self.others_stay) = (vec![None; self.machine.harts()], false);
        Ok(())
    }

    fn set_resume_action_continue(&mut self, tid: Tid, _signal: Option<Signal>) -> Result<(), Infallible> {
        self.set_action(tid, Action::Continue);
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_range_step(&mut self) -> Option<MultiThreadRangeSteppingOps<'_, Self>> {
        Some(self)
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }
}

impl<M: Debugged> MultiThreadSingleStep for Stub<M> {
    fn set_resume_action_step(&mut self, tid: Tid, _signal: Option<Signal>) -> Result<(), Infallible> {
        self.set_action(tid, Action::Step { interrupts: self.interrupts });
        Ok(())
    }
}

impl<M: Debugged> MultiThreadRangeStepping for Stub<M> {
    fn set_resume_action_range_step(&mut self, tid: Tid, start: u64, end: u64) -> Result<(), Infallible> {
        self.set_action(tid, Action::StepOutOf(start..end));
        Ok(())
    }
}

impl<M: Debugged> MultiThreadSchedulerLocking for Stub<M> {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Infallible> {
        self.others_stay = true;
        Ok(())
    }
}

impl<M: Debugged> Breakpoints for Stub<M> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }
    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }
    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl<M: Debugged> SwBreakpoint for Stub<M> {
    fn add_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        let fits = self.takes(address);
        Ok(Self::add(&mut self.soft, address, fits))
    }
    fn remove_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        Ok(Self::remove(&mut self.soft, address))
    }
}

impl<M: Debugged> HwBreakpoint for Stub<M> {
    fn add_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        let fits = self.takes(address);
        Ok(Self::add(&mut self.hard, address, fits))
    }
    fn remove_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        Ok(Self::remove(&mut self.hard, address))
    }
}

/// A watchpoint of the protocol's.
fn watch(address: u64, len: u64, kind: WatchKind) -> Watch {
    let touch = match kind {
        WatchKind::Write => Touch::Write,
        WatchKind::Read => Touch::Read,
        WatchKind::ReadWrite => Touch::Any,
    };
    Watch { space: Space::Virtual, address, len, touch, only: Only::default() }
}

impl<M: Debugged> HwWatchpoint for Stub<M> {
    fn add_hw_watchpoint(&mut self, address: u64, len: u64, kind: WatchKind) -> TargetResult<bool, Self> {
        let fits = self.has_room() && self.takes_all() && (1..=PAGE_BYTES).contains(&len);
        if fits {
            self.watches.push(watch(address, len, kind));
        }
        Ok(fits)
    }

    fn remove_hw_watchpoint(&mut self, address: u64, len: u64, kind: WatchKind) -> TargetResult<bool, Self> {
        let wanted = watch(address, len, kind);
        let at = self.watches.iter().position(|watch| *watch == wanted);
        Ok(at.map(|at| self.watches.remove(at)).is_some())
    }
}

impl<M: Debugged> ThreadExtraInfo for Stub<M> {
    fn thread_extra_info(&self, tid: Tid, buf: &mut [u8]) -> Result<usize, Infallible> {
        let words = self.hart_in_words(hart_of(tid));
        let len = words.len().min(buf.len());
        buf[..len].copy_from_slice(&words.as_bytes()[..len]);
        Ok(len)
    }
}

impl<M: Debugged> TargetDescriptionXmlOverride for Stub<M> {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        let rest = usize::try_from(offset).ok().and_then(|offset| self.description.as_bytes().get(offset..));
        let rest = rest.unwrap_or_default();
        let len = rest.len().min(length).min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

/// An event that is waited for, in words.
pub fn event_in_words(event: &Event) -> String {
    match event {
        Event::VirtSwitch => "vswitch".into(),
        Event::Trap(None) => "trap".into(),
        Event::Trap(Some(cause)) => format!("trap {cause:#x}"),
        Event::CsrWrite(address) => {
            format!("csr {}", arch::csr::name(*address).map_or_else(String::new, |name| name.to_string()))
        }
    }
}
