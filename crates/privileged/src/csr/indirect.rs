//! The windows into registers that are selected by number, `*iselect` and `*ireg`; the `iprio` arrays; and which
//! accesses reach an interrupt file.
//!
//! "Smcsrind/Sscsrind"; AIA 1.0, "Control and Status Registers (CSRs) Added to Harts" and "CSRs for external interrupts
//! via an IMSIC". An interrupt file is not the hart's own: what an access shows of it and leaves there are inputs and
//! outputs of [`State`]. With AIA alone there are no registers `*ireg2` to `*ireg6`; where they are, nothing is behind
//! them yet.

use core::array;

use arch::csr::{self, iselect, stateen};
use arch::{Extension, Mode, Privilege};

use super::gate::{Verdict, enabled, require};
use super::interrupts::{existing, filterable};
use crate::{Config, Denied, Effects, Level, State};

/// One of a hart's interrupt files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileId {
    /// Machine level's.
    Machine,
    /// Supervisor level's.
    Supervisor,
    /// A virtual hart's, by its number in `hstatus.VGEIN` and `hgeip`: from 1 on.
    Guest(u8),
}

/// What an access to a CSR reaches in an interrupt file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAccess {
    /// What comes first ([`State::topei`]); to write is to claim it.
    Top(FileId),
    /// The register with this number ([`State::file`]).
    Register(FileId, u64),
}

impl FileId {
    /// The level that it is of.
    pub const fn level(self) -> Level {
        match self {
            FileId::Machine => Level::Machine,
            FileId::Supervisor => Level::Supervisor,
            FileId::Guest(_) => Level::Guest,
        }
    }
}

/// The number of a window's register: 1 for `mireg`, `sireg` and `vsireg`, 2 to 6 for those behind it.
const fn alias(address: u16) -> u16 {
    const FOURTH: u16 = 4;
    let nth = (address - csr::SIREG) & 0xf;
    // the fourth has left a gap, where `miph` is
    if nth < FOURTH { nth + 1 } else { nth }
}

/// The level whose window has the register at `address`.
const fn level(address: u16) -> Level {
    match csr::privilege(address) {
        3 => Level::Machine,
        2 => Level::Guest,
        _ => Level::Supervisor,
    }
}

/// What is selected in a level's window.
const fn selected(state: &State, level: Level) -> u64 {
    match level {
        Level::Machine => state.miselect,
        Level::Supervisor => state.siselect,
        Level::Guest => state.vsiselect,
    }
}

/// What an access to the CSR at `address` in the current mode reaches in an interrupt file, if it may and does.
pub fn file_access(state: &State, config: &Config, address: u16) -> Option<FileAccess> {
    super::check(state, config, address, false).ok()?;
    of_file(state, config, super::reached(state.mode, address))
}

fn of_file(state: &State, config: &Config, address: u16) -> Option<FileAccess> {
    let id = match level(address) {
        Level::Machine => FileId::Machine,
        Level::Supervisor => FileId::Supervisor,
        Level::Guest => FileId::Guest(state.vgein() as u8),
    };
    match address {
        _ if !config.has_imsic() => None,
        csr::MTOPEI | csr::STOPEI | csr::VSTOPEI => Some(FileAccess::Top(id)),
        csr::MIREG | csr::SIREG | csr::VSIREG => {
            let number = selected(state, level(address));
            iselect::FILE.contains(&number).then_some(FileAccess::Register(id, number))
        }
        _ => None,
    }
}

/// The interrupts whose priority numbers can be set at a level. "For a given interrupt number, if the corresponding bit
/// in `mie` is read-only zero, then the interrupt's priority number [...] must be read-only zero as well. The priority
/// number for a machine-level external interrupt [...] must also be read-only zero"; those of VS level "are always
/// ignored and should be" in M-mode's array.
fn settable(config: &Config, level: Level) -> u64 {
    use csr::ip;
    match level {
        Level::Machine => existing(config) & !(ip::MEIP | ip::HYPERVISOR),
        _ => (existing(config) | filterable(config)) & !(ip::MACHINE | ip::SEIP),
    }
}

/// The word of an `iprio` array that a number selects: of a level that has one. With XLEN = 64 "only the even-numbered
/// registers exist".
fn priorities_at(number: u64) -> Option<usize> {
    let index = number.wrapping_sub(*iselect::PRIORITIES.start());
    (iselect::PRIORITIES.contains(&number) && index.is_multiple_of(2)).then_some((index / 2) as usize)
}

/// What `mireg`, `sireg` or `vsireg` shows.
pub fn ireg(state: &State, address: u16) -> u64 {
    let level = level(address);
    match (priorities_at(selected(state, level)), level) {
        (Some(word), Level::Machine) => state.miprio[word],
        (Some(word), Level::Supervisor) => state.siprio[word],
        _ => state.file,
    }
}

/// The bits that there are in a word of an `iprio` array.
fn priority_bits(config: &Config, level: Level, word: usize) -> u64 {
    config.priorities(settable(config, level), 8 * word as u32)
}

/// What the `iprio` array of a level holds.
pub fn priorities_held(state: &State, config: &Config, level: Level) -> [(u64, u64); 8] {
    let words = if level == Level::Machine { &state.miprio } else { &state.siprio };
    let exists = has_array(config, level);
    array::from_fn(|n| (words[n], if exists { words[n] & priority_bits(config, level, n) } else { 0 }))
}

