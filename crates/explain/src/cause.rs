//! Traps in words: their names, what the handler's registers mean, where they go and by which bit.
//!
//! Privileged architecture, "Machine Trap Delegation (`medeleg` and `mideleg`) Registers"; H extension, "Trap Cause
//! Codes", "Traps".

use arch::insn::decompress;
use arch::{Exception, Implicit, Isa, Mode, Trap, decode, implicit};
use privileged::State;

use crate::data::{Bit, Hex, RegisterTold, TrapTold};

/// Whether `xtval` is the address of an access.
pub const fn is_of_an_access(cause: Exception) -> bool {
    !matches!(
        cause,
        Exception::IllegalInstruction
            | Exception::VirtualInstruction
            | Exception::EcallFromU
            | Exception::EcallFromHS
            | Exception::EcallFromVS
            | Exception::EcallFromM
            | Exception::SoftwareCheck
            | Exception::HardwareError
    )
}

/// Names of `xcause`, `xtval`, `xtval2` and `xtinst` at the level of a handler.
pub const fn register_names(to: Mode) -> [&'static str; 4] {
    match (to.privilege, to.virt) {
        (arch::Privilege::Machine, _) => ["mcause", "mtval", "mtval2", "mtinst"],
        (_, true) => ["vscause", "vstval", "", ""],
        (_, false) => ["scause", "stval", "htval", "htinst"],
    }
}

/// What the handler in `to` finds in its registers.
pub fn registers(trap: Trap, to: Mode, has_hypervisor: bool) -> Vec<RegisterTold> {
    let [cause, tval, tval2, tinst] = register_names(to);
    let told = |name, value, meaning| RegisterTold { name, value: Hex(value), meaning };
    let code = trap.cause as u64;
    let mut registers = vec![
        told(cause, code, format!("{code}: {}", trap.cause.words())),
        told(tval, trap.tval, tval_meaning(trap.cause, trap.tval, Some(trap.gva))),
    ];
    if has_hypervisor && !tval2.is_empty() {
        registers.push(told(tval2, trap.tval2, tval2_meaning(trap.cause, trap.tval, trap.tval2, trap.tinst)));
        registers.push(told(tinst, trap.tinst, tinst_meaning(trap.cause, trap.tinst)));
    }
    registers
}

/// What `xtval` is. `guest` says whether GVA is set, if that is known.
pub fn tval_meaning(cause: Exception, tval: u64, guest: Option<bool>) -> String {
    match cause {
        Exception::IllegalInstruction | Exception::VirtualInstruction => match instruction(tval) {
            _ if tval == 0 => "the instruction's bits, which this implementation or handler does not give".into(),
            Some(text) => format!("the instruction: {text}"),
            None => "the instruction's bits, which are no instruction that vhart knows".into(),
        },
        _ if is_of_an_access(cause) => match guest {
            Some(true) => "the guest virtual address of the access (GVA = 1)".into(),
            Some(false) => "the virtual address of the access (GVA = 0: not a guest's)".into(),
            None => "the virtual address of the access; a guest's if hstatus.GVA (mstatus.GVA in M-mode) is 1".into(),
        },
        _ => "nothing for this exception".into(),
    }
}

/// What `htval` or `mtval2` is.
pub fn tval2_meaning(cause: Exception, tval: u64, tval2: u64, tinst: u64) -> String {
    if !cause.is_guest_page_fault() {
        return "nothing: only guest-page faults write it".into();
    }
    if tval2 == 0 && tinst == 0 && tval >= 4 {
        return "guest-physical address >> 2, or zero where the hart does not say".into();
    }
    let address = Hex(implicit::fault_address(tval, tval2, tinst).0);
    match Implicit::of_tinst(tinst) {
        Some(_) => format!("guest-physical address >> 2: {address}, of the VS-stage's page-table entry"),
        None => format!("guest-physical address >> 2: {address}, of the access itself"),
    }
}

