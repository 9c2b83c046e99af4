//! What a memory access asks of the address translation.

use arch::csr::{hstatus, status};
use arch::{Mode, Privilege, Virt};

use crate::State;

/// The type of a memory access, as faults report it. AMOs, SC and cache-block instructions are stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Instruction fetch.
    Fetch,
    /// Load, also LR.
    Load,
    /// Store or AMO.
    Store,
}

/// One access, with all of the state that decides about it besides the page tables' roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The virtual address.
    pub va: Virt,
    /// Its type, as a fault reports it.
    pub access: Access,
    /// The privilege and V that the access is made with.
    pub mode: Mode,
    /// HLVX: a load that needs execute permission instead of read permission.
    pub hlvx: bool,
    /// What SUM and MXR permit it.
    pub permits: PagePermits,
}

/// What SUM and MXR permit loads and stores of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagePermits {
    /// SUM: supervisor mode may load and store at pages for user mode.
    pub sum: bool,
    /// MXR for the first stage: executable pages are readable.
    pub mxr: bool,
    /// MXR for the G-stage. H extension, "Two-Stage Address Translation": only the HS-level bit.
    pub mxr_g: bool,
}

impl PagePermits {
    /// Those in force in `mode`.
    pub const fn of(state: &State, mode: Mode) -> PagePermits {
        let first_stage = if mode.virt { state.vsstatus } else { state.mstatus };
        PagePermits {
            sum: first_stage & status::SUM != 0,
            mxr: (first_stage | state.mstatus) & status::MXR != 0,
            mxr_g: state.mstatus & status::MXR != 0,
        }
    }

    /// As a number below 8, which differs where they do.
    pub const fn bits(self) -> u8 {
        self.sum as u8 | (self.mxr as u8) << 1 | (self.mxr_g as u8) << 2
    }
}

impl Request {
    /// A fetch in the current mode.
    pub fn for_fetch(state: &State, va: Virt) -> Request {
        Request::in_mode(state, Access::Fetch, state.mode, va)
    }

    /// A load or store by an ordinary instruction: MPRV applies.
    ///
    /// "Memory Privilege in `mstatus` Register"; H extension, "Machine Status Registers": "When MPRV=1, explicit memory
    /// accesses are translated and protected [...] as though the current virtualization mode were set to MPV and the
    /// current nominal privilege mode were set to MPP."
    pub fn for_data(state: &State, access: Access, va: Virt) -> Request {
        Request::in_mode(state, access, state.data_mode(), va)
    }

    /// A load or store by HLV, HLVX or HSV: as though V = 1, at the privilege in `hstatus.SPVP`.
    pub fn for_hyper(state: &State, access: Access, hlvx: bool, va: Virt) -> Request {
        Request { hlvx, ..Request::in_mode(state, access, state.hyper_mode(), va) }
    }

    /// An access as one of `mode`.
    pub fn in_mode(state: &State, access: Access, mode: Mode, va: Virt) -> Request {
        Request { va, access, mode, hlvx: false, permits: PagePermits::of(state, mode) }
    }
}

impl State {
    /// The mode that loads and stores are made with.
    pub fn data_mode(&self) -> Mode {
        if self.mstatus & status::MPRV == 0 {
            return self.mode;
        }
        let privilege = crate::trap::privilege(self.mstatus >> status::MPP_SHIFT & 3);
        let virt = self.mstatus & status::MPV != 0 && privilege != Privilege::Machine;
        Mode { privilege, virt }
    }

    /// The mode that HLV, HLVX and HSV access memory with.
    pub const fn hyper_mode(&self) -> Mode {
        if self.hstatus & hstatus::SPVP != 0 { Mode::VS } else { Mode::VU }
    }
}
