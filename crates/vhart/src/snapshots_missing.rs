//! A build that saves no machines.

use anyhow::Result;
use board::{Ending, Engine, Machine, MachineConfig};
use devices::ConsoleOut;

use crate::cli::SnapshotOptions;

/// Nothing is saved or loaded.
pub struct Snapshots;

impl Snapshots {
    /// As the options want it.
    ///
    /// # Errors
    /// Never.
    pub fn wanted(_options: &SnapshotOptions) -> Result<Snapshots> {
        Ok(Snapshots)
    }

    /// `console`, listened to by nobody.
    pub fn listen(&self, console: ConsoleOut) -> ConsoleOut {
        console
    }

    /// The machine.
    ///
    /// # Errors
    /// As [`Machine::new`]'s.
    pub fn machine(&mut self, config: MachineConfig, engine: &mut dyn Engine) -> Result<Machine> {
        Ok(Machine::new(config, engine)?)
    }

    /// Nothing is to be done when a run has ended.
    ///
    /// # Errors
    /// Never.
    pub fn after(&self, _machine: &mut Machine, _ending: &Ending) -> Result<()> {
        Ok(())
    }
}
