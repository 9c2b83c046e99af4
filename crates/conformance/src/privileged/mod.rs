//! Random privileged sequences: CSRs, traps, returns, interrupts, page tables of both stages, in every mode.
//!
//! A program is many sequences, as starting Spike costs much. A sequence begins in M-mode, resets what decides about
//! privileged behaviour, sets some of it at random, and does random things. It plans its mode but need not be right:
//! what is not permitted traps, and handlers skip it.

mod handlers;
mod layout;
mod ops;
mod tables;
mod values;

use arch::csr::{self, status};
use arch::insn::{Bare, Rs};
use arch::{Insn, Mode};

use crate::elf::Image;
use crate::lockstep::MTIMECMP;
use crate::spike;
use handlers::Handlers;
use kit::Code;
use kit::Rng;
use layout::{BUDGET, CODE, CONSTANTS, CONSTANTS_COUNT, DATA, DATA_PAGES, FREE, NEXT, OPERAND, STAY, TOHOST};
use tables::Tables;
use values::Values;

/// A program of so many `sequences`, a function of `seed`.
pub fn program(seed: u64, sequences: u64) -> Image {
    program_of(spike::ISA, seed, sequences)
}

/// The same for harts with AIA.
pub fn aia_program(seed: u64, sequences: u64) -> Image {
    program_of(spike::AIA, seed, sequences)
}

fn program_of(isa: &'static str, seed: u64, sequences: u64) -> Image {
    let has_aia = isa == spike::AIA;
    let mut rng = Rng::new(seed ^ 0x7072_6976);
    let tables = Tables::random(&mut rng);
    let mut code = Code::new(CODE);
    let over = code.branch_over(Insn::Beq, 0, 0);
    code.land(over);
    let entry = code.here();
    code.li(OPERAND, MTIMECMP);
    code.li(NEXT, u64::MAX);
    code.sd(NEXT, OPERAND, 0);
    code.set_csr(csr::MSTATUS, OPERAND, status::FS);
    code.li(OPERAND, CONSTANTS);
    for rd in 0..32 {
        code.put(Insn::Fld(arch::insn::I { rd, rs1: OPERAND, imm: i32::from(rd) * 8 }));
    }
    let start = code.here();
    code.word(0);
    let handlers = handlers::write(&mut code);
    let reset = write_reset(&mut code, handlers, has_aia);
    code.jal_at(start);
    {
        let values = Values { handlers, tables: &tables, has_aia };
        for _ in 0..sequences {
            Sequence::new(&mut rng, &mut code, &values).write(reset);
        }
    }
    code.li(OPERAND, TOHOST);
    code.addi(NEXT, 0, 1);
    code.csrw(csr::MSTATUS, 0);
    code.sd(NEXT, OPERAND, 0);
    let here = code.here();
    code.jal(0, here);
    Image {
        isa,
        entry,
        segments: vec![
            code.into_segment(),
            tables.into_segment(),
            (DATA, bytes(&mut rng, DATA_PAGES * 512)),
            (CONSTANTS, bytes(&mut rng, CONSTANTS_COUNT)),
            (TOHOST, vec![0; 16]),
        ],
        symbols: vec![("tohost", TOHOST), ("fromhost", TOHOST + 8)],
    }
}

fn bytes(rng: &mut Rng, count: u64) -> Vec<u8> {
    (0..count).flat_map(|_| rng.integer().to_le_bytes()).collect()
}

/// The registers that the reset clears.
const CLEARED: &[u16] = &[
    csr::MIE,
    csr::MIP,
    csr::MEDELEG,
    csr::MIDELEG,
    csr::SATP,
    csr::HGATP,
    csr::VSATP,
    csr::HSTATUS,
    csr::HEDELEG,
    csr::HIDELEG,
    csr::HVIP,
    csr::HIE,
    csr::HTIMEDELTA,
    csr::VSSTATUS,
    csr::VSIE,
    csr::HCOUNTEREN,
    csr::SCOUNTEREN,
    csr::MCOUNTEREN,
    csr::MCOUNTINHIBIT,
    csr::SENVCFG,
    csr::FCSR,
    csr::MSECCFG,
    csr::PMPCFG0,
];

/// The subroutine that every sequence begins with; answers its address. It returns to `ra`.
fn write_reset(code: &mut Code, handlers: Handlers, has_aia: bool) -> u64 {
    const ALL_MEMORY: u64 = 0x1f << 56;
    let start = code.here();
    code.csrw(csr::MIE, 0);
    code.set_csr(csr::MSTATUS, OPERAND, status::FS);
    code.set_csr(csr::MTVEC, OPERAND, handlers.machine);
    for &register in CLEARED.iter().chain(if has_aia { values::AIA_CLEARED } else { &[] }) {
        code.csrw(register, 0);
    }
    code.set_csr(csr::STVEC, OPERAND, handlers.supervisor);
    code.set_csr(csr::VSTVEC, OPERAND, handlers.virtual_supervisor);
    code.li(OPERAND, u64::MAX);
    for register in [csr::STIMECMP, csr::VSTIMECMP, csr::PMPADDR0 + 15] {
        code.csrw(register, OPERAND);
    }
    code.set_csr(csr::PMPCFG0 + 2, OPERAND, ALL_MEMORY);
    code.set_csr(csr::MENVCFG, OPERAND, csr::envcfg::STCE);
    code.set_csr(csr::HENVCFG, OPERAND, csr::envcfg::STCE);
    if !has_aia {
        for register in [csr::MSTATEEN0, csr::HSTATEEN0] {
            code.set_csr(register, OPERAND, values::writable(register));
        }
    }
    code.csrw(csr::MINSTRET, 0);
    code.csrw(csr::MCYCLE, 0);
    code.addi(STAY, 0, 0);
    fence_all(code);
    code.jump_register(1);
    start
}

