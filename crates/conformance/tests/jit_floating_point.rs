//! Every floating-point instruction, in every rounding mode, on all combinations of operands where bugs live: values
//! and flags are the interpreter's.

mod common;

use arch::insn::{Class, OPCODES, Opcode};
use arch::{Isa, csr};
use common::{Pair, RAM_BASE};
use hart::Hart;
use kit::{Registers, encode as e};
use vcpu::debug::Debuggee;
use vcpu::{EmulatedHart, Exit, Fence, Vcpu};

const INPUT: u64 = RAM_BASE + 0x10_0000;
const OUTPUT: u64 = RAM_BASE + 0x1000;
/// Bytes of a combination's operands, and of its results.
const STRIDE: u64 = 24;
/// Operands that are combined by threes.
const FEW: usize = 20;
const STATIC: [u32; 5] = [0, 1, 2, 3, 4];
const DYNAMIC: u32 = 7;

/// The bits of a format.
#[derive(Clone, Copy)]
struct Format {
    exponent: u32,
    fraction: u32,
}

impl Format {
    /// What the instruction reads: the last format in the names of conversions, and the only one in others.
    fn of(name: &str) -> Format {
        match name.rsplit('_').find(|part| matches!(*part, "h" | "s" | "d")) {
            Some("h") => Format { exponent: 5, fraction: 10 },
            Some("d") => Format { exponent: 11, fraction: 52 },
            _ => Format { exponent: 8, fraction: 23 },
        }
    }

    fn number(self, negative: bool, exponent: i64, fraction: u64) -> u64 {
        let bias = (1 << (self.exponent - 1)) - 1;
        let top = (1 << self.exponent) - 1;
        let biased = (exponent + bias).clamp(0, top) as u64;
        let bits = u64::from(negative) << (self.exponent + self.fraction) | biased << self.fraction | fraction;
        let width = 1 + self.exponent + self.fraction;
        if width == 64 { bits } else { bits | u64::MAX << width }
    }

    /// Zeros, subnormal and normal numbers, halfway cases, infinities, NaNs, and what is not boxed.
    fn operands(self) -> Vec<u64> {
        const LEAST: i64 = -5000;
        const MOST: i64 = 5000;
        let f = self.fraction;
        let quiet = 1 << (f - 1);
        let all = (1 << f) - 1;
        let digits = i64::from(f);
        let largest = (1 << (self.exponent - 1)) - 1;
        let smallest = 2 - (1 << (self.exponent - 1));
        let mut operands: Vec<u64> = [
            (false, LEAST, 0),
            (true, LEAST, 0),
            (false, LEAST, 1),
            (true, LEAST, all),
            (false, smallest, 0),
            (true, smallest, 1),
            (false, 0, 0),
            (true, 0, 0),
            (false, 0, 1),
            (false, 0, all),
            (false, -digits - 1, 0),
            (true, -digits - 1, 1),
            (false, largest, all),
            (true, largest, 0),
            (false, MOST, 0),
            (true, MOST, 0),
            (false, MOST, quiet | 5),
            (true, MOST, 3),
            (true, 1, quiet),
            // FEW ends behind one that is not boxed
            (false, -1, 0),
            (false, 1, quiet >> 1),
            (true, 1, quiet >> 1),
            (false, digits - 1, 1),
            (false, digits, 1),
            (false, 30, all),
            (true, 31, 0),
            (true, 31, 1),
            (false, 31, all),
            (false, 62, all),
            (true, 63, 0),
            (true, 63, 1),
            (false, 63, all),
            (false, 64, 0),
            (false, smallest - 1 + largest / 2, all),
            (false, MOST, quiet),
        ]
        .iter()
        .map(|&(negative, exponent, fraction)| self.number(negative, exponent, fraction))
        .collect();
        let boxed = operands[6];
        operands.insert(FEW - 1, boxed & !(1 << 63));
        operands.push(boxed & u64::MAX >> 31);
        operands.push(0);
        operands
    }
}

fn integers() -> Vec<u64> {
    let powers = [23, 24, 25, 31, 32, 52, 53, 54, 62, 63];
    let near = powers.iter().flat_map(|&at| (-2..=2).map(move |by| (1u64 << at).wrapping_add_signed(by)));
    let positive: Vec<u64> = near.chain([0, 1, 3, 0x00ff_ffff_7fff_ffff, u64::MAX << 10, u64::MAX >> 11]).collect();
    positive.iter().flat_map(|&value| [value, value.wrapping_neg()]).collect()
}

