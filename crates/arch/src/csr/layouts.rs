//! Which bits of registers are which fields. Each field is a constant, its mask, and an entry in the list of its
//! register's.

use super::Field;
use crate::cause::Exception;

/// Bits `low` to `high`.
const fn mask(low: u32, high: u32) -> u64 {
    u64::MAX >> (63 - (high - low)) << low
}

/// Declares a module for a register: a constant for each field, from the lowest bit on, and the list `FIELDS`.
macro_rules! fields {
    ($(#[$doc:meta])* $module:ident {
        $($low:literal $(..=$high:literal)? $constant:ident $($name:literal)? $(($($value:tt $meaning:literal),*))?;)*
    } $({ $($more:item)* })?) => {
        $(#[$doc])*
        #[allow(missing_docs, reason = "the names are the manual's")]
        pub mod $module {
            #[allow(unused_imports, reason = "not every register has more than fields")]
            use super::*;

            $(pub const $constant: u64 = mask($low, fields!(@or $($high)? , $low));)*
            /// All of them.
            pub const FIELDS: &[Field] = &[$(
                Field::new(
                    fields!(@or $($name)? , stringify!($constant)),
                    $low,
                    fields!(@or $($high)? , $low),
                    &[$($(($value, $meaning)),*)?],
                )
            ),*];
            $($($more)*)?
        }
    };
    (@or $value:literal, $other:expr) => { $value };
    (@or , $other:expr) => { $other };
}

fields! {
    /// Fields of `fcsr`; the flags are those of `fflags`.
    float {
        0 NX; 1 UF; 2 OF; 3 DZ; 4 NV;
        5..=7 FRM "frm" (0 "RNE", 1 "RTZ", 2 "RDN", 3 "RUP", 4 "RMM");
    } {
        /// All flags.
        pub const FLAGS: u64 = NX | UF | OF | DZ | NV;
    }
}

/// Fields of `frm`.
pub mod frm {
    use super::{Field, float};

    /// The bits of a rounding mode.
    pub const BITS: u64 = 7;
    /// The whole, which is the last field of `fcsr`.
    pub const FIELDS: &[Field] = &[Field { low: 0, ..float::FIELDS[float::FIELDS.len() - 1] }];
}

fields! {
    /// Fields of `seed` (Scalar Cryptography 1.0, "The `seed` CSR").
    seed {
        0..=15 ENTROPY "entropy"; 30..=31 OPST (0 "BIST", 1 "WAIT", 2 "ES16", 3 "DEAD");
    } {
        /// There is no entropy yet; the next read may have some.
        pub const WAIT: u64 = 1 << OPST.trailing_zeros();
        /// [`ENTROPY`] has 16 bits.
        pub const ES16: u64 = 2 << OPST.trailing_zeros();
    }
}

fields! {
    /// Fields of `mstatus`, and of its subsets `sstatus` and `vsstatus`.
    status {
        1 SIE; 3 MIE; 5 SPIE; 6 UBE; 7 MPIE; 8 SPP (0 "U", 1 "S");
        9..=10 VS (0 "Off", 1 "Initial", 2 "Clean", 3 "Dirty");
        11..=12 MPP (0 "U", 1 "S", 3 "M");
        13..=14 FS (0 "Off", 1 "Initial", 2 "Clean", 3 "Dirty");
        15..=16 XS (0 "Off", 1 "Initial", 2 "Clean", 3 "Dirty");
        17 MPRV; 18 SUM; 19 MXR; 20 TVM; 21 TW; 22 TSR;
        32..=33 UXL (2 "64"); 34..=35 SXL (2 "64");
        36 SBE; 37 MBE; 38 GVA; 39 MPV; 63 SD;
    } {
        /// The fields that `sstatus` and `vsstatus` have.
        pub const SUPERVISOR: u64 = SIE | SPIE | UBE | SPP | VS | FS | XS | SUM | MXR | UXL | SD;
        pub const MPP_SHIFT: u32 = MPP.trailing_zeros();
        /// UXL = 2: U-mode is 64 bits wide.
        pub const UXL_64: u64 = 2 << UXL.trailing_zeros();
        /// SXL = 2: S-mode is 64 bits wide.
        pub const SXL_64: u64 = 2 << SXL.trailing_zeros();
    }
}

fields! {
    /// Fields of `hstatus`.
    hstatus {
        6 GVA; 7 SPV; 8 SPVP; 9 HU; 12..=17 VGEIN; 20 VTVM; 21 VTW; 22 VTSR; 32..=33 VSXL (2 "64");
    } {
        pub const VGEIN_SHIFT: u32 = VGEIN.trailing_zeros();
        /// VSXL = 2: VS-mode is 64 bits wide.
        pub const VSXL_64: u64 = 2 << VSXL.trailing_zeros();
    }
}

fields! {
    /// Bits of `mip`, `mie`, `mideleg` and their views at lower levels.
    ip {
        1 SSIP; 2 VSSIP; 3 MSIP; 5 STIP; 6 VSTIP; 7 MTIP; 9 SEIP; 10 VSEIP; 11 MEIP; 12 SGEIP; 13 LCOFIP;
    } {
        /// The interrupts of S-mode.
        pub const SUPERVISOR: u64 = SSIP | STIP | SEIP;
        /// The interrupts of VS-mode.
        pub const VIRTUAL: u64 = VSSIP | VSTIP | VSEIP;
        /// The interrupts that the hypervisor extension adds.
        pub const HYPERVISOR: u64 = VIRTUAL | SGEIP;
        /// The interrupts of M-mode.
        pub const MACHINE: u64 = MSIP | MTIP | MEIP;
        /// The local interrupts and those for custom use, of which AIA says alike how they are delegated and asserted.
        pub const LOCAL: u64 = !(LCOFIP - 1);
        /// The bits as registers of enables have them: SSIE for SSIP.
        pub const ENABLES: &[Field] = &ending_in("E");
        /// The bits as registers of delegation have them: SSI for SSIP.
        pub const INTERRUPTS: &[Field] = &ending_in("");

        /// The fields with another letter for the P that their names end in.
        const fn ending_in(tail: &'static str) -> [Field; FIELDS.len()] {
            let mut fields = [FIELDS[0]; FIELDS.len()];
            let mut i = 0;
            while i < FIELDS.len() {
                fields[i] = FIELDS[i];
                fields[i].name.stem = fields[i].name.stem.split_at(fields[i].name.stem.len() - 1).0;
                fields[i].name.tail = tail;
                i += 1;
            }
            fields
        }
    }
}

fields! {
    /// Fields of `xtvec`.
    tvec { 0..=1 MODE (0 "Direct", 1 "Vectored"); 2..=63 BASE; }
}

fields! {
    /// Fields of `xcause`.
    xcause { 0..=62 CODE "Code"; 63 INTERRUPT "Interrupt"; }
}

/// Bits of `medeleg` and `hedeleg`: one for each exception.
pub mod edeleg {
    use super::{Exception, Field};

    /// All of them.
    pub const FIELDS: &[Field] = &ALL;

    const ALL: [Field; Exception::ALL.len()] = {
        let mut fields = [Field::new("", 0, 0, &[]); Exception::ALL.len()];
        let mut i = 0;
        while i < fields.len() {
            let exception = Exception::ALL[i];
            fields[i] = Field::new(exception.name(), exception as u8, exception as u8, &[]);
            i += 1;
        }
        fields
    };
}

fields! {
    /// Fields of `menvcfg`, and of `henvcfg` and `senvcfg` where these have them.
    envcfg {
        0 FIOM; 4..=5 CBIE (0 "illegal", 1 "flush", 3 "invalidate"); 6 CBCFE; 7 CBZE; 61 ADUE; 62 PBMTE; 63 STCE;
    } {
        /// The fields that `senvcfg` has.
        pub const USER: u64 = FIOM | CBIE | CBCFE | CBZE;
        pub const CBIE_SHIFT: u32 = CBIE.trailing_zeros();
    }
}

fields! {
    /// Fields of `mseccfg`.
    seccfg { 0 MML; 1 MMWP; 2 RLB; }
}

/// Fields of one entry's byte in `pmpcfg`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod pmpcfg {
    use super::Field;

    pub const R: u8 = 1;
    pub const W: u8 = 1 << 1;
    pub const X: u8 = 1 << 2;
    pub const A: u8 = 3 << 3;
    pub const A_OFF: u8 = 0;
    pub const A_TOR: u8 = 1 << 3;
    pub const A_NA4: u8 = 2 << 3;
    pub const A_NAPOT: u8 = 3 << 3;
    pub const L: u8 = 1 << 7;

    /// The bytes of `pmpcfg0`.
    pub const FIELDS: &[Field] = &ALL;

    const ALL: [Field; 8] = {
        let mut fields = [Field::new("", 0, 7, &[]); 8];
        let mut i = 0;
        while i < fields.len() {
            let low = 8 * i as u8;
            fields[i] = Field::new("", low, low + 7, &[]).numbered("pmp", i as u16, "cfg");
            i += 1;
        }
        fields
    };
}

