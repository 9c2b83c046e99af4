//! Where the registers of an APLIC's interrupt domain are, as offsets from its control region.
//!
//! AIA 1.0, "Memory-mapped control region for an interrupt domain" and "Interrupt delivery control (IDC) structure".

use core::ops::Range;

/// `domaincfg`
pub const DOMAINCFG: u64 = 0x0000;
/// `sourcecfg`, of source 1 on
pub const SOURCECFG: Range<u64> = 0x0004..0x1000;
/// `mmsiaddrcfg`, `mmsiaddrcfgh`, `smsiaddrcfg`, `smsiaddrcfgh`
pub const MSIADDRCFG: Range<u64> = 0x1bc0..0x1bd0;
/// `setip`
pub const SETIP: Range<u64> = 0x1c00..0x1c80;
/// `setipnum`
pub const SETIPNUM: u64 = 0x1cdc;
/// `in_clrip`
pub const IN_CLRIP: Range<u64> = 0x1d00..0x1d80;
/// `clripnum`
pub const CLRIPNUM: u64 = 0x1ddc;
/// `setie`
pub const SETIE: Range<u64> = 0x1e00..0x1e80;
/// `setienum`
pub const SETIENUM: u64 = 0x1edc;
/// `clrie`
pub const CLRIE: Range<u64> = 0x1f00..0x1f80;
/// `clrienum`
pub const CLRIENUM: u64 = 0x1fdc;
/// `setipnum_le`
pub const SETIPNUM_LE: u64 = 0x2000;
/// `setipnum_be`
pub const SETIPNUM_BE: u64 = 0x2004;
/// `genmsi`
pub const GENMSI: u64 = 0x3000;
/// `target`, of source 1 on
pub const TARGET: Range<u64> = 0x3004..0x4000;
/// The interrupt delivery control structures.
pub const IDC: u64 = 0x4000;
/// Bytes of one of them.
pub const IDC_BYTES: u64 = 32;
/// `idelivery`, within a structure
pub const IDELIVERY: u64 = 0x00;
/// `iforce`
pub const IFORCE: u64 = 0x04;
/// `ithreshold`
pub const ITHRESHOLD: u64 = 0x08;
/// `topi`
pub const TOPI: u64 = 0x18;
/// `claimi`
pub const CLAIMI: u64 = 0x1c;

/// `domaincfg.IE`: the domain's interrupts are enabled.
pub const IE: u32 = 1 << 8;
/// `domaincfg.DM`: they go out as messages.
pub const DM: u32 = 1 << 2;
/// Lowest bit of Hart Index in `target` and `genmsi`.
pub const HART_INDEX_SHIFT: u32 = 18;
