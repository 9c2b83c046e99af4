//! What the user is told while the machine runs: that the host fails a guest, once for each way in which it does.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::io::Errno;

use super::node::Node;
use crate::block::Report;

/// Errors that are not of the guest's making, nor what a program expects from a file system.
const HOSTS: [Errno; 7] =
    [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::STALE, Errno::MFILE, Errno::NFILE, Errno::NOMEM];

/// Who is told, and what has been told.
pub(super) struct Complaints {
    path: PathBuf,
    report: Report,
    told: Vec<Errno>,
}

impl fmt::Debug for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Complaints").field("path", &self.path).field("told", &self.told).finish_non_exhaustive()
    }
}

impl Complaints {
    pub fn new(path: PathBuf, report: Report) -> Self {
        Complaints { path, report, told: Vec::new() }
    }

    /// Takes note of an error that the guest gets.
    pub fn hear(&mut self, errno: Errno, root: &Node) {
        let why = match errno {
            Errno::NOENT if is_gone(root) => "it is not there any more".to_owned(),
            _ if HOSTS.contains(&errno) => io::Error::from(errno).to_string(),
            _ => return,
        };
        if !self.told.contains(&errno) {
            self.told.push(errno);
            (self.report)(&format!("the guest gets errors from shared directory {:?}: {why}", self.path));
        }
    }
}

/// Whether a directory was removed.
fn is_gone(directory: &Node) -> bool {
    directory.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}
