//! Names for people: causes, and calls of the layer below.

use core::fmt;

use arch::csr::CAUSE_INTERRUPT;
use arch::{Exception, Interrupt};
use sbi::{Extension, Function};

/// The name of a value of `xcause`, in the words of the manual's tables, calls in short; none for reserved and custom
/// ones.
pub fn cause(xcause: u64) -> Option<&'static str> {
    if xcause & CAUSE_INTERRUPT != 0 {
        return interrupt(xcause & !CAUSE_INTERRUPT);
    }
    Some(match Exception::from_code(xcause)? {
        Exception::EcallFromU => "ecall from U/VU-mode",
        Exception::EcallFromHS => "ecall from HS-mode",
        Exception::EcallFromVS => "ecall from VS-mode",
        Exception::EcallFromM => "ecall from M-mode",
        other => other.words(),
    })
}

/// The name of an interrupt by its code.
pub fn interrupt(code: u64) -> Option<&'static str> {
    Interrupt::from_code(code)?.words()
}

/// Why KVM came back to user space, by `exit_reason` (linux/include/uapi/linux/kvm.h), in small letters without
/// `KVM_EXIT_`; none for those that are not known here.
pub fn kvm_exit(reason: u32) -> Option<&'static str> {
    Some(match reason {
        0 => "unknown",
        4 => "debug",
        6 => "mmio",
        9 => "fail_entry",
        10 => "intr",
        17 => "internal_error",
        24 => "system_event",
        35 => "riscv_sbi",
        36 => "riscv_csr",
        39 => "memory_fault",
        _ => return None,
    })
}

/// A call of the layer below by its name: `sbi_set_timer`, or what of it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SbiFunction {
    /// `a7`.
    pub extension: u64,
    /// `a6`.
    pub function: u64,
}

impl fmt::Display for SbiFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SbiFunction { extension, function } = *self;
        // SBI 3.0, "Binary Encoding": extension ids have 32 bits
        let extension = extension as u32;
        match (Function::numbered(extension, function), Extension::numbered(extension)) {
            (Some(function), _) => f.write_str(function.name()),
            (None, Some(extension)) => write!(f, "SBI {extension:?} function {function}"),
            (None, None) => write!(f, "SBI extension {extension:#x} function {function}"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn causes_have_the_manuals_names() {
        assert_eq!(cause(23), Some("store/AMO guest-page fault"));
        assert_eq!(cause(CAUSE_INTERRUPT | 5), Some("supervisor timer interrupt"));
        assert_eq!((cause(14), cause(CAUSE_INTERRUPT | 4)), (None, None));
        for &exception in arch::Exception::ALL {
            assert!(cause(exception as u64).is_some(), "{exception:?}");
        }
    }

    #[test]
    fn sbi_functions_have_names() {
        let name = |extension, function| std::format!("{}", SbiFunction { extension, function });
        assert_eq!(name(Extension::Rfence as u64, 1), "sbi_remote_sfence_vma");
        assert_eq!(name(Extension::Base as u64, 9), "SBI Base function 9");
        assert_eq!(name(0xdead, 0), "SBI extension 0xdead function 0");
    }
}
