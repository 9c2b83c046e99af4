//! Random code from the instruction table.

use arch::Isa;
use arch::csr;
use arch::insn::{Class, Insn, OPCODES, Opcode, decompress};

use kit::Rng;

/// Registers that mostly point to data: some live in host registers, some in memory.
pub const BASES: [u8; 6] = [2, 8, 10, 14, 20, 28];
/// Registers that mostly point to code.
pub const LINKS: [u8; 3] = [1, 5, 13];

/// CSRs that random code reads and writes.
const CSRS: [u16; 33] = [
    csr::FFLAGS,
    csr::FRM,
    csr::FCSR,
    csr::FFLAGS,
    csr::FRM,
    csr::FCSR,
    csr::INSTRET,
    csr::CYCLE,
    csr::TIME,
    csr::SSCRATCH,
    csr::SSTATUS,
    csr::SIE,
    csr::SIP,
    csr::SENVCFG,
    csr::SCAUSE,
    csr::MSTATUS,
    csr::MIE,
    csr::MIP,
    csr::MINSTRET,
    csr::HVIP,
    csr::VSSTATUS,
    csr::HSTATUS,
    csr::VSIE,
    csr::HIE,
    csr::STIMECMP,
    csr::VSTIMECMP,
    csr::HTIMEDELTA,
    csr::HENVCFG,
    csr::HSTATEEN0,
    csr::SSTATEEN0,
    csr::HCOUNTEREN,
    csr::HIDELEG,
    csr::HEDELEG,
];

/// Instructions by what they need.
pub struct Source {
    isa: Isa,
    groups: [Vec<Opcode>; 7],
    halves: Vec<u16>,
}

const ALU: usize = 0;
const FP: usize = 1;
const MEMORY: usize = 2;
const AMO: usize = 3;
const BRANCH: usize = 4;
const CSR: usize = 5;
const REST: usize = 6;

impl Source {
    pub fn new(isa: Isa) -> Source {
        let mut groups: [Vec<Opcode>; 7] = Default::default();
        for &opcode in OPCODES.iter().filter(|opcode| opcode.row().needs.met_by(isa)) {
            let group = match opcode.row().class {
                Class::Alu => ALU,
                Class::Fp => FP,
                Class::Load | Class::Store => MEMORY,
                Class::Amo => AMO,
                Class::Branch | Class::Jump => BRANCH,
                Class::Csr => CSR,
                Class::Fence | Class::Cache | Class::Hyper | Class::Sys => REST,
            };
            groups[group].push(opcode);
        }
        let halves = (0..=u16::MAX).filter(|&raw| raw & 3 != 3 && is_useful(raw, &isa)).collect();
        Source { isa, groups, halves }
    }

    /// Fills `bytes` with code.
    pub fn fill(&self, rng: &mut Rng, bytes: &mut Vec<u8>, len: usize) {
        // how much of it is floating point, and how much accesses memory
        let (fp, memory) = (rng.below(40), rng.below(40));
        while bytes.len() < len {
            self.one(rng, bytes, fp, memory);
        }
        bytes.truncate(len);
    }

    fn one(&self, rng: &mut Rng, bytes: &mut Vec<u8>, fp: u64, memory: u64) {
        if rng.one_in(4) {
            let raw = if rng.one_in(100) { rng.bits() as u16 & !3 } else { rng.pick(&self.halves) };
            bytes.extend_from_slice(&raw.to_le_bytes());
            return;
        }
        let other = 60;
        let group = match rng.below(other + fp + memory) {
            0..36 => ALU,
            36..42 => AMO,
            42..54 => BRANCH,
            54..57 => CSR,
            57..59 => REST,
            59 => return bytes.extend_from_slice(&(rng.bits() as u32).to_le_bytes()),
            n if n < other + fp => FP,
            _ => MEMORY,
        };
        let opcode = rng.pick(&self.groups[group]);
        let raw = instance(rng, opcode);
        bytes.extend_from_slice(&raw.to_le_bytes());
    }

    /// The extensions that the code is of.
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

/// Whether a compressed instruction may stand in random code: it does not jump far, and accesses what bases point to.
fn is_useful(raw: u16, isa: &Isa) -> bool {
    let Some(insn) = decompress(raw, isa) else { return false };
    let rs1 = (insn.encode() >> 15 & 31) as u8;
    match insn {
        Insn::Jal(j) => j.imm.abs() < 128,
        Insn::Jalr(_) => LINKS.contains(&rs1),
        Insn::Ebreak(_) => false,
        _ if matches!(insn.class(), Class::Load | Class::Store) => BASES.contains(&rs1),
        _ => insn.encode() >> 7 & 31 != 2 || insn.class() != Class::Alu || raw & 0x1c == 0x10,
    }
}

fn instance(rng: &mut Rng, opcode: Opcode) -> u32 {
    let row = opcode.row();
    let mut raw = row.pattern.value | rng.bits() as u32 & !row.pattern.mask;
    if row.operands.starts_with("rd") {
        let mut rd = rng.below(32) as u8;
        while (BASES.contains(&rd) || LINKS.contains(&rd)) && !rng.one_in(8) {
            rd = rng.below(32) as u8;
        }
        raw = raw & !(31 << 7) | u32::from(rd) << 7;
    }
    if row.operands.ends_with(",rm") || row.operands.ends_with("exact") {
        let rm = if rng.one_in(40) { rng.below(8) } else { rng.pick(&[0, 0, 7, 7, 7, 1, 2, 3, 4]) };
        raw = raw & !(7 << 12) | (rm as u32) << 12;
    }
    match row.class {
        Class::Load | Class::Store | Class::Amo | Class::Cache | Class::Hyper => {
            let base = if rng.one_in(40) { rng.below(32) as u8 } else { rng.pick(&BASES) };
            with_rs1(raw, base)
        }
        Class::Csr => raw & 0xf_ffff | u32::from(rng.pick(&CSRS)) << 20,
        Class::Branch | Class::Jump => near(rng, raw),
        _ => raw,
    }
}

/// A branch or a jump that does not go far.
fn near(rng: &mut Rng, raw: u32) -> u32 {
    let imm = (rng.below(128) as i32 - 40) * 2;
    match arch::decode(raw, &Isa::ALL) {
        Some(Insn::Jal(j)) => {
            Insn::Jal(arch::insn::J { imm: if rng.one_in(8) { imm * 64 } else { imm }, ..j }).encode()
        }
        Some(Insn::Jalr(i)) => {
            let rs1 = rng.pick(&LINKS);
            Insn::Jalr(arch::insn::I { rs1, imm, ..i }).encode()
        }
        _ => {
            let imm = imm as u32;
            let field = (imm >> 12 & 1) << 31 | (imm >> 5 & 0x3f) << 25 | (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7;
            raw & 0x01ff_f07f | field
        }
    }
}

fn with_rs1(raw: u32, rs1: u8) -> u32 {
    raw & !(31 << 15) | u32::from(rs1) << 15
}