pub fn write_ireg(state: &mut State, config: &Config, address: u16, value: u64) -> Effects {
    let level = level(address);
    let Some(word) = priorities_at(selected(state, level)) else {
        state.file = value;
        return Effects::FILE;
    };
    let bits = priority_bits(config, level, word);
    match level {
        Level::Machine => super::put(&mut state.miprio[word], bits, value, Effects::INTERRUPTS),
        Level::Supervisor => super::put(&mut state.siprio[word], bits, value, Effects::INTERRUPTS),
        Level::Guest => Effects::NONE,
    }
}

/// `miselect` to `mireg6`, and those of the levels below: the window exists.
fn exists(config: &Config, address: u16) -> Verdict {
    let (aia, indirect) = match level(address) {
        Level::Machine => (Extension::Smaia, Extension::Smcsrind),
        _ => (Extension::Ssaia, Extension::Sscsrind),
    };
    let is_wide = (address - csr::SISELECT) & 0xf > 1;
    let has_level = level(address) != Level::Guest || config.has(Extension::H);
    require(has_level && (config.has(indirect) || config.has(aia) && !is_wide), Denied::Illegal)
}

/// `miselect`, `siselect`, `vsiselect`: CSRIND.
pub fn select(state: &State, config: &Config, address: u16) -> Verdict {
    exists(config, address)?;
    enabled(state, config, 0, stateen::CSRIND)
}

/// `mireg`, `sireg`, `vsireg` and those behind them: what is selected, and whether it lies open.
///
/// AIA 1.0, "Hypervisor and VS CSRs": "the H extension's usual rules for when to raise a virtual instruction exception
/// (based on whether an instruction is HS-qualified) are not applicable." What is not allotted has no rules;
/// recommended is an illegal-instruction exception, and with AIA in VS-mode, as in Spike and QEMU, a
/// virtual-instruction exception.
pub fn window(state: &State, config: &Config, address: u16) -> Verdict {
    exists(config, address)?;
    enabled(state, config, 0, stateen::CSRIND)?;
    let is_direct = level(address) == Level::Guest;
    if state.mode.virt && (is_direct || state.mode.privilege == Privilege::User) {
        return Err(Denied::Virtual);
    }
    let (level, in_guest) = (level(super::reached(state.mode, address)), state.mode.virt);
    let denied = if in_guest && config.has(Extension::Ssaia) { Denied::Virtual } else { Denied::Illegal };
    match selected(state, level) {
        _ if alias(address) != 1 => Err(denied),
        number if iselect::PRIORITIES.contains(&number) => priorities(state, config, level, number, denied),
        number if iselect::FILE.contains(&number) => file(state, config, level, number, denied),
        _ => Err(denied),
    }
}

/// Whether a level has an `iprio` array. VS level has none.
fn has_array(config: &Config, level: Level) -> bool {
    match level {
        Level::Machine => config.has(Extension::Smaia),
        Level::Supervisor => config.has(Extension::Ssaia),
        Level::Guest => false,
    }
}

/// An `iprio` array through a window: AIA.
fn priorities(state: &State, config: &Config, level: Level, number: u64, denied: Denied) -> Verdict {
    require(has_array(config, level) && priorities_at(number).is_some(), denied)?;
    enabled(state, config, 0, stateen::AIA)
}

/// An interrupt file through a window: IMSIC.
fn file(state: &State, config: &Config, level: Level, number: u64, denied: Denied) -> Verdict {
    let is_odd = number >= iselect::EIP0 && !number.is_multiple_of(2);
    open_file(state, config, level, denied)?;
    require(!is_odd, denied)
}

/// A level's interrupt file: IMSIC, and of supervisor level SEI in `mvien`. "When the hart does not have an IMSIC, the
/// following raise a virtual instruction exception [...], not an illegal instruction exception, despite that
/// `mstateen0`.IMSIC is zero".
fn open_file(state: &State, config: &Config, level: Level, denied: Denied) -> Verdict {
    require(config.has_imsic(), denied)?;
    enabled(state, config, 0, stateen::IMSIC)?;
    match level {
        Level::Machine => Ok(()),
        Level::Supervisor => require(state.mode == Mode::M || state.mvien & csr::ip::SEIP == 0, Denied::Illegal),
        Level::Guest => require(config.has_guest_file(state.vgein()), denied),
    }
}

/// `mtopei`, `stopei`, `vstopei`.
///
/// AIA 1.0, "Virtual instruction exceptions": "Instructions that read/write CSR `stopei` or `vstopei` are considered to
/// be HS-qualified unless all of following are true: the hart has an IMSIC, extension Smstateen is implemented, and bit
/// 58 of `mstateen0` is zero."
pub fn top_external(state: &State, config: &Config, address: u16) -> Verdict {
    let extension = if address == csr::MTOPEI { Extension::Smaia } else { Extension::Ssaia };
    super::gate::having(state, config, address, extension)?;
    let (level, in_guest) = (level(super::reached(state.mode, address)), state.mode.virt);
    open_file(state, config, level, if in_guest { Denied::Virtual } else { Denied::Illegal })
}

#[cfg(test)]
mod tests;
