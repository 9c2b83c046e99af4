//! What a guest wrote to a snapshot, as data.

use std::io;
use std::os::unix::fs::FileExt;

use bus::state::{Unfit, check};
use serde::{Deserialize, Serialize};

use super::{CLUSTER_BYTES, Overlay};

/// Clusters that were written to, by their numbers, and their content.
#[derive(Deserialize, Serialize)]
pub struct Written {
    clusters: Vec<u64>,
    content: Vec<u8>,
}

impl Overlay {
    /// All that was written to it.
    pub fn save(&self) -> io::Result<Written> {
        let all = 0..self.written.len() as u64 * 64;
        let clusters: Vec<u64> = all.filter(|&cluster| self.is_written(cluster)).collect();
        let mut content = vec![0; clusters.len() * CLUSTER_BYTES as usize];
        for (&cluster, into) in clusters.iter().zip(content.chunks_exact_mut(CLUSTER_BYTES as usize)) {
            self.file.read_exact_at(into, cluster * CLUSTER_BYTES)?;
        }
        Ok(Written { clusters, content })
    }

    /// Makes it one to which that was written.
    pub fn load(&mut self, written: &Written) -> Result<(), Unfit> {
        let Written { clusters, content } = written;
        let end = self.written.len() as u64 * 64;
        let fits = content.len() as u64 == clusters.len() as u64 * CLUSTER_BYTES && clusters.iter().all(|&at| at < end);
        check(fits, "a disk was larger")?;
        self.written.fill(0);
        for (&cluster, from) in clusters.iter().zip(content.chunks_exact(CLUSTER_BYTES as usize)) {
            let done = self.file.write_all_at(from, cluster * CLUSTER_BYTES);
            done.map_err(|why| Unfit::of(format!("the temporary file of a disk cannot be written: {why}")))?;
            self.mark(cluster);
        }
        Ok(())
    }
}
