//! A build that saves no machines.

use clap::Args;

/// Nothing is saved or loaded.
#[derive(Args, Clone, Debug, Default)]
pub struct SnapshotOptions {}

impl SnapshotOptions {
    /// Whether a machine is loaded, which has its software in memory.
    pub fn loads(&self) -> bool {
        false
    }
}
