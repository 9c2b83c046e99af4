//! The interpreter: the instance of the instructions' texts (`semantics`) whose word is a `u64`.

mod privileged;

use ::privileged::{Denied, permit};
use arch::{Exception, Trap};
use fp::{Flags, Fmt, Op as FpOp, Rounding};
use semantics::{AmoOp, CboOp, Exec, Order, Out, Value, Width, X64};

use crate::access::{AccessKind, read_ram, write_ram};
use crate::atomic::{combine32, combine64};
use crate::core::{Core, Stop};
use crate::record::Record;
use crate::watch::Position;

/// The interpreter, at an instruction that it executes.
pub struct Interpreter<'a, R> {
    core: &'a mut Core,
    record: &'a mut R,
    pc: u64,
    next: u64,
    /// Instructions retired before this one.
    retired: u64,
}

impl<'a, R: Record> Interpreter<'a, R> {
    /// An instruction at `pc`, seen by `record`.
    pub fn new(core: &'a mut Core, record: &'a mut R, pc: u64) -> Self {
        Interpreter { core, record, pc, next: pc, retired: 0 }
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
        core.recheck_interrupts || core.fence_i || core.wfi.waiting || core.recount || core.exit.is_some()
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
    fn place_of(&self) -> Position {
        Position { pc: self.pc, retired: self.retired }
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
}

impl<R: Record> Exec for Interpreter<'_, R> {
    type W = X64;
    type Stop = Stop;

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
                self.core.load_slow(AccessKind::Ordinary, va, bytes)?
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
            self.core.store_slow(AccessKind::Ordinary, va, bytes, value.0)?;
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
