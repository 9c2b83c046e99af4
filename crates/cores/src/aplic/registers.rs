//! The register map of an interrupt domain.
//!
//! AIA 1.0, "Memory-mapped control region for an interrupt domain" and "Interrupt delivery control (IDC) structure".

use core::ops::Range;

use arch::aplic::{
    CLAIMI, CLRIE, CLRIENUM, CLRIPNUM, DOMAINCFG, GENMSI, IDC, IDC_BYTES, IDELIVERY, IFORCE, IN_CLRIP, ITHRESHOLD,
    MSIADDRCFG, SETIE, SETIENUM, SETIP, SETIPNUM, SETIPNUM_BE, SETIPNUM_LE, SOURCECFG, TARGET, TOPI,
};

/// Most sources that an APLIC has ("Interrupt sources and identities").
pub const MAX_SOURCES: u32 = 1023;

/// A register, 32 bits wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reg {
    /// `domaincfg`
    DomainCfg,
    /// `sourcecfg[source]`
    SourceCfg(u32),
    /// `mmsiaddrcfg`, `mmsiaddrcfgh`, `smsiaddrcfg`, `smsiaddrcfgh`: 0 to 3
    MsiAddrCfg(usize),
    /// `setip[k]`
    SetIp(usize),
    /// `setipnum`, and `setipnum_le`, which is the same in a little-endian domain
    SetIpNum,
    /// `setipnum_be`
    SetIpNumBe,
    /// `in_clrip[k]`
    InClrIp(usize),
    /// `clripnum`
    ClrIpNum,
    /// `setie[k]`
    SetIe(usize),
    /// `setienum`
    SetIeNum,
    /// `clrie[k]`
    ClrIe(usize),
    /// `clrienum`
    ClrIeNum,
    /// `genmsi`
    GenMsi,
    /// `target[source]`
    Target(u32),
    /// A register of the IDC structure of a hart index number
    Idc(usize, Idc),
}

/// A register of an IDC structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idc {
    /// `idelivery`
    Delivery,
    /// `iforce`
    Force,
    /// `ithreshold`
    Threshold,
    /// `topi`
    Top,
    /// `claimi`
    Claim,
}

impl Reg {
    /// The register at `offset`, a multiple of 4. None: "all other bytes [...] are reserved and are implemented as
    /// read-only zeros".
    pub fn at(offset: u64) -> Option<Reg> {
        let word = |range: &Range<u64>| ((offset - range.start) / 4) as usize;
        Some(match offset {
            DOMAINCFG => Reg::DomainCfg,
            o if SOURCECFG.contains(&o) => Reg::SourceCfg(word(&SOURCECFG) as u32 + 1),
            o if MSIADDRCFG.contains(&o) => Reg::MsiAddrCfg(word(&MSIADDRCFG)),
            o if SETIP.contains(&o) => Reg::SetIp(word(&SETIP)),
            SETIPNUM | SETIPNUM_LE => Reg::SetIpNum,
            SETIPNUM_BE => Reg::SetIpNumBe,
            o if IN_CLRIP.contains(&o) => Reg::InClrIp(word(&IN_CLRIP)),
            CLRIPNUM => Reg::ClrIpNum,
            o if SETIE.contains(&o) => Reg::SetIe(word(&SETIE)),
            SETIENUM => Reg::SetIeNum,
            o if CLRIE.contains(&o) => Reg::ClrIe(word(&CLRIE)),
            CLRIENUM => Reg::ClrIeNum,
            GENMSI => Reg::GenMsi,
            o if TARGET.contains(&o) => Reg::Target(word(&TARGET) as u32 + 1),
            o if o >= IDC => Reg::Idc(usize::try_from((o - IDC) / IDC_BYTES).ok()?, Idc::at((o - IDC) % IDC_BYTES)?),
            _ => return None,
        })
    }
}

impl Idc {
    fn at(offset: u64) -> Option<Idc> {
        Some(match offset {
            IDELIVERY => Idc::Delivery,
            IFORCE => Idc::Force,
            ITHRESHOLD => Idc::Threshold,
            TOPI => Idc::Top,
            CLAIMI => Idc::Claim,
            _ => return None,
        })
    }
}

/// Bytes of a control region with IDC structures for `harts`: "a multiple of 4 KiB".
pub const fn region_bytes(harts: u64) -> u64 {
    (IDC + IDC_BYTES * harts).next_multiple_of(arch::addr::PAGE_BYTES)
}
