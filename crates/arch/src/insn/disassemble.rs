//! Instructions as text, in the manner of binutils without aliases: `addi a0,a0,1`.

use super::Insn;
use super::format::field;
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
    if !row.operands.is_empty() {
        f.write_char(' ')?;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric();
    let mut rest = row.operands;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (operand, after) = rest.split_at(end.max(1));
        match is_name(first) {
            true => write_operand(f, operand, raw, pc)?,
            false => f.write_str(operand)?,
        }
        rest = after;
    }
    Ok(())
}

fn write_operand(f: &mut fmt::Formatter<'_>, operand: &str, raw: u32, pc: Option<u64>) -> fmt::Result {
    let x = |register: u8| X_NAMES[usize::from(register)];
    match operand {
        "rd" => f.write_str(x(field::rd::get(raw))),
        "rs1" => f.write_str(x(field::rs1::get(raw))),
        "rs2" => f.write_str(x(field::rs2::get(raw))),
        "imm" => write!(f, "{}", field::imm_i::get(raw)),
        "offset" => write!(f, "{}", field::imm_s::get(raw)),
        "upper" => write!(f, "{:#x}", field::imm_u::get(raw) as u32 >> 12),
        "shamt" => write!(f, "{:#x}", field::shamt::get(raw)),
        "uimm" => write!(f, "{}", field::rs1::get(raw)),
        "csr" => write!(f, "{:#x}", field::csr::get(raw)),
        "pred" => write_set(f, field::pred::get(raw)),
        "succ" => write_set(f, field::succ::get(raw)),
        "branch" => write_target(f, field::imm_b::get(raw), pc),
        "jump" => write_target(f, field::imm_j::get(raw), pc),
        other => f.write_str(other),
    }
}

fn write_target(f: &mut fmt::Formatter<'_>, offset: i32, pc: Option<u64>) -> fmt::Result {
    match pc {
        Some(pc) => write!(f, "{:#x}", pc.wrapping_add_signed(offset.into())),
        None => write!(f, ".{offset:+}"),
    }
}

/// FENCE's sets: any of `iorw`.
fn write_set(f: &mut fmt::Formatter<'_>, set: u8) -> fmt::Result {
    "iorw".char_indices().filter(|(at, _)| set & 8 >> at != 0).try_for_each(|(_, c)| f.write_char(c))
}
