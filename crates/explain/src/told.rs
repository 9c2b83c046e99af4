//! A trap of which only the registers are at hand, in words.

use arch::csr::{self, CAUSE_INTERRUPT, atp, hstatus, status};
use arch::pte::Scheme;
use arch::{Exception, Implicit, Interrupt, Mode, Privilege, implicit};
use serde::Serialize;

use crate::cause::{self, register_names};
use crate::data::{Hex, RegisterTold, SCHEMA};
use crate::pasted::Pasted;
use crate::text::{Lines, Paint, Style};

/// A trap, told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What happened, in a sentence or two.
    pub summary: String,
    /// The code of the cause, without the Interrupt bit.
    pub cause: Option<u64>,
    /// Whether it is an interrupt.
    pub interrupt: bool,
    /// The mode that it was taken from, as far as the registers tell.
    pub from: Option<&'static str>,
    /// Registers and their meaning.
    pub registers: Vec<RegisterTold>,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// The manual's sections.
    pub manual: Vec<&'static str>,
}

/// Says what the registers of a trap mean.
pub fn told(pasted: &Pasted) -> Told {
    let code = pasted.cause.map(|cause| cause & !CAUSE_INTERRUPT);
    let interrupt = pasted.cause.is_some_and(|cause| cause & CAUSE_INTERRUPT != 0) || pasted.interrupt == Some(1);
    let exception = code.filter(|_| !interrupt).and_then(Exception::from_code);
    let from = from(pasted);
    Told {
        schema: SCHEMA,
        summary: summary(pasted, code, interrupt, exception, from),
        cause: code,
        interrupt,
        from: from.map(Mode::name),
        registers: registers(pasted, exception),
        notes: exception.map(|exception| notes(pasted, exception)).unwrap_or_default(),
        manual: manual(exception),
    }
}

/// The mode before the trap: `hstatus.SPV` with `sstatus.SPP`, or `mstatus.MPV` with MPP.
fn from(pasted: &Pasted) -> Option<Mode> {
    if let (true, Some(mstatus)) = (pasted.machine, pasted.mstatus) {
        return Some(before_m(mstatus));
    }
    let privilege = match pasted.sstatus? & status::SPP {
        0 => Privilege::User,
        _ => Privilege::Supervisor,
    };
    let virt = pasted.virt || pasted.hstatus.is_some_and(|hstatus| hstatus & hstatus::SPV != 0);
    Some(Mode { privilege, virt })
}

/// Where a trap to M-mode came from.
fn before_m(mstatus: u64) -> Mode {
    let virt = mstatus & status::MPV != 0;
    match (mstatus & status::MPP) >> status::MPP_SHIFT {
        3 => Mode::M,
        0 => Mode { privilege: Privilege::User, virt },
        _ => Mode { privilege: Privilege::Supervisor, virt },
    }
}

fn summary(
    pasted: &Pasted,
    code: Option<u64>,
    interrupt: bool,
    exception: Option<Exception>,
    from: Option<Mode>,
) -> String {
    let place = from.map(|mode| format!(" from {}-mode", mode.name())).unwrap_or_default();
    let at = pasted.epc.map(|epc| format!(" at pc {}", Hex(epc))).unwrap_or_default();
    match (code, interrupt, exception) {
        (None, ..) => "the cause is missing: give scause (or mcause, vscause)".to_owned(),
        (Some(code), true, _) => {
            let name = interrupt_words(code).map_or_else(|| format!("interrupt {code}"), str::to_owned);
            format!("{name}{place}{at}")
        }
        (Some(_), false, Some(exception)) => {
            format!("{}{place}{at}: {}", exception.words(), plain(pasted, exception))
        }
        (Some(code @ (24..=31 | 48..=63)), false, None) => {
            format!("exception {code}{place}{at}: a custom one of this hart")
        }
        (Some(code), false, None) => format!("exception {code}{place}{at}: reserved by the manual"),
    }
}

