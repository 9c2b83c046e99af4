//! Random instruction streams: every unprivileged instruction there is, with operands where bugs live.
//!
//! A stream runs in M-mode without translation. It is straight code; branches and jumps go forward over a few
//! instructions. Memory operands stay in one region: four registers point into it and are never written otherwise.

use arch::insn::{B, Bare, Class, I, J, OPCODES, Opcode, U, decompress};
use arch::{Extension, Insn, Isa, Mode, csr};

use crate::elf::Image;
use crate::lockstep::{CONSTANTS, MTIMECMP, RAM_BASE, TOHOST};
use kit::Code;
use kit::Rng;

/// How many [`CONSTANTS`] there are, integers and floats in turn.
const CONSTANTS_COUNT: u64 = 8192;
/// The middle of the region that loads and stores reach.
const DATA: u64 = RAM_BASE + 0xd0_0000;
const DATA_REACH: u64 = 4096;

/// Registers that point to [`DATA`]: `sp` and `s0` for compressed instructions, and one more.
const BASES: [u8; 3] = [2, 8, 31];
/// Points to an operand in place: atomics and cache blocks have no offset.
const PLACE: u8 = 30;
/// Points to constants.
const POOL: u8 = 3;
const SCRATCH: u8 = 29;

/// A program of about `length` random instructions, a function of `seed`.
pub fn program(seed: u64, length: u64) -> Image {
    let mut stream = Stream::new(seed);
    stream.prologue();
    while stream.made < length {
        stream.step();
    }
    stream.finish()
}

struct Stream {
    rng: Rng,
    isa: Isa,
    code: Code,
    made: u64,
    /// Compressed instructions that only compute.
    halves: Vec<u16>,
    /// Compressed instructions that access memory through one of [`BASES`].
    memory_halves: Vec<u16>,
    kinds: Kinds,
}

/// The instructions by what their operands need.
#[derive(Default)]
struct Kinds {
    alu: Vec<Opcode>,
    fp: Vec<Opcode>,
    memory: Vec<Opcode>,
    amo: Vec<Opcode>,
    cache: Vec<Opcode>,
}

/// The instructions that access CSRs.
const OF_CSRS: [Opcode; 6] =
    [Opcode::Csrrw, Opcode::Csrrs, Opcode::Csrrc, Opcode::Csrrwi, Opcode::Csrrsi, Opcode::Csrrci];

impl Kinds {
    fn of(isa: Isa) -> Kinds {
        let mut kinds = Kinds::default();
        for &opcode in OPCODES.iter().filter(|opcode| opcode.row().needs.met_by(isa)) {
            match opcode.row().class {
                Class::Alu => kinds.alu.push(opcode),
                Class::Fp => kinds.fp.push(opcode),
                Class::Load | Class::Store => kinds.memory.push(opcode),
                Class::Amo => kinds.amo.push(opcode),
                Class::Cache | Class::Fence => kinds.cache.push(opcode),
                _ => {}
            }
        }
        kinds
    }
}

impl Stream {
    fn new(seed: u64) -> Stream {
        let isa = crate::lockstep::config().isa;
        let (halves, memory_halves) = compressed(&isa);
        Stream {
            rng: Rng::new(seed),
            isa,
            code: Code::new(RAM_BASE),
            made: 0,
            halves,
            memory_halves,
            kinds: Kinds::of(isa),
        }
    }

    /// The trap handler, and everything in a known state.
    fn prologue(&mut self) {
        let code = &mut self.code;
        let handler = RAM_BASE + 4;
        // The entry jumps over the handler.
        let over = code.branch_over(Insn::Beq, 0, 0);
        skip_trapped(code);
        code.land(over);
        code.set_csr(csr::MTVEC, 5, handler);
        code.set_csr(csr::MSTATUS, 5, csr::status::FS);
        code.set_csr(csr::MENVCFG, 5, csr::envcfg::CBIE | csr::envcfg::CBCFE | csr::envcfg::CBZE);
        code.csrw(csr::FCSR, 0);
        code.csrw(csr::MIE, 0);
        code.li(5, MTIMECMP);
        code.li(6, u64::MAX);
        code.sd(6, 5, 0);
        code.csrw(csr::MINSTRET, 0);
        code.li(POOL, CONSTANTS);
        for base in BASES {
            code.li(base, DATA);
        }
        for register in (1..32).filter(|&r| is_free(r)) {
            self.load_constant(register);
        }
        for register in 0..32 {
            self.load_float(register);
        }
    }

