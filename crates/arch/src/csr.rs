//! Control and status registers: addresses, names and fields.
//!
//! Privileged architecture, "CSR Listing", and the chapters that define each register. Layouts are those of RV64.
//! What a register does when read or written is in the crate `privileged`.

use core::fmt;

/// Declares a constant for each register, and the list of all with their names.
macro_rules! registers {
    ($($address:literal $constant:ident $name:literal $(* $count:literal)?;)*) => {
        $(
            #[doc = concat!("`", $name, "`", $(" and the ", stringify!($count), " registers from it on",)?)]
            pub const $constant: u16 = $address;
        )*
        /// First address, stem of the name, and how many there are.
        const NAMES: &[(u16, &str, Option<u16>)] = &[$(($address, $name, registers!(@count $($count)?))),*];
    };
    (@count) => { None };
    (@count $count:literal) => { Some($count) };
}

registers! {
    0x001 FFLAGS "fflags";
    0x002 FRM "frm";
    0x003 FCSR "fcsr";
    0xc00 CYCLE "cycle";
    0xc01 TIME "time";
    0xc02 INSTRET "instret";
    0xc03 HPMCOUNTER3 "hpmcounter" * 29;

    0x100 SSTATUS "sstatus";
    0x104 SIE "sie";
    0x105 STVEC "stvec";
    0x106 SCOUNTEREN "scounteren";
    0x10a SENVCFG "senvcfg";
    0x10c SSTATEEN0 "sstateen" * 4;
    0x140 SSCRATCH "sscratch";
    0x141 SEPC "sepc";
    0x142 SCAUSE "scause";
    0x143 STVAL "stval";
    0x144 SIP "sip";
    0x14d STIMECMP "stimecmp";
    0x180 SATP "satp";
    0xda0 SCOUNTOVF "scountovf";

    0x200 VSSTATUS "vsstatus";
    0x204 VSIE "vsie";
    0x205 VSTVEC "vstvec";
    0x240 VSSCRATCH "vsscratch";
    0x241 VSEPC "vsepc";
    0x242 VSCAUSE "vscause";
    0x243 VSTVAL "vstval";
    0x244 VSIP "vsip";
    0x24d VSTIMECMP "vstimecmp";
    0x280 VSATP "vsatp";

    0x600 HSTATUS "hstatus";
    0x602 HEDELEG "hedeleg";
    0x603 HIDELEG "hideleg";
    0x604 HIE "hie";
    0x605 HTIMEDELTA "htimedelta";
    0x606 HCOUNTEREN "hcounteren";
    0x607 HGEIE "hgeie";
    0x60a HENVCFG "henvcfg";
    0x60c HSTATEEN0 "hstateen" * 4;
    0x643 HTVAL "htval";
    0x644 HIP "hip";
    0x645 HVIP "hvip";
    0x64a HTINST "htinst";
    0x680 HGATP "hgatp";
    0xe12 HGEIP "hgeip";

    0x300 MSTATUS "mstatus";
    0x301 MISA "misa";
    0x302 MEDELEG "medeleg";
    0x303 MIDELEG "mideleg";
    0x304 MIE "mie";
    0x305 MTVEC "mtvec";
    0x306 MCOUNTEREN "mcounteren";
    0x30a MENVCFG "menvcfg";
    0x30c MSTATEEN0 "mstateen" * 4;
    0x320 MCOUNTINHIBIT "mcountinhibit";
    0x323 MHPMEVENT3 "mhpmevent" * 29;
    0x340 MSCRATCH "mscratch";
    0x341 MEPC "mepc";
    0x342 MCAUSE "mcause";
    0x343 MTVAL "mtval";
    0x344 MIP "mip";
    0x34a MTINST "mtinst";
    0x34b MTVAL2 "mtval2";
    0x3a0 PMPCFG0 "pmpcfg" * 16;
    0x3b0 PMPADDR0 "pmpaddr" * 64;
    0x747 MSECCFG "mseccfg";
    0x7a0 TSELECT "tselect";
    0x7a1 TDATA1 "tdata1";
    0x7a2 TDATA2 "tdata2";
    0x7a3 TDATA3 "tdata3";
    0x7a4 TINFO "tinfo";
    0xb00 MCYCLE "mcycle";
    0xb02 MINSTRET "minstret";
    0xb03 MHPMCOUNTER3 "mhpmcounter" * 29;
    0xf11 MVENDORID "mvendorid";
    0xf12 MARCHID "marchid";
    0xf13 MIMPID "mimpid";
    0xf14 MHARTID "mhartid";
    0xf15 MCONFIGPTR "mconfigptr";
}