/// How many operands there are, and what they are.
fn combinations(opcode: Opcode) -> Vec<[u64; 3]> {
    let row = opcode.row();
    let operands = row.operands;
    let format = Format::of(row.function);
    let sources: Vec<&str> =
        operands.split(',').skip(1).filter(|name| name.contains("rs") || name.contains("fs")).collect();
    let mut all =
        if sources.first().is_some_and(|name| name.starts_with("rs")) { integers() } else { format.operands() };
    all.dedup();
    match sources.len() {
        0 => vec![[0; 3]],
        1 => all.iter().map(|&a| [a, 0, 0]).collect(),
        2 => all.iter().flat_map(|&a| all.iter().map(move |&b| [a, b, 0])).collect(),
        _ => {
            let few = &all[..FEW];
            let pairs = few.iter().flat_map(|&a| few.iter().map(move |&b| (a, b)));
            pairs.flat_map(|(a, b)| few.iter().map(move |&c| [a, b, c])).collect()
        }
    }
}

/// The registers of an instruction: its sources and its result.
type Operands = ([u8; 3], u8);

/// Such as generated code holds in registers, one of which is overwritten or read twice, and such as it does not hold.
const REGISTERS: [Operands; 11] = [
    ([11, 12, 13], 14),
    ([11, 12, 13], 11),
    ([11, 12, 13], 12),
    ([11, 12, 13], 13),
    ([11, 11, 13], 14),
    ([11, 29, 30], 11),
    ([11, 29, 13], 11),
    ([28, 12, 30], 12),
    ([28, 29, 13], 13),
    ([28, 29, 30], 11),
    ([28, 29, 30], 31),
];

/// The instruction on these registers.
fn instance(opcode: Opcode, rm: Option<u32>, (sources, rd): Operands) -> u32 {
    let pattern = opcode.row().pattern;
    let [rs1, rs2, rs3] = sources.map(u32::from);
    let mut raw = rs3 << 27 | rs2 << 20 | rs1 << 15 | u32::from(rd) << 7;
    if let Some(rm) = rm {
        raw |= rm << 12;
    }
    raw & !pattern.mask | pattern.value
}

fn has_rounding(opcode: Opcode) -> bool {
    let operands = opcode.row().operands;
    operands.ends_with(",rm") || operands.ends_with("exact")
}

/// A loop over all combinations.
fn code(insn: u32, (sources, rd): Operands, frm: i32) -> Vec<u32> {
    use arch::insn::{I, Insn, S};
    let load = |rd: u8, imm| Insn::Fld(I { rd, rs1: 20, imm }).encode();
    let store = |rs2: u8, imm| Insn::Fsd(S { rs1: 21, rs2, imm }).encode();
    let body = [
        e::ld(sources[0], 20, 0),
        load(sources[0], 0),
        load(sources[1], 8),
        load(sources[2], 16),
        insn,
        e::sd(rd, 21, 0),
        store(rd, 8),
        e::csrrw(5, csr::FFLAGS, 0),
        e::sd(5, 21, 16),
        e::addi(20, 20, STRIDE as i32),
        e::addi(21, 21, STRIDE as i32),
    ];
    let back = -4 * body.len() as i32;
    let mut code = vec![e::addi(5, 0, frm << 5), e::csrrw(0, csr::FCSR, 5)];
    code.extend(body);
    code.extend([e::bne(20, 22, back), e::wfi()]);
    code
}

struct Bench {
    pair: Pair,
    count: u64,
}

impl Bench {
    fn load(&mut self, combinations: &[[u64; 3]]) {
        let bytes: Vec<u8> = combinations.iter().flatten().flat_map(|operand| operand.to_le_bytes()).collect();
        self.pair.put(INPUT, &bytes);
        self.count = combinations.len() as u64;
    }

