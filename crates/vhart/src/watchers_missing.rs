//! A build without watchers.

use std::sync::Arc;

use anyhow::Result;
use board::{Machine, Sampling, Watching};

use crate::cli::MachineOptions;
use crate::explaining::Explainer;
use crate::terminal::OnLook;

/// Nobody.
pub struct Watchers;

impl Watchers {
    /// Nobody; the options ask for no more.
    pub fn wanted(_: &MachineOptions) -> Result<Watchers> {
        Ok(Watchers)
    }

    /// Nothing.
    pub fn watching(&self, _: &Explainer) -> Option<Watching> {
        None
    }

    /// Nothing.
    pub fn sampling(&self) -> Option<Sampling> {
        None
    }

    /// Nothing is learned.
    pub fn meet(&self, _: &Machine) {}

    /// What Ctrl-A S does.
    pub fn on_look(&self) -> OnLook {
        Arc::new(|| "the host executes this machine and counts by its own means (perf kvm stat)".into())
    }

    /// Nothing is reported.
    pub fn report(&self, _: &Machine) -> Result<()> {
        Ok(())
    }
}