/// The name of a register, to be displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    stem: &'static str,
    number: Option<u16>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stem)?;
        self.number.map_or(Ok(()), |n| write!(f, "{n}"))
    }
}

/// The name of the register at `address`, if the architecture gives it one that this crate knows.
pub fn name(address: u16) -> Option<Name> {
    NAMES.iter().find_map(|&(first, stem, count)| {
        let offset = address.checked_sub(first)?;
        (offset < count.unwrap_or(1)).then(|| Name { stem, number: count.map(|_| first_number(first) + offset) })
    })
}

/// The address of the register called `name`.
pub fn by_name(name: &str) -> Option<u16> {
    NAMES.iter().find_map(|&(first, stem, count)| {
        let rest = name.strip_prefix(stem)?;
        let Some(count) = count else { return rest.is_empty().then_some(first) };
        let offset = rest.parse::<u16>().ok()?.checked_sub(first_number(first))?;
        (offset < count).then(|| first + offset)
    })
}

/// Counters and their events are numbered from 3 (after cycle, time and instret), other families from 0.
const fn first_number(first: u16) -> u16 {
    match first {
        HPMCOUNTER3 | MHPMCOUNTER3 | MHPMEVENT3 => 3,
        _ => 0,
    }
}

/// The lowest privilege that may access the register at `address`, as `xPP` encodes it; 2 is HS.
///
/// Privileged architecture, "CSR Address Mapping Conventions".
pub const fn privilege(address: u16) -> u8 {
    (address >> 8 & 3) as u8
}

/// Whether the register at `address` is read-only by its address.
///
/// Privileged architecture, "CSR Address Mapping Conventions".
pub const fn is_read_only(address: u16) -> bool {
    address >> 10 & 3 == 3
}

/// Bit `n`.
const fn bit(n: u32) -> u64 {
    1 << n
}

/// Fields of `mstatus`, and of its subsets `sstatus` and `vsstatus`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod status {
    use super::bit;

    pub const SIE: u64 = bit(1);
    pub const MIE: u64 = bit(3);
    pub const SPIE: u64 = bit(5);
    pub const UBE: u64 = bit(6);
    pub const MPIE: u64 = bit(7);
    pub const SPP: u64 = bit(8);
    pub const VS: u64 = 3 << 9;
    pub const MPP_SHIFT: u32 = 11;
    pub const MPP: u64 = 3 << MPP_SHIFT;
    pub const FS: u64 = 3 << 13;
    pub const XS: u64 = 3 << 15;
    pub const MPRV: u64 = bit(17);
    pub const SUM: u64 = bit(18);
    pub const MXR: u64 = bit(19);
    pub const TVM: u64 = bit(20);
    pub const TW: u64 = bit(21);
    pub const TSR: u64 = bit(22);
    /// UXL = 2: U-mode is 64 bits wide.
    pub const UXL_64: u64 = 2 << 32;
    /// SXL = 2: S-mode is 64 bits wide.
    pub const SXL_64: u64 = 2 << 34;
    pub const SBE: u64 = bit(36);
    pub const MBE: u64 = bit(37);
    pub const GVA: u64 = bit(38);
    pub const MPV: u64 = bit(39);
    pub const SD: u64 = bit(63);
}

/// Fields of `hstatus`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod hstatus {
    use super::bit;

    pub const GVA: u64 = bit(6);
    pub const SPV: u64 = bit(7);
    pub const SPVP: u64 = bit(8);
    pub const HU: u64 = bit(9);
    pub const VGEIN_SHIFT: u32 = 12;
    pub const VGEIN: u64 = 0x3f << VGEIN_SHIFT;
    pub const VTVM: u64 = bit(20);
    pub const VTW: u64 = bit(21);
    pub const VTSR: u64 = bit(22);
    /// VSXL = 2: VS-mode is 64 bits wide.
    pub const VSXL_64: u64 = 2 << 32;
}

/// Bits of `mip`, `mie`, `mideleg` and their views at lower levels.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod ip {
    use super::bit;

    pub const SSIP: u64 = bit(1);
    pub const VSSIP: u64 = bit(2);
    pub const MSIP: u64 = bit(3);
    pub const STIP: u64 = bit(5);
    pub const VSTIP: u64 = bit(6);
    pub const MTIP: u64 = bit(7);
    pub const SEIP: u64 = bit(9);
    pub const VSEIP: u64 = bit(10);
    pub const MEIP: u64 = bit(11);
    pub const SGEIP: u64 = bit(12);
    pub const LCOFIP: u64 = bit(13);
    /// The interrupts of S-mode.
    pub const SUPERVISOR: u64 = SSIP | STIP | SEIP;
    /// The interrupts of VS-mode.
    pub const VIRTUAL: u64 = VSSIP | VSTIP | VSEIP;
    /// The interrupts that the hypervisor extension adds.
    pub const HYPERVISOR: u64 = VIRTUAL | SGEIP;
    /// The interrupts of M-mode.
    pub const MACHINE: u64 = MSIP | MTIP | MEIP;
}