    fn run(&mut self, insn: u32, registers: Operands, frm: u32) {
        self.pair.put_words(RAM_BASE, &code(insn, registers, frm as i32));
        let end = INPUT + self.count * STRIDE;
        self.pair.both(|hart| {
            hart.fence(Fence::Instructions);
            hart.set_pc(RAM_BASE);
            hart.set_x([(20, INPUT), (21, OUTPUT), (22, end)]);
        });
        // the code was written from outside
        for ram in &self.pair.rams {
            ram.watch().note_write(0, 4096);
        }
        let exit = self.pair.jit.run(10_000_000);
        assert!(matches!(exit, Exit::Idle { .. }), "{exit:?}");
        let exit = self.pair.plain.run(10_000_000);
        assert!(matches!(exit, Exit::Idle { .. }), "{exit:?}");
    }

    fn results(&self) -> [Vec<u8>; 2] {
        self.pair.rams.each_ref().map(|ram| {
            let mut bytes = vec![0; (self.count * STRIDE) as usize];
            ram.read_bytes(OUTPUT - RAM_BASE, &mut bytes).unwrap();
            bytes
        })
    }

    fn check(&self, name: &str, rm: &str, combinations: &[[u64; 3]]) {
        let [ours, plain] = self.results();
        for ((ours, plain), operands) in
            ours.chunks(STRIDE as usize).zip(plain.chunks(STRIDE as usize)).zip(combinations)
        {
            let words = |bytes: &[u8]| -> Vec<u64> {
                bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect()
            };
            assert!(
                ours == plain,
                "{name} {rm} of {operands:x?}: translated {:x?}, interpreted {:x?} (x, f, fflags)",
                words(ours),
                words(plain)
            );
        }
        let (ours, plain) = (self.pair.jit.hart(), &self.pair.plain);
        let floats = |hart: &Hart| -> Vec<u64> { (0..32).map(|number| hart.f(number)).collect() };
        assert_eq!(floats(ours), floats(plain), "{name} {rm}");
        assert_eq!(ours.all_x(), plain.all_x(), "{name} {rm}");
        assert_eq!(ours.state(), plain.state(), "{name} {rm}");
        assert_eq!(ours.traps(), 0, "{name} {rm}");
    }
}

#[test]
fn values_and_flags_are_the_interpreters() {
    let mut bench = Bench { pair: Pair::new(None), count: 0 };
    bench.pair.both(|hart| hart.state_mut().mstatus |= csr::status::FS);
    let mut runs = 0;
    for &opcode in OPCODES.iter().filter(|opcode| opcode.row().class == Class::Fp) {
        assert!(opcode.row().needs.met_by(Isa::ALL));
        let name = opcode.row().function;
        let combinations = combinations(opcode);
        bench.load(&combinations);
        let modes: Vec<(Option<u32>, u32)> = match has_rounding(opcode) {
            true => {
                STATIC.iter().map(|&rm| (Some(rm), 0)).chain(STATIC.iter().map(|&frm| (Some(DYNAMIC), frm))).collect()
            }
            false => vec![(None, 0), (None, 1)],
        };
        for (rm, frm) in modes {
            for registers in REGISTERS {
                runs += 1;
                bench.run(instance(opcode, rm, registers), registers, frm);
                bench.check(name, &format!("rm {rm:?} frm {frm} on {registers:?}"), &combinations);
            }
        }
    }
    assert!(runs > 1000, "{runs}");
    assert_eq!(bench.pair.jit.counters().changed_pages, runs - 1, "each instruction was translated");
}

/// Numbers of half precision whose results are computed in single precision, at random: subnormal ones, and such as lie
/// between two of them, are frequent among so few bits.
#[test]
fn results_of_half_precision_are_rounded_once() {
    const PAIRS: usize = 20_000;
    let mut random = kit::Rng::new(7);
    let mut operands = |_| [random.bits(), random.bits(), 0].map(|bits| bits | u64::MAX << 16);
    let combinations: Vec<[u64; 3]> = (0..PAIRS).map(&mut operands).collect();
    let mut bench = Bench { pair: Pair::new(None), count: 0 };
    bench.pair.both(|hart| hart.state_mut().mstatus |= csr::status::FS);
    bench.load(&combinations);
    let of_halves = |opcode: &&Opcode| opcode.row().class == Class::Fp && opcode.row().function.contains("_h");
    for &opcode in OPCODES.iter().filter(of_halves) {
        let rm = has_rounding(opcode).then_some(DYNAMIC);
        bench.run(instance(opcode, rm, REGISTERS[0]), REGISTERS[0], 0);
        bench.check(opcode.row().function, "to nearest", &combinations);
    }
}
