//! Why a virtual machine was left.

use std::fmt;

use arch::insn::Opcode;
use arch::{Exception, Insn};
use events::names::{self, SbiFunction};
use events::{SbiCall, Taken};

/// Why a virtual machine was left: what the trap and the guest's next instruction tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    /// `scause`, or `mcause` where M-mode took the trap.
    pub cause: u64,
    /// What it was about.
    pub detail: Detail,
}

/// What an exit was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Nothing more is known.
    None,
    /// An SBI call.
    Sbi {
        /// `a7`.
        extension: u64,
        /// `a6`.
        function: u64,
    },
    /// A guest-page fault after which the guest went on behind the access: a device was emulated.
    Mmio {
        /// The guest-physical page, by its number.
        page: u64,
    },
    /// A guest-page fault after which the guest did the access again: a page was mapped.
    Page,
    /// A guest-page fault or an instruction that the guest got as a trap of its own.
    Passed,
    /// WFI.
    Wfi,
    /// An access to a CSR.
    Csr(u16),
}

/// An exit as far as the trap tells of it.
#[derive(Clone, Copy, Debug)]
pub struct GuestExit {
    /// The trap.
    pub taken: Taken,
    /// The guest's pc.
    pub pc: u64,
    /// The call that became it, if one did.
    pub call: Option<SbiCall>,
}

impl GuestExit {
    /// The reason, once the guest goes on at `target`; none: it never does, or elsewhere.
    pub fn reason(&self, target: Option<u64>) -> Reason {
        let detail = match self.taken.exception() {
            Some(Exception::EcallFromVS) => match self.call {
                Some(SbiCall { extension, function, .. }) => Detail::Sbi { extension, function },
                None => Detail::None,
            },
            Some(Exception::VirtualInstruction | Exception::IllegalInstruction) => self.instruction(target),
            _ => self.guest_page_fault(target),
        };
        Reason { cause: self.taken.cause, detail }
    }

    fn guest_page_fault(&self, target: Option<u64>) -> Detail {
        let (Some((_, address)), Some(target)) = (self.taken.guest_page_fault(), target) else { return Detail::None };
        match target.wrapping_sub(self.pc) {
            0 => Detail::Page,
            2 | 4 => Detail::Mmio { page: address.0 >> 12 },
            _ => Detail::Passed,
        }
    }

    fn instruction(&self, target: Option<u64>) -> Detail {
        // what goes on behind the instruction, or not at all yet, was it that mattered
        if target.is_some_and(|target| target.wrapping_sub(self.pc) > 4) {
            return Detail::Passed;
        }
        let raw = self.taken.tval as u32;
        match arch::decode(raw, &arch::Isa::default()) {
            Some(insn) if insn.opcode() == Opcode::Wfi => Detail::Wfi,
            Some(
                Insn::Csrrw(_) | Insn::Csrrs(_) | Insn::Csrrc(_) | Insn::Csrrwi(_) | Insn::Csrrsi(_) | Insn::Csrrci(_),
            ) => Detail::Csr((raw >> 20) as u16),
            _ => Detail::None,
        }
    }
}

/// Names the device of a guest-physical page, where anybody knows.
pub type Devices<'a> = &'a dyn Fn(u64) -> Option<String>;

impl Reason {
    /// The trap's name.
    pub fn trap(&self) -> String {
        cause_name(self.cause)
    }

    /// What it was about, in words; empty where nothing is known.
    pub fn about(&self, devices: Devices) -> String {
        match self.detail {
            Detail::None => String::new(),
            Detail::Sbi { extension, function } => SbiFunction { extension, function }.to_string(),
            Detail::Mmio { page } => devices(page).unwrap_or_else(|| format!("mmio at {:#x}", page << 12)),
            Detail::Page => "page mapped".into(),
            Detail::Passed => "passed on to the guest".into(),
            Detail::Wfi => "wfi".into(),
            Detail::Csr(csr) => csr_name(csr),
        }
    }

    /// The guest-physical page of a device that was emulated.
    pub fn address(&self) -> Option<u64> {
        match self.detail {
            Detail::Mmio { page } => Some(page << 12),
            _ => None,
        }
    }

    /// The kind of [`Reason::detail`], for programs.
    pub fn kind(&self) -> &'static str {
        match self.detail {
            Detail::None => "trap",
            Detail::Sbi { .. } => "sbi",
            Detail::Mmio { .. } => "mmio",
            Detail::Page => "page",
            Detail::Passed => "passed",
            Detail::Wfi => "wfi",
            Detail::Csr(_) => "csr",
        }
    }
}

/// The name of a cause, or its number.
pub fn cause_name(cause: u64) -> String {
    let code = cause & !arch::csr::CAUSE_INTERRUPT;
    let kind = if code == cause { "exception" } else { "interrupt" };
    names::cause(cause).map_or_else(|| format!("{kind} {code}"), str::to_owned)
}

fn csr_name(csr: u16) -> String {
    arch::csr::name(csr).map_or_else(|| format!("csr {csr:#x}"), |name| name.to_string())
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.trap(), self.about(&|_| None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::Mode;

    fn exit(cause: u64, tval: u64, tval2: u64) -> GuestExit {
        let taken = Taken { to: Mode::HS, cause, tval, tval2, tinst: 0 };
        GuestExit { taken, pc: 0x1000, call: None }
    }

    #[test]
    fn where_the_guest_goes_on_tells_a_device_from_a_page() {
        let fault = exit(21, 0x5000, 0x1000_0000 >> 2);
        assert_eq!(fault.reason(Some(0x1000)).detail, Detail::Page);
        assert_eq!(fault.reason(Some(0x1002)).detail, Detail::Mmio { page: 0x10000 });
        assert_eq!(fault.reason(Some(0x8000)).detail, Detail::Passed);
        assert_eq!(fault.reason(None).detail, Detail::None);
    }

    #[test]
    fn instructions_that_trap_are_told_apart() {
        const WFI: u64 = 0x1050_0073;
        const CSRR_A0_TIME: u64 = 0xc010_2573;
        assert_eq!(exit(22, WFI, 0).reason(Some(0x1004)).detail, Detail::Wfi);
        assert_eq!(exit(22, CSRR_A0_TIME, 0).reason(Some(0x1004)).to_string(), "virtual instruction time");
        assert_eq!(exit(22, WFI, 0).reason(Some(0xffff_0000)).detail, Detail::Passed);
    }

    #[test]
    fn calls_have_their_functions_names() {
        let call = SbiCall { extension: 0x10, function: 3, args: [0; 6] };
        let ecall = GuestExit { call: Some(call), ..exit(10, 0, 0) };
        assert_eq!(ecall.reason(Some(0x1004)).to_string(), "ecall from VS-mode sbi_probe_extension");
    }
}
