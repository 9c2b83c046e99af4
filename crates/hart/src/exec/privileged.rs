//! What is privileged, as the interpreter does it: CSRs, the ways to and from trap handlers, fences, HLV and HSV.

use arch::csr;
use arch::{Exception, Mode, Privilege, Trap};
use events::{Event, Kind};
use privileged::csr::Inputs;
use privileged::{Effects, permit};
use semantics::{CsrOp, Exec, Out, Privileged, TlbFence, Value, Width, X64};

use super::Interpreter;
use crate::access::AccessKind;
use crate::core::{Core, Stop};
use crate::fence::{self, Fence};
use crate::record::Record;

impl<R: Record> Interpreter<'_, R> {
    /// Reads or writes a CSR.
    fn access_csr(&mut self, op: CsrOp, address: u16, value: X64) -> Result<X64, Stop> {
        // H extension, "Trap Cause Codes": virtual-instruction only "when the same access (read/write) would be allowed
        // in HS-mode"; no mode may write a read-only CSR.
        if op != CsrOp::Read && csr::is_read_only(address) {
            return Err(self.illegal());
        }
        let inputs = privileged::csr::inputs(address);
        if inputs.has(Inputs::TIME) {
            self.core.refresh_time();
            self.core.heeded_kick();
        }
        let file = if inputs.has(Inputs::FILE) { self.core.look_at_file(address) } else { None };
        let core = &mut *self.core;
        let seen = core.state.file;
        core.state.instret = self.retired;
        if inputs.has(Inputs::EVENTS) || inputs.has(Inputs::OVERFLOWS) && core.state.counts_events() {
            core.count_events(self.retired);
        }
        let reads = op != CsrOp::Write;
        let old = if reads { privileged::csr::read(&core.state, &core.config, address) } else { Ok(0) };
        let old = match old {
            Ok(old) => old,
            Err(denied) => return Err(self.deny(denied)),
        };
        let modified = || privileged::csr::read_for_modify(&core.state, &core.config, address);
        let new = match op {
            CsrOp::Read => return Ok(X64(old)),
            CsrOp::Write | CsrOp::Swap => value.0,
            CsrOp::Set => modified() | value.0,
            CsrOp::Clear => modified() & !value.0,
        };
        let effects = match privileged::csr::write(&mut core.state, &core.config, address, new) {
            Ok(effects) => effects,
            Err(denied) => return Err(self.deny(denied)),
        };
        self.core.apply(effects);
        if let Some(file) = file.filter(|_| effects.has(Effects::FILE)) {
            self.core.change_file(file, seen);
        }
        if self.core.debugging.points.is_some() {
            self.core.watch_csr(address, new);
        }
        if address == csr::HGATP {
            self.core.note_root(new);
        }
        if inputs.has(Inputs::EVENTS.and(Inputs::OVERFLOWS)) && self.core.state.counts_events() {
            (self.core.recount, self.core.recheck_interrupts) = (true, true);
        }
        if R::ON {
            let now = privileged::csr::read(&self.core.state, &self.core.config, address).unwrap_or_default();
            self.record.csr(address, now);
        }
        Ok(X64(old))
    }

    /// The instruction has returned from a trap.
    fn returned(&mut self, from: Mode) {
        let place = self.place_of();
        let core = &mut *self.core;
        if core.debugging.points.is_some() {
            core.watch_return(from);
        }
        core.note_return(self.retired);
        if core.tells(Kind::Return) || core.tells(Kind::Sbi) {
            core.tell_return(from, place, self.next);
        }
        core.counts.guest_entries += u64::from(core.state.mode.virt && !from.virt);
        if core.state.counts_events() {
            core.count_events(self.retired.wrapping_add(1));
            core.recount = true;
        }
    }
}

impl Core {
    /// Draws the consequences of a CSR write.
    pub(crate) fn apply(&mut self, effects: Effects) {
        if effects.has(Effects::PROTECTION) {
            self.forget(&Fence::All);
            self.recheck_interrupts = true;
        }
        if effects.has(Effects::TRANSLATION) {
            self.select();
        }
        if effects.has(Effects::INTERRUPTS | Effects::TIMER) {
            self.recheck_interrupts = true;
        }
    }
}

