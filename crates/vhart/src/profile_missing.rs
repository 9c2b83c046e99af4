//! The build that runs guests only takes no samples: its harts are the host's.

use anyhow::Result;
use board::{Machine, Sampling};

use crate::cli::MachineOptions;

/// Samples: there are none.
pub enum Profile {}

impl Profile {
    /// None.
    ///
    /// # Errors
    /// None.
    pub fn of(_: &MachineOptions) -> Result<Option<Profile>> {
        Ok(None)
    }

    /// Nothing is sampled.
    pub fn sampling(&self) -> Sampling {
        match *self {}
    }

    /// Nothing is reported.
    ///
    /// # Errors
    /// None.
    pub fn report(&self, _: &Machine) -> Result<()> {
        match *self {}
    }
}
