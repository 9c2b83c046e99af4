//! The interpreter: the instance of the texts whose word is a number.

use arch::csr;
use arch::{Exception, Mode, Privilege, Trap};
use events::{Event, Kind};
use fp::{Flags, Fmt, Op as FpOp, Rounding};
use privileged::csr::Inputs;
use privileged::{Denied, Effects, permit};
use semantics::{AmoOp, CboOp, CsrOp, Exec, Order, Out, Privileged, TlbFence, Value, Width, X64};

use crate::access::{By, read_ram, write_ram};
use crate::atomic::{combine32, combine64};
use crate::contexts::{self, Fence};
use crate::core::{Core, Stop};
use crate::record::Record;
use crate::watch::Place;

/// An instruction being executed.
pub struct Run<'a, R> {
    core: &'a mut Core,
    record: &'a mut R,
    pc: u64,
    next: u64,
    /// Instructions retired before this one.
    retired: u64,
}

impl<'a, R: Record> Run<'a, R> {
    /// An instruction at `pc`, seen by `record`.
    pub fn new(core: &'a mut Core, record: &'a mut R, pc: u64) -> Self {
        Run { core, record, pc, next: pc, retired: 0 }
    }

    /// Goes to the instruction of `len` bytes at `pc`, before which `retired` have retired.
    #[inline(always)]
    pub fn place(&mut self, pc: u64, len: u8, retired: u64) {
        self.pc = pc;
        self.next = pc.wrapping_add(len.into());
        self.retired = retired;
    }

    /// Goes on to the next instruction, of `len` bytes.
    #[inline(always)]
    pub fn go_on(&mut self, len: u8) {
        self.pc = self.next;
        self.next = self.pc.wrapping_add(len.into());
    }

    /// The instruction has retired.
    #[inline(always)]
    pub fn retire(&mut self) {
        self.retired = self.retired.wrapping_add(1);
    }

    /// Whether something is to be looked at before the next instruction.
    pub fn wants_look(&self) -> bool {
        let core = &self.core;
        core.look || core.fence_i || core.waiting || core.recount || core.exit.is_some()
    }

    /// Instructions retired before this one.
    pub fn retired(&self) -> u64 {
        self.retired
    }

    /// Address of the instruction.
    pub fn at(&self) -> u64 {
        self.pc
    }

    /// Address of the next instruction.
    #[inline(always)]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The instruction's place.
    fn place_of(&self) -> Place {
        Place { pc: self.pc, retired: self.retired }
    }

    /// A slow path is about to work for the instruction.
    #[inline(always)]
    fn note_place(&mut self) {
        self.core.note_place(self.pc, self.retired);
    }

    /// The instruction, with these bits, begins.
    pub fn begin(&mut self, raw: u32) {
        self.record.begin(self.core.state.mode, self.pc, raw);
    }

    /// It retired.
    pub fn end(&mut self) {
        self.record.end();
    }

    /// The bits of the instruction, for `xtval`, are added by who knows them.
    #[cold]
    fn deny(&mut self, denied: Denied) -> Stop {
        self.core.raise(denied.trap(0))
    }

    fn permit(&mut self, verdict: Result<(), Denied>) -> Result<(), Stop> {
        verdict.map_err(|denied| self.deny(denied))
    }

    #[inline(always)]
    fn go(&mut self, target: u64) -> Result<(), Stop> {
        if self.core.aligned_jumps && target & 2 != 0 {
            let gva = self.core.state.mode.virt;
            return Err(self.core.raise(Trap { gva, ..Trap::new(Exception::InstructionAddressMisaligned, target) }));
        }
        self.next = target;
        Ok(())
    }

    /// Shows what a compare-and-swap did that found `old`.
    fn record_cas(&mut self, bytes: u64, address: u64, old: [u64; 2], [expected, desired]: [[X64; 2]; 2]) {
        self.record.load(address, bytes as u8);
        let (part, wide) = (bytes.min(8), bytes > 8);
        let mask = u64::MAX >> (u64::BITS as u64 - 8 * part);
        if old[0] == expected[0].0 & mask && (!wide || old[1] == expected[1].0) {
            self.record.store(address, desired[0].0, part as u8);
            if wide {
                self.record.store(address.wrapping_add(8), desired[1].0, 8);
            }
        }
    }

