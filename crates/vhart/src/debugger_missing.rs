//! A build that watches nothing has no debuggers either.

use anyhow::Result;
use board::{Debugging, Machine};

use crate::cli::MachineOptions;
use crate::watchers::Watchers;

/// The port, before there is a machine.
pub struct Port;

/// The way from the port to the machine.
#[must_use]
pub struct Debugger;

/// Whether debuggers may come.
pub fn debugging(_: &MachineOptions) -> Debugging {
    Debugging::Off
}

/// Nobody comes.
pub fn may_come(_: &MachineOptions) -> bool {
    false
}

impl Port {
    /// There is none.
    pub fn open(_: &MachineOptions) -> Result<Port> {
        Ok(Port)
    }

    /// Nowhere.
    pub fn lead_to(self, _: &Machine, _: &Watchers) -> Result<Debugger> {
        Ok(Debugger)
    }
}

impl Debugger {
    /// Nobody hears it.
    pub fn end(self, _: u8) {}
}
