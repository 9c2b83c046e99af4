//! The smallest machine that runs every text: registers, a little memory, and a note of what else was asked of it.
#![allow(dead_code, reason = "each test file uses its part")]

use arch::{Insn, Isa, decode};
use semantics::{AmoOp, CboOp, CsrOp, Exec, Fmt, FpOp, Order, Out, Privileged, TlbFence, Value, Width, X64};

/// Bytes of memory, from address 0.
pub const MEMORY: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    Illegal,
    Fault(u64),
}

/// What was asked beyond registers and plain memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    Fence(u8, u8, u8),
    CboZero(u64),
    CboMaint(CboOp, u64),
    Fp(FpOp, Fmt, u8, [u64; 3]),
    Csr(CsrOp, u16, u64),
    TlbFence(TlbFence, Option<u64>, Option<u64>),
    Amo(Width, AmoOp, Order, u64, u64),
    HyperExec(u64),
    Plain(&'static str),
}

pub struct Machine {
    pub x: [u64; 32],
    pub f: [u64; 32],
    pub pc: u64,
    pub next_pc: u64,
    pub memory: [u8; MEMORY],
    pub fp_on: bool,
    pub reserved: Option<u64>,
    pub asked: Vec<Asked>,
    /// What `fp` and `csr` answer.
    pub answer: u64,
}

impl Machine {
    pub fn new() -> Self {
        Machine {
            x: [0; 32],
            f: [0; 32],
            pc: 0x1000,
            next_pc: 0x1004,
            memory: [0; MEMORY],
            fp_on: true,
            reserved: None,
            asked: vec![],
            answer: 0,
        }
    }

    pub fn run(&mut self, insn: Insn) -> Result<(), Stop> {
        semantics::execute(self, &insn)
    }

    /// Runs an encoding and answers a register.
    pub fn run_raw(&mut self, raw: u32) -> Result<(), Stop> {
        self.run(decode(raw, &Isa::ALL).expect("an instruction"))
    }

