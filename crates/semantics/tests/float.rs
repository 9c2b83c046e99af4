//! What the floating-point texts say themselves: boxing, signs, moves, constants, and what they ask of the machine.

mod machine;

use arch::Insn;
use arch::insn::{Fli, I, R, R1, R1m, R4, Rm, S};
use machine::{Asked, Machine, Stop};
use semantics::{Fmt, FpOp};

/// A variant of `Insn` as a function.
type Make<F> = fn(F) -> Insn;

const BOX_S: u64 = 0xffff_ffff_0000_0000;
const BOX_H: u64 = 0xffff_ffff_ffff_0000;
/// Canonical NaNs. F extension, "NaN Generation and Propagation"; Zfh.
const NAN_S: u64 = 0x7fc0_0000;
const NAN_H: u64 = 0x7e00;
/// Any rounding mode.
const RM: u8 = 7;

fn machine(f1: u64, f2: u64, f3: u64) -> Machine {
    let mut machine = Machine::new();
    machine.f[1..4].copy_from_slice(&[f1, f2, f3]);
    machine
}

const BINARY: R = R { rd: 10, rs1: 1, rs2: 2 };
const UNARY: R1 = R1 { rd: 10, rs1: 1 };
const ROUNDED: Rm = Rm { rd: 10, rs1: 1, rs2: 2, rm: RM };
const CONVERTED: R1m = R1m { rd: 10, rs1: 1, rm: RM };
const FUSED: R4 = R4 { rd: 10, rs1: 1, rs2: 2, rs3: 3, rm: RM };

/// Runs and answers f10 and what was asked.
fn run(mut machine: Machine, insn: Insn) -> (u64, Vec<Asked>) {
    machine.run(insn).expect("floating point is on");
    (machine.f[10], machine.asked)
}

#[test]
fn narrow_operands_are_unboxed_and_the_result_boxed() {
    let mut single = machine(BOX_S | 5, BOX_S | 6, 0);
    single.answer = 7;
    let asked = Asked::Fp(FpOp::Add, Fmt::S, RM, [5, 6, 0]);
    assert_eq!(run(single, Insn::FaddS(ROUNDED)), (BOX_S | 7, vec![asked]));
    let mut half = machine(BOX_H | 5, BOX_H | 6, 0);
    half.answer = 7;
    let asked = Asked::Fp(FpOp::Sub, Fmt::H, RM, [5, 6, 0]);
    assert_eq!(run(half, Insn::FsubH(ROUNDED)), (BOX_H | 7, vec![asked]));
}

#[test]
fn what_is_not_boxed_is_the_canonical_nan() {
    let asked = Asked::Fp(FpOp::Mul, Fmt::S, RM, [NAN_S, NAN_S, 0]);
    assert_eq!(run(machine(5, BOX_S << 1 | 6, 0), Insn::FmulS(ROUNDED)).1, [asked]);
    let asked = Asked::Fp(FpOp::Div, Fmt::H, RM, [NAN_H, NAN_H, 0]);
    assert_eq!(run(machine(5, BOX_S | 6, 0), Insn::FdivH(ROUNDED)).1, [asked]);
}

#[test]
fn doubles_are_taken_as_they_are() {
    let asked = Asked::Fp(FpOp::Div, Fmt::D, RM, [5, BOX_S | 6, 0]);
    assert_eq!(run(machine(5, BOX_S | 6, 0), Insn::FdivD(ROUNDED)).1, [asked]);
}

#[test]
fn fused_forms_flip_signs_of_factor_and_addend() {
    const SIGN: u64 = 1 << 63;
    let cases: [(Make<R4>, u64, u64); 4] = [
        (Insn::FmaddD, 1, 3),
        (Insn::FmsubD, 1, 3 | SIGN),
        (Insn::FnmsubD, 1 | SIGN, 3),
        (Insn::FnmaddD, 1 | SIGN, 3 | SIGN),
    ];
    for (make, a, c) in cases {
        let asked = Asked::Fp(FpOp::Fma, Fmt::D, RM, [a, 2, c]);
        assert_eq!(run(machine(1, 2, 3), make(FUSED)).1, [asked]);
    }
}

#[test]
fn fused_half_flips_bit_15() {
    let asked = Asked::Fp(FpOp::Fma, Fmt::H, RM, [0x8001, 2, 0x8003]);
    assert_eq!(run(machine(BOX_H | 1, BOX_H | 2, BOX_H | 3), Insn::FnmaddH(FUSED)).1, [asked]);
}

#[test]
fn signs_are_injected() {
    let (plus, minus) = (BOX_S | 0x3f80_0000, BOX_S | 0xbf80_0000); // 1.0, -1.0
    assert_eq!(run(machine(plus, minus, 0), Insn::FsgnjS(BINARY)).0, minus);
    assert_eq!(run(machine(plus, minus, 0), Insn::FsgnjnS(BINARY)).0, plus);
    assert_eq!(run(machine(minus, minus, 0), Insn::FsgnjxS(BINARY)).0, plus);
    assert_eq!(run(machine(minus, plus, 0), Insn::FsgnjxS(BINARY)).0, minus);
    assert_eq!(run(machine(0, 1 << 63, 0), Insn::FsgnjD(BINARY)).0, 1 << 63);
}

#[test]
fn sign_injection_sees_nan_in_what_is_not_boxed() {
    assert_eq!(run(machine(0x3f80_0000, BOX_S, 0), Insn::FsgnjS(BINARY)).0, BOX_S | NAN_S);
}

