//! What a guest wrote to a snapshot.
//!
//! A sparse temporary file without a name, as long as the disk, and a bit per cluster that says which of the two has
//! the data. A cluster is copied as a whole before its first write.

#[cfg(feature = "state")]
mod state;

#[cfg(feature = "state")]
pub(super) use state::Written;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::base::{Base, Patience, read_exact_at};

const CLUSTER_BYTES: u64 = 4096;

pub(super) struct Overlay {
    file: File,
    /// A bit per cluster: it is in `file`.
    written: Vec<u64>,
}

impl Overlay {
    /// An overlay for a disk of `len_bytes` that nothing was written to. Where the system has no directory for
    /// temporary files, it lies in `beside`.
    pub(super) fn new(len_bytes: u64, beside: &Path) -> io::Result<Self> {
        let clusters = len_bytes.div_ceil(CLUSTER_BYTES);
        let words = usize::try_from(clusters.div_ceil(64)).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let file = tempfile::tempfile().or_else(|why| tempfile::tempfile_in(beside).map_err(|_| why))?;
        file.set_len(clusters * CLUSTER_BYTES)?;
        Ok(Overlay { file, written: vec![0; words] })
    }

    pub(super) fn read_at(&self, base: &Base, at: u64, data: &mut [u8], patience: Patience) -> io::Result<()> {
        let mut at = at;
        let mut rest = data;
        while !rest.is_empty() {
            let written = self.is_written(at / CLUSTER_BYTES);
            let len = self.run(at, rest.len(), written);
            let (part, more) = rest.split_at_mut(len);
            match written {
                true => read_exact_at(&self.file, part, at, patience)?,
                false => base.read_at(at, part, patience)?,
            }
            at += len as u64;
            rest = more;
        }
        Ok(())
    }

    pub(super) fn write_at(&mut self, base: &Base, at: u64, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let first = at / CLUSTER_BYTES;
        let end = at + data.len() as u64;
        let last = (end - 1) / CLUSTER_BYTES;
        for (edge, cluster) in [(at, first), (end, last)] {
            if !edge.is_multiple_of(CLUSTER_BYTES) {
                self.copy(base, cluster)?;
            }
        }
        self.file.write_all_at(data, at)?;
        (first..=last).for_each(|cluster| self.mark(cluster));
        Ok(())
    }

    /// Brings a cluster over, unless it is here.
    fn copy(&mut self, base: &Base, cluster: u64) -> io::Result<()> {
        if self.is_written(cluster) {
            return Ok(());
        }
        let mut data = [0; CLUSTER_BYTES as usize];
        base.read_at(cluster * CLUSTER_BYTES, &mut data, Patience::Wait)?;
        self.file.write_all_at(&data, cluster * CLUSTER_BYTES)?;
        self.mark(cluster);
        Ok(())
    }

    /// Bytes from `at` on, at most `limit`, in clusters that are alike.
    fn run(&self, at: u64, limit: usize, written: bool) -> usize {
        let end = at + limit as u64;
        let mut next = (at / CLUSTER_BYTES + 1) * CLUSTER_BYTES;
        while next < end && self.is_written(next / CLUSTER_BYTES) == written {
            next += CLUSTER_BYTES;
        }
        (next.min(end) - at) as usize
    }

    fn is_written(&self, cluster: u64) -> bool {
        self.written.get((cluster / 64) as usize).is_some_and(|word| word >> (cluster % 64) & 1 != 0)
    }

    fn mark(&mut self, cluster: u64) {
        if let Some(word) = self.written.get_mut((cluster / 64) as usize) {
            *word |= 1 << (cluster % 64);
        }
    }
}
