//! Control and status registers: what reading and writing each one does.
//!
//! Privileged architecture, "CSR Listing" and the chapters it names. The private `table` has one row per register; the
//! other files say, by subject, who may access a register, what it shows and what it accepts. Where the manual lets an
//! implementation choose (WARL), the choice is Spike's unless a comment says otherwise. Not there: debug triggers
//! (Sdtrig).

mod atp;
mod counters;
mod environment;
mod float;
mod gate;
mod identity;
mod in_place;
pub(crate) mod indirect;
mod inputs;
pub(crate) mod interrupts;
mod pmp;
mod status;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod traps;

pub use gate::is_open;
pub use in_place::{Choice, Fields, FloatPart, InPlace, Join, View, Word, in_place, word_at};
pub use indirect::file_access;
pub use inputs::Inputs;
pub use table::inputs;
pub(crate) use table::reset;

use arch::csr::{self as name, ip};
use arch::{Mode, Privilege};

use crate::{Config, Denied, Effects, State};

/// Reads the CSR at `address` as the current mode sees it. Reading changes nothing.
///
/// # Errors
/// [`Denied`] where [`check`] says so.
pub fn read(state: &State, config: &Config, address: u16) -> Result<u64, Denied> {
    check(state, config, address, false)?;
    Ok(table::load(state, config, reached(state.mode, address)))
}

/// Writes what `value` becomes as the register's legal value. Answers what may have changed.
///
/// # Errors
/// [`Denied`] where [`check`] says so; then nothing changed.
pub fn write(state: &mut State, config: &Config, address: u16, value: u64) -> Result<Effects, Denied> {
    check(state, config, address, true)?;
    Ok(table::store(state, config, reached(state.mode, address), value))
}

/// The value that CSRRS and CSRRC modify, where access was allowed: [`read`]'s, except in `mip`.
///
/// "Machine Interrupt (`mip` and `mie`) Registers": "Only the software-writable SEIP bit participates in the
/// read-modify-write sequence of a CSRRS or CSRRC instruction." No other register shows a wire in a bit that can be
/// written.
pub fn read_for_modify(state: &State, config: &Config, address: u16) -> u64 {
    let value = table::load(state, config, reached(state.mode, address));
    if address == name::MIP { value & !ip::SEIP | state.mip & ip::SEIP } else { value }
}

/// What the CSR at `address` shows, whoever may read it: for debuggers. `None` where this hart lacks it.
pub fn peek(state: &State, config: &Config, address: u16) -> Option<u64> {
    exists(config, address).then(|| table::load(state, config, address))
}

/// Whether a hart made so has the CSR at `address`.
pub fn exists(config: &Config, address: u16) -> bool {
    check(&gate::all_open(config, Mode::M), config, address, false).is_ok()
}

/// The addresses of all CSRs that a hart made so has. What is in them is told by [`arch::csr::fields`]; reading one
/// changes nothing.
pub fn implemented(config: &Config) -> impl Iterator<Item = u16> {
    let open = gate::all_open(config, Mode::M);
    name::all().filter(move |&address| check(&open, config, address, false).is_ok())
}

/// The first CSR that holds what no write can have left in it, in a hart made so: one of a state that came from
/// elsewhere.
pub fn illegal(state: &State, config: &Config) -> Option<u16> {
    let open = gate::all_open(config, Mode::M);
    let exists = |address| check(&open, config, address, false).is_ok();
    name::all().find(|&address| !table::holds_legal(state, config, address, exists(address)))
}

/// The bits of the CSR at `address` that software chooses in a hart made so: those that come out otherwise where
/// nothing but them is written otherwise, be it as the hart comes out of reset or where all is enabled and delegated.
pub fn writable(config: &Config, address: u16) -> u64 {
    let mut open = gate::all_open(config, Mode::M);
    for delegation in [name::MIDELEG, name::HIDELEG] {
        // there is none without the hypervisor extension
        let _ = write(&mut open, config, delegation, u64::MAX);
    }
    chosen(&open, config, address) | chosen(&State::reset(config), config, address)
}

