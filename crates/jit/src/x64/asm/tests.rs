//! Every method in every operand form means what it says to a disassembler of others.

use std::fmt::Write as _;

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

use super::{Alu, Asm, Cc, Fix, Form, Rm, Scalar, Shift, sse};

const BASE: u64 = 0x7000_0000_0000;
const NAMES: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
const WORDS: [&str; 8] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const BYTES: [&str; 8] = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];
const DISPLACEMENTS: [i32; 9] = [0, 1, -1, 127, -128, 128, -129, 0x1234_5678, i32::MIN];
const CONDITIONS: [&str; 16] = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];

/// A register's name at a size in bits.
fn r(reg: u8, bits: u32) -> String {
    let name = NAMES[usize::from(reg)];
    match (bits, reg) {
        (64, _) => name.to_owned(),
        (32, 0..8) => format!("e{}", &name[1..]),
        (32, _) => format!("{name}d"),
        (16, 0..8) => WORDS[usize::from(reg)].to_owned(),
        (16, _) => format!("{name}w"),
        (_, 0..8) => BYTES[usize::from(reg)].to_owned(),
        _ => format!("{name}b"),
    }
}

fn x(reg: u8) -> String {
    format!("xmm{reg}")
}

/// An operand's text, without the size of memory.
fn rm(at: Rm, bits: u32) -> String {
    let (base, index, left, disp) = match at {
        Rm::R(reg) => return r(reg, bits),
        Rm::M(base, disp) => (base, None, 0, disp),
        Rm::X(base, index, disp) => (base, Some(index), 0, disp),
        Rm::S(base, index, left, disp) => (base, Some(index), left, disp),
    };
    let mut text = format!("[{}", NAMES[usize::from(base)]);
    if let Some(index) = index {
        let _ = write!(text, "+{}", NAMES[usize::from(index)]);
    }
    if left != 0 {
        let _ = write!(text, "*{}", 1 << left);
    }
    match disp {
        0 => {}
        1.. => _ = write!(text, "+{disp:#x}"),
        _ => _ = write!(text, "-{:#x}", disp.unsigned_abs()),
    }
    text + "]"
}

/// An SSE operand's text.
fn xm(at: Rm) -> String {
    match at {
        Rm::R(reg) => x(reg),
        _ => rm(at, 64),
    }
}

fn memory() -> Vec<Rm> {
    let mut all = Vec::new();
    for base in 0..16 {
        for disp in DISPLACEMENTS {
            all.push(Rm::M(base, disp));
        }
        for disp in [0, -128, 128] {
            let indices = || (0..16).filter(|&index| index != super::RSP);
            all.extend(indices().map(|index| Rm::X(base, index, disp)));
            all.extend(indices().map(|index| Rm::S(base, index, 1 + index % 3, disp)));
        }
    }
    all
}

fn operands() -> Vec<Rm> {
    (0..16).map(Rm::R).chain(memory()).collect()
}

/// The only instruction of a buffer, in one notation: without sizes of memory, numbers as 0x.
fn text(asm: &Asm) -> (String, usize) {
    let mut decoder = Decoder::with_ip(64, &asm.code, asm.base, DecoderOptions::NONE);
    let insn = decoder.decode();
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(false);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    let mut out = String::new();
    formatter.format(&insn, &mut out);
    for size in ["byte ptr ", "word ptr ", "dword ptr ", "qword ptr ", "xmmword ptr ", "d[", "q[", "xmm["] {
        out = out.replace(size, if size.ends_with('[') { "[" } else { "" });
    }
    (out, insn.len())
}

fn is(emit: impl FnOnce(&mut Asm), want: &str) {
    let mut asm = Asm::new(BASE);
    emit(&mut asm);
    let (got, len) = text(&asm);
    assert_eq!(got, want, "{:02x?}", asm.code);
    assert_eq!(len, asm.code.len(), "one instruction: {want}: {:02x?}", asm.code);
}

/// An immediate of `bits`, sign-extended, as text.
fn imm(value: i64, bits: u32) -> String {
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    format!("{:#x}", value as u64 & mask)
}

/// Registers that stand for all: low ones, those whose byte needs REX, high ones, and the special bases.
const SOME: [u8; 8] = [0, 3, 4, 5, 7, 8, 12, 15];

fn each(mut test: impl FnMut(u8, Rm)) {
    for at in operands() {
        SOME.iter().for_each(|&reg| test(reg, at));
    }
    for reg in 0..16 {
        (0..16).for_each(|other| test(reg, Rm::R(other)));
    }
}