impl<R: Record> Privileged for Interpreter<'_, R> {
    fn csr(&mut self, op: CsrOp, address: u16, value: X64) -> Value<Self> {
        if op == CsrOp::Read || !self.core.tells_csr_writes() {
            return self.access_csr(op, address, value);
        }
        let before = self.core.shown(address);
        let old = self.access_csr(op, address, value)?;
        self.core.tell_csr(self.place_of(), address, before);
        Ok(old)
    }

    fn ecall(&mut self) -> Out<Self> {
        if self.core.tells(Kind::Sbi) || self.core.tells(Kind::Mark) {
            self.core.tell_call(self.place_of());
        }
        let cause = match self.core.state.mode {
            Mode::HS if self.core.firmware.answers => {
                self.core.exit = Some(vcpu::Exit::Sbi);
                return Err(Stop::Exit);
            }
            Mode { privilege: Privilege::User, .. } => Exception::EcallFromU,
            Mode { privilege: Privilege::Machine, .. } => Exception::EcallFromM,
            Mode { virt: true, .. } => Exception::EcallFromVS,
            Mode { virt: false, .. } => Exception::EcallFromHS,
        };
        Err(self.core.raise(Trap::new(cause, 0)))
    }

    fn ebreak(&mut self) -> Out<Self> {
        let gva = self.core.state.mode.virt;
        Err(self.core.raise(Trap { gva, ..Trap::new(Exception::Breakpoint, self.pc) }))
    }

    fn sret(&mut self) -> Out<Self> {
        let from = self.core.state.mode;
        match privileged::sret(&mut self.core.state, &self.core.config) {
            Ok(target) => self.next = target,
            Err(denied) => return Err(self.deny(denied)),
        }
        self.returned(from);
        self.core.select();
        Ok(())
    }

    fn mret(&mut self) -> Out<Self> {
        let from = self.core.state.mode;
        match privileged::mret(&mut self.core.state) {
            Ok(target) => self.next = target,
            Err(denied) => return Err(self.deny(denied)),
        }
        self.returned(from);
        self.core.select();
        Ok(())
    }

    fn wfi(&mut self) -> Out<Self> {
        self.permit(permit::wfi(&self.core.state))?;
        (self.core.wfi.waiting, self.core.recheck_interrupts) = (true, true);
        self.core.wfi.since = self.core.clock.now();
        if self.core.tells(Kind::Wait) {
            self.core.tell(self.place_of(), &Event::Wait);
        }
        Ok(())
    }

    fn wrs_nto(&mut self) -> Out<Self> {
        self.permit(permit::wrs_nto(&self.core.state))?;
        self.core.pause();
        Ok(())
    }

    fn wrs_sto(&mut self) -> Out<Self> {
        self.core.pause();
        Ok(())
    }

    fn fence_i(&mut self) -> Out<Self> {
        (self.core.fence_i, self.core.recheck_interrupts) = (true, true);
        self.core.tell_instruction_fence(self.place_of());
        Ok(())
    }

    fn tlb_fence(&mut self, fence: TlbFence, address: Option<X64>, id: Option<X64>) -> Out<Self> {
        let state = &self.core.state;
        self.permit(match fence {
            TlbFence::SfenceVma | TlbFence::SinvalVma => permit::sfence_vma(state),
            TlbFence::HfenceVvma | TlbFence::HinvalVvma => permit::hfence_vvma(state),
            TlbFence::HfenceGvma | TlbFence::HinvalGvma => permit::hfence_gvma(state),
        })?;
        let (va, id) = (address.map(|w| w.0), id.map(|w| w.0));
        let asid = id.map(fence::asid);
        let guest = Fence::Guest { va, asid, vmid: self.core.vmid() };
        let fence = match fence {
            TlbFence::SfenceVma | TlbFence::SinvalVma if !self.core.state.mode.virt => Fence::Supervisor { va, asid },
            TlbFence::HfenceGvma | TlbFence::HinvalGvma => {
                Fence::GuestPhysical { gpa: va.map(|gpa| gpa << 2), vmid: id.map(fence::vmid) }
            }
            _ => guest,
        };
        self.core.tell_fence(self.place_of(), &fence);
        self.core.forget(&fence);
        Ok(())
    }

    fn sfence_w_inval(&mut self) -> Out<Self> {
        self.permit(permit::sfence_inval(&self.core.state))
    }

    fn sfence_inval_ir(&mut self) -> Out<Self> {
        self.permit(permit::sfence_inval(&self.core.state))
    }

    fn hyper_load(&mut self, width: Width, address: X64) -> Value<Self> {
        self.permit(permit::hlv(&self.core.state))?;
        self.note_place();
        let value = self.core.load_slow(AccessKind::HlvHsv, address.0, width.bytes())?;
        if R::ON {
            self.record.load(address.0, width.bytes() as u8);
        }
        Ok(X64(value))
    }

    fn hyper_load_exec(&mut self, width: Width, address: X64) -> Value<Self> {
        self.permit(permit::hlv(&self.core.state))?;
        self.note_place();
        let value = self.core.load_slow(AccessKind::Hlvx, address.0, width.bytes())?;
        if R::ON {
            self.record.load(address.0, width.bytes() as u8);
        }
        Ok(X64(value))
    }

    fn hyper_store(&mut self, width: Width, address: X64, value: X64) -> Out<Self> {
        self.permit(permit::hlv(&self.core.state))?;
        self.note_place();
        self.core.store_slow(AccessKind::HlvHsv, address.0, width.bytes(), value.0)?;
        if R::ON {
            self.record.store(address.0, value.0, width.bytes() as u8);
        }
        Ok(())
    }
}
