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
    /// A hart with the usual sizes: 16 PMP entries, 16-bit ASIDs, 14-bit VMIDs, no guest external interrupts, 16 programmable
    /// counters if it has Zihpm, misaligned accesses in hardware, transformed instructions.
    pub fn new(isa: Isa, hart_id: u64) -> Config {
        Config {
            isa,
            hart_id,
            pmp_entries: 16,
            asid_bits: 16,
            vmid_bits: 14,
            guest_external_interrupts: 0,
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

    /// Whether hardware sets A and D of page-table entries until software says otherwise: where Svade does not leave it to
    /// software.
    ///
    /// "Svade" and "Svadu" name the two schemes; the manual lets a hart that is said to have neither, or both, have either
    /// until `menvcfg.ADUE` is written. Linux, Documentation/devicetree/bindings/riscv/extensions.yaml: with both, Svadu is
    /// off at first. QEMU, too, lets hardware do it where neither is named.
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