/// An exception in plain words.
fn plain(pasted: &Pasted, exception: Exception) -> String {
    let tval = pasted.tval.map_or_else(|| "an address".to_owned(), |tval| Hex(tval).to_string());
    let kind = kind(exception);
    match exception {
        _ if exception.is_guest_page_fault() => guest(pasted, kind, &tval),
        Exception::InstructionPageFault | Exception::LoadPageFault | Exception::StorePageFault => {
            let tree = if is_guests(pasted) { "vsatp's" } else { "satp's" };
            format!("{tree} page table does not map {tval} for this {kind}: no valid entry, a right or U missing, or A or D clear without hardware that sets them")
        }
        Exception::InstructionAccessFault | Exception::LoadAccessFault | Exception::StoreAccessFault => {
            format!("the {kind} at {tval} was translated, and then PMP denied the physical address or nothing is there; or the walker could not read a page-table entry")
        }
        Exception::LoadAddressMisaligned | Exception::StoreAddressMisaligned => {
            format!("the {kind} at {tval} is not aligned, and this hart or instruction wants it to be")
        }
        Exception::InstructionAddressMisaligned => format!("a jump went to {tval}, which is no multiple of four"),
        Exception::IllegalInstruction => "the hart lacks the instruction or CSR, or the mode may not use it (a CSR's privilege, mstatus.FS, TVM, TW, TSR, xcounteren, xenvcfg)".into(),
        Exception::VirtualInstruction => "a guest used what HS-mode could, but the hypervisor keeps from it (hstatus.VTVM, VTW, VTSR, hcounteren, henvcfg, hstateen, or a hypervisor's instruction or CSR): it may emulate it".into(),
        Exception::Breakpoint => "an EBREAK, or a trigger".into(),
        Exception::EcallFromU => "a system call".into(),
        Exception::EcallFromHS => "an SBI call of the kernel or hypervisor to the firmware".into(),
        Exception::EcallFromVS => "an SBI call of a guest's kernel to its hypervisor".into(),
        Exception::EcallFromM => "a call within M-mode".into(),
        Exception::SoftwareCheck => "a check of control flow failed (Zicfilp, Zicfiss)".into(),
        _ => "the hart met corrupt data".into(),
    }
}

fn guest(pasted: &Pasted, kind: &str, tval: &str) -> String {
    let tinst = pasted.tinst.unwrap_or(0);
    let gpa = pasted.tval2.map(|tval2| Hex(implicit::fault_address(pasted.tval.unwrap_or(0), tval2, tinst).0));
    let gpa = gpa
        .map_or_else(|| "guest-physical address (htval is missing)".to_owned(), |gpa| format!("guest-physical {gpa}"));
    match Implicit::of_tinst(tinst) {
        Some(_) => format!(
            "for a guest's {kind} at {tval} the hart went through the guest's own page table, and hgatp's does not map its entry at {gpa}"
        ),
        None => format!(
            "a guest's {kind} at {tval} goes to {gpa}, which hgatp's page table does not map for it: no valid entry, a right or U missing, or A or D clear"
        ),
    }
}

const fn kind(exception: Exception) -> &'static str {
    match exception {
        Exception::InstructionAccessFault | Exception::InstructionPageFault | Exception::InstructionGuestPageFault => {
            "fetch"
        }
        Exception::LoadAddressMisaligned
        | Exception::LoadAccessFault
        | Exception::LoadPageFault
        | Exception::LoadGuestPageFault => "load",
        _ => "store or atomic access",
    }
}

/// Whether `xtval` is a guest's address.
fn is_guests(pasted: &Pasted) -> bool {
    gva(pasted).unwrap_or(pasted.virt)
}

fn gva(pasted: &Pasted) -> Option<bool> {
    match (pasted.machine, pasted.mstatus, pasted.hstatus) {
        (true, Some(mstatus), _) => Some(mstatus & status::GVA != 0),
        (false, _, Some(hstatus)) => Some(hstatus & hstatus::GVA != 0),
        _ if pasted.virt => Some(true),
        _ => None,
    }
}