#[test]
fn moves_neither_check_nor_change_bits() {
    let mut machine = machine(0x1234_5678_8765_4321, 0, 0);
    machine.x[1] = 0xaaaa_aaaa_8765_c321;
    machine.run(Insn::FmvXW(UNARY)).expect("on");
    assert_eq!(machine.x[10], 0xffff_ffff_8765_4321);
    machine.run(Insn::FmvXH(UNARY)).expect("on");
    assert_eq!(machine.x[10], 0x4321);
    machine.run(Insn::FmvXD(UNARY)).expect("on");
    assert_eq!(machine.x[10], 0x1234_5678_8765_4321);
    machine.run(Insn::FmvWX(UNARY)).expect("on");
    assert_eq!(machine.f[10], BOX_S | 0x8765_c321);
    machine.run(Insn::FmvHX(UNARY)).expect("on");
    assert_eq!(machine.f[10], BOX_H | 0xc321);
    machine.run(Insn::FmvDX(UNARY)).expect("on");
    assert_eq!(machine.f[10], 0xaaaa_aaaa_8765_c321);
}

#[test]
fn loads_box_and_stores_take_low_bits() {
    let mut machine = machine(0x1111_2222_3333_4444, 0, 0);
    machine.run(Insn::Fsd(S { rs1: 0, rs2: 1, imm: 0 })).expect("on");
    machine.run(Insn::Flw(I { rd: 10, rs1: 0, imm: 0 })).expect("on");
    assert_eq!(machine.f[10], BOX_S | 0x3333_4444);
    machine.run(Insn::Flh(I { rd: 10, rs1: 0, imm: 2 })).expect("on");
    assert_eq!(machine.f[10], BOX_H | 0x3333);
    machine.run(Insn::Fsh(S { rs1: 0, rs2: 10, imm: 6 })).expect("on");
    machine.run(Insn::Fsw(S { rs1: 0, rs2: 10, imm: 8 })).expect("on");
    machine.run(Insn::Fld(I { rd: 10, rs1: 0, imm: 4 })).expect("on");
    assert_eq!(machine.f[10], 0xffff_3333_3333_2222);
}

#[test]
fn conversions_name_source_and_result() {
    let asked = Asked::Fp(FpOp::ToFmt(Fmt::H), Fmt::D, RM, [5, 0, 0]);
    assert_eq!(run(machine(5, 0, 0), Insn::FcvtHD(CONVERTED)), (BOX_H, vec![asked]));
    let asked = Asked::Fp(FpOp::ToFmt(Fmt::D), Fmt::S, RM, [5, 0, 0]);
    assert_eq!(run(machine(BOX_S | 5, 0, 0), Insn::FcvtDS(CONVERTED)), (0, vec![asked]));
    let asked = Asked::Fp(FpOp::ToU32, Fmt::S, RM, [5, 0, 0]);
    assert_eq!(run(machine(BOX_S | 5, 0, 0), Insn::FcvtWuS(CONVERTED)), (0, vec![asked]));
    let asked = Asked::Fp(FpOp::FromI64, Fmt::S, RM, [0, 0, 0]);
    assert_eq!(run(machine(5, 0, 0), Insn::FcvtSL(CONVERTED)), (BOX_S, vec![asked]));
}

fn constant(make: fn(Fli) -> Insn, index: u8) -> u64 {
    run(Machine::new(), make(Fli { rd: 10, index })).0
}

/// Zfa, table "Immediate values loaded by the fli.d instructions".
const CONSTANTS: [f64; 31] = [
    -1.0,
    f64::MIN_POSITIVE,
    1.0 / 65536.0,
    1.0 / 32768.0,
    1.0 / 256.0,
    1.0 / 128.0,
    0.0625,
    0.125,
    0.25,
    0.3125,
    0.375,
    0.4375,
    0.5,
    0.625,
    0.75,
    0.875,
    1.0,
    1.25,
    1.5,
    1.75,
    2.0,
    2.5,
    3.0,
    4.0,
    8.0,
    16.0,
    128.0,
    256.0,
    32768.0,
    65536.0,
    f64::INFINITY,
];

#[test]
fn constants_of_double_and_single() {
    for (index, value) in (0..).zip(CONSTANTS) {
        assert_eq!(constant(Insn::FliD, index), value.to_bits(), "{value}");
        let single = if index == 1 { f32::MIN_POSITIVE } else { value as f32 };
        assert_eq!(constant(Insn::FliS, index), BOX_S | u64::from(single.to_bits()), "{value}");
    }
    assert_eq!(constant(Insn::FliD, 31), 0x7ff8_0000_0000_0000);
    assert_eq!(constant(Insn::FliS, 31), BOX_S | NAN_S);
}

/// By hand from binary16: 1.0 is 0x3c00, one exponent step 0x400.
#[test]
fn constants_of_half() {
    let expected = [(0, 0xbc00), (1, 0x0400), (2, 0x0100), (3, 0x0200), (4, 0x1c00), (9, 0x3500), (16, 0x3c00)];
    for (index, bits) in expected.into_iter().chain([(28, 0x7800), (29, 0x7c00), (30, 0x7c00), (31, NAN_H)]) {
        assert_eq!(constant(Insn::FliH, index), BOX_H | bits, "constant {index}");
    }
}

#[test]
fn with_floating_point_off_all_are_illegal_and_nothing_is_done() {
    let mut machine = Machine::new();
    machine.fp_on = false;
    for opcode in arch::insn::OPCODES {
        let row = opcode.row();
        let is_fp = row.operands.split(|c: char| !c.is_ascii_alphanumeric()).any(|o| matches!(o, "fd" | "fs1" | "fs2"));
        if is_fp {
            assert_eq!(machine.run_raw(row.pattern.value), Err(Stop::Illegal), "{opcode:?}");
        }
    }
    assert_eq!(machine.asked, []);
}
