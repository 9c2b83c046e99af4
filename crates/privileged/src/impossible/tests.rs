extern crate std;

use std::borrow::ToOwned;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use arch::csr::{self as name, atp, hpmevent, status};
use arch::{Event, Extension, Isa, Mode, Trap};
use fastrand::Rng;
use serde_json::Value;

use super::*;
use crate::csr::testing::{aia_hart, hart};
use crate::{Aia, Cause, enter, mret, sret};

/// Harts that have this and that.
fn configs() -> Vec<Config> {
    let without = |extension| Config { isa: Isa::ALL.without(extension), ..aia_hart().1 };
    let small = Config { pmp_entries: 0, asid_bits: 3, vmid_bits: 2, ..hart().1 };
    let few =
        Config { aia: Aia { imsic: true, ..Aia::LEAST }, guest_external_interrupts: 63, ..Config::new(Isa::ALL, 0) };
    let mut configs = vec![aia_hart().1, hart().1, small, few, Config::new(Isa::BASE, 0)];
    use Extension::{F, H, Smaia, Smstateen, Sscofpmf, Sstc, Zicntr};
    configs.extend([F, H, Smaia, Smstateen, Sscofpmf, Sstc, Zicntr].map(without));
    configs
}

/// A value that a program might write.
fn value(rng: &mut Rng) -> u64 {
    match rng.u8(..4) {
        0 => u64::MAX,
        1 => rng.u64(..) & rng.u64(..),
        2 => 1 << rng.u32(..64) | rng.u64(..16) << atp::MODE_SHIFT,
        _ => rng.u64(..),
    }
}

/// Does something to a state that a program or its devices can do.
fn step(state: &mut State, config: &Config, rng: &mut Rng) {
    let modes = if config.has(Extension::H) {
        &[Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU][..]
    } else {
        &[Mode::M, Mode::HS, Mode::U]
    };
    let addresses: Vec<u16> = csr::implemented(config).collect();
    state.mode = modes[rng.usize(..modes.len())];
    match rng.u8(..20) {
        0 => {
            let trap = Trap::new(arch::Exception::LoadPageFault, rng.u64(..));
            enter(state, config, Cause::Exception(trap), rng.u64(..) & !3);
        }
        1 => drop(mret(state)),
        2 => drop(sret(state, config)),
        3 => {
            state.instret += rng.u64(..1000);
            state.hpm.totals.0[Event::Instructions as usize] = value(rng);
            state.settle_counters(config);
        }
        4 => (state.pins, state.hgeip) = (ip::SEIP, config.guest_external_mask()),
        5 if config.has(Extension::F) => state.dirty_fp(),
        _ => drop(csr::write(state, config, addresses[rng.usize(..addresses.len())], value(rng))),
    }
}

#[test]
fn whatever_a_program_writes_is_possible() {
    for config in configs() {
        let mut rng = Rng::with_seed(1);
        for _ in 0..40 {
            let mut state = State::reset(&config);
            assert_eq!(state.check(&config), Ok(()), "after reset, {:?}", config.isa);
            for _ in 0..400 {
                step(&mut state, &config, &mut rng);
            }
            assert_eq!(state.check(&config), Ok(()), "{:?}", config.isa);
        }
    }
}

/// The places of all that is in a state and no text, as JSON pointers.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| leaves(field, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| leaves(item, &format!("{at}/{n}"), found));
        }
        Value::String(_) => {}
        _ => found.push(at.to_owned()),
    }
}

/// The state with all bits of a leaf set.
fn filled(state: &Value, leaf: &str) -> State {
    let values = [Value::Bool(true), u64::MAX.into(), u32::MAX.into(), u8::MAX.into()];
    let with = |value: &Value| {
        let mut state = state.clone();
        *state.pointer_mut(leaf).unwrap() = value.clone();
        serde_json::from_value(state).ok()
    };
    values.iter().find_map(with).unwrap_or_else(|| panic!("{leaf} takes no number"))
}

/// What a hart with little can hold in all bits: what is any value, and counts.
const ANY: [&str; 11] = [
    "/instret",
    "/time",
    "/file",
    "/m/scratch",
    "/m/cause",
    "/m/tval",
    "/s/scratch",
    "/s/cause",
    "/s/tval",
    "/minstret/base",
    "/mcycle/base",
];

/// A field of the state that no row knows of would be here.
#[test]
fn a_hart_with_little_holds_little() {
    let config = Config { pmp_entries: 0, ..Config::new(Isa::BASE, 0) };
    let state = serde_json::to_value(State::reset(&config)).unwrap();
    let mut places = Vec::new();
    leaves(&state, "", &mut places);
    assert!(places.len() > 150, "{places:?}");
    places.retain(|leaf| filled(&state, leaf).check(&config).is_ok() && !leaf.starts_with("/hpm/totals/"));
    places.sort();
    let mut any = ANY.to_vec();
    any.sort_unstable();
    assert_eq!(places, any);
}

#[test]
fn what_cannot_be_is_named() {
    let (reset, config) = aia_hart();
    let of = |change: fn(&mut State)| {
        let mut state = reset.clone();
        change(&mut state);
        state.check(&config)
    };
    let csr = |address| Err(Impossible::Csr(address));
    assert_eq!(of(|state| state.mode = Mode { virt: true, ..Mode::M }), Err(Impossible::Mode));
    assert_eq!(of(|state| state.satp = 11 << atp::MODE_SHIFT), csr(name::SATP));
    assert_eq!(of(|state| state.hgatp = 1), csr(name::HGATP));
    assert_eq!(of(|state| state.mstatus = 2 << status::MPP_SHIFT), csr(name::MSTATUS));
    assert_eq!(of(|state| state.hstatus = 4 << name::hstatus::VGEIN_SHIFT), csr(name::HSTATUS));
    assert_eq!(of(|state| state.vs.epc = 1), csr(name::VSEPC));
    assert_eq!(of(|state| state.frm = 8), csr(name::FRM));
    assert_eq!(of(|state| state.pmpcfg[15] = 0x60), csr(name::PMPCFG0 + 2));
    assert_eq!(of(|state| state.pmpcfg[3] = name::pmpcfg::W), csr(name::PMPCFG0));
    assert_eq!(of(|state| state.pmpaddr[16] = 1), csr(name::PMPADDR0 + 16));
    assert_eq!(of(|state| state.mhpmevent[2] = 5), csr(name::MHPMEVENT3 + 2));
    assert_eq!(of(|state| state.mhpmevent[2] = Event::Cycles.selector()), csr(name::MCOUNTINHIBIT));
    assert_eq!(of(|state| state.mhpmevent[20] = hpmevent::OF | 1), csr(name::MHPMEVENT3 + 20));
    assert_eq!(of(|state| state.mcountinhibit = 1), csr(name::MCYCLE));
    assert_eq!(of(|state| state.siprio[7] = 1 << 63), csr(name::SIREG));
    assert_eq!(of(|state| state.menvcfg = 2 << name::envcfg::CBIE_SHIFT), csr(name::MENVCFG));
    assert_eq!(of(|state| state.hgeip = 1), Err(Impossible::Inputs));
    assert_eq!(of(|state| state.topei[1] = 5), Err(Impossible::Inputs));
    assert_eq!(Impossible::Csr(name::MHPMEVENT3).to_string(), "its mhpmevent3 held what it cannot hold");
}
