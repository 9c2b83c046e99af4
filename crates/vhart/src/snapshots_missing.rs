//! A build that saves no machines.

use std::path::PathBuf;

use anyhow::Result;
use board::{Ending, Engine, Machine, MachineConfig};
use devices::ConsoleOut;

use crate::cli::SnapshotOptions;

/// Nothing is saved or loaded.
pub struct Snapshots;

/// Nobody's wishes are granted.
#[derive(Clone)]
pub struct Wishes;

impl Wishes {
    /// Says that it cannot be.
    ///
    /// # Errors
    /// Always.
    pub fn save(&self, _file: Option<PathBuf>) -> Result<(), &'static str> {
        Err("this vhart saves no machines")
    }
}

impl Snapshots {
    /// As the options want it.
    ///
    /// # Errors
    /// Never.
    pub fn wanted(_options: &SnapshotOptions) -> Result<Snapshots> {
        Ok(Snapshots)
    }

    /// Who takes wishes, and grants none.
    pub fn wishes(&self) -> Wishes {
        Wishes
    }

    /// Runs the machine to its end.
    ///
    /// # Errors
    /// As [`Machine::run`]'s.
    pub fn run(&self, machine: &mut Machine) -> Result<Ending, board::Error> {
        machine.run()
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
