//! `--gdb`: the port that debuggers come to.

#[cfg(feature = "machine")]
mod words;
#[cfg(not(feature = "machine"))]
#[path = "debugger/words_missing.rs"]
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use board::{Debugging, Machine};
use gdb::{Listening, Server};
use trace::Recent;

use crate::cli::MachineOptions;
use crate::errors;
use crate::stat::Stat;
use crate::watchers::Watchers;
use words::Words;

/// The port, before there is a machine.
pub struct Port(Option<Taken>);

struct Taken {
    listening: Listening,
    /// Whether the machine waits for who comes there.
    waits: bool,
}

/// The way from the port to the machine, if there is one.
#[must_use]
pub struct Debugger(Option<Server>);

/// Whether somebody may come.
pub fn may_come(options: &MachineOptions) -> bool {
    options.gdb.is_some()
}

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
        Ok(Port(Some(Taken { listening, waits: options.paused })))
    }

    /// Leads from it to the machine.
    ///
    /// # Errors
    /// This computer has no thread left.
    pub fn lead_to(self, machine: &Machine, watchers: &Watchers) -> Result<Debugger> {
        let Some((Taken { listening, waits }, control)) = self.0.zip(machine.control()) else {
            return Ok(Debugger(None));
        };
        tell_where(listening.address(), waits);
        let (ram, bus, stopper) = (machine.ram().clone(), machine.bus().clone(), machine.stopper());
        let debugged = gdb::Machine { control, ram, bus, stopper, witness: Arc::new(Witness::of(machine, watchers)) };
        let tell = Arc::new(|what: &str| errors::tell(what));
        Server::open(listening, debugged, tell).map(|server| Debugger(Some(server))).context("no thread for --gdb")
    }
}

/// Tells the user where to. A client that came before there is a machine would not wait for long.
fn tell_where(at: SocketAddr, waits: bool) {
    if !at.ip().is_loopback() {
        errors::tell(format!("everybody who reaches {at} can read and change this machine"));
    }
    let waits = if waits { "the machine waits for a debugger" } else { "debuggers may come" };
    errors::tell(format!("{waits}: target remote {at}"));
}

/// What was seen of the machine.
struct Witness {
    stat: Stat,
    recent: Recent,
    words: Words,
}

impl Witness {
    fn of(machine: &Machine, watchers: &Watchers) -> Witness {
        let recent = watchers.recent.clone().unwrap_or_default();
        Witness { stat: watchers.stat.clone(), recent, words: Words::of(machine) }
    }
}

impl gdb::Witness for Witness {
    fn attend(&self, is_there: bool) {
        self.recent.keep(is_there);
    }
    fn events(&self, hart: usize, most: usize) -> Vec<String> {
        self.recent.last(hart, most).iter().map(|(stamp, event)| self.words.line(stamp, event)).collect()
    }
    fn statistics(&self) -> String {
        self.stat.look("monitor stat")
    }
}

impl Debugger {
    /// Tells a debugger that the machine has ended with this exit status.
    pub fn end(self, status: u8) {
        self.0.into_iter().for_each(|server| server.end(status));
    }
}
