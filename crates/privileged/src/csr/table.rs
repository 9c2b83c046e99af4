//! The registers, one row each: address, who may access it, what it shows, what a write does.
//!
//! A row is `address => gate, value read, effects of the write;`, with, where it applies, `in_vs:` the register that takes its place
//! where V = 1, `inputs:` what must be brought up to date before it is accessed, and `reset:` what gives it its value after reset, which
//! is zero otherwise. The rows become one `match` for each of these, so a register that lacks one of the first three does not compile.
//! The privilege in the address and the bits that make a register read-only are checked before; VS-mode's own registers have been put
//! in the place of the supervisor's.

use arch::Extension::{H, Smepmp, Smstateen, Sscofpmf, Zicntr, Zihpm};
use arch::csr as c;

use super::environment::{self as env, number};
use super::inputs::Inputs;
use super::{atp, counters, float, gate, identity, interrupts as int, pmp, set, status, traps, update};
use crate::interrupt::pending;
use crate::{Config, Denied, Effects, State};

/// A write that changes nothing: to a register that is read-only by its address (and never gets here) or by its nature.
const IGNORED: Effects = Effects::NONE;
/// A comparator or what it is compared with changed.
const TIMER: Effects = Effects::TIMER.and(Effects::INTERRUPTS);
/// Depends on time or wires.
const TIME: Inputs = Inputs::TIME;

