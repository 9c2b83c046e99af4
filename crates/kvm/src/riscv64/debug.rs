//! A debugger's part in a vCPU.
//!
//! Breakpoints are [`crate::spots::Spots`]: `ebreak`s, which KVM leaves to this process while a vCPU is debugged
//! (`KVM_SET_GUEST_DEBUG`, Linux 6.10). Where they are is decided as harts go on, by the page tables of the one that
//! the debugger looks at. A guest's own `ebreak` is handed on to it. KVM has no single step: a hart that takes one
//! executes alone, with breakpoints wherever its instruction may lead and where its trap would.
//!
//! Left out: watchpoints and events, for which KVM has nothing.

use std::sync::Arc;

use arch::csr::{self, atp, envcfg, status, tvec};
use arch::pte::{self, Pte};
use arch::{Exception, GuestPhys, Mode, Phys, Privilege, Virt};
use privileged::{Access, Config, PageMemory, PagePermits, Request, State, Translation, walk};
use vcpu::debug::{Break, Debuggee, Found, Halt, Lost, Only, Points, Space, World};
use vcpu::{Exit, Reg, Vcpu};

use super::vcpu::KvmVcpu;
use super::{regs, state, sys};
use crate::next::Next;
use crate::registers::{CSRS, FCSR, Group, MODE, MODE_S, timer};

/// A hart's own.
#[derive(Default)]
pub(super) struct Own {
    halt: Option<Halt>,
    /// Whether the kernel leaves `ebreak`s to this process.
    is_on: bool,
    config: Option<Config>,
}

/// Page tables in RAM, whose leaves let everybody do everything.
struct Open<'a>(&'a memory::Ram);

impl PageMemory for Open<'_> {
    fn read_pte(&mut self, at: Phys) -> Option<u64> {
        let entry = self.0.load_u64(self.0.offset(at, 8)?)?;
        let is_leaf = Pte(entry).has(pte::V) && Pte(entry).has_any(pte::R | pte::X);
        Some(if is_leaf { entry | pte::A | pte::D | pte::U | pte::R } else { entry })
    }

    fn update_pte(&mut self, _at: Phys, _old: u64, _new: u64) -> Option<bool> {
        None
    }
}

impl KvmVcpu {
    /// The hart, for a debugger.
    pub fn debuggee(&mut self) -> &mut dyn Debuggee {
        self
    }

    /// What was written to memory is what the guest executes next.
    pub fn fence_instructions(&self) {
        sys::flush_instruction_caches();
    }

    /// All harts stand, and this is one of them: memory is as the guest left it, and its clock stands.
    pub fn all_stand(&mut self) {
        let now = regs::get(&self.fd, Group::Timer, timer::TIME).ok();
        self.machine.spots.stand(&self.machine.ram, now);
        sys::flush_instruction_caches();
    }

    /// All harts go on, and this is the one by whose page tables breakpoints are where they are.
    pub fn all_go(&mut self, points: &Points) {
        let wanted = points.breaks.iter().filter_map(|point| self.place(point)).collect();
        if let Some(since) = self.machine.spots.go(&self.machine.ram, wanted) {
            // a kernel that does not take it lets the time pass
            let _ = regs::set(&self.fd, Group::Timer, timer::TIME, since);
        }
        sys::flush_instruction_caches();
    }

    /// Whether harts can stop there.
    pub fn takes(&self, point: &Break) -> bool {
        self.place(point).is_some()
    }

    /// The offset in memory of a breakpoint.
    fn place(&self, point: &Break) -> Option<u64> {
        match point.space {
            _ if point.only != Only::default() => None,
            Space::Virtual => self.offset(self.satp(), point.address),
            Space::Physical | Space::GuestPhysical => self.machine.ram.offset(Phys(point.address), 2),
        }
    }

    fn satp(&self) -> u64 {
        self.csr(csr::SATP)
    }

    fn csr(&self, address: u16) -> u64 {
        place_of(address).and_then(|index| regs::get(&self.fd, Group::Csr, index).ok()).unwrap_or(0)
    }

    fn set_csr(&mut self, address: u16, value: u64) -> bool {
        place_of(address).is_some_and(|index| regs::set(&self.fd, Group::Csr, index, value).is_ok())
    }

    /// The guest's S-mode is VS, its U-mode VU.
    fn mode(&self) -> Mode {
        let mode = regs::get(&self.fd, Group::Core, MODE).unwrap_or(MODE_S);
        if mode == MODE_S { Mode::VS } else { Mode::VU }
    }

