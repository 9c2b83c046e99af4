//! What the tests of this folder share.

use arch::{Isa, Mode};

use super::{read, write};
use crate::{Aia, Config, Denied, State};

/// A hart with everything that exists but AIA, after reset.
pub fn hart() -> (State, Config) {
    let config = Config::new(Isa::ALL.minus(Isa::AIA), 0);
    (State::reset(&config), config)
}

/// A hart with everything that exists, an IMSIC and three guest files, after reset.
pub fn aia_hart() -> (State, Config) {
    let aia = Aia { imsic: true, ..Aia::FULL };
    let config = Config { aia, guest_external_interrupts: 3, ..Config::new(Isa::ALL, 0) };
    (State::reset(&config), config)
}

/// Writes `value` and reads back what became of it, in the current mode.
pub fn legalised(state: &mut State, config: &Config, address: u16, value: u64) -> u64 {
    write(state, config, address, value).unwrap();
    read(state, config, address).unwrap()
}

/// Checks that `mode` may not read `address`.
#[track_caller]
pub fn rejects(state: &mut State, config: &Config, mode: Mode, address: u16, why: Denied) {
    state.mode = mode;
    assert_eq!(read(state, config, address), Err(why), "{address:#x} in {mode:?}");
}

/// Checks that `mode` may read `address`.
#[track_caller]
pub fn accepts(state: &mut State, config: &Config, mode: Mode, address: u16) {
    state.mode = mode;
    assert!(read(state, config, address).is_ok(), "{address:#x} in {mode:?}");
}
