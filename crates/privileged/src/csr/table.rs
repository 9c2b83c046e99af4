//! The registers, one row each: all that there is to say of them. Addresses, names and fields are in [`arch::csr`].
//!
//! A row is `address => gate, {value}, options;`. The gate, of [`gate`](super::gate), says who may access the register;
//! the privilege in the address and the bits that make a register read-only are checked before. The value is one of
//!
//! - `{word field, legal bits, effects of a change; in generated code}`: a field of [`State`] that holds what the
//!   register shows. The effects are left out where nobody caches consequences. Generated code reads and writes the
//!   field (`in_place`), or reads it and passes over writes that change nothing (`unless_changed`), or leaves it to the
//!   interpreter (`interpreted`).
//! - `{read value, write effects; in_place how}`: anything else; without `in_place` generated code leaves it to the
//!   interpreter.
//!
//! Options are `in_vs:` the register that takes its place where V = 1, `inputs:` what must be up to date before an
//! access, `reset:` what gives it its value after reset, which is zero otherwise, and `holds:` the words of [`State`]
//! that are this register's and no field of a `word` row, each beside what of it is legal.

use core::mem::offset_of;

use arch::Extension::{H, Smaia, Smepmp, Smstateen, Sscofpmf, Zicntr, Zihpm};
use arch::Mode;
use arch::csr::{self as c, counteren};

use super::environment::{self as env, number};
use super::in_place::{FloatPart, InPlace, Word, unless_changed};
use super::inputs::Inputs;
use super::{atp, counters, float, gate, identity, indirect, interrupts as int, pmp, put, status, traps};
use crate::interrupt::pending;
use crate::{Config, Denied, Effects, Level, State, pmp as rules, priority};

/// A write that changes nothing: to a register that is read-only by its address (and never gets here) or by its nature.
const IGNORED: Effects = Effects::NONE;
/// A write that claims: "The value written is ignored".
const CLAIM: Effects = Effects::FILE;
const COUNTERS: Effects = Effects::COUNTERS;
const INTERRUPTS: Effects = Effects::INTERRUPTS;
/// A comparator or what it is compared with changed.
const TIMER: Effects = Effects::TIMER.and(Effects::INTERRUPTS);
/// Depends on time or wires.
const TIME: Inputs = Inputs::TIME;
/// Depends on time or wires, and on overflown counters.
const PENDING: Inputs = Inputs::TIME.and(Inputs::OVERFLOWS);
/// Depends on an interrupt file.
const FILE: Inputs = Inputs::FILE;
/// What a window shows.
const NOTHING: u64 = 0;

/// What a value shows.
macro_rules! shown {
    ($state:ident {word $($field:ident).+, $($rest:tt)*}) => { $state.$($field).+ };
    ($state:ident {read $read:expr, $($rest:tt)*}) => { $read };
}

/// What a write does to a value.
macro_rules! written {
    ($state:ident $value:ident {word $($field:ident).+, $bits:expr; $code:ident}) => {
        put(&mut $state.$($field).+, $bits, $value, Effects::NONE)
    };
    ($state:ident $value:ident {word $($field:ident).+, $bits:expr, $effects:expr; $code:ident}) => {
        put(&mut $state.$($field).+, $bits, $value, $effects)
    };
    ($state:ident $value:ident {read $read:expr, write $write:expr $(; in_place $how:expr)?}) => { $write };
}

/// What generated code may do with a value.
macro_rules! in_place {
    ({word $($field:ident).+, $bits:expr $(, $effects:expr)?; in_place}) => {
        Some(InPlace::Word(Word { offset: offset_of!(State, $($field).+), mask: $bits }))
    };
    ({word $($field:ident).+, $bits:expr $(, $effects:expr)?; unless_changed}) => {
        Some(unless_changed(offset_of!(State, $($field).+), $bits))
    };
    ({word $($field:ident).+, $bits:expr $(, $effects:expr)?; interpreted}) => { None };
    ({read $read:expr, write $write:expr}) => { None };
    ({read $read:expr, write $write:expr; in_place $how:expr}) => { Option::from($how) };
}

/// Answers with a value that is a word, if it lies at the offset.
macro_rules! found_at {
    ($state:ident $offset:ident {word $($field:ident).+, $($rest:tt)*}) => {
        if $offset == offset_of!(State, $($field).+) {
            return Some(&mut $state.$($field).+);
        }
    };
    ($state:ident $offset:ident {read $($rest:tt)*}) => {};
}