    /// The offset in memory of an instruction, by the page tables that `satp` names.
    fn offset(&self, satp: u64, address: u64) -> Option<u64> {
        let found = self.translate(satp, self.mode(), address).ok()?;
        self.machine.ram.offset(found.phys, 2)
    }

    /// Through the guest's own stage; the other is its host's. KVM shows `vsatp` as `satp`, by which a machine without
    /// guests would translate.
    fn translate(&self, satp: u64, mode: Mode, address: u64) -> Result<Found, Lost> {
        let mode = Mode { virt: false, ..mode };
        let Some(config) = &self.debug.config else { return Err(Lost::Table) };
        let mut state = State::reset(config);
        (state.satp, state.mode, state.menvcfg) = (satp, mode, envcfg::PBMTE | envcfg::ADUE);
        let permits = PagePermits { sum: true, mxr: true, mxr_g: true };
        let request = Request { va: Virt(address), access: Access::Load, mode, hlvx: false, permits };
        match walk(&state, config, &request, &mut Open(&self.machine.ram)) {
            Ok(Translation { phys, page_bits, guest_page_bits, .. }) => {
                Ok(Found { guest_phys: GuestPhys(phys.0), phys, page_bits, guest_page_bits })
            }
            Err(trap) if trap.cause == Exception::LoadPageFault => Err(Lost::FirstStage),
            Err(_) => Err(Lost::Table),
        }
    }

    /// Has the kernel leave `ebreak`s to this process, or no more.
    fn leave_breaks(&mut self, on: bool) {
        if self.debug.is_on != on && sys::set_guest_debug(&self.fd, on).is_ok() {
            self.debug.is_on = on;
        }
    }

    /// The guest met an `ebreak`: a debugger's, at which it stops, or its own.
    pub(super) fn meets_break(&mut self) -> Option<Exit> {
        let offset = self.offset(self.satp(), self.reg(Reg::Pc));
        if offset.is_some_and(|offset| self.machine.spots.is_put(offset)) {
            self.debug.halt = Some(Halt::Break);
            return Some(Exit::Debug);
        }
        self.hand_on();
        None
    }

    /// Enters the guest's handler of breakpoints as the processor would have (Privileged 20240411, "Supervisor Trap
    /// Vector Base Address Register" and "Supervisor Status Register").
    fn hand_on(&mut self) {
        let (pc, mut sstatus) = (self.reg(Reg::Pc), self.csr(csr::SSTATUS));
        let enabled = sstatus & status::SIE != 0;
        sstatus &= !(status::SPP | status::SPIE | status::SIE);
        if self.mode() == Mode::VS {
            sstatus |= status::SPP;
        }
        if enabled {
            sstatus |= status::SPIE;
        }
        let cause = Exception::Breakpoint as u64;
        for (address, value) in [(csr::SSTATUS, sstatus), (csr::SEPC, pc), (csr::SCAUSE, cause), (csr::STVAL, pc)] {
            self.set_csr(address, value);
        }
        self.set_reg(Reg::Pc, self.handler());
        self.set_mode(Mode::VS);
    }

    /// Where exceptions lead.
    fn handler(&self) -> u64 {
        self.csr(csr::STVEC) & !tvec::MODE
    }

    /// The instruction at pc, if there is one.
    fn next(&self) -> Option<Next> {
        let (pc, satp) = (self.reg(Reg::Pc), self.satp());
        let half = |address| self.machine.ram.load_u16(self.offset(satp, address)?);
        let low = half(pc)?;
        // the other half may be on a page that is not there: then it traps
        let high = half(pc.wrapping_add(2)).unwrap_or(0);
        Some(Next::of(pc, u32::from(high) << 16 | u32::from(low)))
    }

    /// The offsets in memory at which a step ends: behind the instruction at pc, and at the handler of its trap.
    fn ends(&self, next: Option<&Next>) -> Vec<u64> {
        let places = next.map(|next| next.places(|number| self.reg(Reg::X(number)), || self.csr(csr::SEPC)));
        let changed = next.and_then(Next::changes_tables).map(|number| self.reg(Reg::X(number)));
        let pc = self.reg(Reg::Pc);
        let mut ends = Vec::new();
        for place in places.into_iter().flatten().chain([self.handler()]).filter(|place| *place != pc) {
            let tables = [Some(self.satp()), changed].into_iter().flatten();
            ends.extend(tables.filter_map(|satp| self.offset(satp, place)));
        }
        ends
    }