    /// Reads or writes a CSR.
    fn access_csr(&mut self, op: CsrOp, address: u16, value: X64) -> Result<X64, Stop> {
        // H extension, "Trap Cause Codes": virtual-instruction only "when the same access (read/write) would be allowed in
        // HS-mode"; no mode may write a read-only CSR.
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
        if self.core.debug.is_some() {
            self.core.watch_csr(address, new);
        }
        if address == csr::HGATP {
            self.core.note_root(new);
        }
        if inputs.has(Inputs::EVENTS.and(Inputs::OVERFLOWS)) && self.core.state.counts_events() {
            (self.core.recount, self.core.look) = (true, true);
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
        if core.debug.is_some() {
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
            self.look = true;
        }
        if effects.has(Effects::TRANSLATION) {
            self.select();
        }
        if effects.has(Effects::INTERRUPTS | Effects::TIMER) {
            self.look = true;
        }
    }
}

impl<R: Record> Exec for Run<'_, R> {
    type W = X64;
    type Exit = Stop;

    #[inline(always)]
    fn imm(&self, value: i64) -> X64 {
        X64(value as u64)
    }
    #[inline(always)]
    fn pc(&self) -> X64 {
        X64(self.pc)
    }
    #[inline(always)]
    fn next_pc(&self) -> X64 {
        X64(self.next)
    }
    #[inline(always)]
    fn x(&self, register: u8) -> X64 {
        X64(self.core.x[usize::from(register & 31)])
    }
    #[inline(always)]
    fn f(&self, register: u8) -> X64 {
        X64(self.core.f[usize::from(register & 31)])
    }
    #[inline(always)]
    fn set_x(&mut self, register: u8, value: X64) {
        if register != 0 {
            self.core.x[usize::from(register & 31)] = value.0;
            if R::ON {
                self.record.x(register, value.0);
            }
        }
    }
    #[inline(always)]
    fn set_f(&mut self, register: u8, value: X64) {
        self.core.f[usize::from(register & 31)] = value.0;
        self.core.state.dirty_fp();
        if R::ON {
            self.record.f(register, value.0);
        }
    }

    #[inline(always)]
    fn load(&mut self, width: Width, address: X64) -> Value<Self> {
        let (va, bytes) = (address.0, width.bytes());
        let value = match self.core.readable(va, bytes) {
            Some(offset) => read_ram(&self.core.ram, offset, bytes),
            None => None,
        };
        let value = match value {
            Some(value) => value,
            None => {
                self.note_place();
                self.core.load_slow(By::Ordinary, va, bytes)?
            }
        };
        if R::ON {
            self.record.load(va, bytes as u8);
        }
        Ok(X64(value))
    }

    #[inline(always)]
    fn store(&mut self, width: Width, address: X64, value: X64) -> Out<Self> {
        let (va, bytes) = (address.0, width.bytes());
        let written = match self.core.writable(va, bytes) {
            Some(offset) => write_ram(&self.core.ram, offset, bytes, value.0),
            None => None,
        };
        if written.is_none() {
            self.note_place();
            self.core.store_slow(By::Ordinary, va, bytes, value.0)?;
        }
        if R::ON {
            self.record.store(va, value.0, bytes as u8);
        }
        Ok(())
    }

    #[inline(always)]
    fn branch(&mut self, condition: bool, target: X64) -> Out<Self> {
        if condition { self.go(target.0) } else { Ok(()) }
    }
    #[inline(always)]
    fn jump(&mut self, target: X64) -> Out<Self> {
        self.go(target.0)
    }

    fn amo(&mut self, width: Width, op: AmoOp, _order: Order, address: X64, value: X64) -> Value<Self> {
        self.note_place();
        let old = self.core.amo_at(width, op, address.0, value.0)?;
        if R::ON {
            let bytes = width.bytes() as u8;
            self.record.load(address.0, bytes);
            let new = match width {
                Width::B4 => u64::from(combine32(op, old as u32, value.0 as u32)),
                _ => combine64(op, old, value.0),
            };
            self.record.store(address.0, new, bytes);
        }
        Ok(X64(old))
    }

    fn amocas(
        &mut self,
        width: Width,
        _order: Order,
        address: X64,
        expected: [X64; 2],
        desired: [X64; 2],
    ) -> Result<[X64; 2], Stop> {
        self.note_place();
        let old = self.core.cas_at(width, address.0, expected.map(|w| w.0), desired.map(|w| w.0))?;
        if R::ON {
            self.record_cas(width.bytes(), address.0, old, [expected, desired]);
        }
        Ok(old.map(X64))
    }

