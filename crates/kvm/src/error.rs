//! Why a machine cannot run on KVM.

use std::io;

/// Why a machine cannot run on KVM.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This program was built for something else.
    #[error("engine kvm runs on riscv64 Linux only; this vhart is built for {0}")]
    Unavailable(&'static str),
    /// `/dev/kvm` does not exist, and the processor could not do it either.
    #[error("/dev/kvm: not there, and this machine's processor has no hypervisor extension (isa: {isa})")]
    NoHypervisorExtension {
        /// What `/proc/cpuinfo` names.
        isa: String,
    },
    /// `/dev/kvm` does not exist.
    #[error("/dev/kvm: no such file: load the module first (modprobe kvm)")]
    NotLoaded,
    /// `/dev/kvm` may not be opened.
    #[error("/dev/kvm: permission denied: become root or a member of its group")]
    Denied,
    /// `/dev/kvm` may be opened only by one of another kind.
    #[error("/dev/kvm: {0}")]
    Open(io::Error),
    /// The kernel's KVM is older than what this program speaks.
    #[error("/dev/kvm: the host kernel's KVM lacks {0}: a newer kernel is needed")]
    Lacks(&'static str),
    /// An ISA extension that no KVM knows.
    #[error("there is no ISA extension '{name}' that KVM knows; 'vhart kvm-info' lists what this host has")]
    UnknownIsa {
        /// What was asked for.
        name: String,
    },
    /// An SBI extension that no KVM knows.
    #[error("there is no SBI extension '{name}' that KVM knows; there are {known}")]
    UnknownSbi {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The host's KVM has not what the guest is to have.
    #[error("this host's KVM gives its guests no {names}; 'vhart kvm-info' lists what it has")]
    NotOffered {
        /// What was asked for.
        names: String,
    },
    /// The host's KVM has no AIA.
    #[error("this host's KVM has no interrupt controller of its own: its processor lacks AIA; leave --aia out")]
    NoAia,
    /// The host's processor has no interrupt files for guests.
    #[error(
        "this host's processor has no interrupt files for guests, which riscv-aia=hwaccel needs: choose auto or emul"
    )]
    NoGuestFiles,
    /// A KVM request failed.
    #[error("KVM refused to {what}: {source}")]
    Request {
        /// What was asked, as a phrase after "to".
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

#[cfg(any(test, all(target_arch = "riscv64", target_os = "linux")))]
impl Error {
    /// Why `/dev/kvm` is not there. The module loads only where the processor has H; without it, advice to load it
    /// would send the user astray.
    pub(crate) fn absent(cpuinfo: &str) -> Self {
        let isa = cpuinfo.lines().find_map(|line| line.strip_prefix("isa").and_then(|rest| rest.split_once(": ")));
        match isa {
            Some((_, isa)) if !isa.split('_').next().unwrap_or_default().contains('h') => {
                Error::NoHypervisorExtension { isa: isa.into() }
            }
            _ => Error::NotLoaded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_without_h_is_named() {
        let error = Error::absent("processor\t: 0\nhart\t\t: 0\nisa\t\t: rv64imafdc_zicsr_zihpm\nmmu\t\t: sv48\n");
        assert!(matches!(error, Error::NoHypervisorExtension { isa } if isa == "rv64imafdc_zicsr_zihpm"));
    }

    #[test]
    fn a_processor_with_h_needs_the_module() {
        assert!(matches!(Error::absent("isa\t\t: rv64imafdch_zicsr\n"), Error::NotLoaded));
    }
}
