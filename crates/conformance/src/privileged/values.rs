//! Which CSRs a sequence touches, and what it writes to them.
//!
//! A sequence must not lose its handlers: trap vectors name handlers, instruction faults and calls from HS-mode are not
//! delegated, PMP entries are not locked. What depends on time is not read.

use arch::csr::{self, atp, ip, seccfg, status};
use arch::{Exception, Mode};

use super::handlers::Handlers;
use super::layout::{DATA, TABLES};
use super::tables::Tables;
use kit::Rng;

/// Exceptions that must come to M-mode, and one that does not exist here, whose bit Spike has.
const UNDELEGATED: u64 = 1 << Exception::InstructionAccessFault as u64
    | 1 << Exception::InstructionPageFault as u64
    | 1 << Exception::InstructionGuestPageFault as u64
    | 1 << Exception::EcallFromHS as u64
    | 1 << Exception::SoftwareCheck as u64;

/// The CSRs that sequences access.
pub fn registers(has_aia: bool) -> Vec<u16> {
    let is_wanted = |address| csr::name(address).is_some() && !is_excluded(address) && (has_aia || !is_aia(address));
    (0..0x1000).filter(|&address| is_wanted(address)).collect()
}

/// What AIA and the windows into indirect registers add, of which the ISA without them has nothing.
const fn is_aia(address: u16) -> bool {
    const LEVEL: u16 = 3 << 8;
    let is_window = is_between(address & !LEVEL, (csr::SISELECT & !LEVEL) - 1, (csr::STOPEI & !LEVEL) + 1);
    matches!(address, csr::STOPI | csr::VSTOPI | csr::MTOPI | csr::MVIEN | csr::MVIP | csr::HVIEN | csr::HVICTL)
        || matches!(address, csr::HVIPRIO1..=csr::HVIPRIO2)
        || is_window
}

/// The registers of AIA that a sequence's reset clears.
pub const AIA_CLEARED: &[u16] =
    &[csr::MVIEN, csr::MVIP, csr::HVICTL, csr::MISELECT, csr::SISELECT, csr::VSISELECT, csr::SIE];

/// What Spike lets software switch off, what depends on time, and most of what there is many of.
const fn is_excluded(address: u16) -> bool {
    // and where Spike takes the other of the two exceptions
    matches!(address, csr::MISA | csr::TIME | csr::TSELECT..=csr::TINFO | csr::VSTOPEI | csr::MIREG..=csr::MIREG6)
        || is_between(address, csr::HPMCOUNTER3 + 1, csr::HPMCOUNTER31)
        || is_between(address, csr::MHPMCOUNTER3 + 1, csr::MHPMCOUNTER31)
        || is_between(address, csr::MHPMEVENT3 + 1, csr::MHPMEVENT31)
        || is_between(address, csr::PMPADDR0 + 7, csr::PMPADDR0 + 15)
        || is_between(address, csr::PMPADDR0 + 16, csr::PMPADDR63)
}

/// Whether it is one of those between two.
const fn is_between(address: u16, low: u16, high: u16) -> bool {
    low < address && address < high
}

/// What chooses values.
pub struct Values<'a> {
    /// Handlers that vectors may name.
    pub handlers: Handlers,
    /// Page tables to choose from.
    pub tables: &'a Tables,
    /// Whether the hart has AIA.
    pub has_aia: bool,
}

impl Values<'_> {
    /// [`writable`], and with AIA: what M-mode would take of what it filters. Spike takes it to HS-mode where `mvip`
    /// asserts the same, and never gets out of that.
    pub const fn writable(&self, address: u16) -> u64 {
        match address {
            csr::MIE if self.has_aia => !(ip::SSIP | ip::SEIP),
            csr::MIDELEG if self.has_aia => 0,
            _ => writable(address),
        }
    }

    /// A value that may be written to `address` in `mode`.
    pub fn any(&self, rng: &mut Rng, mode: Mode, address: u16) -> u64 {
        match address {
            csr::MTVEC => self.handlers.machine | rng.below(2),
            csr::STVEC if mode.virt => self.handlers.virtual_supervisor | rng.below(2),
            csr::STVEC => self.handlers.supervisor | rng.below(2),
            csr::VSTVEC => self.handlers.virtual_supervisor | rng.below(2),
            csr::SATP if mode.virt => root(rng, &self.tables.vsatp, atp::ASID_BITS),
            csr::SATP => root(rng, &self.tables.satp, atp::ASID_BITS),
            csr::VSATP => root(rng, &self.tables.vsatp, atp::ASID_BITS),
            csr::HGATP => root(rng, &self.tables.hgatp, atp::VMID_BITS),
            csr::STIMECMP | csr::VSTIMECMP => u64::MAX,
            csr::PMPADDR0..=csr::PMPADDR63 => pmp_address(rng),
            csr::MISELECT | csr::SISELECT | csr::VSISELECT => selected(rng),
            _ => rng.integer() & self.writable(address),
        }
    }
}

