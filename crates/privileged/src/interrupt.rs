//! Which interrupts are pending, and which one is taken.
//!
//! Privileged architecture, "Machine Interrupt (`mip` and `mie`) Registers"; H extension, "Hypervisor Interrupt
//! (`hvip`, `hip`, and `hie`) Registers"; AIA 1.0, "Interrupts for Machine and Supervisor Levels" and "Interrupts for
//! Virtual Machines (VS Level)".

use arch::csr::{envcfg, hvictl, ip, status};
use arch::{Mode, Privilege};

use crate::priority::{first_for_guest, first_for_machine, first_for_supervisor};
use crate::timer::{supervisor_timer, virtual_timer};
use crate::{Cause, Config, State, csr};

/// A level that has interrupts of its own, and with an IMSIC interrupt files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// M-mode's.
    Machine,
    /// HS-mode's, or S-mode's.
    Supervisor,
    /// VS-mode's.
    Guest,
}

/// All pending interrupts: what `mip` reads.
///
/// AIA 1.0, "Interrupt filtering and virtual interrupts for supervisor level": "when bit 9 of `mvien` is one, bit SEIP
/// in `mip` [...] does not include the value of bit 9 of `mvip`".
#[inline]
pub fn pending(state: &State, config: &Config) -> u64 {
    const SOFTWARE: u64 = ip::SSIP | ip::SEIP | ip::LCOFIP | ip::VSSIP;
    let wires = state.pins & (ip::MACHINE | ip::SEIP);
    let software = state.mip & SOFTWARE & !(state.mvien & ip::SEIP);
    let injected = state.hvip & ip::VIRTUAL;
    wires | software | supervisor_timer(state) | guest_external(state, config) | injected | virtual_timer(state)
}

/// SGEIP and VSEIP as `hgeip` raises them.
#[inline]
fn guest_external(state: &State, config: &Config) -> u64 {
    let lines = state.hgeip & config.guest_external_mask();
    let selected = lines >> state.vgein() & 1 != 0;
    (if lines & state.hgeie != 0 { ip::SGEIP } else { 0 }) | (if selected { ip::VSEIP } else { 0 })
}

/// Whether WFI ends: an interrupt is pending and enabled at some level, whatever the global enables say.
///
/// "Wait for Interrupt": "the WFI instruction [...] must be unaffected by the global interrupt bits"; AIA 1.0, "WFI
/// (Wait for Interrupt) instruction": "execution must resume from a WFI whenever an interrupt is pending at any
/// privilege level".
#[inline]
pub fn has_wakeup(state: &State, config: &Config) -> bool {
    match state.has_virtual_interrupts() {
        false => pending(state, config) & state.mie != 0,
        true => has_any(state, config),
    }
}

/// A hypervisor that asserts no interrupt often only could: nothing is chosen then.
fn has_any(state: &State, config: &Config) -> bool {
    let events = pending(state, config) & state.mie;
    let asserted = filtered(state) & state.mvip() & state.sie | state.hvien & state.hvip & state.vsie;
    let by_hvictl = state.hvictl & hvictl::VTI;
    events | asserted | by_hvictl != 0 && is_any_told(state, config)
}

#[cold]
fn is_any_told(state: &State, config: &Config) -> bool {
    for_machine(state, config) | for_supervisor(state, config) != 0 || first_for_guest(state, config).is_some()
}

/// Whether all that [`has_wakeup`] finds is delegated to a guest while none runs: the hart goes on, and takes none of
/// it.
pub fn only_guest_wakes(state: &State, config: &Config) -> bool {
    !state.mode.virt && for_machine(state, config) | for_supervisor(state, config) == 0
}

/// What is pending and enabled for M-mode: what `mtopi` chooses from.
pub(crate) fn for_machine(state: &State, config: &Config) -> u64 {
    pending(state, config) & state.mie & !state.mideleg(config)
}

/// What is pending and enabled for HS-mode, in `sip` and `sie` or `hip` and `hie`, and not delegated: what `stopi`
/// chooses from.
pub(crate) fn for_supervisor(state: &State, config: &Config) -> u64 {
    let delegated = pending(state, config) & state.mie & state.mideleg(config);
    (delegated | filtered(state) & state.mvip() & state.sie) & !state.hideleg
}

/// What is pending and enabled for VS-mode, by the codes that it is told: what `vstopi` chooses from.
pub(crate) fn for_guest(state: &State, config: &Config) -> u64 {
    csr::interrupts::vsip(state, config) & csr::interrupts::vsie(state)
}