    fn step(&mut self) {
        self.made += 1;
        match self.rng.below(64) {
            0..4 => self.refresh(),
            4..16 => self.compute(Kind::Alu),
            16..32 => self.compute(Kind::Fp),
            32..40 => self.access(),
            40..44 => self.atomic(),
            44..52 => self.half(),
            52..55 => self.memory_half(),
            55..57 => self.branch(),
            57 => self.jump(),
            58 => self.reserve(),
            59 => self.cache(),
            60..62 => self.flags(),
            62 => self.rare(),
            _ => self.nonsense(),
        }
    }

    fn finish(mut self) -> Image {
        self.code.li(5, TOHOST);
        self.code.addi(6, 0, 1);
        self.code.sd(6, 5, 0);
        let here = self.code.here();
        self.code.jal(0, here);
        let mut constants = Vec::new();
        for at in 0..CONSTANTS_COUNT {
            let value = if at % 2 == 0 { self.rng.integer() } else { self.rng.float() };
            constants.extend_from_slice(&value.to_le_bytes());
        }
        let data: Vec<u8> = (0..2 * DATA_REACH + 64).map(|_| self.rng.bits() as u8).collect();
        Image {
            isa: crate::spike::ISA,
            entry: RAM_BASE,
            segments: vec![
                self.code.into_segment(),
                (CONSTANTS, constants),
                (DATA - DATA_REACH, data),
                (TOHOST, vec![0; 16]),
            ],
            symbols: vec![("tohost", TOHOST), ("fromhost", TOHOST + 8)],
        }
    }

    /// Some registers get new contents.
    fn refresh(&mut self) {
        let at = self.rng.below(CONSTANTS_COUNT - 512) * 8 + 2048;
        self.code.li(POOL, CONSTANTS + at);
        for _ in 0..3 {
            let register = self.free();
            self.load_constant(register);
            let register = self.rng.below(32) as u8;
            self.load_float(register);
        }
        if self.rng.one_in(4) {
            let (register, value) = (self.free(), self.rng.integer());
            self.code.li(register, value);
        }
    }

    fn load_constant(&mut self, rd: u8) {
        let imm = self.rng.below(256) as i32 * 8;
        self.code.ld(rd, POOL, imm);
    }

    fn load_float(&mut self, rd: u8) {
        let imm = self.rng.below(128) as i32 * 16 + 8;
        self.code.put(Insn::Fld(I { rd, rs1: POOL, imm }));
    }

    /// A register that may be written.
    fn free(&mut self) -> u8 {
        loop {
            let register = self.rng.below(32) as u8;
            if is_free(register) {
                return register;
            }
        }
    }

    fn compute(&mut self, kind: Kind) {
        let opcodes = if kind == Kind::Alu { &self.kinds.alu } else { &self.kinds.fp };
        let opcode = self.rng.pick(opcodes);
        let raw = self.random(opcode);
        self.code.word(raw);
    }

    /// A random instance of `opcode` that writes only what may be written.
    fn random(&mut self, opcode: Opcode) -> u32 {
        let row = opcode.row();
        let mut raw = row.pattern.value | self.rng.bits() as u32 & !row.pattern.mask;
        if row.operands.starts_with("rd") {
            raw = with_rd(raw, self.free());
        }
        if row.operands.ends_with(",rm") || row.operands.ends_with("exact") {
            // Reserved rounding modes are tried, but not often.
            let rm = if self.rng.one_in(40) { self.rng.below(8) } else { self.rng.pick(&[0, 1, 2, 3, 4, 7]) };
            raw = raw & !(7 << 12) | (rm as u32) << 12;
        }
        raw
    }

    /// A load or store.
    fn access(&mut self) {
        let opcode = self.rng.pick(&self.kinds.memory);
        let raw = self.random(opcode);
        let base = self.rng.pick(&BASES);
        self.code.word(with_rs1(raw, base));
    }

    /// Points [`PLACE`] to an operand of `bytes`, aligned nearly always.
    fn place(&mut self, bytes: u64) {
        let offset = self.rng.below(2048 / bytes) * bytes;
        let slip = if self.rng.one_in(50) { self.rng.below(bytes) } else { 0 };
        let base = self.rng.pick(&BASES);
        self.code.addi(PLACE, base, (offset + slip) as i32 - 1024);
    }