fields! {
    /// Fields of `mstateen0`, `hstateen0` and `sstateen0`; bit 63 has its meaning in all of `mstateen` and `hstateen`.
    stateen { 0 C; 58 IMSIC; 59 AIA; 60 CSRIND; 62 ENVCFG; 63 SE; }
}

fields! {
    /// Fields of `mhpmevent`: those that Sscofpmf defines, and which event is counted.
    hpmevent { 0..=55 EVENT "event"; 58 VUINH; 59 VSINH; 60 UINH; 61 SINH; 62 MINH; 63 OF; }
}

/// Bits of `mcounteren`, `hcounteren`, `scounteren`, `mcountinhibit` and `scountovf`.
#[allow(missing_docs, reason = "the names are the manual's")]
pub mod counteren {
    use super::{Field, mask};

    pub const CY: u64 = mask(0, 0);
    pub const TM: u64 = mask(1, 1);
    pub const IR: u64 = mask(2, 2);
    pub const HPM: u64 = mask(3, 31);

    /// A bit for each counter.
    pub const FIELDS: &[Field] = &COUNTERS;
    /// The bits of `scountovf`: OF of each counter that has one.
    pub const OVERFLOWS: &[Field] = numbered("OF").split_at(3).1;

    const COUNTERS: [Field; 32] = {
        let mut counters = numbered("HPM");
        counters[0] = Field::new("CY", 0, 0, &[]);
        counters[1] = Field::new("TM", 1, 1, &[]);
        counters[2] = Field::new("IR", 2, 2, &[]);
        counters
    };