/// Makes changes of page tables known.
fn fence_all(code: &mut Code) {
    let all = Rs { rs1: 0, rs2: 0 };
    code.put(Insn::SfenceVma(all));
    code.put(Insn::HfenceVvma(all));
    code.put(Insn::HfenceGvma(all));
}

/// A sequence being written.
struct Sequence<'a> {
    rng: &'a mut Rng,
    code: &'a mut Code,
    values: &'a Values<'a>,
    registers: Vec<u16>,
    /// The mode that it is probably in.
    mode: Mode,
    /// What it set.
    satp: u64,
    vsatp: u64,
    hgatp: u64,
    medeleg: u64,
}

impl<'a> Sequence<'a> {
    fn new(rng: &'a mut Rng, code: &'a mut Code, values: &'a Values<'a>) -> Self {
        let registers = values::registers(values.has_aia);
        Sequence { rng, code, values, registers, mode: Mode::M, satp: 0, vsatp: 0, hgatp: 0, medeleg: 0 }
    }

    fn write(mut self, reset: u64) {
        let next = self.code.here();
        self.code.address_at(next, NEXT, next);
        self.code.jal(1, reset);
        self.code.li(OPERAND, CONSTANTS);
        for register in FREE {
            let imm = self.rng.below(CONSTANTS_COUNT) as i32 * 8;
            self.code.ld(register, OPERAND, imm);
        }
        let budget = 4 + self.rng.below(20);
        self.code.li(BUDGET, budget);
        self.set_up();
        for _ in 0..4 + self.rng.below(28) {
            self.step();
        }
        self.code.addi(BUDGET, 0, 0);
        handlers::give_up(self.code);
        let end = self.code.here();
        self.code.address_at(next, NEXT, end);
    }

    /// Some of the state that decides about the rest.
    fn set_up(&mut self) {
        for register in [csr::MEDELEG, csr::MIDELEG, csr::HEDELEG, csr::HIDELEG] {
            if !self.rng.one_in(4) {
                // Much is delegated.
                let value = (self.rng.bits() | self.rng.bits()) & values::writable(register);
                self.set(register, value);
            }
        }
        for register in [csr::SATP, csr::VSATP, csr::HGATP] {
            if !self.rng.one_in(3) {
                let value = self.values.any(self.rng, Mode::M, register);
                self.set(register, value);
            }
        }
        for register in [csr::MENVCFG, csr::HENVCFG] {
            let value = csr::envcfg::STCE | self.rng.bits() & (csr::envcfg::ADUE | csr::envcfg::PBMTE | 0xf0);
            self.set(register, value);
        }
        const SOMETIMES: &[u16] = &[
            csr::MSTATUS,
            csr::VSSTATUS,
            csr::HSTATUS,
            csr::MCOUNTEREN,
            csr::SCOUNTEREN,
            csr::HCOUNTEREN,
            csr::MSTATEEN0,
            csr::HSTATEEN0,
            csr::SSTATEEN0,
            csr::SENVCFG,
            csr::MIE,
            csr::HIE,
            csr::MIP,
            csr::HVIP,
            csr::PMPADDR0,
            csr::PMPADDR0 + 1,
            csr::PMPADDR0 + 2,
            csr::PMPCFG0,
        ];
        if self.values.has_aia {
            self.set_up_aia();
        }
        for &register in SOMETIMES {
            let often = matches!(register, csr::MSTATUS | csr::VSSTATUS | csr::HSTATUS);
            if self.rng.one_in(if often { 2 } else { 5 }) {
                let mut value = self.values.any(self.rng, Mode::M, register);
                if register == csr::MSTATUS {
                    value = value & !status::MPRV | status::FS;
                }
                self.set(register, value);
            }
        }
        if self.rng.one_in(2) {
            fence_all(self.code);
        }
    }

    /// What is filtered and asserted by the levels above.
    fn set_up_aia(&mut self) {
        for register in [csr::MVIEN, csr::MVIP, csr::HVICTL, csr::SISELECT, csr::VSISELECT, csr::MISELECT] {
            if self.rng.one_in(2) {
                let value = self.values.any(self.rng, Mode::M, register);
                self.set(register, value);
            }
        }
        if self.rng.one_in(2) {
            let value = self.rng.bits();
            self.set(csr::SIE, value);
        }
    }

    /// Writes a CSR, and notes what matters to the plan.
    fn set(&mut self, register: u16, value: u64) {
        match register {
            csr::SATP if self.mode.virt => self.vsatp = value,
            csr::SATP => self.satp = value,
            csr::VSATP => self.vsatp = value,
            csr::HGATP => self.hgatp = value,
            csr::MEDELEG => self.medeleg = value,
            _ => {}
        }
        self.code.set_csr(register, OPERAND, value);
    }

    /// `mret` or `sret`, where nobody prepared one.
    fn stray_return(&mut self) {
        let target = self.code.here() + 16;
        self.code.put(Insn::Auipc(arch::insn::U { rd: OPERAND, imm: 0 }));
        self.code.addi(OPERAND, OPERAND, 16);
        let register = if self.mode == Mode::M { csr::MEPC } else { csr::SEPC };
        self.code.csrw(register, OPERAND);
        self.code.put(if self.mode == Mode::M { Insn::Mret(Bare {}) } else { Insn::Sret(Bare {}) });
        debug_assert_eq!(self.code.here(), target);
    }
}
