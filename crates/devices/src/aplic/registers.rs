//! The register map of an interrupt domain.
//!
//! AIA 1.0, "Memory-mapped control region for an interrupt domain" and "Interrupt delivery control (IDC) structure".

use std::ops::Range;

/// Most sources that an APLIC has ("Interrupt sources and identities").
pub const MAX_SOURCES: u32 = 1023;

const DOMAINCFG: u64 = 0x0000;
const SOURCECFG: Range<u64> = 0x0004..0x1000;
const MSIADDRCFG: Range<u64> = 0x1bc0..0x1bd0;
const SETIP: Range<u64> = 0x1c00..0x1c80;
const SETIPNUM: u64 = 0x1cdc;
const IN_CLRIP: Range<u64> = 0x1d00..0x1d80;
const CLRIPNUM: u64 = 0x1ddc;
const SETIE: Range<u64> = 0x1e00..0x1e80;
const SETIENUM: u64 = 0x1edc;
const CLRIE: Range<u64> = 0x1f00..0x1f80;
const CLRIENUM: u64 = 0x1fdc;
const SETIPNUM_LE: u64 = 0x2000;
const SETIPNUM_BE: u64 = 0x2004;
const GENMSI: u64 = 0x3000;
const TARGET: Range<u64> = 0x3004..0x4000;
const IDC: u64 = 0x4000;
const IDC_BYTES: u64 = 32;

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
    /// The register at `offset`, a multiple of 4. None: "all other bytes [...] are reserved and are implemented as read-only
    /// zeros".
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
            0x00 => Idc::Delivery,
            0x04 => Idc::Force,
            0x08 => Idc::Threshold,
            0x18 => Idc::Top,
            0x1c => Idc::Claim,
            _ => return None,
        })
    }
}

/// Bytes of a control region with IDC structures for `harts`: "a multiple of 4 KiB".
pub const fn region_bytes(harts: u64) -> u64 {
    (IDC + IDC_BYTES * harts).next_multiple_of(arch::addr::PAGE_BYTES)
}
