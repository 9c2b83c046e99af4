//! A hart's registers as debuggers number and describe them.
//!
//! Numbers are GDB's own for RISC-V (`riscv_*_REGNUM` there): x0 to x31, pc, f0 to f31, from 65 on the CSRs by their
//! addresses, and behind them `priv`. GDB manual, "RISC-V Features", names the features.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use arch::insn::{F_NAMES, X_NAMES};
use arch::{Mode, csr};
use board::Held;
use gdbstub::arch::{Arch, RegId, Registers};
use vcpu::Reg;
use vcpu::debug::Debuggee;

/// Number of pc.
const PC: usize = 32;
/// Number of f0.
const F0: usize = 33;
/// Number of the CSR at address 0.
const CSR0: usize = 65;
/// Number of `priv`.
const PRIV: usize = CSR0 + 0x1000;
/// Bytes of a register.
pub const BYTES: usize = 8;

/// RV64, as `gdbstub` wants it named.
pub enum Rv64 {}

impl Arch for Rv64 {
    type Usize = u64;
    type Registers = Integers;
    type BreakpointKind = usize;
    type RegId = Register;
}

/// What a debugger reads at each stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integers {
    /// x0 to x31.
    pub x: [u64; 32],
    /// pc.
    pub pc: u64,
}

impl Registers for Integers {
    type ProgramCounter = u64;

    fn pc(&self) -> u64 {
        self.pc
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        let all = self.x.iter().chain([&self.pc]);
        all.flat_map(|value| value.to_le_bytes()).for_each(|byte| write_byte(Some(byte)));
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let (words, _) = bytes.as_chunks::<BYTES>();
        let (x, rest) = words.split_at_checked(32).ok_or(())?;
        self.x = std::array::from_fn(|n| u64::from_le_bytes(x[n]));
        self.pc = u64::from_le_bytes(*rest.first().ok_or(())?);
        Ok(())
    }
}

/// One register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Integer.
    X(u8),
    /// The program counter.
    Pc,
    /// Floating-point.
    F(u8),
    /// Control and status.
    Csr(u16),
    /// The mode, as the RISC-V Debug Specification 1.0, "Virtual Debug Registers", has it: privilege in bits 0 and 1, V
    /// in bit 2.
    Priv,
}

impl RegId for Register {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        let register = match id {
            0..PC => Register::X(id as u8),
            PC => Register::Pc,
            F0..CSR0 => Register::F((id - F0) as u8),
            CSR0..PRIV => Register::Csr((id - CSR0) as u16),
            PRIV => Register::Priv,
            _ => return None,
        };
        Some((register, NonZeroUsize::new(BYTES)))
    }
}

impl Register {
    /// Reads it. `None`: the hart has none.
    pub fn read(self, hart: &mut Held) -> Option<u64> {
        match self {
            Register::X(n) => Some(hart.reg(Reg::X(n))),
            Register::Pc => Some(hart.reg(Reg::Pc)),
            Register::F(n) => Some(hart.debuggee()?.f(n)),
            Register::Csr(address) => hart.debuggee()?.peek_csr(address),
            Register::Priv => Some(number_of(hart.debuggee()?.world().mode)),
        }
    }

    /// Writes it. False: the hart has none, or it is read-only.
    pub fn write(self, hart: &mut Held, value: u64) -> bool {
        match self {
            Register::X(n) => hart.set_reg(Reg::X(n), value),
            Register::Pc => hart.set_reg(Reg::Pc, value),
            Register::F(n) => return hart.debuggee().map(|hart| hart.set_f(n, value)).is_some(),
            Register::Csr(address) => return hart.debuggee().is_some_and(|hart| hart.poke_csr(address, value)),
            Register::Priv => return write_priv(hart, value),
        }
        true
    }
}

/// A guest's hart stays one, and a hart without guests runs none.
fn write_priv(hart: &mut Held, value: u64) -> bool {
    let Some((mode, hart)) = mode_of(value).zip(hart.debuggee()) else { return false };
    let may_change_v = hart.peek_csr(csr::HSTATUS).is_some();
    let fits = may_change_v || mode.virt == hart.world().mode.virt;
    if fits {
        hart.set_mode(mode);
    }
    fits
}

