//! All that the privileged architecture remembers.

use arch::Mode;
use arch::csr::{hstatus, status};

use crate::{Config, Counter, Hpm};

/// The registers that a trap into one level uses: M, HS (the `s` registers) or VS.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Bank {
    /// `xtvec`.
    pub tvec: u64,
    /// `xscratch`.
    pub scratch: u64,
    /// `xepc`.
    pub epc: u64,
    /// `xcause`.
    pub cause: u64,
    /// `xtval`.
    pub tval: u64,
    /// `mtval2` or `htval`; VS has none, and keeps 0.
    pub tval2: u64,
    /// `mtinst` or `htinst`; VS has none, and keeps 0.
    pub tinst: u64,
}

/// All that the privileged architecture remembers, plus its inputs. Fields hold what the CSR of that name stores;
/// what it shows may depend on other registers, so read through [`crate::csr`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
#[allow(missing_docs, reason = "the names are the manual's")]
pub struct State {
    /// The current mode.
    pub mode: Mode,

    /// Input: instructions retired since reset, before the one that executes. Exact before any CSR access; what
    /// `minstret` and `mcycle` read is derived from it.
    pub instret: u64,
    /// Input: the `time` counter. Brought up to date before CSR accesses and interrupt queries.
    pub time: u64,
    /// Input: levels of the wires MSIP, MTIP, MEIP and SEIP, at their bits of `mip`.
    pub pins: u64,
    /// Input: levels of the guest external interrupts; bit 0 stays 0.
    pub hgeip: u64,
    /// Input: what `mtopei`, `stopei` and `vstopei` show ([`State::topei`]). Brought up to date before accesses to
    /// them, and before interrupt queries where an external interrupt is pending.
    pub topei: [u64; 3],
    /// Input and output: the register of an interrupt file that an access through `mireg`, `sireg` or `vsireg` reaches
    /// ([`crate::csr::file_access`]). Brought up to date before such an access, and passed on to the file behind one
    /// that writes.
    pub file: u64,

    pub fflags: u8,
    pub frm: u8,

    pub m: Bank,
    /// `mstatus` and its view `sstatus`, without SD, UXL and SXL, which follow.
    pub mstatus: u64,
    pub medeleg: u64,
    /// `mideleg` without its read-only ones.
    pub mideleg: u64,
    pub mie: u64,
    /// The bits of `mip` that software holds: SSIP, VSSIP, LCOFIP, and the writable halves of STIP and SEIP. A device
    /// that raises SSIP by an edge sets it here.
    pub mip: u64,
    pub mcounteren: u64,
    pub mcountinhibit: u64,
    pub minstret: Counter,
    pub mcycle: Counter,
    pub mhpmevent: [u64; 29],
    /// `mhpmcounter`.
    pub hpm: Hpm,
    /// `mvien`, `mvip` of the interrupts that `mvien` may have, and the enables of those in `sie` (method `mvip`).
    pub mvien: u64,
    pub mvip: u64,
    pub sie: u64,
    pub miselect: u64,
    /// The `iprio` array of machine level.
    pub miprio: [u64; 8],
    pub menvcfg: u64,
    pub mseccfg: u64,
    pub mstateen: [u64; 4],
    #[cfg_attr(feature = "state", serde(with = "arch::array"))]
    pub pmpcfg: [u8; 64],
    #[cfg_attr(feature = "state", serde(with = "arch::array"))]
    pub pmpaddr: [u64; 64],

    pub s: Bank,
    pub satp: u64,
    pub scounteren: u64,
    pub senvcfg: u64,
    pub stimecmp: u64,
    pub siselect: u64,
    /// The `iprio` array of supervisor level.
    pub siprio: [u64; 8],

    pub hstatus: u64,
    pub hedeleg: u64,
    pub hideleg: u64,
    /// VSTIP and VSEIP of `hvip`, and its interrupts from 13 on; VSSIP is an alias of the bit in `mip`.
    pub hvip: u64,
    pub hvien: u64,
    pub hvictl: u64,
    pub hviprio1: u64,
    pub hviprio2: u64,
    pub hgeie: u64,
    pub hcounteren: u64,
    pub htimedelta: u64,
    /// `henvcfg` as written; read with [`State::henvcfg`].
    pub henvcfg: u64,
    pub hstateen: [u64; 4],
    pub hgatp: u64,

    pub vs: Bank,
    /// `vsstatus` without SD and UXL, which follow.
    pub vsstatus: u64,
    pub vsatp: u64,
    pub vstimecmp: u64,
    pub vsiselect: u64,
    /// The enables in `vsie` of the interrupts that `hvien` may have.
    pub vsie: u64,
}

impl State {
    /// The state after reset: M-mode, interrupts off, no translation, and what the rows of CSRs say besides.
    pub fn reset(config: &Config) -> State {
        let mut state = State {
            mode: Mode::M,
            instret: 0,
            time: 0,
            pins: 0,
            hgeip: 0,
            topei: [0; 3],
            file: 0,
            fflags: 0,
            frm: 0,
            m: Bank::default(),
            mstatus: 0,
            medeleg: 0,
            mideleg: 0,
            mie: 0,
            mip: 0,
            mcounteren: 0,
            mcountinhibit: 0,
            minstret: Counter::default(),
            mcycle: Counter::default(),
            mhpmevent: [0; 29],
            hpm: Hpm::default(),
            mvien: 0,
            mvip: 0,
            sie: 0,
            miselect: 0,
            miprio: [0; 8],
            menvcfg: 0,
            mseccfg: 0,
            mstateen: [0; 4],
            pmpcfg: [0; 64],
            pmpaddr: [0; 64],
            s: Bank::default(),
            satp: 0,
            scounteren: 0,
            senvcfg: 0,
            stimecmp: 0,
            siselect: 0,
            siprio: [0; 8],
            hstatus: 0,
            hedeleg: 0,
            hideleg: 0,
            hvip: 0,
            hvien: 0,
            hvictl: 0,
            hviprio1: 0,
            hviprio2: 0,
            hgeie: 0,
            hcounteren: 0,
            htimedelta: 0,
            henvcfg: 0,
            hstateen: [0; 4],
            hgatp: 0,
            vs: Bank::default(),
            vsstatus: 0,
            vsatp: 0,
            vstimecmp: 0,
            vsiselect: 0,
            vsie: 0,
        };
        crate::csr::reset(&mut state, config);
        state
    }

    /// Whether the floating-point unit may be used: FS is not Off, in `vsstatus` either when V = 1.
    pub const fn fp_enabled(&self) -> bool {
        self.mstatus & status::FS != 0 && (!self.mode.virt || self.vsstatus & status::FS != 0)
    }

    /// Whether FS is Dirty, in `vsstatus` too when V = 1: a change of floating-point state changes nothing there.
    pub const fn fp_dirty(&self) -> bool {
        self.mstatus & status::FS == status::FS && (!self.mode.virt || self.vsstatus & status::FS == status::FS)
    }

    /// Notes that floating-point state changed: FS becomes Dirty, in `vsstatus` too when V = 1.
    ///
    /// H extension, "Virtual Supervisor Status (`vsstatus`) Register": "Modifying the floating-point state when V=1
    /// causes both fields to be set to 3 (Dirty)."
    pub const fn dirty_fp(&mut self) {
        self.mstatus |= status::FS;
        if self.mode.virt {
            self.vsstatus |= status::FS;
        }
    }

    /// `hstatus.VGEIN`.
    pub const fn vgein(&self) -> u32 {
        ((self.hstatus & hstatus::VGEIN) >> hstatus::VGEIN_SHIFT) as u32
    }
}