    /// Executes until a breakpoint of the step's.
    fn go_to_end(&mut self) -> Option<Exit> {
        let pc = self.reg(Reg::Pc);
        loop {
            match self.once() {
                None => {}
                Some(Exit::Debug) => {
                    self.debug.halt = None;
                    return None;
                }
                Some(Exit::Quantum) if self.reg(Reg::Pc) != pc => return None,
                Some(exit) => return Some(exit),
            }
        }
    }

    /// One step of a hart that executes alone.
    fn step_alone(&mut self, interrupts: bool) -> Option<Exit> {
        self.machine.spots.lift(&self.machine.ram);
        let next = self.next();
        if let Some(next) = next.filter(|next| next.waits() && self.mode() == Mode::VS) {
            // it need not wait: WFI may do nothing
            self.set_reg(Reg::Pc, next.behind());
            return None;
        }
        let ends = self.ends(next.as_ref());
        self.machine.spots.only(&self.machine.ram, &ends);
        sys::flush_instruction_caches();
        self.leave_breaks(true);
        let enabled = (!interrupts && !next.is_some_and(|next| next.sees_enables())).then(|| self.csr(csr::SIE));
        enabled.iter().for_each(|_| _ = self.set_csr(csr::SIE, 0));
        let exit = self.go_to_end();
        enabled.iter().for_each(|&enabled| _ = self.set_csr(csr::SIE, enabled));
        exit
    }
}

/// Place of a CSR among the kernel's.
fn place_of(address: u16) -> Option<u16> {
    CSRS.iter().position(|&known| known == address).map(|index| index as u16)
}

impl Debuggee for KvmVcpu {
    fn set_points(&mut self, points: &Arc<Points>) {
        self.leave_breaks(!points.is_empty());
        if points.is_empty() {
            self.all_go(points);
        }
    }

    fn is_at_break(&mut self) -> bool {
        let offset = self.offset(self.satp(), self.reg(Reg::Pc));
        offset.is_some_and(|offset| self.machine.spots.is_wanted(offset))
    }

    /// [`Exit::Quantum`]: it was kicked and has to go on with the step.
    fn step(&mut self, interrupts: bool) -> Option<Exit> {
        if self.is_suspended() {
            return Some(self.run(0));
        }
        if let Err(error) = self.prepare_thread() {
            return Some(self.halt(error.to_string()));
        }
        let (machine, runner) = (self.machine.clone(), self.runner.clone());
        let _running = runner.enter();
        let _alone = machine.turns.alone(&runner);
        let exit = self.step_alone(interrupts);
        machine.spots.again(&machine.ram);
        sys::flush_instruction_caches();
        exit
    }

    fn take_halt(&mut self) -> Option<Halt> {
        self.debug.halt.take()
    }

    fn world(&self) -> World {
        World { mode: self.mode(), asid: (self.satp() >> atp::ID_SHIFT) as u16, vmid: None }
    }

    fn set_mode(&mut self, mode: Mode) {
        let is_user = mode.privilege == Privilege::User;
        let _ = regs::set(&self.fd, Group::Core, MODE, if is_user { 0 } else { MODE_S });
    }

    fn f(&self, number: u8) -> u64 {
        regs::get(&self.fd, Group::FpD, number.into()).unwrap_or(0)
    }

    fn set_f(&mut self, number: u8, value: u64) {
        let _ = regs::set(&self.fd, Group::FpD, number.into(), value);
    }

    fn peek_csr(&self, address: u16) -> Option<u64> {
        match address {
            csr::FCSR => regs::read(&self.fd, FCSR).ok(),
            csr::TIME => regs::get(&self.fd, Group::Timer, timer::TIME).ok(),
            _ => regs::get(&self.fd, Group::Csr, place_of(address)?).ok(),
        }
    }

    fn poke_csr(&mut self, address: u16, value: u64) -> bool {
        match address {
            csr::FCSR => self.fd.set_one_reg(FCSR.id(), &(value as u32).to_le_bytes()).is_ok(),
            _ => self.set_csr(address, value),
        }
    }

    fn locate(&self, mode: Mode, address: u64) -> Result<Found, Lost> {
        self.translate(self.satp(), mode, address)
    }
}

impl Own {
    /// Of a hart that can do what `cpu` says.
    pub fn new(cpu: Option<&vcpu::Cpu>, hart: u32) -> Own {
        Own { config: cpu.map(|cpu| Config::new(state::isa(cpu), u64::from(hart))), ..Own::default() }
    }
}
