//! States that no hart can come to: for whoever loads one that was saved, and cannot trust who saved it.
//!
//! What registers can hold is what their rows say ([`crate::csr`]). Beyond them there are the mode, and inputs, of
//! which those that stand for wires have as many bits as there are wires.

use core::fmt;

use arch::csr::{ip, topei};
use arch::{Extension, Privilege};

use crate::{Config, State, csr};

/// Why a hart can come to no such state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impossible {
    /// There is no such mode.
    Mode,
    /// The CSR at this address cannot hold what it does.
    Csr(u16),
    /// There are no such wires, or interrupt files.
    Inputs,
}

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Impossible::Mode => f.write_str("it was in a mode that there is not"),
            Impossible::Csr(address) => match arch::csr::name(address) {
                Some(name) => write!(f, "its {name} held what it cannot hold"),
                None => write!(f, "its CSR {address:#x} held what it cannot hold"),
            },
            Impossible::Inputs => f.write_str("it had wires that there are not"),
        }
    }
}

impl core::error::Error for Impossible {}

impl State {
    /// Whether a hart made so can come to this state.
    ///
    /// # Errors
    /// It cannot: says why.
    pub fn check(&self, config: &Config) -> Result<(), Impossible> {
        let is_mode = !self.mode.virt || self.mode.privilege != Privilege::Machine && config.has(Extension::H);
        is_mode.then_some(()).ok_or(Impossible::Mode)?;
        csr::illegal(self, config).map_or(Ok(()), |address| Err(Impossible::Csr(address)))?;
        self.has_possible_inputs(config).then_some(()).ok_or(Impossible::Inputs)
    }

    /// Whether inputs have no more bits than there are wires and identities. VS-mode's bank has two words that no
    /// register shows.
    fn has_possible_inputs(&self, config: &Config) -> bool {
        const WIRES: u64 = ip::MACHINE | ip::SEIP;
        let is_top = |&top: &u64| top == topei::of(topei::identity(top));
        self.pins & !WIRES == 0
            && self.hgeip & !config.guest_external_mask() == 0
            && self.topei.iter().all(is_top)
            && (self.vs.tval2, self.vs.tinst) == (0, 0)
    }
}

#[cfg(all(test, feature = "state"))]
mod tests;