/// Whether what a value holds is legal. A view of other registers' words holds none.
macro_rules! held {
    ($state:ident $exists:ident {word $($field:ident).+, $bits:expr $(, $effects:expr)?; $code:ident}) => {
        is_legal([($state.$($field).+, $state.$($field).+ & $bits)], $exists)
    };
    ($state:ident $exists:ident {read $($rest:tt)*}) => { true };
    ($state:ident $exists:ident {read $($rest:tt)*} $holds:expr) => { is_legal($holds, $exists) };
}

/// Whether words, each beside what of it is legal, are so. Those of a register that does not exist are zero.
fn is_legal(words: impl IntoIterator<Item = (u64, u64)>, exists: bool) -> bool {
    words.into_iter().all(|(word, legal)| word == if exists { legal } else { 0 })
}

macro_rules! registers {
    (($state:ident, $config:ident, $mode:ident, $address:ident, $value:ident) $(
        $pattern:pat => $gate:ident $(($extension:ident))?, $register:tt
        $(, in_vs: $in_vs:expr)? $(, inputs: $inputs:expr)? $(, reset: $reset:expr)? $(, holds: $holds:expr)?;
    )*) => {
        /// Whether the register exists and no field of another one withholds it.
        pub fn gate($state: &State, $config: &Config, $address: u16) -> gate::Verdict {
            match $address {
                $($pattern => gate::$gate($state, $config, $address $(, $extension)?),)*
                _ => Err(Denied::Illegal),
            }
        }

        /// What the register shows.
        pub fn load($state: &State, $config: &Config, $address: u16) -> u64 {
            match $address {
                $($pattern => shown!($state $register),)*
                _ => 0,
            }
        }

        /// Writes what `value` becomes.
        pub fn store($state: &mut State, $config: &Config, $address: u16, $value: u64) -> Effects {
            match $address {
                $($pattern => written!($state $value $register),)*
                _ => IGNORED,
            }
        }

        /// Whether what the register holds is what writes can have left there, in a hart in which it exists, or does
        /// not.
        pub fn holds_legal($state: &State, $config: &Config, $address: u16, exists: bool) -> bool {
            match $address {
                $($pattern => held!($state exists $register $($holds)?),)*
                _ => true,
            }
        }

        /// What code generated for `mode` may do with the register, if it may access it.
        pub fn in_place($config: &Config, $mode: Mode, $address: u16) -> Option<InPlace> {
            match $address {
                $($pattern => in_place!($register),)*
                _ => None,
            }
        }

        /// The word of some row that lies at an offset.
        pub fn word_at($state: &mut State, offset: usize) -> Option<&mut u64> {
            $(found_at!($state offset $register);)*
            None
        }

        /// The register of VS-mode's that an access with V = 1 reaches.
        pub const fn in_vs($address: u16) -> u16 {
            match $address {
                $($($pattern => $in_vs,)?)*
                _ => $address,
            }
        }

        /// What must be up to date before the register is accessed.
        #[inline]
        pub const fn inputs($address: u16) -> Inputs {
            match $address {
                $($($pattern => $inputs,)?)*
                _ => Inputs::NONE,
            }
        }

        /// Gives every register that is not zero after reset its value.
        pub fn reset($state: &mut State, $config: &Config) {
            $($($reset;)?)*
        }
    };
}