fn each_memory(mut test: impl FnMut(u8, Rm)) {
    each(|reg, at| {
        if !matches!(at, Rm::R(_)) {
            test(reg, at);
        }
    });
}

#[test]
fn moves_and_stores() {
    each(|d, s| {
        for bits in [32, 64] {
            is(|a| a.mov(bits, d, s), &format!("mov {},{}", r(d, bits), rm(s, bits)));
        }
        for bits in [8, 16, 32, 64] {
            is(|a| a.store(bits / 8, s, d), &format!("mov {},{}", rm(s, bits as u32), r(d, bits as u32)));
        }
    });
    for at in memory() {
        for value in [0, 1, -1, 127, -128, 0x1234, i32::MIN] {
            for bits in [8, 16, 32, 64] {
                is(
                    |a| a.store_i(bits / 8, at, value),
                    &format!("mov {},{}", rm(at, 64), imm(value.into(), bits as u32)),
                );
            }
        }
    }
    for d in 0..16 {
        for value in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            is(|a| a.mov_i(d, value), &format!("mov {},{}", r(d, 32), imm(value, 64)));
        }
        for value in [-1, -0x8000_0000, -0x8000_0001, 0x1_0000_0000, i64::MAX, i64::MIN] {
            is(|a| a.mov_i(d, value), &format!("mov {},{}", r(d, 64), imm(value, 64)));
        }
    }
}

#[test]
fn extensions() {
    each(|d, s| {
        let d64 = r(d, 64);
        for signed in [false, true] {
            is(|a| a.extend(signed, 64, d, s), &format!("mov {d64},{}", rm(s, 64)));
        }
        is(|a| a.extend(false, 32, d, s), &format!("mov {},{}", r(d, 32), rm(s, 32)));
        is(|a| a.extend(true, 32, d, s), &format!("movsxd {d64},{}", rm(s, 32)));
        is(|a| a.extend(true, 16, d, s), &format!("movsx {d64},{}", rm(s, 16)));
        is(|a| a.extend(false, 16, d, s), &format!("movzx {},{}", r(d, 32), rm(s, 16)));
        is(|a| a.extend(true, 8, d, s), &format!("movsx {d64},{}", rm(s, 8)));
        is(|a| a.extend(false, 8, d, s), &format!("movzx {},{}", r(d, 32), rm(s, 8)));
    });
}

#[test]
fn arithmetic() {
    let all = [
        (Alu::Add, "add"),
        (Alu::Or, "or"),
        (Alu::Adc, "adc"),
        (Alu::Sbb, "sbb"),
        (Alu::And, "and"),
        (Alu::Sub, "sub"),
        (Alu::Xor, "xor"),
        (Alu::Cmp, "cmp"),
    ];
    each(|d, s| {
        for bits in [32, 64] {
            for (op, name) in all {
                is(|a| a.alu(op, bits, d, s), &format!("{name} {},{}", r(d, bits), rm(s, bits)));
                is(|a| a.alu_mr(op, bits, s, d), &format!("{name} {},{}", rm(s, bits), r(d, bits)));
            }
            is(|a| a.imul(bits, d, s), &format!("imul {},{}", r(d, bits), rm(s, bits)));
        }
        for cc in 0..16 {
            let name = CONDITIONS[usize::from(cc)];
            is(|a| a.cmov(Cc(cc), d, s), &format!("cmov{name} {},{}", r(d, 64), rm(s, 64)));
        }
    });
    for at in operands() {
        for bits in [32, 64] {
            for (op, name) in all {
                for value in [0, 1, -1, 127, -128, 128, -129, i32::MAX, i32::MIN] {
                    let want = format!("{name} {},{}", rm(at, bits), imm(value.into(), bits));
                    is(|a| a.alu_i(op, bits, at, value), &want);
                }
            }
            for (n, name) in [(2, "not"), (3, "neg"), (4, "mul"), (5, "imul"), (6, "div"), (7, "idiv")] {
                is(|a| a.group3(n, bits, at), &format!("{name} {}", rm(at, bits)));
            }
        }
    }
    for at in memory() {
        is(|a| a.cmp_byte(at, 0x80), &format!("cmp {},0x80", rm(at, 64)));
    }
    is(|a| a.cqo(), "cqo");
}