/// The bits of the CSR at `address` that software chooses in this state.
fn chosen(state: &State, config: &Config, address: u16) -> u64 {
    let written = |value| {
        let mut state = state.clone();
        write(&mut state, config, address, value).map_or(0, |_| table::load(&state, config, address))
    };
    let is_chosen = |bit: u64, value: u64| (written(value) ^ written(value ^ bit)) & bit;
    // a field that cannot have every value has most likely some of these
    let values = |bit: u64| [0, u64::MAX, bit << 1, bit >> 1, name::atp::SV39 << name::atp::MODE_SHIFT];
    (0..64).map(|n| 1 << n).fold(0, |bits, bit| values(bit).into_iter().fold(bits, |bits, v| bits | is_chosen(bit, v)))
}

/// Whether the current mode may access the CSR at `address`; `writes` says whether the access writes.
///
/// # Errors
/// [`Denied::Virtual`] where V = 1 and HS-mode could do the same access (H extension, "Trap Cause Codes"), otherwise
/// [`Denied::Illegal`].
pub fn check(state: &State, config: &Config, address: u16, writes: bool) -> Result<(), Denied> {
    if writes && name::is_read_only(address) {
        return Err(Denied::Illegal);
    }
    let mut granted = table::gate(state, config, address);
    if writes && granted.is_ok() {
        granted = gate::written(state, address);
    }
    let needed = name::privilege(address);
    if level(state.mode) >= needed || granted == Err(Denied::Illegal) {
        return granted;
    }
    let of_supervisor = needed <= HYPERVISOR;
    Err(if state.mode.virt && of_supervisor { Denied::Virtual } else { Denied::Illegal })
}

/// Whether `mode` may access the CSR at `address` only where [`is_open`] holds, if at all: some other field may
/// withhold it.
pub fn is_gated(config: &Config, mode: Mode, address: u16) -> bool {
    let closed =
        State { mode, mstatus: u64::MAX, hstatus: u64::MAX, hvictl: name::hvictl::VTI, ..State::reset(config) };
    check(&closed, config, address, !name::is_read_only(address)).is_err()
}

/// The level of HS-mode in an address.
const HYPERVISOR: u8 = 2;

/// The privilege of `mode` as addresses have it: HS-mode is above VS-mode.
const fn level(mode: Mode) -> u8 {
    match mode {
        Mode { privilege: Privilege::Supervisor, virt: false } => HYPERVISOR,
        Mode { privilege, .. } => privilege as u8,
    }
}

/// The register that an access to `address` in `mode` reaches: VS-mode's own in place of the supervisor's.
///
/// H extension, "Virtual Supervisor CSRs": "When V=1, the VS CSRs substitute for the corresponding supervisor CSRs".
pub const fn reached(mode: Mode, address: u16) -> u16 {
    if mode.virt { table::in_vs(address) } else { address }
}

/// Puts the bits of `mask` in place of the register's. Answers which bits changed.
const fn replace(register: &mut u64, mask: u64, value: u64) -> u64 {
    let changed = (*register ^ value) & mask;
    *register ^= changed;
    changed
}

/// [`replace`], with `effects` where something changed.
const fn update(register: &mut u64, mask: u64, value: u64, effects: Effects) -> Effects {
    effects.when(replace(register, mask, value) != 0)
}

/// Stores the bits of `mask`, all that the register can have, with `effects` where something changed.
const fn put(register: &mut u64, mask: u64, value: u64, effects: Effects) -> Effects {
    let legal = value & mask;
    let changed = *register != legal;
    *register = legal;
    effects.when(changed)
}

/// Stores a value that nobody caches consequences of.
const fn set(register: &mut u64, value: u64) -> Effects {
    *register = value;
    Effects::NONE
}

#[cfg(test)]
mod tests {
    use super::testing::{aia_hart, hart, rejects};
    use super::*;
    use arch::csr;

    /// Of debug mode.
    const DCSR: u16 = 0x7b0;

    #[test]
    fn a_hart_without_triggers_says_so() {
        let (mut state, config) = hart();
        state.mode = Mode::M;
        assert_eq!(write(&mut state, &config, csr::TSELECT, 1), Ok(Effects::NONE));
        assert_eq!(read(&state, &config, csr::TSELECT), Ok(0));
        assert_eq!((read(&state, &config, csr::TDATA1), read(&state, &config, csr::TINFO)), (Ok(0), Ok(1)));
    }

    #[test]
    fn a_register_nobody_has_is_illegal_in_every_mode() {
        let (mut state, config) = hart();
        for mode in [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU] {
            state.mode = mode;
            assert_eq!(read(&state, &config, DCSR), Err(Denied::Illegal));
            assert_eq!(read(&state, &config, csr::PMPCFG0 + 1), Err(Denied::Illegal));
        }
    }

