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

    /// What becomes of a snapshot whose disks are not as they were.
    pub fn changed_disks(&self) -> virtio::ChangedDisk {
        virtio::ChangedDisk::Refused
    }
}
