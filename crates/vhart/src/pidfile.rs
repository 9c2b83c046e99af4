//! `--pidfile`: the number of this process, in a file.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::errors;

/// A file with the number of this process in it; removed when dropped.
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(path: &Path) -> Result<PidFile> {
        errors::write_file("the process number to", path, format!("{}\n", std::process::id()).as_bytes())?;
        Ok(PidFile(path.into()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody may have taken it away already.
        let _ = std::fs::remove_file(&self.0);
    }
}