macro_rules! registers {
    (($state:ident, $config:ident, $address:ident, $value:ident) $(
        $pattern:pat => $gate:expr, $read:expr, $write:expr
        $(, in_vs: $in_vs:expr)? $(, inputs: $inputs:expr)? $(, reset: $reset:expr)?;
    )*) => {
        /// Whether the register exists and no field of another one withholds it.
        pub fn gate($state: &State, $config: &Config, $address: u16) -> gate::Verdict {
            match $address {
                $($pattern => $gate,)*
                _ => Err(Denied::Illegal),
            }
        }

        /// What the register shows.
        pub fn load($state: &State, $config: &Config, $address: u16) -> u64 {
            match $address {
                $($pattern => $read,)*
                _ => 0,
            }
        }

        /// Writes what `value` becomes.
        pub fn store($state: &mut State, $config: &Config, $address: u16, $value: u64) -> Effects {
            match $address {
                $($pattern => $write,)*
                _ => IGNORED,
            }
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

registers! { (state, config, address, value)
    // Unprivileged.
    c::FFLAGS => gate::float(state, config), state.fflags.into(), float::write_fflags(state, value);
    c::FRM => gate::float(state, config), state.frm.into(), float::write_frm(state, value);
    c::FCSR => gate::float(state, config), float::fcsr(state), float::write_fcsr(state, value);
    c::CYCLE => gate::counter(state, config, address, Zicntr), counters::cycle(state), IGNORED;
    c::TIME => gate::counter(state, config, address, Zicntr), counters::time(state), IGNORED, inputs: TIME;
    c::INSTRET => gate::counter(state, config, address, Zicntr), counters::instret(state), IGNORED;
    c::HPMCOUNTER3..=c::HPMCOUNTER31 =>
        gate::counter(state, config, address, Zihpm), counters::hpmcounter(state, address),
        IGNORED, inputs: Inputs::EVENTS;

    // Trap handling, at each level.
    c::MTVEC => gate::base(config, address), state.m.tvec, set(&mut state.m.tvec, traps::tvec(value));
    c::MSCRATCH => gate::base(config, address), state.m.scratch, set(&mut state.m.scratch, value);
    c::MEPC => gate::base(config, address), state.m.epc, set(&mut state.m.epc, traps::epc(config, value));
    c::MCAUSE => gate::base(config, address), state.m.cause, set(&mut state.m.cause, value);
    c::MTVAL => gate::base(config, address), state.m.tval, set(&mut state.m.tval, value);
    c::MTVAL2 => gate::having(config, address, H), state.m.tval2, set(&mut state.m.tval2, value);
    c::MTINST => gate::having(config, address, H), state.m.tinst, set(&mut state.m.tinst, value);
    c::STVEC => gate::base(config, address), state.s.tvec, set(&mut state.s.tvec, traps::tvec(value)), in_vs: c::VSTVEC;
    c::SSCRATCH => gate::base(config, address), state.s.scratch, set(&mut state.s.scratch, value), in_vs: c::VSSCRATCH;
    c::SEPC => gate::base(config, address), state.s.epc, set(&mut state.s.epc, traps::epc(config, value)), in_vs: c::VSEPC;
    c::SCAUSE => gate::base(config, address), state.s.cause, set(&mut state.s.cause, value), in_vs: c::VSCAUSE;
    c::STVAL => gate::base(config, address), state.s.tval, set(&mut state.s.tval, value), in_vs: c::VSTVAL;
    c::HTVAL => gate::having(config, address, H), state.s.tval2, set(&mut state.s.tval2, value);
    c::HTINST => gate::having(config, address, H), state.s.tinst, set(&mut state.s.tinst, value);
    c::VSTVEC => gate::base(config, address), state.vs.tvec, set(&mut state.vs.tvec, traps::tvec(value));
    c::VSSCRATCH => gate::base(config, address), state.vs.scratch, set(&mut state.vs.scratch, value);
    c::VSEPC => gate::base(config, address), state.vs.epc, set(&mut state.vs.epc, traps::epc(config, value));
    c::VSCAUSE => gate::base(config, address), state.vs.cause, set(&mut state.vs.cause, value);
    c::VSTVAL => gate::base(config, address), state.vs.tval, set(&mut state.vs.tval, value);

    // Supervisor.
    c::SSTATUS =>
        gate::base(config, address), status::sstatus(state, config),
        status::write_sstatus(state, config, value), in_vs: c::VSSTATUS;
    c::SIE => gate::base(config, address), int::sie(state), int::write_sie(state, value), in_vs: c::VSIE;
    c::SIP => gate::base(config, address), int::sip(state, config), int::write_sip(state, value), in_vs: c::VSIP, inputs: TIME.and(Inputs::OVERFLOWS);
    c::SCOUNTEREN =>
        gate::base(config, address), state.scounteren,
        counters::write_enables(&mut state.scounteren, config, value);
    c::SENVCFG => gate::environment(state, config, address), state.senvcfg, env::write_senvcfg(state, config, value);
    c::SSTATEEN0..=c::SSTATEEN3 => gate::state_enable(state, config, address), 0, IGNORED;
    c::STIMECMP => gate::timer(state, config, address), state.stimecmp, update(&mut state.stimecmp, !0, value, TIMER), in_vs: c::VSTIMECMP, inputs: TIME;
    c::SATP => gate::satp(state), state.satp, atp::write_satp(state, config, value), in_vs: c::VSATP;
    c::SCOUNTOVF => gate::having(config, address, Sscofpmf), counters::scountovf(state), IGNORED, inputs: Inputs::EVENTS;

    // Virtual supervisor.
    c::VSSTATUS => gate::base(config, address), status::vsstatus(state), status::write_vsstatus(state, config, value);
    c::VSIE => gate::base(config, address), int::vsie(state), int::write_vsie(state, value);
    c::VSIP => gate::base(config, address), int::vsip(state, config), int::write_vsip(state, value), inputs: TIME;
    c::VSTIMECMP =>
        gate::timer(state, config, address), state.vstimecmp,
        update(&mut state.vstimecmp, !0, value, TIMER), inputs: TIME;
    c::VSATP => gate::base(config, address), state.vsatp, atp::write_vsatp(state, config, value);

    // Hypervisor.
    c::HSTATUS => gate::base(config, address), status::hstatus(state), status::write_hstatus(state, config, value);
    c::HEDELEG => gate::base(config, address), state.hedeleg, set(&mut state.hedeleg, value & traps::HEDELEG);
    c::HIDELEG => gate::base(config, address), state.hideleg, int::write_hideleg(state, value);
    c::HIE => gate::base(config, address), int::hie(state), int::write_hie(state, value);
    c::HIP => gate::base(config, address), int::hip(state, config), int::write_hip(state, value), inputs: TIME;
    c::HVIP => gate::base(config, address), int::hvip(state), int::write_hvip(state, value);
    c::HGEIE => gate::base(config, address), state.hgeie, int::write_hgeie(state, config, value);
    c::HGEIP => gate::base(config, address), int::hgeip(state, config), IGNORED, inputs: TIME;
    c::HTIMEDELTA =>
        gate::base(config, address), state.htimedelta,
        update(&mut state.htimedelta, !0, value, TIMER.and(Effects::COUNTERS)), inputs: TIME;
    c::HCOUNTEREN =>
        gate::base(config, address), state.hcounteren,
        counters::write_enables(&mut state.hcounteren, config, value);
    c::HENVCFG => gate::environment(state, config, address), state.henvcfg(), env::write_henvcfg(state, config, value);
    c::HSTATEEN0..=c::HSTATEEN3 =>
        gate::state_enable(state, config, address), env::hstateen(state, config, number(address)),
        env::write_hstateen(state, config, number(address), value);
    c::HGATP => gate::hgatp(state, config), state.hgatp, atp::write_hgatp(state, config, value);

    // Machine.
    c::MSTATUS => gate::base(config, address), status::mstatus(state), status::write_mstatus(state, config, value);
    c::MISA => gate::base(config, address), identity::misa(config), IGNORED;
    c::MEDELEG => gate::base(config, address), state.medeleg, set(&mut state.medeleg, value & traps::medeleg(config));
    c::MIDELEG => gate::base(config, address), state.mideleg(config), int::write_mideleg(state, config, value);
    c::MIE => gate::base(config, address), state.mie, int::write_mie(state, config, value);
    c::MIP => gate::base(config, address), pending(state, config), int::write_mip(state, config, value), inputs: TIME.and(Inputs::OVERFLOWS);
    c::MCOUNTEREN =>
        gate::base(config, address), state.mcounteren,
        counters::write_enables(&mut state.mcounteren, config, value);
    c::MCOUNTINHIBIT =>
        gate::base(config, address), state.mcountinhibit,
        counters::write_mcountinhibit(state, config, value), inputs: Inputs::EVENTS;
    c::MHPMEVENT3..=c::MHPMEVENT31 =>
        gate::base(config, address), counters::mhpmevent(state, address),
        counters::write_mhpmevent(state, config, address, value), inputs: Inputs::EVENTS;
    c::MCYCLE => gate::base(config, address), counters::cycle(state), counters::write_mcycle(state, value);
    c::MINSTRET => gate::base(config, address), counters::instret(state), counters::write_minstret(state, value);
    c::MHPMCOUNTER3..=c::MHPMCOUNTER31 =>
        gate::base(config, address), counters::hpmcounter(state, address),
        counters::write_mhpmcounter(state, config, address, value), inputs: Inputs::EVENTS;
    c::MENVCFG => gate::base(config, address), state.menvcfg, env::write_menvcfg(state, config, value), reset: state.menvcfg = env::menvcfg_after_reset(config);
    c::MSTATEEN0..=c::MSTATEEN3 =>
        gate::having(config, address, Smstateen), state.mstateen[number(address)],
        env::write_mstateen(state, number(address), value);
    c::PMPCFG0..=c::PMPCFG15 =>
        gate::pmp(config, address), pmp::pmpcfg(state, address),
        pmp::write_pmpcfg(state, config, address, value), reset: state.pmpcfg[0] = pmp::pmpcfg0_after_reset(config);
    c::PMPADDR0..=c::PMPADDR63 =>
        gate::pmp(config, address), pmp::pmpaddr(state, address),
        pmp::write_pmpaddr(state, config, address, value), reset: state.pmpaddr[0] = pmp::pmpaddr0_after_reset(config);
    c::MSECCFG => gate::having(config, address, Smepmp), state.mseccfg, pmp::write_mseccfg(state, config, value);
    // RISC-V Debug Specification 1.0, "Enumeration": a type of 0 (in `tinfo`, its bit) says that there is no trigger.
    c::TSELECT..=c::TDATA3 => Ok(()), 0, IGNORED;
    c::TINFO => Ok(()), 1, IGNORED;
    c::MVENDORID => gate::base(config, address), config.ids.vendor, IGNORED;
    c::MARCHID => gate::base(config, address), config.ids.arch, IGNORED;
    c::MIMPID => gate::base(config, address), config.ids.implementation, IGNORED;
    c::MHARTID => gate::base(config, address), config.hart_id, IGNORED;
    c::MCONFIGPTR => gate::base(config, address), 0, IGNORED;
}