#[test]
fn registers_only() {
    for d in 0..16 {
        for s in 0..16 {
            for bits in [32, 64] {
                is(|a| a.test(bits, d, s), &format!("test {},{}", r(d, bits), r(s, bits)));
                is(
                    |a| a.mov_to_sse(bits, d, s),
                    &format!("mov{} {},{}", if bits == 64 { "q" } else { "d" }, x(d), r(s, bits)),
                );
                is(
                    |a| a.mov_from_sse(bits, d, s),
                    &format!("mov{} {},{}", if bits == 64 { "q" } else { "d" }, r(d, bits), x(s)),
                );
            }
        }
        for (op, name) in [(Shift::Shl, "shl"), (Shift::Shr, "shr"), (Shift::Sar, "sar")] {
            for amount in [1, 7, 31] {
                is(|a| a.shift_i(op, 32, d, amount), &format!("{name} {},{amount:#x}", r(d, 32)));
                is(|a| a.shift_i(op, 64, d, amount + 32), &format!("{name} {},{:#x}", r(d, 64), amount + 32));
            }
        }
        for cc in 0..16 {
            is(|a| a.setcc(Cc(cc), d), &format!("set{} {}", CONDITIONS[usize::from(cc)], r(d, 8)));
            assert_eq!(Cc(cc).not(), Cc(cc ^ 1));
        }
        is(|a| a.bswap(d), &format!("bswap {}", r(d, 64)));
        is(|a| a.push(d), &format!("push {}", r(d, 64)));
        is(|a| a.pop(d), &format!("pop {}", r(d, 64)));
        is(|a| a.zero_sse(d), &format!("xorps {0},{0}", x(d)));
        is(|a| a.ones_sse(d), &format!("pcmpeqd {0},{0}", x(d)));
        for s in SOME {
            is(|a| a.mov_sse(d, s), &format!("movaps {},{}", x(d), x(s)));
            is(|a| a.and_sse(d, s), &format!("andps {},{}", x(d), x(s)));
            is(|a| a.or_sse(d, s), &format!("orps {},{}", x(d), x(s)));
            is(|a| a.interleave_sse(d, s), &format!("unpcklps {},{}", x(d), x(s)));
        }
    }
    is(|a| a.ret(), "ret");
    is(|a| a.stmxcsr(Rm::M(super::RSP, -8)), "stmxcsr [rsp-0x8]");
    is(|a| a.fence(), "lock or [rsp],0x0");
}

#[test]
fn bits() {
    each(|d, s| {
        for (op, name) in [(Shift::Shl, "shlx"), (Shift::Shr, "shrx"), (Shift::Sar, "sarx")] {
            for n in SOME {
                is(|a| a.shift(op, 32, d, s, n), &format!("{name} {},{},{}", r(d, 32), rm(s, 32), r(n, 32)));
                is(|a| a.shift(op, 64, d, s, n), &format!("{name} {},{},{}", r(d, 64), rm(s, 64), r(n, 64)));
            }
        }
        for bits in [32, 64] {
            for n in SOME {
                is(|a| a.andn(bits, d, n, s), &format!("andn {},{},{}", r(d, bits), r(n, bits), rm(s, bits)));
            }
        }
        is(|a| a.lzcnt(d, s), &format!("lzcnt {},{}", r(d, 64), rm(s, 64)));
        is(|a| a.tzcnt(d, s), &format!("tzcnt {},{}", r(d, 64), rm(s, 64)));
        is(|a| a.popcnt(d, s), &format!("popcnt {},{}", r(d, 64), rm(s, 64)));
    });
}

#[test]
fn memory_only() {
    each_memory(|d, m| {
        for bits in [32, 64] {
            let (reg, at) = (r(d, bits), rm(m, bits));
            is(|a| a.lea(bits, d, m), &format!("lea {reg},{at}"));
            is(|a| a.xchg(bits, m, d), &format!("xchg {at},{reg}"));
            is(|a| a.lock_xadd(bits, m, d), &format!("lock xadd {at},{reg}"));
            is(|a| a.lock_cmpxchg(bits, m, d), &format!("lock cmpxchg {at},{reg}"));
        }
        is(|a| a.store_vector(m, d), &format!("movups {},{}", rm(m, 64), x(d)));
    });
}

#[test]
fn packed_halves_and_polynomials() {
    each(|d, s| {
        is(|a| a.widen_halves(d, s), &format!("vcvtph2ps {},{}", x(d), xm(s)));
        match s {
            Rm::R(s) => {
                is(|a| a.narrow_to_halves(s, d), &format!("vcvtps2ph {},{},0x4", x(s), x(d)));
                is(|a| a.carryless_multiply(d, s), &format!("pclmullqlqdq {},{}", x(d), x(s)));
                is(|a| a.shift_left_sse(d, s), &format!("psllq {},{s:#x}", x(d)));
                is(|a| a.upper_half(d), &format!("pshufd {0},{0},0xe", x(d)));
            }
            m => is(|a| a.cmp_word(m, -1), &format!("cmp {},0xffff", rm(m, 64))),
        }
    });
}