    fn atomic(&mut self) {
        let opcode = self.rng.pick(&self.kinds.amo);
        let raw = self.random(opcode);
        let bytes = 1 << (raw >> 12 & 7);
        self.place(bytes);
        let raw = with_rs1(raw, PLACE);
        let is_cas = raw >> 27 == 0b00101;
        if is_cas && self.rng.one_in(2) {
            return self.matching_cas(raw, bytes);
        }
        // The pair of registers of a 16-byte operand, if it is one.
        let pair = bytes == 16 && !is_free((raw >> 7 & 31) as u8 | 1);
        if !pair {
            self.code.word(raw);
        }
    }

    /// A compare-and-swap that finds what it expects.
    fn matching_cas(&mut self, raw: u32, bytes: u64) {
        let rd = self.rng.pick(&[10u8, 12, 14, 16, 18, 20, 22, 24, 26]);
        match bytes {
            4 => self.code.put(Insn::Lw(I { rd, rs1: PLACE, imm: 0 })),
            _ => self.code.ld(rd, PLACE, 0),
        }
        if bytes == 16 {
            self.code.ld(rd + 1, PLACE, 8);
        }
        self.code.word(with_rd(raw, rd));
    }

    /// LR and SC, with a little between them.
    fn reserve(&mut self) {
        let wide = self.rng.one_in(2);
        let (lr, sc) = if wide { (Opcode::LrD, Opcode::ScD) } else { (Opcode::LrW, Opcode::ScW) };
        self.place(8);
        let raw = self.random(lr);
        self.code.word(with_rs1(raw, PLACE));
        if self.rng.one_in(3) {
            self.compute(Kind::Alu);
        }
        if self.rng.one_in(8) {
            self.place(8);
        }
        let raw = self.random(sc);
        self.code.word(with_rs1(raw, PLACE));
    }

    fn cache(&mut self) {
        let opcode = self.rng.pick(&self.kinds.cache);
        let mut raw = self.random(opcode);
        if opcode.row().operands == "(rs1)" {
            self.place(1);
            raw = with_rs1(raw, PLACE);
        }
        self.code.word(raw);
    }

    fn half(&mut self) {
        let raw = self.rng.pick(&self.halves);
        self.code.half(raw);
    }

    fn memory_half(&mut self) {
        let raw = self.rng.pick(&self.memory_halves);
        self.code.half(raw);
    }

    /// A branch over a few instructions.
    fn branch(&mut self) {
        let make =
            self.rng.pick(&[Insn::Beq as fn(B) -> Insn, Insn::Bne, Insn::Blt, Insn::Bge, Insn::Bltu, Insn::Bgeu]);
        let rs1 = self.rng.below(32) as u8;
        let rs2 = if self.rng.one_in(4) { rs1 } else { self.rng.below(32) as u8 };
        let hole = self.code.branch_over(make, rs1, rs2);
        self.few();
        self.code.land(hole);
    }

    /// A few instructions, not too many for a compressed branch.
    fn few(&mut self) {
        for _ in 0..self.rng.below(3) {
            if self.rng.one_in(2) {
                self.compute(Kind::Alu);
            } else {
                self.half();
            }
        }
    }

    fn jump(&mut self) {
        let rd = self.free();
        match self.rng.below(4) {
            0 => {
                let target = self.code.here() + 8;
                self.code.jal(rd, target);
                self.compute(Kind::Alu);
            }
            1 => {
                self.code.put(Insn::Auipc(U { rd: PLACE, imm: 0 }));
                let odd = self.rng.below(2) as i32;
                self.code.put(Insn::Jalr(I { rd, rs1: PLACE, imm: 12 + odd }));
                self.compute(Kind::Fp);
            }
            // c.j and c.jr over one instruction of 32 bits
            2 => {
                self.code.half(0xa011 | 0x8);
                self.code.word(Insn::Jal(J { rd: 0, imm: 4 }).encode());
            }
            _ => {
                self.code.put(Insn::Auipc(U { rd: PLACE, imm: 0 }));
                self.code.addi(PLACE, PLACE, 14);
                let link = self.rng.below(2) as u16;
                self.code.half(0x8002 | link << 12 | u16::from(PLACE) << 7);
                self.compute(Kind::Alu);
            }
        }
    }

