//! `--save-snapshot` and `--load-snapshot`: options.

use std::path::PathBuf;

use clap::Args;

use super::value;

const HEADING: &str = "Snapshots";

/// Where a machine is saved, and where it is loaded from.
#[derive(Args, Clone, Debug, Default)]
pub struct SnapshotOptions {
    /// Save the machine to a file and end, with its memory; --load-snapshot goes on there
    ///
    /// When --save-at or --save-when says so; without either when the run ends, unless the guest has ended it: on
    /// quitting (Ctrl-A X), a signal, --timeout or --max-instructions. SIGUSR1 saves it meanwhile, and it goes on, as
    /// does savevm behind Ctrl-A C. docs/snapshots.md has the rest.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub save_snapshot: Option<PathBuf>,

    /// Save once so many instructions are retired, by all harts together and from this run's beginning on
    ///
    /// Units are thousands: 10M is ten million.
    #[arg(long, value_name = "N", value_parser = value::count, requires = "save_snapshot", help_heading = HEADING)]
    pub save_at: Option<u64>,

    /// Save once the serial port has shown this text, for example a prompt
    #[arg(long, value_name = "TEXT", requires = "save_snapshot", help_heading = HEADING)]
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub save_when: Option<String>,

    /// Begin where a machine was saved
    ///
    /// Harts, memory, instruction set, interrupt controller and firmware are that machine's, and no kernel is needed.
    /// Disks, shares and ports are to be named as they were; a disk that was written to since is refused.
    #[arg(long, visible_alias = "loadvm", value_name = "FILE", help_heading = HEADING)]
    pub load_snapshot: Option<PathBuf>,

    /// Load the snapshot though a disk was written to, or is another file of its size
    ///
    /// What the guest remembers of its file systems may then be wrong, and what it writes may destroy them.
    #[arg(long, requires = "load_snapshot", help_heading = HEADING)]
    pub load_changed_disks: bool,
}

impl SnapshotOptions {
    /// Whether a machine is loaded, which has its software in memory.
    pub fn loads(&self) -> bool {
        self.load_snapshot.is_some()
    }

    /// What becomes of a snapshot whose disks are not as they were.
    pub fn changed_disks(&self) -> virtio::ChangedDisk {
        if self.load_changed_disks { virtio::ChangedDisk::Taken } else { virtio::ChangedDisk::Refused }
    }

    /// Whether anything is saved or loaded.
    #[cfg(feature = "linux")]
    pub fn is_wanted(&self) -> bool {
        self.loads() || self.save_snapshot.is_some()
    }
}