    fn reserve(&mut self, width: Width, _order: Order, address: X64) -> Value<Self> {
        self.note_place();
        let value = self.core.reserve_at(width, address.0)?;
        if R::ON {
            self.record.load(address.0, width.bytes() as u8);
        }
        Ok(X64(value))
    }

    fn conditional(&mut self, width: Width, _order: Order, address: X64, value: X64) -> Value<Self> {
        self.note_place();
        let written = self.core.conditional_at(width, address.0, value.0)?;
        if R::ON && written {
            self.record.store(address.0, value.0, width.bytes() as u8);
        }
        Ok(X64((!written).into()))
    }

    fn fence(&mut self, _fm: u8, _pred: u8, _succ: u8) -> Out<Self> {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }

    fn pause(&mut self) -> Out<Self> {
        self.core.pause();
        Ok(())
    }

    fn cbo_zero(&mut self, address: X64) -> Out<Self> {
        self.permit(permit::cbo_zero(&self.core.state))?;
        self.note_place();
        let start = self.core.zero_block(address.0)?;
        if R::ON {
            (0..crate::atomic::CACHE_BLOCK).for_each(|at| self.record.store(start + at, 0, 1));
        }
        Ok(())
    }

    fn cbo_maint(&mut self, op: CboOp, address: X64) -> Out<Self> {
        let verdict = match op {
            CboOp::Inval => permit::cbo_inval(&self.core.state),
            CboOp::Clean | CboOp::Flush => permit::cbo_clean_flush(&self.core.state),
        };
        self.permit(verdict)?;
        self.note_place();
        self.core.manage_block(address.0)
    }

    #[inline(always)]
    fn fp_enabled(&mut self) -> Out<Self> {
        if self.core.state.fp_enabled() { Ok(()) } else { Err(self.illegal()) }
    }

    #[inline]
    fn fp(&mut self, op: FpOp, fmt: Fmt, rm: u8, operands: [X64; 3]) -> Value<Self> {
        let rm = if rm == Rounding::DYN { self.core.state.frm } else { rm };
        let Some(rounding) = Rounding::from_rm(rm) else { return Err(self.illegal()) };
        let (value, flags) = fp::evaluate(op, fmt, rounding, operands.map(|w| w.0));
        if flags != Flags::NONE {
            self.core.state.fflags |= flags.0;
            self.core.state.dirty_fp();
        }
        Ok(X64(value))
    }

    #[cold]
    fn illegal(&mut self) -> Stop {
        self.deny(Denied::Illegal)
    }
}

impl<R: Record> Privileged for Run<'_, R> {
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
            Mode::HS if self.core.sbi => {
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
        (self.core.waiting, self.core.look) = (true, true);
        self.core.waits_since = self.core.clock.now();
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
        (self.core.fence_i, self.core.look) = (true, true);
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
        let asid = id.map(contexts::asid);
        let guest = Fence::Guest { va, asid, vmid: self.core.vmid() };
        let fence = match fence {
            TlbFence::SfenceVma | TlbFence::SinvalVma if !self.core.state.mode.virt => Fence::Supervisor { va, asid },
            TlbFence::HfenceGvma | TlbFence::HinvalGvma => {
                Fence::GuestPhysical { gpa: va.map(|gpa| gpa << 2), vmid: id.map(contexts::vmid) }
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
        let value = self.core.load_slow(By::Hyper, address.0, width.bytes())?;
        if R::ON {
            self.record.load(address.0, width.bytes() as u8);
        }
        Ok(X64(value))
    }

    fn hyper_load_exec(&mut self, width: Width, address: X64) -> Value<Self> {
        self.permit(permit::hlv(&self.core.state))?;
        self.note_place();
        let value = self.core.load_slow(By::HyperExec, address.0, width.bytes())?;
        if R::ON {
            self.record.load(address.0, width.bytes() as u8);
        }
        Ok(X64(value))
    }

    fn hyper_store(&mut self, width: Width, address: X64, value: X64) -> Out<Self> {
        self.permit(permit::hlv(&self.core.state))?;
        self.note_place();
        self.core.store_slow(By::Hyper, address.0, width.bytes(), value.0)?;
        if R::ON {
            self.record.store(address.0, value.0, width.bytes() as u8);
        }
        Ok(())
    }
}
