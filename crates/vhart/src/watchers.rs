//! Who watches the harts of a run, as the user asked.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use board::{Machine, Watching};

use crate::cli::MachineOptions;
use crate::errors;
use crate::stat::Stat;
use crate::terminal::OnLook;

/// All who watch.
pub struct Watchers {
    stat: Stat,
    /// Whether statistics were asked for at the start, and the file that they go to.
    wanted: Option<Option<PathBuf>>,
}

impl Watchers {
    /// Whom the options ask for.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn wanted(options: &MachineOptions) -> Result<Watchers> {
        let watchers = Watchers { stat: Stat::default(), wanted: options.stat.clone() };
        if let Some(file) = &options.stat {
            file.iter().try_for_each(|file| errors::check_file("statistics", file))?;
            watchers.stat.begin();
        }
        Ok(watchers)
    }

    /// What the machine is to be told of them.
    pub fn watching(&self) -> Option<Watching> {
        Some(self.stat.watching())
    }

    /// Learns what the machine calls its parts.
    pub fn meet(&self, machine: &Machine) {
        self.stat.names(machine);
    }

    /// What Ctrl-A S does.
    pub fn on_look(&self) -> OnLook {
        let stat = self.stat.clone();
        Arc::new(move || stat.look())
    }

    /// The run is over: reports.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn report(&self, machine: &Machine) -> Result<()> {
        match &self.wanted {
            None => Ok(()),
            Some(None) => {
                self.stat.print(machine);
                Ok(())
            }
            Some(Some(file)) => self.stat.write(machine, file),
        }
    }
}
