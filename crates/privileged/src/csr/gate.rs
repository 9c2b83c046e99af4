//! Which registers exist, and which fields of others withhold them. The privilege in the address is checked elsewhere.
//!
//! Each gate says Illegal where HS-mode could not access the register either, and Virtual where a field of the
//! hypervisor withholds it from V = 1 only.

use arch::csr::{self, counteren, envcfg, hstatus, hvictl, iselect, stateen, status};
use arch::{Extension, Mode, Privilege};

use super::environment;
use crate::{Config, Denied, State, permit};

pub use super::indirect::{select, top_external, window};

pub type Verdict = Result<(), Denied>;

pub const fn require(allowed: bool, denied: Denied) -> Verdict {
    if allowed { Ok(()) } else { Err(denied) }
}

/// A register that says by its value that there is nothing.
pub const fn always(_: &State, _: &Config, _: u16) -> Verdict {
    Ok(())
}

/// A register of the base architecture: there, unless it is at the hypervisor's level and there is none.
pub const fn base(_: &State, config: &Config, address: u16) -> Verdict {
    require(csr::privilege(address) != super::HYPERVISOR || config.isa.has(Extension::H), Denied::Illegal)
}

/// A register of `extension`, and of the hypervisor extension if it is at that level.
pub fn having(state: &State, config: &Config, address: u16, extension: Extension) -> Verdict {
    require(config.has(extension), Denied::Illegal)?;
    base(state, config, address)
}

/// `fflags`, `frm`, `fcsr`: FS.
///
/// H extension, "Trap Cause Codes": "If an instruction is prevented from executing because FS or VS is zero in either
/// `sstatus` or `vsstatus`, the exception raised is always an illegal-instruction exception".
pub fn float(state: &State, config: &Config, _: u16) -> Verdict {
    require(config.has(Extension::F) && state.fp_enabled(), Denied::Illegal)
}

/// `cycle`, `time`, `instret`, `hpmcounter`: the bit of each `xcounteren` above the current mode.
pub fn counter(state: &State, config: &Config, address: u16, extension: Extension) -> Verdict {
    require(config.has(extension), Denied::Illegal)?;
    let enabled = |counteren: u64| counteren >> (address & 31) & 1 != 0;
    let mode = state.mode;
    require(mode == Mode::M || enabled(state.mcounteren), Denied::Illegal)?;
    require(!mode.virt || enabled(state.hcounteren), Denied::Virtual)?;
    let by_user = mode.privilege == Privilege::User;
    require(!by_user || enabled(state.scounteren), if mode.virt { Denied::Virtual } else { Denied::Illegal })
}

/// `stimecmp` and `vstimecmp`: STCE and TM, at the machine's and at the hypervisor's level.
pub fn timer(state: &State, config: &Config, address: u16) -> Verdict {
    having(state, config, address, Extension::Sstc)?;
    let by_machine = state.menvcfg & envcfg::STCE != 0 && state.mcounteren & counteren::TM != 0;
    require(state.mode == Mode::M || by_machine, Denied::Illegal)?;
    let by_hypervisor = state.henvcfg() & envcfg::STCE != 0 && state.hcounteren & counteren::TM != 0;
    require(!state.mode.virt || by_hypervisor, Denied::Virtual)
}

/// `satp`: TVM and VTVM, with the exceptions of SFENCE.VMA.
pub const fn satp(state: &State, _: &Config, _: u16) -> Verdict {
    permit::sfence_vma(state)
}

/// `hgatp`: TVM, with the exceptions of HFENCE.GVMA.
pub fn hgatp(state: &State, config: &Config, address: u16) -> Verdict {
    base(state, config, address)?;
    permit::hfence_gvma(state)
}