/// Fields of `menvcfg`, and of `henvcfg` and `senvcfg` where these have them.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod envcfg {
    use super::bit;

    pub const FIOM: u64 = bit(0);
    pub const CBIE_SHIFT: u32 = 4;
    pub const CBIE: u64 = 3 << CBIE_SHIFT;
    pub const CBCFE: u64 = bit(6);
    pub const CBZE: u64 = bit(7);
    pub const ADUE: u64 = bit(61);
    pub const PBMTE: u64 = bit(62);
    pub const STCE: u64 = bit(63);
}

/// Fields of `mseccfg`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod seccfg {
    use super::bit;

    pub const MML: u64 = bit(0);
    pub const MMWP: u64 = bit(1);
    pub const RLB: u64 = bit(2);
}

/// Fields of one entry's byte in `pmpcfg`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod pmpcfg {
    pub const R: u8 = 1;
    pub const W: u8 = 1 << 1;
    pub const X: u8 = 1 << 2;
    pub const A: u8 = 3 << 3;
    pub const A_OFF: u8 = 0;
    pub const A_TOR: u8 = 1 << 3;
    pub const A_NA4: u8 = 2 << 3;
    pub const A_NAPOT: u8 = 3 << 3;
    pub const L: u8 = 1 << 7;
}

/// Fields of `mstateen0`, `hstateen0` and `sstateen0`; bit 63 has its meaning in all of `mstateen` and `hstateen`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod stateen {
    use super::bit;

    pub const C: u64 = bit(0);
    pub const CSRIND: u64 = bit(60);
    pub const ENVCFG: u64 = bit(62);
    pub const SE: u64 = bit(63);
}

/// Fields of `mhpmevent` that Sscofpmf defines.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod hpmevent {
    use super::bit;

    pub const VUINH: u64 = bit(58);
    pub const VSINH: u64 = bit(59);
    pub const UINH: u64 = bit(60);
    pub const SINH: u64 = bit(61);
    pub const MINH: u64 = bit(62);
    pub const OF: u64 = bit(63);
}

/// Bits of `mcounteren`, `hcounteren`, `scounteren` and `mcountinhibit`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod counteren {
    use super::bit;

    pub const CY: u64 = bit(0);
    pub const TM: u64 = bit(1);
    pub const IR: u64 = bit(2);
    pub const HPM: u64 = 0xffff_fff8;
}

/// Fields of `satp`, `vsatp` and `hgatp`.
pub mod atp {
    /// Lowest bit of MODE.
    pub const MODE_SHIFT: u32 = 60;
    /// MODE.
    pub const MODE: u64 = 0xf << MODE_SHIFT;
    /// MODE: no translation.
    pub const BARE: u64 = 0;
    /// MODE: Sv39 or Sv39x4.
    pub const SV39: u64 = 8;
    /// MODE: Sv48 or Sv48x4.
    pub const SV48: u64 = 9;
    /// MODE: Sv57 or Sv57x4.
    pub const SV57: u64 = 10;
    /// Lowest bit of ASID (16 bits) or VMID (14 bits).
    pub const ID_SHIFT: u32 = 44;
    /// Width of ASID.
    pub const ASID_BITS: u32 = 16;
    /// Width of VMID.
    pub const VMID_BITS: u32 = 14;
    /// The physical page number of the root page table.
    pub const PPN: u64 = (1 << 44) - 1;
}

/// Bits of `misa` besides the letters: MXL = 2, XLEN is 64.
pub const MISA_MXL_64: u64 = 2 << 62;
/// The Interrupt bit of `mcause`, `scause` and `vscause`.
pub const CAUSE_INTERRUPT: u64 = bit(63);

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn names_and_addresses_agree() {
        for address in 0..0x1000 {
            if let Some(name) = name(address) {
                assert_eq!(by_name(&name.to_string()), Some(address), "{name}");
            }
        }
    }

    #[test]
    fn families_count_from_their_first_number() {
        assert_eq!(name(0xc03).unwrap().to_string(), "hpmcounter3");
        assert_eq!(name(0x3bf).unwrap().to_string(), "pmpaddr15");
        assert_eq!(by_name("mhpmevent31"), Some(0x33f));
        assert_eq!(by_name("pmpaddr64"), None);
    }

    #[test]
    fn the_address_tells_privilege_and_writability() {
        assert_eq!(privilege(HSTATUS), 2);
        assert!(is_read_only(HGEIP) && !is_read_only(MCYCLE));
    }
}