    /// Of the registers that are selected through windows, those behind the first have nothing behind them.
    const fn is_empty_window(address: u16) -> bool {
        matches!(address, csr::MIREG2..=csr::MIREG6 | csr::SIREG2..=csr::SIREG6 | csr::VSIREG2..=csr::VSIREG6)
    }

    #[test]
    fn every_register_with_a_name_has_a_row() {
        let (_, config) = aia_hart();
        let odd_pmpcfg = |address| (csr::PMPCFG0..csr::PMPADDR0).contains(&address) && address & 1 != 0;
        let is_absent = |address| odd_pmpcfg(address) || is_empty_window(address);
        for address in csr::all() {
            assert_eq!(!exists(&config, address), is_absent(address), "{address:#x}");
        }
        assert!(implemented(&config).eq(csr::all().filter(|&address| !is_absent(address))));
    }

    #[test]
    fn a_debugger_sees_what_the_mode_may_not() {
        let (mut state, config) = hart();
        (state.mode, state.vs.scratch, state.frm) = (Mode::VU, 7, 1);
        assert_eq!(peek(&state, &config, csr::VSSCRATCH), Some(7));
        assert_eq!(peek(&state, &config, csr::FRM), Some(1));
        assert_eq!(peek(&state, &config, DCSR), None);
    }

    #[test]
    fn what_is_writable_is_what_the_manual_says() {
        let (_, config) = hart();
        let expected = [
            (csr::MSTATUS, 0xc0_007e_79aa),
            (csr::SSTATUS, 0xc_6122),
            (csr::MTVEC, !2),
            (csr::SENVCFG, 0xf1),
            (csr::VSATP, !(1 << 62)),
            (csr::HSTATEEN0, csr::stateen::SE | csr::stateen::ENVCFG),
            (csr::MCOUNTEREN, 0xffff_ffff),
            (csr::MISA, 0),
            (csr::HGEIP, 0),
            (csr::SIE, 0x2222),
            (csr::MIP, 0x2226),
        ];
        for (address, bits) in expected {
            assert_eq!(writable(&config, address), bits, "{address:#x}: {:x}", writable(&config, address));
        }
    }

    #[test]
    fn the_hypervisors_registers_are_virtual_for_guests_and_illegal_for_users() {
        let (mut state, config) = hart();
        for address in [csr::HSTATUS, csr::VSSTATUS, csr::HGATP, csr::HGEIP] {
            rejects(&mut state, &config, Mode::VS, address, Denied::Virtual);
            rejects(&mut state, &config, Mode::VU, address, Denied::Virtual);
            rejects(&mut state, &config, Mode::U, address, Denied::Illegal);
        }
    }

    #[test]
    fn the_supervisors_registers_are_virtual_in_vu_mode() {
        let (mut state, config) = hart();
        rejects(&mut state, &config, Mode::VU, csr::SEPC, Denied::Virtual);
        rejects(&mut state, &config, Mode::U, csr::SEPC, Denied::Illegal);
    }

    #[test]
    fn the_machines_registers_are_illegal_below() {
        let (mut state, config) = hart();
        for mode in [Mode::HS, Mode::U, Mode::VS, Mode::VU] {
            rejects(&mut state, &config, mode, csr::MSCRATCH, Denied::Illegal);
        }
    }

    #[test]
    fn a_write_to_a_read_only_register_is_illegal_even_for_a_guest() {
        let (mut state, config) = hart();
        state.mode = Mode::VS;
        assert_eq!(write(&mut state, &config, csr::HGEIP, 0), Err(Denied::Illegal));
    }

    #[test]
    fn without_the_hypervisor_extension_its_registers_are_absent() {
        let (state, mut config) = hart();
        config.isa = config.isa.without(arch::Extension::H);
        for address in [csr::HSTATUS, csr::VSATP, csr::MTINST, csr::MTVAL2, csr::VSTIMECMP] {
            assert_eq!(read(&state, &config, address), Err(Denied::Illegal));
        }
    }

    #[test]
    fn a_guest_reaches_its_own_supervisor_registers() {
        let (mut state, config) = hart();
        state.mode = Mode::VS;
        write(&mut state, &config, csr::SSCRATCH, 7).unwrap();
        assert_eq!((state.vs.scratch, state.s.scratch), (7, 0));
        assert_eq!(read(&state, &config, csr::SSCRATCH), Ok(7));
    }
}