    fn read(&self, width: Width, address: u64) -> Result<u64, Stop> {
        let bytes = width.bytes().min(8) as usize;
        let at = usize::try_from(address).map_err(|_| Stop::Fault(address))?;
        let slice = at.checked_add(bytes).and_then(|end| self.memory.get(at..end)).ok_or(Stop::Fault(address))?;
        Ok(slice.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn write(&mut self, width: Width, address: u64, value: u64) -> Result<(), Stop> {
        self.read(width, address)?;
        let bytes = width.bytes().min(8) as usize;
        self.memory[address as usize..][..bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        Ok(())
    }

    fn note(&mut self, name: &'static str) -> Result<(), Stop> {
        self.asked.push(Asked::Plain(name));
        Ok(())
    }
}

impl Exec for Machine {
    type W = X64;
    type Stop = Stop;

    fn imm(&self, value: i64) -> X64 {
        X64(value as u64)
    }
    fn pc(&self) -> X64 {
        X64(self.pc)
    }
    fn next_pc(&self) -> X64 {
        X64(self.next_pc)
    }
    fn x(&self, register: u8) -> X64 {
        X64(self.x[usize::from(register)])
    }
    fn f(&self, register: u8) -> X64 {
        X64(self.f[usize::from(register)])
    }
    fn set_x(&mut self, register: u8, value: X64) {
        if register != 0 {
            self.x[usize::from(register)] = value.0;
        }
    }
    fn set_f(&mut self, register: u8, value: X64) {
        self.f[usize::from(register)] = value.0;
    }
    fn load(&mut self, width: Width, address: X64) -> Value<Self> {
        self.read(width, address.0).map(X64)
    }
    fn store(&mut self, width: Width, address: X64, value: X64) -> Out<Self> {
        self.write(width, address.0, value.0)
    }
    fn branch(&mut self, condition: bool, target: X64) -> Out<Self> {
        if condition {
            self.next_pc = target.0;
        }
        Ok(())
    }
    fn jump(&mut self, target: X64) -> Out<Self> {
        self.next_pc = target.0;
        Ok(())
    }
    fn amo(&mut self, width: Width, op: AmoOp, order: Order, address: X64, value: X64) -> Value<Self> {
        let old = self.read(width, address.0)?;
        self.asked.push(Asked::Amo(width, op, order, address.0, value.0));
        Ok(X64(old))
    }
    fn amocas(
        &mut self,
        width: Width,
        _: Order,
        address: X64,
        expected: [X64; 2],
        desired: [X64; 2],
    ) -> Result<[X64; 2], Stop> {
        let high = if width == Width::B16 { self.read(Width::B8, address.0 + 8)? } else { 0 };
        let old = [X64(self.read(width, address.0)?), X64(high)];
        let mask = if width == Width::B4 { u64::from(u32::MAX) } else { u64::MAX };
        if old[0].0 == expected[0].0 & mask && (width != Width::B16 || old[1] == expected[1]) {
            self.write(width, address.0, desired[0].0)?;
            if width == Width::B16 {
                self.write(Width::B8, address.0 + 8, desired[1].0)?;
            }
        }
        Ok(old)
    }
    fn reserve(&mut self, width: Width, _: Order, address: X64) -> Value<Self> {
        self.reserved = Some(address.0);
        self.read(width, address.0).map(X64)
    }
    fn conditional(&mut self, width: Width, _: Order, address: X64, value: X64) -> Value<Self> {
        if self.reserved.take() != Some(address.0) {
            return Ok(X64(1));
        }
        self.write(width, address.0, value.0)?;
        Ok(X64(0))
    }
    fn fence(&mut self, fm: u8, pred: u8, succ: u8) -> Out<Self> {
        self.asked.push(Asked::Fence(fm, pred, succ));
        Ok(())
    }
    fn pause(&mut self) -> Out<Self> {
        Ok(())
    }
    fn cbo_zero(&mut self, address: X64) -> Out<Self> {
        self.asked.push(Asked::CboZero(address.0));
        Ok(())
    }
    fn cbo_maint(&mut self, op: CboOp, address: X64) -> Out<Self> {
        self.asked.push(Asked::CboMaint(op, address.0));
        Ok(())
    }
    fn fp_enabled(&mut self) -> Out<Self> {
        if self.fp_on { Ok(()) } else { Err(Stop::Illegal) }
    }
    fn fp(&mut self, op: FpOp, fmt: Fmt, rm: u8, operands: [X64; 3]) -> Value<Self> {
        self.asked.push(Asked::Fp(op, fmt, rm, operands.map(|w| w.0)));
        Ok(X64(self.answer))
    }
    fn illegal(&mut self) -> Stop {
        Stop::Illegal
    }
}

macro_rules! notes {
    ($($method:ident)*) => { $( fn $method(&mut self) -> Out<Self> { self.note(stringify!($method)) } )* };
}

impl Privileged for Machine {
    notes! { ecall ebreak sret mret wfi wrs_nto wrs_sto fence_i sfence_w_inval sfence_inval_ir }

    fn csr(&mut self, op: CsrOp, csr: u16, value: X64) -> Value<Self> {
        self.asked.push(Asked::Csr(op, csr, value.0));
        Ok(X64(self.answer))
    }
    fn tlb_fence(&mut self, fence: TlbFence, address: Option<X64>, id: Option<X64>) -> Out<Self> {
        self.asked.push(Asked::TlbFence(fence, address.map(|w| w.0), id.map(|w| w.0)));
        Ok(())
    }
    fn hyper_load(&mut self, width: Width, address: X64) -> Value<Self> {
        self.read(width, address.0).map(X64)
    }
    fn hyper_load_exec(&mut self, width: Width, address: X64) -> Value<Self> {
        self.asked.push(Asked::HyperExec(address.0));
        self.read(width, address.0).map(X64)
    }
    fn hyper_store(&mut self, width: Width, address: X64, value: X64) -> Out<Self> {
        self.write(width, address.0, value.0)
    }
}

/// Words as programs have them, the seed from the decimals of pi.
pub struct Random(fastrand::Rng);

impl Random {
    pub fn new() -> Self {
        Random(fastrand::Rng::with_seed(3_141_592_653_589_793))
    }
    pub fn bits(&mut self) -> u64 {
        self.0.u64(..)
    }
    /// A word as programs have them: any, small, or at a corner.
    pub fn word(&mut self) -> u64 {
        const CORNERS: [u64; 10] = [
            0,
            1,
            u64::MAX,
            1 << 63,
            (1 << 63) - 1,
            1 << 31,
            (1 << 31) - 1,
            u32::MAX as u64,
            !(1 << 31),
            0xffff_ffff_8000_0000,
        ];
        let word = self.bits();
        match word >> 61 {
            0 | 1 => CORNERS[(word % 10) as usize],
            2 => word & 0xff,
            3 => (word as i8) as u64,
            4 => word as u32 as u64,
            _ => word,
        }
    }
}