/// What `htinst` or `mtinst` is.
///
/// H extension, "Transformed Instruction or Pseudoinstruction for `mtinst` or `htinst`".
pub fn tinst_meaning(cause: Exception, tinst: u64) -> String {
    let itself = |did| format!("pseudoinstruction: the hart itself {did} a page-table entry of the VS-stage");
    match Implicit::of_tinst(tinst) {
        Some(Implicit::Read) => itself("read"),
        Some(Implicit::Write) => itself("set A or D in"),
        None if tinst == 0 => "nothing: read the instruction at the pc".into(),
        None => transformed(tinst).unwrap_or_else(|| format!("not defined for {}", cause.words())),
    }
}

/// A transformed instruction in words: its offset is zero, and rs1 has the distance to the faulting address.
fn transformed(tinst: u64) -> Option<String> {
    if tinst & 1 == 0 || tinst >> 32 != 0 {
        return None;
    }
    let offset = tinst >> 15 & 0x1f;
    let insn = decode((tinst ^ offset << 15 | 2) as u32, &Isa::ALL)?;
    let text = insn.to_string().replace("0(zero)", "(address)").replace("(zero)", "(address)");
    let length = if tinst & 2 == 0 { "16 bits long" } else { "32 bits long" };
    let apart = if offset == 0 { String::new() } else { format!(", {offset} bytes before the faulting address") };
    Some(format!("transformed instruction: {text}, {length}{apart}"))
}

/// An instruction's bits as `xtval` has them, in assembly.
fn instruction(bits: u64) -> Option<String> {
    let raw = u32::try_from(bits).ok()?;
    let insn = if raw & 3 == 3 { decode(raw, &Isa::ALL) } else { decompress(u16::try_from(raw).ok()?, &Isa::ALL) };
    insn.map(|insn| insn.to_string())
}

/// What decides where a trap goes.
pub struct Route<'a> {
    /// The hart before it.
    pub state: &'a State,
    /// Where it goes.
    pub to: Mode,
    /// Whether M-mode is vhart itself.
    pub builtin: bool,
}

impl Route<'_> {
    /// The trap, told.
    pub fn told(&self, trap: Trap, taken: bool, has_hypervisor: bool) -> TrapTold {
        let (because, delegation) = self.because(trap.cause);
        TrapTold {
            taken,
            cause: trap.cause as u64,
            name: trap.cause.words().into(),
            from: self.state.mode.name(),
            to: self.to.name(),
            because,
            delegation,
            registers: registers(trap, self.to, has_hypervisor),
            handler: Hex(self.state.bank(self.to).tvec & !3),
            handler_symbol: None,
        }
    }

    /// Why it goes there.
    fn because(&self, cause: Exception) -> (String, Vec<Bit>) {
        let code = cause as u64;
        let bit = |name, register: u64| Bit::new(name, format!("{code}"), register >> code & 1);
        let (m, h) = (bit("medeleg", self.state.medeleg), bit("hedeleg", self.state.hedeleg));
        if self.state.mode == Mode::M {
            return ("traps in M-mode are never delegated".into(), Vec::new());
        }
        if m.value == 0 {
            let whom =
                if self.builtin { ", which here is the built-in firmware: it handles no exceptions" } else { "" };
            return (format!("medeleg bit {code} is 0: it stays with M-mode{whom}"), vec![m]);
        }
        if !self.state.mode.virt {
            return (format!("medeleg bit {code} is 1 and V is 0"), vec![m]);
        }
        let why = match h.value {
            0 if is_the_hypervisors(cause) => {
                format!("medeleg bit {code} is 1, and hedeleg bit {code} is read-only 0: it is the hypervisor's")
            }
            0 => format!("medeleg bit {code} is 1, hedeleg bit {code} is 0"),
            _ => format!("medeleg bit {code} and hedeleg bit {code} are 1, and V is 1"),
        };
        (why, vec![m, h])
    }
}

/// Whether the exception can never go to VS-mode. H extension, table of the bits of `hedeleg` that must be writable.
const fn is_the_hypervisors(cause: Exception) -> bool {
    matches!(
        cause,
        Exception::EcallFromHS | Exception::EcallFromVS | Exception::EcallFromM | Exception::VirtualInstruction
    ) || cause.is_guest_page_fault()
}