fn registers(pasted: &Pasted, exception: Option<Exception>) -> Vec<RegisterTold> {
    let [cause, tval, tval2, tinst] = register_names(match (pasted.machine, pasted.virt) {
        (true, _) => Mode::M,
        (false, true) => Mode::VS,
        (false, false) => Mode::HS,
    });
    let told = |name, value: Option<u64>, meaning: String| {
        value.map(|value| RegisterTold { name, value: Hex(value), meaning })
    };
    let (at, faulting) = (pasted.tval.unwrap_or(0), pasted.tinst.unwrap_or(0));
    let of = |meaning: &dyn Fn(Exception) -> String| exception.map(meaning).unwrap_or_else(|| "nothing".into());
    let names = (if tval2.is_empty() { "htval" } else { tval2 }, if tinst.is_empty() { "htinst" } else { tinst });
    [
        told(cause, pasted.cause, cause_meaning(pasted)),
        told(tval, pasted.tval, of(&|exception| cause::tval_meaning(exception, at, gva(pasted)))),
        told(
            names.0,
            pasted.tval2,
            of(&|exception| cause::tval2_meaning(exception, at, pasted.tval2.unwrap_or(0), faulting)),
        ),
        told(names.1, pasted.tinst, of(&|exception| cause::tinst_meaning(exception, faulting))),
        told(
            if pasted.virt { "vsstatus" } else { "sstatus" },
            pasted.sstatus,
            set_fields(csr::SSTATUS, pasted.sstatus),
        ),
        told("mstatus", pasted.mstatus, set_fields(csr::MSTATUS, pasted.mstatus)),
        told("hstatus", pasted.hstatus, set_fields(csr::HSTATUS, pasted.hstatus)),
        told("satp", pasted.satp, root(pasted.satp, "ASID", "")),
        told("vsatp", pasted.vsatp, root(pasted.vsatp, "ASID", "")),
        told("hgatp", pasted.hgatp, root(pasted.hgatp, "VMID", "x4")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn interrupt_words(code: u64) -> Option<&'static str> {
    Interrupt::from_code(code)?.words()
}

fn cause_meaning(pasted: &Pasted) -> String {
    let cause = pasted.cause.unwrap_or(0);
    let code = cause & !CAUSE_INTERRUPT;
    let name = match cause & CAUSE_INTERRUPT != 0 || pasted.interrupt == Some(1) {
        true => interrupt_words(code),
        false => Exception::from_code(code).map(Exception::words),
    };
    format!("{code}: {}", name.unwrap_or("reserved or custom"))
}

/// What fields say that matter to whoever reads a trap.
const WORDS: [(&str, &str); 16] = [
    ("SPP", "from supervisor mode"),
    ("SPIE", "interrupts were on"),
    ("SIE", "interrupts are on"),
    ("SUM", "supervisor mode may touch user pages"),
    ("MXR", "executable pages are readable"),
    ("MPV", "from a guest"),
    ("MPIE", "interrupts were on"),
    ("MPRV", "loads and stores are those of MPP"),
    ("TVM", "satp and SFENCE.VMA trap in S-mode"),
    ("SPV", "from a guest"),
    ("SPVP", "HLV and HSV access as VS-mode"),
    ("GVA", "xtval is a guest's address"),
    ("HU", "U-mode may use HLV and HSV"),
    ("VTVM", "satp and SFENCE.VMA trap in VS-mode"),
    ("VTW", "WFI traps in VS-mode"),
    ("VTSR", "SRET traps in VS-mode"),
];

/// The fields that are not zero, and what they say.
fn set_fields(address: u16, value: Option<u64>) -> String {
    let value = value.unwrap_or(0);
    let told = |field: csr::Field| {
        let name = field.name.to_string();
        let words = WORDS.iter().find(|(known, _)| *known == name).map(|(_, words)| format!(" ({words})"));
        format!("{name}={}{}", field.of(value), words.unwrap_or_default())
    };
    let set: Vec<String> = csr::fields(address).filter(|field| field.of(value) != 0).map(told).collect();
    if set.is_empty() { "every field is 0".into() } else { set.join(", ") }
}

/// `satp`, `vsatp` or `hgatp`.
fn root(value: Option<u64>, id: &str, widened: &str) -> String {
    let value = value.unwrap_or(0);
    let bits = if id == "VMID" { atp::VMID_BITS } else { atp::ASID_BITS };
    let number = value >> atp::ID_SHIFT & ((1 << bits) - 1);
    match Scheme::of_mode(value >> atp::MODE_SHIFT) {
        Some(scheme) => {
            format!("{scheme:?}{widened}, {id} {number}, root page table at {}", Hex((value & atp::PPN) << 12))
        }
        None if value >> atp::MODE_SHIFT == atp::BARE => "Bare: no translation".into(),
        None => "a reserved MODE".into(),
    }
}

fn notes(pasted: &Pasted, exception: Exception) -> Vec<String> {
    let mut notes = Vec::new();
    if exception.is_guest_page_fault() && pasted.tval2.is_none() {
        notes.push("give htval (mtval2), too: it has the guest-physical address".to_owned());
    }
    if cause::is_of_an_access(exception) && pasted.tval.is_some_and(|tval| tval < 4096) {
        notes.push("the address is in the first page: a null pointer, perhaps with an offset".to_owned());
    }
    if pasted.epc.is_some() && pasted.epc == pasted.tval && kind(exception) == "fetch" {
        notes.push("the pc itself is the address: a jump went there, or a handler (xtvec) is not mapped".to_owned());
    }
    notes
}

/// What the manual has about guest-page faults.
const GUEST_PAGE_FAULTS: &[&str] = &[
    "H extension: \"Guest-Page Faults\"",
    "H extension: \"Hypervisor Trap Value (htval) Register\"",
    "H extension: \"Transformed Instruction or Pseudoinstruction for mtinst or htinst\"",
];

fn manual(exception: Option<Exception>) -> Vec<&'static str> {
    let of_it = match exception {
        Some(exception) if exception.is_guest_page_fault() => GUEST_PAGE_FAULTS,
        Some(Exception::VirtualInstruction) => &["H extension: \"Trap Cause Codes\""],
        Some(Exception::InstructionPageFault | Exception::LoadPageFault | Exception::StorePageFault) => {
            &["Privileged: \"Virtual Address Translation Process\""]
        }
        _ => &[],
    };
    [&["Privileged: \"Supervisor Cause (scause) Register\""], of_it].concat()
}

/// A trap in lines.
pub fn told_text(told: &Told, style: Style) -> String {
    let mut lines = Lines { style, out: format!("{}\n", style.paint(Paint::Bad, &told.summary)) };
    lines.registers(&told.registers);
    lines.put("manual", &told.manual.join("; "));
    told.notes.iter().for_each(|note| lines.put("note", note));
    lines.out
}
