//! What a hart is made of, fixed at reset.

use arch::csr::ip;
use arch::event::PROGRAMMABLE_COUNTERS;
use arch::isa::{Extension, Isa};
use arch::pte::Scheme;

/// Contents of the registers that name the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineIds {
    /// `mvendorid`. 0: non-commercial.
    pub vendor: u64,
    /// `marchid`. 0: not assigned. Spike has 5.
    pub arch: u64,
    /// `mimpid`.
    pub implementation: u64,
}

/// What AIA leaves to whoever makes a hart. It says nothing where the hart has no AIA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aia {
    /// Whether there is an IMSIC, with a file for each level and as many guest files as
    /// [`Config::guest_external_interrupts`].
    pub imsic: bool,
    /// IPRIOLEN, at most 8: how wide the priority numbers of major interrupts are. With 0 they are read-only zeros.
    pub priority_bits: u8,
    /// Which of the interrupts 13 to 63 `mvien`, `mvip`, `hvien` and `hvip` have.
    pub virtual_interrupts: u64,
}

impl Aia {
    /// All that there is but an IMSIC: the interrupts are those that have a default priority.
    pub const FULL: Aia =
        Aia { imsic: false, priority_bits: 8, virtual_interrupts: arch::Interrupt::ORDERED & ip::LOCAL };
    /// As little as there may be, as in Spike.
    pub const LEAST: Aia = Aia { imsic: false, priority_bits: 0, virtual_interrupts: 0 };
}

/// What a hart is made of, fixed at reset.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The extensions.
    pub isa: Isa,
    /// `mhartid`.
    pub hart_id: u64,
    /// PMP entries that exist, at most 64. With 0 there is no PMP and its CSRs are absent.
    pub pmp_entries: u8,
    /// Bits of ASID that exist, at most 16.
    pub asid_bits: u8,
    /// Bits of VMID that exist, at most 14.
    pub vmid_bits: u8,
    /// GEILEN: guest external interrupts 1 to this exist; at most 63.
    pub guest_external_interrupts: u8,
    /// What AIA is made of, if there is any.
    pub aia: Aia,
    /// Programmable counters that can count something, from `mhpmcounter3` on: at most
    /// [`arch::event::PROGRAMMABLE_COUNTERS`].
    pub programmable_counters: u8,
    /// Whether plain loads and stores may be misaligned. The hart uses it.
    pub misaligned: bool,
    /// Whether `mtinst` and `htinst` get transformed instructions ([`crate::tinst`]); if not, zero except where a
    /// pseudoinstruction is required, as in Spike. The hart uses it.
    pub transformed_instructions: bool,
    /// `mvendorid`, `marchid`, `mimpid`.
    pub ids: MachineIds,
}

impl Config {
    /// A hart with the usual sizes: 16 PMP entries, 16-bit ASIDs, 14-bit VMIDs, no guest external interrupts, 16
    /// programmable counters if it has Zihpm, misaligned accesses in hardware, transformed instructions.
    pub fn new(isa: Isa, hart_id: u64) -> Config {
        Config {
            isa,
            hart_id,
            pmp_entries: 16,
            asid_bits: 16,
            vmid_bits: 14,
            guest_external_interrupts: 0,
            aia: Aia::FULL,
            programmable_counters: if isa.has(Extension::Zihpm) { PROGRAMMABLE_COUNTERS as u8 } else { 0 },
            misaligned: true,
            transformed_instructions: true,
            ids: MachineIds::default(),
        }
    }

    /// Whether the hart has `extension`.
    pub fn has(&self, extension: Extension) -> bool {
        self.isa.has(extension)
    }

    /// Whether hardware sets A and D of page-table entries until software says otherwise: where Svade does not leave it
    /// to software.
    ///
    /// "Svade" and "Svadu" name the two schemes; the manual lets a hart that is said to have neither, or both, have
    /// either until `menvcfg.ADUE` is written. Linux, Documentation/devicetree/bindings/riscv/extensions.yaml: with
    /// both, Svadu is off at first. QEMU, too, lets hardware do it where neither is named.
    pub(crate) fn updates_by_default(&self) -> bool {
        !self.has(Extension::Svade)
    }

    /// `bits` if the hart has `extension`, else none.
    pub(crate) fn bits_if(&self, extension: Extension, bits: u64) -> u64 {
        if self.has(extension) { bits } else { 0 }
    }

    /// Whether MODE of `satp`, `vsatp` or `hgatp` can hold `mode`: Bare and the schemes of the ISA.
    pub(crate) fn supports_mode(&self, mode: u64) -> bool {
        match Scheme::of_mode(mode) {
            Some(Scheme::Sv39) => self.has(Extension::Sv39),
            Some(Scheme::Sv48) => self.has(Extension::Sv48),
            Some(Scheme::Sv57) => self.has(Extension::Sv57),
            None => mode == arch::csr::atp::BARE,
        }
    }

    /// Whether there is an IMSIC.
    pub fn has_imsic(&self) -> bool {
        self.aia.imsic && self.has(Extension::Ssaia)
    }

    /// Whether `hstatus.VGEIN` with this value is the number of a guest interrupt file.
    pub(crate) fn has_guest_file(&self, vgein: u32) -> bool {
        self.has_imsic() && vgein != 0 && vgein <= u32::from(self.guest_external_interrupts)
    }

    /// The interrupts that a level above can assert for S-mode and VS-mode.
    pub(crate) fn virtual_interrupts(&self) -> u64 {
        self.bits_if(Extension::Ssaia, self.aia.virtual_interrupts & ip::LOCAL)
    }

    /// A register of eight priority numbers: the bits of those that `settable` has of interrupts from `first` on.
    pub(crate) fn priorities(&self, settable: u64, first: u32) -> u64 {
        let number = u64::from(u8::MAX).checked_shr(8 - u32::from(self.aia.priority_bits.min(8))).unwrap_or(0);
        let byte = |n: u32| if settable >> (first + n) & 1 != 0 { number << (8 * n) } else { 0 };
        (0..8).fold(0, |bits, n| bits | byte(n))
    }

    /// The interrupts of the hypervisor extension, if there is one.
    pub(crate) fn hypervisor_interrupts(&self) -> u64 {
        self.bits_if(Extension::H, ip::HYPERVISOR)
    }

    /// The bits of `hgeip` and `hgeie` that exist: GEILEN to 1.
    pub(crate) fn guest_external_mask(&self) -> u64 {
        let above_zero = u64::MAX << 1;
        above_zero & !above_zero.checked_shl(u32::from(self.guest_external_interrupts)).unwrap_or(0)
    }
}
