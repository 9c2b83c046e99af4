//! `--gdb`: the port that debuggers come to.

use std::sync::Arc;

use anyhow::{Context, Result};
use board::{Debugging, Machine};
use gdb::{Listening, Server};

use crate::cli::MachineOptions;
use crate::errors;

/// The port, before there is a machine.
pub struct Port(Option<Listening>);

/// The way from the port to the machine, if there is one.
#[must_use]
pub struct Debugger(Option<Server>);

/// Whether debuggers may come.
pub fn debugging(options: &MachineOptions) -> Debugging {
    match (options.gdb, options.paused) {
        (None, _) => Debugging::Off,
        (Some(_), false) => Debugging::On,
        (Some(_), true) => Debugging::Waiting,
    }
}

impl Port {
    /// Takes the port that was asked for.
    ///
    /// # Errors
    /// Somebody else has it.
    pub fn open(options: &MachineOptions) -> Result<Port> {
        let Some(gdb) = options.gdb else { return Ok(Port(None)) };
        let taken = || format!("debuggers cannot come to {}; --gdb=PORT names another port", gdb.address);
        let listening = Listening::at(gdb.address).with_context(taken)?;
        let at = listening.address();
        if !at.ip().is_loopback() {
            errors::tell(format!("everybody who reaches {at} can read and change this machine"));
        }
        let waits = if options.paused { "the machine waits for a debugger" } else { "debuggers may come" };
        errors::tell(format!("{waits}: target remote {at}"));
        Ok(Port(Some(listening)))
    }

    /// Leads from it to the machine.
    ///
    /// # Errors
    /// This computer has no thread left.
    pub fn lead_to(self, machine: &Machine) -> Result<Debugger> {
        let Some((listening, control)) = self.0.zip(machine.control()) else { return Ok(Debugger(None)) };
        let (ram, bus, stopper) = (machine.ram().clone(), machine.bus().clone(), machine.stopper());
        let debugged = gdb::Machine { control, ram, bus, stopper };
        let tell = Arc::new(|what: &str| errors::tell(what));
        Server::open(listening, debugged, tell).map(|server| Debugger(Some(server))).context("no thread for --gdb")
    }
}

impl Debugger {
    /// Tells a debugger that the machine has ended with this exit status.
    pub fn end(self, status: u8) {
        self.0.into_iter().for_each(|server| server.end(status));
    }
}
