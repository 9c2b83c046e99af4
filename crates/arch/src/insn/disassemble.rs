//! Instructions as text, in the manner of binutils without aliases: `addi a0,a0,1`.

use super::format::field;
use super::{Class, Insn};
use crate::csr;
use core::fmt::{self, Write};

/// ABI names of the integer registers. Calling convention, "Integer Register Convention".
pub const X_NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// ABI names of the floating-point registers. Calling convention, "Floating-point Register Convention".
pub const F_NAMES: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

/// Rounding modes. F extension, table "Rounding mode encoding"; binutils' name for the reserved ones.
const ROUNDING: [&str; 8] = ["rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"];

/// Constants of `fli`. Zfa, table "Immediate values loaded by the fli.d instructions".
const CONSTANTS: [&str; 32] = [
    "-1.0",
    "min",
    "1.52587890625e-05",
    "3.0517578125e-05",
    "0.00390625",
    "0.0078125",
    "0.0625",
    "0.125",
    "0.25",
    "0.3125",
    "0.375",
    "0.4375",
    "0.5",
    "0.625",
    "0.75",
    "0.875",
    "1.0",
    "1.25",
    "1.5",
    "1.75",
    "2.0",
    "2.5",
    "3.0",
    "4.0",
    "8.0",
    "16.0",
    "128.0",
    "256.0",
    "32768.0",
    "65536.0",
    "inf",
    "nan",
];

/// An instruction at an address: targets are shown absolute.
#[derive(Clone, Copy, Debug)]
pub struct At(pub Insn, pub u64);

impl fmt::Display for Insn {
    /// Targets are shown relative: `.+16`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, None)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, &self.0, Some(self.1))
    }
}

fn write(f: &mut fmt::Formatter<'_>, insn: &Insn, pc: Option<u64>) -> fmt::Result {
    let (row, raw) = (insn.row(), insn.encode());
    row.function.chars().try_for_each(|c| f.write_char(if c == '_' { '.' } else { c }))?;
    write_suffix(f, insn)?;
    let mut operands = row.operands;
    for (default, mode) in [(",rm", 7), (",exact", 0)] {
        if field::rm::get(raw) == mode {
            operands = operands.strip_suffix(default).unwrap_or(operands);
        }
    }
    if !operands.is_empty() {
        f.write_char(' ')?;
    }
    write_operands(f, operands, raw, pc)
}

/// Writes names as what they stand for, and everything between as it is.
fn write_operands(f: &mut fmt::Formatter<'_>, operands: &str, raw: u32, pc: Option<u64>) -> fmt::Result {
    let mut rest = operands;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (operand, after) = rest.split_at(end.max(1));
        match first.is_ascii_alphanumeric() {
            true => write_operand(f, operand, raw, pc)?,
            false => f.write_str(operand)?,
        }
        rest = after;
    }
    Ok(())
}

fn write_operand(f: &mut fmt::Formatter<'_>, operand: &str, raw: u32, pc: Option<u64>) -> fmt::Result {
    let x = |register: u8| X_NAMES[usize::from(register)];
    let fp = |register: u8| F_NAMES[usize::from(register)];
    match operand {
        "fd" => f.write_str(fp(field::rd::get(raw))),
        "fs1" => f.write_str(fp(field::rs1::get(raw))),
        "fs2" => f.write_str(fp(field::rs2::get(raw))),
        "fs3" => f.write_str(fp(field::rs3::get(raw))),
        "rm" | "exact" => f.write_str(ROUNDING[usize::from(field::rm::get(raw))]),
        "constant" => f.write_str(CONSTANTS[usize::from(field::rs1::get(raw))]),
        "rd" => f.write_str(x(field::rd::get(raw))),
        "rs1" => f.write_str(x(field::rs1::get(raw))),
        "rs2" => f.write_str(x(field::rs2::get(raw))),
        "imm" => write!(f, "{}", field::imm_i::get(raw)),
        "offset" => write!(f, "{}", field::imm_s::get(raw)),
        "upper" => write!(f, "{:#x}", field::imm_u::get(raw) as u32 >> 12),
        "shamt" => write!(f, "{:#x}", field::shamt::get(raw)),
        "uimm" => write!(f, "{}", field::rs1::get(raw)),
        "csr" => write_csr(f, field::csr::get(raw)),
        "pred" => write_set(f, field::pred::get(raw)),
        "succ" => write_set(f, field::succ::get(raw)),
        "branch" => write_target(f, field::imm_b::get(raw), pc),
        "jump" => write_target(f, field::imm_j::get(raw), pc),
        other => f.write_str(other),
    }
}

/// What follows the mnemonic: ordering bits, or the number of a may-be-operation.
fn write_suffix(f: &mut fmt::Formatter<'_>, insn: &Insn) -> fmt::Result {
    match (insn, insn.class()) {
        (Insn::MopR(i), _) => write!(f, ".{}", i.n),
        (Insn::MopRr(i), _) => write!(f, ".{}", i.n),
        (_, Class::Amo) => f.write_str(["", ".rl", ".aq", ".aqrl"][usize::from(field::aqrl::get(insn.encode()))]),
        _ => Ok(()),
    }
}

fn write_csr(f: &mut fmt::Formatter<'_>, csr: u16) -> fmt::Result {
    match csr::name(csr) {
        Some(name) => write!(f, "{name}"),
        None => write!(f, "{csr:#x}"),
    }
}

fn write_target(f: &mut fmt::Formatter<'_>, offset: i32, pc: Option<u64>) -> fmt::Result {
    match pc {
        Some(pc) => write!(f, "{:#x}", pc.wrapping_add_signed(offset.into())),
        None => write!(f, ".{offset:+}"),
    }
}

/// FENCE's sets: any of `iorw`; binutils' word for none.
fn write_set(f: &mut fmt::Formatter<'_>, set: u8) -> fmt::Result {
    if set == 0 {
        return f.write_str("unknown");
    }
    "iorw".char_indices().filter(|(at, _)| set & 8 >> at != 0).try_for_each(|(_, c)| f.write_char(c))
}