/// The bits that may be set with any instruction; zero where only [`Values::any`] may be written.
pub const fn writable(address: u16) -> u64 {
    match address {
        csr::MTVEC | csr::STVEC | csr::VSTVEC | csr::SATP | csr::VSATP | csr::HGATP => 0,
        csr::STIMECMP | csr::VSTIMECMP | csr::MISA => 0,
        csr::MEDELEG | csr::HEDELEG => !UNDELEGATED,
        // The guest's time never comes to a `vstimecmp` of all ones.
        csr::HTIMEDELTA => u64::MAX >> 1,
        csr::PMPCFG0..=csr::PMPCFG15 => 0x7f7f_7f7f_7f7f_7f7f,
        csr::MSECCFG => !(seccfg::MML | seccfg::MMWP),
        csr::MSTATUS => !status::MBE,
        // Bits without anything behind them may exist or not.
        csr::MSTATEEN0 | csr::HSTATEEN0 => csr::stateen::SE | csr::stateen::ENVCFG,
        csr::SSTATEEN0 => 0,
        // Spike gives it another priority.
        csr::MIP | csr::SIP | csr::HIP | csr::VSIP | csr::HVIP => !ip::LCOFIP,
        csr::SENVCFG | csr::MENVCFG | csr::HENVCFG => !csr::envcfg::FIOM,
        // Spike takes other interrupts of VS-mode too with VTI, and not all of those that VTI asserts.
        csr::HVICTL => !csr::hvictl::VTI & !IID_ABOVE_SIX_BITS,
        _ => u64::MAX,
    }
}

/// Bits of IID that ours does not have.
const IID_ABOVE_SIX_BITS: u64 = csr::hvictl::IID & !(0x3f << csr::hvictl::IID_SHIFT);

/// What a window shows: a priority, an interrupt file's register, or what is not allotted.
fn selected(rng: &mut Rng) -> u64 {
    use csr::iselect::{EIDELIVERY, PRIORITIES};
    match rng.below(8) {
        0..4 => PRIORITIES.start() + rng.below(16),
        4 | 5 => EIDELIVERY + rng.below(0x90),
        6 => rng.below(0x1000),
        _ => rng.integer(),
    }
}

/// Interrupts that software can make pending.
pub const SOFT: u64 = ip::SSIP | ip::STIP | ip::SEIP | ip::VIRTUAL;

fn root(rng: &mut Rng, roots: &[u64], id_bits: u32) -> u64 {
    match rng.below(12) {
        0 | 1 => 0,
        2 => rng.pick(roots) ^ 1 << rng.below(64),
        3 => rng.pick(roots) | rng.below(1 << id_bits) << atp::ID_SHIFT,
        _ => rng.pick(roots),
    }
}

/// An address for PMP: of data, of page tables, or any. Regions are whole pages, as an access that is not aligned may
/// be checked in pieces, and need not be in the same ones.
fn pmp_address(rng: &mut Rng) -> u64 {
    const PAGE_ONES: u64 = (1 << 9) - 1;
    let ones = PAGE_ONES << rng.below(9) | PAGE_ONES;
    let base = rng.pick(&[DATA >> 2, DATA >> 2, TABLES >> 2]) + rng.below(1 << 16);
    match rng.below(6) {
        0 => u64::MAX,
        1 | 2 => base & !(2 * PAGE_ONES + 1),
        _ => (base & !(2 * ones + 1)) | ones,
    }
}