/// The interrupts of which S-mode sees what `mvip` and its own enables have, not `mip` and `mie`.
pub(crate) const fn filtered(state: &State) -> u64 {
    state.mvien & !state.mideleg
}

/// The interrupt to take now.
pub fn next_interrupt(state: &State, config: &Config) -> Option<Cause> {
    if !has_wakeup(state, config) {
        return None;
    }
    if may_interrupt(state, Mode::M)
        && let Some(top) = first_for_machine(state, for_machine(state, config))
    {
        return Some(Cause::Interrupt(top.interrupt()));
    }
    if may_interrupt(state, Mode::HS)
        && let Some(top) = first_for_supervisor(state, for_supervisor(state, config))
    {
        let interrupt = top.interrupt();
        let is_filtered = filtered(state) & interrupt.bit() != 0;
        return Some(if is_filtered { Cause::Asserted(interrupt, Mode::HS) } else { Cause::Interrupt(interrupt) });
    }
    let guests = may_interrupt(state, Mode::VS).then(|| first_for_guest(state, config)).flatten();
    guests.map(|top| match top.interrupt() {
        own if top.by_hvictl || own.bit() & ip::LOCAL != 0 => Cause::Asserted(own, Mode::VS),
        own => Cause::Interrupt(own.of_vs_level()),
    })
}

/// Whether interrupts that trap to `target` are enabled globally: the mode is lower, or the same with xIE set.
fn may_interrupt(state: &State, target: Mode) -> bool {
    let mode = state.mode;
    match target.privilege {
        Privilege::Machine => mode != Mode::M || state.mstatus & status::MIE != 0,
        _ if !target.virt => match mode {
            Mode::M => false,
            Mode::HS => state.mstatus & status::SIE != 0,
            _ => true,
        },
        _ => mode == Mode::VU || mode == Mode::VS && state.vsstatus & status::SIE != 0,
    }
}

impl State {
    /// Whether a level above asserts interrupts that `mip` and `mie` do not tell of.
    const fn has_virtual_interrupts(&self) -> bool {
        self.mvien | self.hvien | self.hvictl & hvictl::VTI != 0
    }

    /// What software holds of `mvip`, where S-mode may see it. Bit 9 is the software-writable SEIP bit: "changing the
    /// value of bit 9 of `mvien` does not affect the value of bit 9 of `mvip`".
    pub(crate) const fn mvip(&self) -> u64 {
        self.mvip & !ip::SEIP | self.mip & ip::SEIP
    }

    /// What a level's `*topei` shows.
    pub const fn topei(&self, level: Level) -> u64 {
        self.topei[level as usize]
    }

    /// `henvcfg` in effect: PBMTE, STCE and ADUE are zero where they are in `menvcfg`.
    pub const fn henvcfg(&self) -> u64 {
        self.henvcfg & (self.menvcfg | !(envcfg::PBMTE | envcfg::STCE | envcfg::ADUE))
    }

    /// `mideleg` with the read-only ones of the hypervisor extension.
    ///
    /// H extension, "Machine Interrupt Delegation (`mideleg`) Register". Bit 12 too when GEILEN is 0, as in Spike.
    pub fn mideleg(&self, config: &Config) -> u64 {
        self.mideleg | config.hypervisor_interrupts()
    }
}

#[cfg(test)]
mod tests {
    use arch::csr as c;

    use super::*;
    use crate::csr::testing::aia_hart;

    /// All that decides about interrupts, but wires.
    const REGISTERS: [u16; 12] = [
        c::MIE,
        c::MIP,
        c::MIDELEG,
        c::MVIEN,
        c::MVIP,
        c::SIE,
        c::HIDELEG,
        c::HVIP,
        c::HVIEN,
        c::HVICTL,
        c::VSIE,
        c::HGEIE,
    ];

    #[test]
    fn what_is_told_of_any_level_could_be_seen_before() {
        let (mut state, config) = aia_hart();
        let mut random = 1_u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 32 & random >> 40
        };
        let mut told = 0;
        for round in 0..100_000 {
            let address = REGISTERS[next() as usize % REGISTERS.len()];
            let bits = next() & next();
            let _ = csr::write(&mut state, &config, address, bits | (bits & 1) << 30);
            (state.hgeip, state.pins) = (next() & 6, next() & (ip::MACHINE | ip::SEIP));
            let expected = is_any_told(&state, &config);
            assert_eq!(has_any(&state, &config), expected, "round {round}, {address:#x}: {state:?}");
            told += u32::from(expected);
        }
        assert!((1000..99_000).contains(&told), "{told} of them");
    }
}
