//! The single things that a sequence does.

use arch::csr::{self, hstatus, status};
use arch::insn::{Bare, Class, Csr, CsrI, I, OPCODES, Opcode, R, Rs, S, U};
use arch::{Insn, Mode, Privilege};

use super::layout::{FREE, GIGAPAGE_WINDOW, OPERAND, STAY, TO_USER, USER_WINDOW};
use super::values::SOFT;
use super::{Sequence, fence_all, tables};
use crate::lockstep::RAM_BASE;

impl Sequence<'_> {
    pub(super) fn step(&mut self) {
        match self.rng.below(32) {
            0..9 => self.access_csr(),
            9..14 => self.go_down(),
            14..17 => self.go_up(),
            17..24 => self.access_memory(),
            24 => self.fence(),
            25 | 26 => self.interrupt(),
            27 => self.change_tables(),
            28 | 29 => self.compute(),
            30 => self.call(),
            _ => self.stray_return(),
        }
    }

    fn free(&mut self) -> u8 {
        self.rng.pick(&FREE)
    }

    /// Any access of any CSR.
    fn access_csr(&mut self) {
        let address = self.some_csr();
        let rd = if self.rng.one_in(4) { 0 } else { self.free() };
        match self.rng.below(8) {
            0..3 => self.code.csrr(rd.max(5), address),
            3 | 4 => {
                let value = self.values.any(self.rng, self.mode, address);
                self.code.li(OPERAND, value);
                self.code.put(Insn::Csrrw(Csr { rd, rs1: OPERAND, csr: address }));
            }
            5 => {
                let value = self.bits() & self.values.writable(address);
                self.code.li(OPERAND, value);
                self.code.put(Insn::Csrrs(Csr { rd, rs1: OPERAND, csr: address }));
            }
            6 => {
                // Vectors and roots must stay what they are.
                let value = if self.values.writable(address) == 0 { 0 } else { self.bits() };
                self.code.li(OPERAND, value);
                self.code.put(Insn::Csrrc(Csr { rd, rs1: OPERAND, csr: address }));
            }
            _ => self.access_csr_immediate(address, rd),
        }
        if self.rng.one_in(2) {
            self.code.csrr(6, address);
        }
    }

    fn access_csr_immediate(&mut self, address: u16, rd: u8) {
        let uimm = self.rng.below(32) as u8 & self.values.writable(address) as u8;
        let fields = CsrI { rd, uimm, csr: address };
        let is_plain = self.values.writable(address) == u64::MAX;
        self.code.put(match self.rng.below(3) {
            0 if is_plain => Insn::Csrrwi(fields),
            1 if is_plain => Insn::Csrrci(fields),
            _ => Insn::Csrrsi(fields),
        });
    }

    /// A few bits, or any.
    fn bits(&mut self) -> u64 {
        if self.rng.one_in(2) { 1 << self.rng.below(64) } else { self.rng.integer() }
    }

    /// Mostly one that the mode may access.
    fn some_csr(&mut self) -> u16 {
        if self.rng.one_in(32) {
            let address = self.rng.below(0x1000) as u16;
            let is_known = csr::name(address).is_some();
            if !is_known && !matches!(address, 0x5a8 | 0x6a8 | 0x7a0..0x7c0) {
                return address;
            }
        }
        let mut tries = 0;
        loop {
            let address = self.rng.pick(&self.registers);
            let needed = csr::privilege(address);
            let level = if self.mode.virt { self.mode.privilege as u8 } else { (self.mode.privilege as u8).max(1) + 1 };
            tries += 1;
            if needed <= level || tries > 3 || self.rng.one_in(8) {
                return address;
            }
        }
    }

    /// Returns to a lower mode, or the same.
    fn go_down(&mut self) {
        let targets: &[Mode] = match self.mode {
            Mode::M => &[Mode::HS, Mode::U, Mode::VS, Mode::VU, Mode::VS, Mode::M],
            Mode::HS => &[Mode::U, Mode::VS, Mode::VU, Mode::VS, Mode::HS],
            Mode::VS => &[Mode::VU, Mode::VS],
            _ => return self.go_up(),
        };
        let target = self.rng.pick(targets);
        self.prepare_status(target);
        let offset = self.window(target).wrapping_sub(self.window(self.mode));
        self.code.put(Insn::Auipc(U { rd: OPERAND, imm: offset as i32 }));
        self.code.addi(OPERAND, OPERAND, 16);
        let from_machine = self.mode == Mode::M;
        self.code.csrw(if from_machine { csr::MEPC } else { csr::SEPC }, OPERAND);
        self.code.xret(if from_machine { Mode::M } else { Mode::HS });
        self.mode = target;
    }

    /// Where code for `mode` is.
    fn window(&self, mode: Mode) -> u64 {
        let translated = match mode {
            Mode { privilege: Privilege::User, virt: false } => self.satp != 0,
            Mode { privilege: Privilege::User, virt: true } => self.vsatp != 0,
            _ => false,
        };
        if translated { USER_WINDOW } else { RAM_BASE }
    }

    /// Sets what the return looks at.
    fn prepare_status(&mut self, target: Mode) {
        let (register, mask, field) = if self.mode == Mode::M {
            let field = (target.privilege as u64) << status::MPP_SHIFT | if target.virt { status::MPV } else { 0 };
            (csr::MSTATUS, status::MPP | status::MPV | status::MPRV, field)
        } else {
            let field = if target.privilege == Privilege::Supervisor { status::SPP } else { 0 };
            (csr::SSTATUS, status::SPP, field)
        };
        self.change(register, mask, field);
        if self.mode == Mode::HS {
            self.change(csr::HSTATUS, hstatus::SPV, if target.virt { hstatus::SPV } else { 0 });
        }
    }

    fn change(&mut self, csr: u16, mask: u64, field: u64) {
        self.code.li(OPERAND, mask);
        self.code.put(Insn::Csrrc(Csr { rd: 0, rs1: OPERAND, csr }));
        if field != 0 {
            self.code.li(OPERAND, field);
            self.code.put(Insn::Csrrs(Csr { rd: 0, rs1: OPERAND, csr }));
        }
    }

    /// Traps, and stays where the trap went.
    fn go_up(&mut self) {
        self.code.addi(STAY, 0, 1);
        self.code.put(Insn::Ecall(Bare {}));
        let cause = match self.mode {
            Mode { privilege: Privilege::User, .. } => 8,
            Mode::VS => 10,
            _ => 11,
        };
        let delegated = self.mode != Mode::M && self.medeleg >> cause & 1 != 0;
        self.mode = if delegated { Mode::HS } else { Mode::M };
    }

    /// Loads and stores of every kind at every kind of address.
    fn access_memory(&mut self) {
        let va = self.virtual_address();
        self.code.li(OPERAND, va);
        for _ in 0..1 + self.rng.below(3) {
            let raw = self.random_access();
            self.code.word(raw);
        }
    }

    fn virtual_address(&mut self) -> u64 {
        let user = matches!(self.mode.privilege, Privilege::User);
        let window = match self.rng.below(16) {
            0..8 => RAM_BASE.wrapping_add(if user { TO_USER } else { 0 }),
            8..12 => RAM_BASE.wrapping_add(if user { 0 } else { TO_USER }),
            12 => GIGAPAGE_WINDOW,
            13 => 0,
            14 => (1u64 << self.rng.below(16)).wrapping_neg() << 30,
            _ => (1 + self.rng.below(2046)) << (30 + 9 * self.rng.below(3)),
        };
        tables::data_address(self.rng, window)
    }

    /// A memory instruction at [`OPERAND`].
    fn random_access(&mut self) -> u32 {
        let isa = crate::lockstep::config().isa;
        loop {
            let opcode = self.rng.pick(OPCODES);
            let row = opcode.row();
            let wanted = match row.class {
                Class::Load | Class::Store | Class::Hyper => true,
                Class::Amo => self.rng.one_in(2),
                Class::Cache => row.operands == "(rs1)",
                _ => false,
            };
            let hyper = self.mode == Mode::M || self.mode == Mode::HS;
            let misplaced = row.class == Class::Hyper && !hyper && !self.rng.one_in(8);
            if !wanted || misplaced || !row.needs.met_by(isa) || opcode == Opcode::AmocasQ {
                continue;
            }
            let mut raw = row.pattern.value | self.rng.bits() as u32 & !row.pattern.mask;
            raw = raw & !(31 << 15) | u32::from(OPERAND) << 15;
            if row.operands.starts_with("rd") {
                raw = raw & !(31 << 7) | u32::from(self.free()) << 7;
            }
            // Offsets stay small.
            return match row.class {
                Class::Load => raw & 0x000f_ffff,
                Class::Store => raw & 0x01ff_f07f,
                _ => raw,
            };
        }
    }

    /// The registers of a fence: of one address or all, of one address space or all.
    fn fenced(&mut self) -> Rs {
        Rs { rs1: if self.rng.one_in(2) { 0 } else { OPERAND }, rs2: if self.rng.one_in(2) { 0 } else { self.free() } }
    }

    fn fence(&mut self) {
        let rs = self.fenced();
        let insn = match self.rng.below(8) {
            0 | 1 => Insn::SfenceVma(rs),
            2 => Insn::HfenceVvma(rs),
            3 => Insn::HfenceGvma(rs),
            4 => Insn::SinvalVma(rs),
            5 => Insn::HinvalVvma(rs),
            6 => Insn::HinvalGvma(rs),
            _ => self.rng.pick(&[Insn::SfenceWInval(Bare {}), Insn::SfenceInvalIr(Bare {})]),
        };
        self.code.put(insn);
    }

    /// The registers by which the mode makes interrupts pending, and enables them.
    fn pending_and_enabled(&mut self) -> (u16, u16) {
        let registers: &[(u16, u16)] = match self.mode {
            Mode::M => &[(csr::MIP, csr::MIE), (csr::HVIP, csr::MIE), (csr::MIP, csr::HIE)],
            Mode::HS => &[(csr::SIP, csr::SIE), (csr::HVIP, csr::HIE), (csr::HIP, csr::VSIE)],
            _ => &[(csr::SIP, csr::SIE)],
        };
        match self.values.has_aia && self.mode == Mode::M && self.rng.one_in(2) {
            true => self.rng.pick(&[(csr::MVIP, csr::SIE), (csr::MVIP, csr::MIE), (csr::MVIEN, csr::SIE)]),
            false => self.rng.pick(registers),
        }
    }

    /// Makes interrupts pending and enables some.
    fn interrupt(&mut self) {
        let pending = self.rng.bits() & self.rng.bits() & SOFT;
        let enabled = self.rng.bits() & SOFT & self.values.writable(csr::MIE);
        let (pend, enable) = self.pending_and_enabled();
        for (csr, value) in [(pend, pending), (enable, enabled)] {
            self.code.li(OPERAND, value);
            self.code.put(Insn::Csrrs(Csr { rd: 0, rs1: OPERAND, csr }));
        }
        let globally = if self.mode == Mode::M { csr::MSTATUS } else { csr::SSTATUS };
        let uimm = if self.mode == Mode::M { self.rng.pick(&[2, 8, 10]) } else { 2 };
        self.code.put(Insn::Csrrsi(CsrI { rd: 0, uimm, csr: globally }));
        let rd = self.free();
        self.code.csrr(rd, pend);
    }

    /// Changes last-level entries, and says so.
    fn change_tables(&mut self) {
        if self.mode != Mode::M {
            return self.access_csr();
        }
        self.change(csr::MSTATUS, status::MPRV, 0);
        for _ in 0..1 + self.rng.below(3) {
            let page = self.rng.pick(&self.values.tables.leaves);
            let index = self.rng.below(super::DATA_PAGES);
            let user = if self.rng.one_in(2) { arch::pte::U } else { 0 };
            let entry = tables::data_entry(self.rng, user, false);
            self.code.li(OPERAND, page + index * 8);
            let rs2 = FREE[0];
            self.code.li(rs2, entry);
            self.code.put(Insn::Sd(S { rs1: OPERAND, rs2, imm: 0 }));
        }
        fence_all(self.code);
    }

    fn compute(&mut self) {
        let (rd, rs1, rs2) = (self.free(), self.free(), self.free());
        match self.rng.below(6) {
            0 => self.code.put(Insn::Add(R { rd, rs1, rs2 })),
            1 => self.code.put(Insn::FmvDX(arch::insn::R1 { rd, rs1 })),
            2 => self.code.put(Insn::FaddD(arch::insn::Rm { rd, rs1, rs2, rm: 7 })),
            3 => self.code.put(Insn::FmvXD(arch::insn::R1 { rd, rs1 })),
            4 => self.code.put(Insn::FenceI(I { rd: 0, rs1: 0, imm: 0 })),
            _ => self.code.csrr(rd, csr::INSTRET),
        }
    }

    fn call(&mut self) {
        let insn = match self.rng.below(5) {
            0 | 1 => Insn::Ecall(Bare {}),
            2 => Insn::Ebreak(Bare {}),
            3 => Insn::WrsNto(Bare {}),
            _ => return self.code.word(0xffff_8fff),
        };
        self.code.put(insn);
    }
}