registers! { (state, config, mode, address, value)
    // Unprivileged.
    c::FFLAGS =>
        float,
        {read state.fflags.into(), write float::write_fflags(state, value); in_place InPlace::Float(FloatPart::Flags)},
        holds: float::flags_held(state);
    c::FRM =>
        float,
        {read state.frm.into(), write float::write_frm(state, value); in_place InPlace::Float(FloatPart::Rounding)},
        holds: float::rounding_held(state);
    c::FCSR =>
        float,
        {read float::fcsr(state), write float::write_fcsr(state, value); in_place InPlace::Float(FloatPart::Both)};
    c::CYCLE => counter(Zicntr), {read counters::cycle(state), write IGNORED};
    c::TIME => counter(Zicntr), {read counters::time(state), write IGNORED}, inputs: TIME;
    c::INSTRET => counter(Zicntr), {read counters::instret(state), write IGNORED};
    c::HPMCOUNTER3..=c::HPMCOUNTER31 =>
        counter(Zihpm),
        {read counters::hpmcounter(state, address), write IGNORED}, inputs: Inputs::EVENTS;

    // Trap handling in M-mode.
    c::MTVEC => base, {word m.tvec, traps::TVEC; in_place};
    c::MSCRATCH => base, {word m.scratch, !0; in_place};
    c::MEPC => base, {word m.epc, traps::epc(config); in_place};
    c::MCAUSE => base, {word m.cause, !0; in_place};
    c::MTVAL => base, {word m.tval, !0; in_place};
    c::MTVAL2 => having(H), {word m.tval2, !0; in_place};
    c::MTINST => having(H), {word m.tinst, !0; in_place};

    // Trap handling in HS-mode.
    c::STVEC => base, {word s.tvec, traps::TVEC; in_place}, in_vs: c::VSTVEC;
    c::SSCRATCH => base, {word s.scratch, !0; in_place}, in_vs: c::VSSCRATCH;
    c::SEPC => base, {word s.epc, traps::epc(config); in_place}, in_vs: c::VSEPC;
    c::SCAUSE => base, {word s.cause, !0; in_place}, in_vs: c::VSCAUSE;
    c::STVAL => base, {word s.tval, !0; in_place}, in_vs: c::VSTVAL;
    c::HTVAL => having(H), {word s.tval2, !0; in_place};
    c::HTINST => having(H), {word s.tinst, !0; in_place};

    // Trap handling in VS-mode.
    c::VSTVEC => base, {word vs.tvec, traps::TVEC; in_place};
    c::VSSCRATCH => base, {word vs.scratch, !0; in_place};
    c::VSEPC => base, {word vs.epc, traps::epc(config); in_place};
    c::VSCAUSE => base, {word vs.cause, !0; in_place};
    c::VSTVAL => base, {word vs.tval, !0; in_place};

    // Supervisor.
    c::SSTATUS =>
        base,
        {read status::sstatus(state, config), write status::write_sstatus(state, config, value);
         in_place status::sstatus_in_place(config)},
        in_vs: c::VSSTATUS;
    c::SIE =>
        interrupts, {read int::sie(state), write int::write_sie(state, value); in_place int::sie_in_place(config)},
        in_vs: c::VSIE,
        holds: [(state.sie, state.sie & int::independent(config))];
    c::SIP => interrupts, {read int::sip(state, config), write int::write_sip(state, value)},
        in_vs: c::VSIP, inputs: PENDING;
    c::SCOUNTEREN => base, {word scounteren, counters::existing(config), COUNTERS; in_place};
    c::SENVCFG =>
        environment,
        {read state.senvcfg, write env::write_senvcfg(state, config, value); in_place env::senvcfg_in_place(config)},
        holds: [(state.senvcfg, env::legal_user(config, state.senvcfg))];
    c::SSTATEEN0..=c::SSTATEEN3 => state_enable, {read 0, write IGNORED; in_place env::sstateen_in_place(address)};
    c::STIMECMP => timer, {word stimecmp, !0, TIMER; unless_changed}, in_vs: c::VSTIMECMP, inputs: TIME;
    c::SATP =>
        satp,
        {read state.satp, write atp::write_satp(state, config, value);
         in_place unless_changed(offset_of!(State, satp), !0)},
        in_vs: c::VSATP,
        holds: [(state.satp, atp::legal_supervisor(config, state.satp))];
    c::SISELECT => select, {word siselect, !0; in_place}, in_vs: c::VSISELECT;
    c::SIREG =>
        window, {read indirect::ireg(state, address), write indirect::write_ireg(state, config, address, value)},
        in_vs: c::VSIREG, inputs: FILE,
        holds: indirect::priorities_held(state, config, Level::Supervisor);
    c::SIREG2 => window, {read NOTHING, write IGNORED}, in_vs: c::VSIREG2;
    c::SIREG3 => window, {read NOTHING, write IGNORED}, in_vs: c::VSIREG3;
    c::SIREG4..=c::SIREG6 => window, {read NOTHING, write IGNORED}, in_vs: address + (c::VSIREG4 - c::SIREG4);
    c::STOPEI => top_external, {read state.topei(Level::Supervisor), write CLAIM}, in_vs: c::VSTOPEI, inputs: FILE;
    c::STOPI => aia, {read priority::stopi(state, config), write IGNORED}, in_vs: c::VSTOPI, inputs: PENDING;
    c::SCOUNTOVF => having(Sscofpmf), {read counters::scountovf(state), write IGNORED}, inputs: Inputs::EVENTS;

    // Virtual supervisor.
    c::VSSTATUS =>
        base,
        {read status::vsstatus(state), write status::write_vsstatus(state, config, value);
         in_place status::vsstatus_in_place(config, mode)},
        holds: [(state.vsstatus, status::legal_supervisor(config, state.vsstatus))];
    c::VSIE => base, {read int::vsie(state), write int::write_vsie(state, value); in_place int::VSIE_IN_PLACE},
        holds: [(state.vsie, state.vsie & config.virtual_interrupts())];
    c::VSIP => base, {read int::vsip(state, config), write int::write_vsip(state, value)}, inputs: TIME;
    c::VSTIMECMP => timer, {word vstimecmp, !0, TIMER; unless_changed}, inputs: TIME;
    c::VSISELECT => select, {word vsiselect, !0; in_place};
    c::VSIREG =>
        window, {read indirect::ireg(state, address), write indirect::write_ireg(state, config, address, value)},
        inputs: FILE;
    c::VSIREG2..=c::VSIREG3 | c::VSIREG4..=c::VSIREG6 => window, {read NOTHING, write IGNORED};
    c::VSTOPEI => top_external, {read state.topei(Level::Guest), write CLAIM}, inputs: FILE;
    c::VSTOPI => aia, {read priority::vstopi(state, config), write IGNORED}, inputs: TIME;
    c::VSATP =>
        base,
        {read state.vsatp, write atp::write_vsatp(state, config, value);
         in_place unless_changed(offset_of!(State, vsatp), !0)},
        holds: [(state.vsatp, atp::legal_supervisor(config, state.vsatp))];

    // Hypervisor.
    c::HSTATUS =>
        base,
        {read status::hstatus(state), write status::write_hstatus(state, config, value);
         in_place status::hstatus_in_place(config)},
        holds: [(state.hstatus, status::legal_hypervisor(config, state.hstatus))];
    c::HEDELEG => base, {word hedeleg, traps::HEDELEG; in_place};
    c::HIDELEG => base, {word hideleg, int::HIDELEG, INTERRUPTS; unless_changed};
    c::HIE => base, {read int::hie(state), write int::write_hie(state, value); in_place int::HIE_IN_PLACE};
    c::HIP => base, {read int::hip(state, config), write int::write_hip(state, value)}, inputs: TIME;
    c::HVIP => base,
        {read int::hvip(state), write int::write_hvip(state, config, value); in_place int::hvip_in_place(config)},
        holds: [(state.hvip, state.hvip & int::injectable(config))];
    c::HVIEN => aia, {word hvien, config.virtual_interrupts(), INTERRUPTS; unless_changed};
    c::HVICTL => aia, {word hvictl, int::HVICTL, INTERRUPTS; unless_changed};
    c::HVIPRIO1 => aia, {word hviprio1, int::hviprio1(config), INTERRUPTS; unless_changed};
    c::HVIPRIO2 => aia, {word hviprio2, int::hviprio2(config), INTERRUPTS; unless_changed};
    c::HGEIE => base, {word hgeie, config.guest_external_mask(), INTERRUPTS; interpreted};
    c::HGEIP => base, {read int::hgeip(state, config), write IGNORED}, inputs: TIME;
    c::HTIMEDELTA => base, {word htimedelta, !0, TIMER.and(COUNTERS); unless_changed}, inputs: TIME;
    c::HCOUNTEREN => base, {word hcounteren, counters::existing(config), COUNTERS; in_place};
    c::HENVCFG =>
        environment,
        {read state.henvcfg(), write env::write_henvcfg(state, config, value); in_place env::henvcfg_in_place(config)},
        holds: [(state.henvcfg, env::legal_supervisor(config, state.henvcfg))];
    c::HSTATEEN0..=c::HSTATEEN3 =>
        state_enable,
        {read env::hstateen(state, config, number(address)),
         write env::write_hstateen(state, config, number(address), value);
         in_place env::hstateen_in_place(config, address)},
        holds: env::enables_held(config, number(address), &state.hstateen);
    c::HGATP =>
        hgatp,
        {read state.hgatp, write atp::write_hgatp(state, config, value);
         in_place unless_changed(offset_of!(State, hgatp), !0)},
        holds: [(state.hgatp, atp::legal_guest(config, state.hgatp))];

    // Machine.
    c::MSTATUS => base, {read status::mstatus(state), write status::write_mstatus(state, config, value)},
        holds: [(state.mstatus, status::legal_machine(config, state.mstatus))];
    c::MISA => base, {read identity::misa(config), write IGNORED};
    c::MEDELEG => base, {word medeleg, traps::medeleg(config); interpreted};
    c::MIDELEG => base, {read state.mideleg(config), write int::write_mideleg(state, config, value)},
        holds: [(state.mideleg, state.mideleg & int::delegable(config))];
    c::MIE => base, {word mie, int::existing(config), INTERRUPTS; interpreted};
    c::MIP => base, {read pending(state, config), write int::write_mip(state, config, value)}, inputs: PENDING,
        holds: [(state.mip, state.mip & int::software(config))];
    // what the hart keeps of it, whether HS-mode lies open, generated code does not know
    c::MCOUNTEREN => base, {word mcounteren, counters::existing(config), COUNTERS; interpreted};
    c::MVIEN => having(Smaia), {word mvien, int::filterable(config), INTERRUPTS; interpreted};
    c::MVIP => having(Smaia), {read int::mvip(state), write int::write_mvip(state, config, value)},
        holds: [(state.mvip, state.mvip & int::asserted(config))];
    c::MISELECT => select, {word miselect, !0; in_place};
    c::MIREG =>
        window, {read indirect::ireg(state, address), write indirect::write_ireg(state, config, address, value)},
        inputs: FILE,
        holds: indirect::priorities_held(state, config, Level::Machine);
    c::MIREG2..=c::MIREG3 | c::MIREG4..=c::MIREG6 => window, {read NOTHING, write IGNORED};
    c::MTOPEI => top_external, {read state.topei(Level::Machine), write CLAIM}, inputs: FILE;
    c::MTOPI => having(Smaia), {read priority::mtopi(state, config), write IGNORED}, inputs: PENDING;
    c::MCOUNTINHIBIT =>
        base, {read state.mcountinhibit, write counters::write_mcountinhibit(state, config, value)},
        inputs: Inputs::EVENTS,
        holds: counters::inhibits_held(state, config);
    c::MHPMEVENT3..=c::MHPMEVENT31 =>
        base,
        {read counters::mhpmevent(state, address), write counters::write_mhpmevent(state, config, address, value)},
        inputs: Inputs::EVENTS,
        holds: counters::event_held(state, config, address);
    c::MCYCLE => base, {read counters::cycle(state), write counters::write_mcycle(state, value)},
        holds: counters::stop_held(state, &state.mcycle, counteren::CY);
    c::MINSTRET => base, {read counters::instret(state), write counters::write_minstret(state, value)},
        holds: counters::stop_held(state, &state.minstret, counteren::IR);
    c::MHPMCOUNTER3..=c::MHPMCOUNTER31 =>
        base,
        {read counters::hpmcounter(state, address), write counters::write_mhpmcounter(state, config, address, value)},
        inputs: Inputs::EVENTS,
        holds: counters::counter_held(state, config, address);
    c::MENVCFG =>
        base, {read state.menvcfg, write env::write_menvcfg(state, config, value)},
        reset: state.menvcfg = env::menvcfg_after_reset(config),
        holds: [(state.menvcfg, env::legal_supervisor(config, state.menvcfg))];
    c::MSTATEEN0..=c::MSTATEEN3 =>
        having(Smstateen),
        {read state.mstateen[number(address)], write env::write_mstateen(state, config, number(address), value)},
        holds: env::enables_held(config, number(address), &state.mstateen);
    c::PMPCFG0..=c::PMPCFG15 =>
        pmp,
        {read pmp::pmpcfg(state, address), write pmp::write_pmpcfg(state, config, address, value)},
        reset: state.pmpcfg[0] = pmp::pmpcfg0_after_reset(config),
        holds: pmp::configs_held(state, config, address);
    c::PMPADDR0..=c::PMPADDR63 =>
        pmp,
        {read pmp::pmpaddr(state, address), write pmp::write_pmpaddr(state, config, address, value)},
        reset: state.pmpaddr[0] = pmp::pmpaddr0_after_reset(config),
        holds: pmp::address_held(state, config, address);
    c::MSECCFG => having(Smepmp), {read state.mseccfg, write pmp::write_mseccfg(state, config, value)},
        holds: [(state.mseccfg, state.mseccfg & rules::SECURITY)];
    // RISC-V Debug Specification 1.0, "Enumeration": a type of 0 (in `tinfo`, its bit) says that there is no trigger.
    c::TSELECT..=c::TDATA3 => always, {read 0, write IGNORED};
    c::TINFO => always, {read 1, write IGNORED};
    c::MVENDORID => base, {read config.ids.vendor, write IGNORED};
    c::MARCHID => base, {read config.ids.arch, write IGNORED};
    c::MIMPID => base, {read config.ids.implementation, write IGNORED};
    c::MHARTID => base, {read config.hart_id, write IGNORED};
    c::MCONFIGPTR => base, {read 0, write IGNORED};
}
