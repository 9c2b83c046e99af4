//! How the interrupt controller in the kernel is to be.

use arch::Phys;

/// Who is a vCPU's interrupt file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AiaMode {
    /// One of the processor's, while there is one left, else the kernel.
    #[default]
    Auto,
    /// One of the processor's; a vCPU that finds none does not run.
    Hwaccel,
    /// The kernel.
    Emul,
}

/// Numbers and places of the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AiaPlan {
    /// Who is a vCPU's interrupt file.
    pub mode: AiaMode,
    /// Interrupt identities of each file: a multiple of 64, less one.
    pub identities: u32,
    /// Wired sources, numbered from 1.
    pub sources: u32,
    /// Where the APLIC's registers are. `None`: it is none of the kernel's, and the sources are not its.
    pub aplic: Option<Phys>,
    /// Whether messages that this process sends go by eventfds (`KVM_IRQFD`) where the kernel lets them.
    pub irqfd: bool,
    /// The page of the first hart's file; those of others follow.
    pub imsic: Phys,
}