    const fn numbered(stem: &'static str) -> [Field; 32] {
        let mut fields = [Field::new("", 0, 0, &[]); 32];
        let mut i = 0;
        while i < fields.len() {
            fields[i] = Field::new("", i as u8, i as u8, &[]).numbered(stem, i as u16, "");
            i += 1;
        }
        fields
    }
}

fields! {
    /// Fields of `satp` and `vsatp`; `hgatp` has VMID, of 14 bits, for ASID.
    atp {
        0..=43 PPN; 44..=59 ASID; 60..=63 MODE (BARE "Bare", SV39 "Sv39", SV48 "Sv48", SV57 "Sv57");
    } {
        /// Lowest bit of MODE.
        pub const MODE_SHIFT: u32 = MODE.trailing_zeros();
        /// MODE: no translation.
        pub const BARE: u64 = 0;
        /// MODE: Sv39 or Sv39x4.
        pub const SV39: u64 = 8;
        /// MODE: Sv48 or Sv48x4.
        pub const SV48: u64 = 9;
        /// MODE: Sv57 or Sv57x4.
        pub const SV57: u64 = 10;
        /// Lowest bit of ASID or VMID.
        pub const ID_SHIFT: u32 = ASID.trailing_zeros();
        /// Width of ASID.
        pub const ASID_BITS: u32 = ASID.count_ones();
        /// Width of VMID.
        pub const VMID_BITS: u32 = super::hgatp::VMID.count_ones();
    }
}