/// A register that `bit` of `mstateen[index]` withholds from all below M-mode, and of `hstateen[index]` from V = 1.
pub fn enabled(state: &State, config: &Config, index: usize, bit: u64) -> Verdict {
    if !config.has(Extension::Ssstateen) {
        return Ok(());
    }
    let by_machine = environment::mstateen(state, config, index) & bit != 0;
    require(state.mode == Mode::M || by_machine, Denied::Illegal)?;
    require(!state.mode.virt || environment::hstateen(state, config, index) & bit != 0, Denied::Virtual)
}

/// `senvcfg` and `henvcfg`: ENVCFG.
pub fn environment(state: &State, config: &Config, address: u16) -> Verdict {
    base(state, config, address)?;
    enabled(state, config, 0, stateen::ENVCFG)
}

/// `sstateen` and `hstateen`: SE of the register with the same number.
pub fn state_enable(state: &State, config: &Config, address: u16) -> Verdict {
    having(state, config, address, Extension::Ssstateen)?;
    enabled(state, config, environment::number(address), stateen::SE)
}

/// What AIA adds besides the windows and the interrupt files, and what it withholds already there: AIA.
pub fn aia(state: &State, config: &Config, address: u16) -> Verdict {
    having(state, config, address, Extension::Ssaia)?;
    enabled(state, config, 0, stateen::AIA)
}

/// `sip` and `sie`: in VS-mode, VTI.
///
/// AIA 1.0, "Virtual interrupts for VS level": "When bit VTI [...] = 1, attempts from VS-mode to explicitly access CSRs
/// `sip` and `sie` [...] cause a virtual instruction exception."
pub const fn interrupts(state: &State, _: &Config, _: u16) -> Verdict {
    require(!state.mode.virt || state.hvictl & hvictl::VTI == 0, Denied::Virtual)
}

/// What only a write is denied: in VS-mode to `stimecmp`, VTI. "If there is some circumstance in which a write to the
/// register may cause a bit of `vsip` to change from one to zero, excluding bit 9 [...], then when VTI = 1, a virtual
/// instruction exception is raised also for any attempt by the guest to write this register."
pub const fn written(state: &State, address: u16) -> Verdict {
    let clears = address == csr::STIMECMP && state.mode.virt;
    require(!clears || state.hvictl & hvictl::VTI == 0, Denied::Virtual)
}

/// A state in `mode` in which no register of a higher level withholds another from HS-mode, FS from nobody, and nothing
/// that is selected is missing.
pub fn all_open(config: &Config, mode: Mode) -> State {
    let (mstateen, menvcfg, mcounteren) = ([u64::MAX; 4], u64::MAX, u64::MAX);
    let (mstatus, vsstatus) = (status::FS, status::FS);
    let mut state = State { mode, mstateen, menvcfg, mcounteren, mstatus, vsstatus, ..State::reset(config) };
    // windows show what there is
    (state.miselect, state.siselect) = (*iselect::PRIORITIES.start(), *iselect::PRIORITIES.start());
    state.vsiselect = *iselect::FILE.start();
    if config.has_guest_file(1) {
        state.hstatus |= 1 << hstatus::VGEIN_SHIFT;
    }
    state
}

/// Whether the mode is HS-mode, and no field that the gates of this file look at withholds a register from it.
#[inline]
pub fn is_open(state: &State, config: &Config) -> bool {
    let enables = environment::enables(config, 0);
    state.mode == Mode::HS
        && state.mstatus & status::TVM == 0
        && state.mcounteren & counteren::TM != 0
        && state.menvcfg & envcfg::STCE != 0
        && environment::mstateen(state, config, 0) & enables == enables
}

/// `pmpaddr`, and `pmpcfg` with even numbers: "`pmpcfg1`, `pmpcfg3`, ... are illegal" on RV64.
pub const fn pmp(_: &State, config: &Config, address: u16) -> Verdict {
    let odd_config = address < csr::PMPADDR0 && address & 1 != 0;
    require(config.pmp_entries > 0 && !odd_config, Denied::Illegal)
}