    /// Reads and writes of the floating-point CSRs.
    fn flags(&mut self) {
        if self.rng.one_in(2) {
            // An exact start, and a valid rounding mode.
            let mode = self.rng.below(5);
            self.code.put(Insn::Csrrwi(arch::insn::CsrI { rd: 0, uimm: mode as u8, csr: csr::FRM }));
            return;
        }
        let opcode = self.rng.pick(&OF_CSRS);
        let address = self.rng.pick(&[csr::FFLAGS, csr::FRM, csr::FCSR]);
        let raw = self.random(opcode) & 0xf_ffff;
        self.code.word(raw | u32::from(address) << 20);
    }

    fn rare(&mut self) {
        match self.rng.below(6) {
            0 => self.code.put(Insn::Ecall(Bare {})),
            1 => self.code.put(Insn::Ebreak(Bare {})),
            2 => self.code.put(Insn::FenceI(I { rd: 0, rs1: 0, imm: 0 })),
            3 => self.code.put(Insn::WrsSto(Bare {})),
            which => {
                let rd = self.free();
                self.code.csrr(rd, if which == 4 { csr::INSTRET } else { csr::MSTATUS });
            }
        }
    }

    /// An encoding that means nothing here.
    fn nonsense(&mut self) {
        if self.rng.one_in(3) {
            let raw = self.rng.bits() as u16;
            if raw & 3 != 3 && decompress(raw, &self.isa).is_none() {
                self.code.half(raw);
            }
            return;
        }
        let mut raw = self.rng.bits() as u32 | 3;
        if self.rng.one_in(2) {
            // Near something that has a meaning.
            let opcode = self.rng.pick(OPCODES);
            raw = self.random(opcode) ^ 1 << self.rng.below(30);
        }
        if raw & 3 == 3 && raw & 0x1f != 0x1f && arch::decode(raw, &self.isa).is_none() {
            self.code.word(raw);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alu,
    Fp,
}

/// The handler: skips the instruction that trapped.
fn skip_trapped(code: &mut Code) {
    code.csrr(PLACE, csr::MCAUSE);
    code.csrr(SCRATCH, csr::MTVAL);
    code.csrr(SCRATCH, csr::MSTATUS);
    code.csrr(PLACE, csr::MEPC);
    code.put(Insn::Lhu(I { rd: SCRATCH, rs1: PLACE, imm: 0 }));
    code.put(Insn::Andi(I { rd: SCRATCH, rs1: SCRATCH, imm: 3 }));
    code.addi(SCRATCH, SCRATCH, -3);
    code.put(Insn::Sltiu(I { rd: SCRATCH, rs1: SCRATCH, imm: 1 }));
    code.put(Insn::Slli(arch::insn::Shift { rd: SCRATCH, rs1: SCRATCH, shamt: 1 }));
    code.addi(SCRATCH, SCRATCH, 2);
    code.put(Insn::Add(arch::insn::R { rd: PLACE, rs1: PLACE, rs2: SCRATCH }));
    code.csrw(csr::MEPC, PLACE);
    code.xret(Mode::M);
}

/// Whether an instruction may write `register`.
fn is_free(register: u8) -> bool {
    register != POOL && register != PLACE && !BASES.contains(&register)
}

const fn with_rd(raw: u32, rd: u8) -> u32 {
    raw & !(31 << 7) | (rd as u32) << 7
}

const fn with_rs1(raw: u32, rs1: u8) -> u32 {
    raw & !(31 << 15) | (rs1 as u32) << 15
}

/// The compressed instructions that may be used as they are: those that compute, and those that access memory.
fn compressed(isa: &Isa) -> (Vec<u16>, Vec<u16>) {
    let (mut compute, mut memory) = (Vec::new(), Vec::new());
    for raw in (0..=u16::MAX).filter(|raw| raw & 3 != 3) {
        let Some(insn) = decompress(raw, isa) else { continue };
        let word = insn.encode();
        let writes_x = insn.row().operands.starts_with("rd");
        if writes_x && !is_free((word >> 7 & 31) as u8) {
            continue;
        }
        match insn.class() {
            Class::Alu | Class::Fp => compute.push(raw),
            Class::Load | Class::Store if BASES.contains(&((word >> 15 & 31) as u8)) => memory.push(raw),
            _ => {}
        }
    }
    debug_assert!(isa.has(Extension::Zca));
    (compute, memory)
}
