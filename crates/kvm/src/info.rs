//! What the host's KVM offers, as data.

/// What a guest has of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It has it, and KVM can take it away.
    On,
    /// It has it: KVM cannot take it away.
    Always,
    /// It has it not unless asked.
    Off,
}

impl Offer {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Offer::On => "on",
            Offer::Always => "always",
            Offer::Off => "off",
        }
    }
}

/// The interrupt controller in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AiaInfo {
    /// Whether the processor has interrupt files for guests, which the kernel can use.
    pub hwaccel: bool,
    /// Interrupt identities of a vCPU's file.
    pub ids: u32,
}

/// What the host's KVM offers to a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Names and values of capabilities (`KVM_CHECK_EXTENSION`); 0 is none.
    pub capabilities: Vec<(&'static str, i32)>,
    /// ISA extensions, in canonical order.
    pub isa: Vec<(&'static str, Offer)>,
    /// SBI extensions, by the kernel's numbers.
    pub sbi: Vec<(&'static str, Offer)>,
    /// `mmu-type` of a guest's hart.
    pub mmu: &'static str,
    /// Frequency of the timebase in Hz.
    pub timebase_hz: u64,
    /// The interrupt controller in the kernel, if it has one.
    pub aia: Option<AiaInfo>,
    /// Registers that can be read and written, in the kernel's order; empty where the kernel lists none.
    pub registers: Vec<String>,
}