const FORMS: [(Form, &str); 3] = [(Form::F132, "132"), (Form::F213, "213"), (Form::F231, "231")];

#[test]
fn scalars() {
    each(|d, s| {
        for (fmt, suffix, prefix) in [(Scalar::Single, "ss", ""), (Scalar::Double, "sd", "")] {
            let names = [
                (sse::MOV, "mov"),
                (sse::SQRT, "sqrt"),
                (sse::ADD, "add"),
                (sse::MUL, "mul"),
                (sse::SUB, "sub"),
                (sse::DIV, "div"),
                (sse::MIN, "min"),
                (sse::MAX, "max"),
            ];
            for (opcode, name) in names {
                is(|a| a.scalar(fmt, opcode, d, s), &format!("{prefix}{name}{suffix} {},{}", x(d), xm(s)));
                for n in SOME.into_iter().filter(|_| opcode != sse::MOV) {
                    let want = format!("v{name}{suffix} {},{},{}", x(d), x(n), xm(s));
                    is(|a| a.scalar3(fmt, opcode, d, n, s), &want);
                }
            }
            is(|a| a.scalar(fmt, sse::MOV_STORE, d, s), &format!("mov{suffix} {},{}", xm(s), x(d)));
            let convert = if fmt == Scalar::Single { "cvtss2sd" } else { "cvtsd2ss" };
            is(|a| a.scalar(fmt, sse::CVT_FMT, d, s), &format!("{convert} {},{}", x(d), xm(s)));
            for bits in [32, 64] {
                let from = |a: &mut Asm| a.scalar_int(fmt, sse::CVT_FROM_INT, bits, d, s);
                is(from, &format!("cvtsi2{suffix} {},{}", x(d), rm(s, bits)));
                let to = |a: &mut Asm| a.scalar_int(fmt, sse::CVT_TO_INT, bits, d, s);
                is(to, &format!("cvt{suffix}2si {},{}", r(d, bits), xm(s)));
                let to = |a: &mut Asm| a.scalar_int(fmt, sse::CVT_TO_INT_TRUNCATE, bits, d, s);
                is(to, &format!("cvtt{suffix}2si {},{}", r(d, bits), xm(s)));
            }
            is(|a| a.comis(fmt, true, d, s), &format!("ucomi{suffix} {},{}", x(d), xm(s)));
            is(|a| a.comis(fmt, false, d, s), &format!("comi{suffix} {},{}", x(d), xm(s)));
            for (product, addend, name) in
                [(false, false, "madd"), (false, true, "msub"), (true, false, "nmadd"), (true, true, "nmsub")]
            {
                for (n, form, digits) in SOME.into_iter().zip(FORMS.into_iter().cycle()).map(|(n, (f, d))| (n, f, d)) {
                    let want = format!("vf{name}{digits}{suffix} {},{},{}", x(d), x(n), xm(s));
                    is(|a| a.fused(fmt, form, [product, addend], d, n, s), &want);
                }
            }
        }
    });
}

#[test]
fn jumps() {
    for at in operands() {
        is(|a| a.jmp_rm(at), &format!("jmp {}", rm(at, 64)));
        is(|a| a.call_rm(at), &format!("call {}", rm(at, 64)));
    }
    for to in [BASE, BASE + 0x1000, BASE - 0x4000_0000, BASE + 0x7fff_0000] {
        is(|a| a.jmp(to), &format!("jmp {to:#x}"));
        is(|a| a.call(to), &format!("call {to:#x}"));
        for cc in 0..16 {
            is(|a| a.jcc(Cc(cc), to), &format!("j{} {to:#x}", CONDITIONS[usize::from(cc)]));
        }
    }
    let mut asm = Asm::new(BASE);
    let fix: Fix = asm.jcc_fix(Cc::P);
    asm.bind_here(fix);
    assert_eq!(text(&asm).0, format!("jp {:#x}", BASE + 6));
}

#[test]
fn what_an_operand_touches() {
    assert!(Rm::R(3).touches(3) && !Rm::R(3).touches(4));
    assert!(Rm::M(3, 4).touches(3) && !Rm::M(3, 4).touches(4));
    assert!(Rm::X(3, 4, 5).touches(3) && Rm::X(3, 4, 5).touches(4) && !Rm::X(3, 4, 5).touches(5));
}

#[test]
fn rotations() {
    for d in 0..16 {
        for s in 0..16 {
            is(|a| a.rorx(d, s, 7), &format!("rorx {},{},0x7", r(d, 32), r(s, 32)));
        }
    }
}