/// `priv` in this mode.
const fn number_of(mode: Mode) -> u64 {
    mode.privilege as u64 | (mode.virt as u64) << 2
}

/// The mode of which `priv` has this value.
fn mode_of(number: u64) -> Option<Mode> {
    [Mode::U, Mode::HS, Mode::M, Mode::VU, Mode::VS].into_iter().find(|mode| number_of(*mode) == number)
}

/// The CSRs that the hart has, with their names.
pub fn csrs(hart: &dyn Debuggee) -> impl Iterator<Item = (u16, String)> {
    let named = csr::all().filter_map(|address| Some((address, csr::name(address)?.to_string())));
    named.filter(|(address, _)| hart.peek_csr(*address).is_some())
}

/// The description of a hart's registers: GDB manual, "Target Description Format".
pub fn description(hart: &dyn Debuggee) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">\
         <architecture>riscv:rv64</architecture><feature name=\"org.gnu.gdb.riscv.cpu\">",
    );
    for (number, name) in X_NAMES.iter().enumerate() {
        let kind = ["int", "code_ptr", "data_ptr", "data_ptr", "data_ptr"].get(number).unwrap_or(&"int");
        let kind = if number == 8 { "data_ptr" } else { kind };
        let _ = write!(xml, "<reg name=\"{name}\" bitsize=\"64\" regnum=\"{number}\" type=\"{kind}\"{}/>", role(name));
    }
    let _ = write!(xml, "<reg name=\"pc\" bitsize=\"64\" regnum=\"{PC}\" type=\"code_ptr\"{}/></feature>", role("pc"));
    let has_floats = hart.peek_csr(csr::FCSR).is_some();
    if has_floats {
        describe_floats(&mut xml);
    }
    xml.push_str("<feature name=\"org.gnu.gdb.riscv.virtual\">");
    let _ = write!(xml, "<reg name=\"priv\" bitsize=\"64\" regnum=\"{PRIV}\"/></feature>");
    xml.push_str("<feature name=\"org.gnu.gdb.riscv.csr\">");
    for (address, name) in csrs(hart) {
        let number = CSR0 + usize::from(address);
        let _ = write!(xml, "<reg name=\"{name}\" bitsize=\"64\" regnum=\"{number}\" type=\"int\" group=\"csr\"/>");
    }
    xml.push_str("</feature></target>");
    xml
}

fn describe_floats(xml: &mut String) {
    xml.push_str(
        "<feature name=\"org.gnu.gdb.riscv.fpu\"><union id=\"riscv_double\"><field name=\"float\" \
         type=\"ieee_single\"/><field name=\"double\" type=\"ieee_double\"/></union>",
    );
    for (number, name) in F_NAMES.iter().enumerate() {
        let number = F0 + number;
        let _ = write!(xml, "<reg name=\"{name}\" bitsize=\"64\" regnum=\"{number}\" type=\"riscv_double\"/>");
    }
    xml.push_str("</feature>");
}

/// What LLDB wants to know of a register that it has no ABI for.
fn role(name: &str) -> String {
    let argument = || name.strip_prefix('a')?.parse::<u8>().ok().map(|number| format!("arg{}", number + 1));
    let role = match name {
        "pc" | "sp" | "ra" => Some(name.to_owned()),
        "s0" => Some("fp".to_owned()),
        _ => argument(),
    };
    role.map(|role| format!(" generic=\"{role}\"")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_its_number() {
        for mode in [Mode::U, Mode::HS, Mode::M, Mode::VU, Mode::VS] {
            assert_eq!(mode_of(number_of(mode)), Some(mode));
        }
        assert_eq!([2, 6, 7, 8].map(mode_of), [None; 4]);
    }

    #[test]
    fn integers_are_what_was_written() {
        let all = Integers { x: std::array::from_fn(|n| 3 * n as u64), pc: 0x8000_0000 };
        let mut bytes = Vec::new();
        all.gdb_serialize(|byte| bytes.extend(byte));
        let mut read = Integers::default();
        assert_eq!((read.gdb_deserialize(&bytes), &read), (Ok(()), &all));
        assert_eq!(read.gdb_deserialize(&bytes[..8]), Err(()));
    }
}