fields! {
    /// Fields of `hgatp`.
    hgatp {
        0..=43 PPN; 44..=57 VMID; 60..=63 MODE (BARE "Bare", SV39 "Sv39x4", SV48 "Sv48x4", SV57 "Sv57x4");
    } {
        use super::atp::{BARE, SV39, SV48, SV57};
    }
}

fields! {
    /// Fields of `misa`: extensions of one letter, and the width.
    misa {
        0 A; 1 B; 2 C; 3 D; 4 E; 5 F; 6 G; 7 H; 8 I; 9 J; 10 K; 11 L; 12 M; 13 N; 14 O; 15 P; 16 Q; 17 R; 18 S; 19 T;
        20 U; 21 V; 22 W; 23 X; 24 Y; 25 Z; 62..=63 MXL (2 "64");
    } {
        /// MXL = 2: XLEN is 64.
        pub const MXL_64: u64 = 2 << MXL.trailing_zeros();
    }
}

fields! {
    /// Fields of `mtopi`, `stopi` and `vstopi`.
    topi { 0..=7 IPRIO; 16..=27 IID; } {
        pub const IID_SHIFT: u32 = IID.trailing_zeros();
    }
}

fields! {
    /// Fields of `hvictl`.
    hvictl { 0..=7 IPRIO; 8 IPRIOM; 9 DPR; 16..=27 IID; 30 VTI; } {
        pub const IID_SHIFT: u32 = IID.trailing_zeros();
    }
}

fields! {
    /// Fields of `mtopei`, `stopei` and `vstopei`.
    topei { 0..=10 PRIORITY "priority"; 16..=26 IDENTITY "identity"; } {
        pub const IDENTITY_SHIFT: u32 = IDENTITY.trailing_zeros();
        /// Identities that there can be.
        pub const MAX_IDENTITY: u16 = (IDENTITY >> IDENTITY_SHIFT) as u16;

        /// What shows where `identity`, whose priority is the same number, comes first.
        pub const fn of(identity: u64) -> u64 {
            identity << IDENTITY_SHIFT | identity
        }

        /// The identity that shows.
        pub const fn identity(top: u64) -> u64 {
            (top & IDENTITY) >> IDENTITY_SHIFT
        }
    }
}

/// What `miselect`, `siselect` and `vsiselect` select.
///
/// AIA 1.0, "Machine-level CSRs" and "CSRs for external interrupts via an IMSIC".
pub mod iselect {
    use core::ops::RangeInclusive;

    /// `iprio0` to `iprio15`: priorities of major interrupts.
    pub const PRIORITIES: RangeInclusive<u64> = 0x30..=0x3f;
    /// Registers of an IMSIC's interrupt file.
    pub const FILE: RangeInclusive<u64> = EIDELIVERY..=EIE63;
    /// `eidelivery`
    pub const EIDELIVERY: u64 = 0x70;
    /// `eithreshold`
    pub const EITHRESHOLD: u64 = 0x72;
    /// `eip0`: from here on the array of pending bits.
    pub const EIP0: u64 = 0x80;
    /// `eip63`
    pub const EIP63: u64 = 0xbf;
    /// `eie0`: from here on the array of enable bits.
    pub const EIE0: u64 = 0xc0;
    /// `eie63`
    pub const EIE63: u64 = 0xff;
}
