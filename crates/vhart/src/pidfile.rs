//! `--pidfile`: the number of this process, in a file, which goes when the process does.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;

use crate::errors;

/// The file, as its path from the root: the program may end anywhere.
static FILE: OnceLock<std::path::PathBuf> = OnceLock::new();

/// A file with the number of this process in it; removed when dropped.
pub struct PidFile(());

impl PidFile {
    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(path: &Path) -> Result<PidFile> {
        errors::write_file("the process number to", path, format!("{}\n", std::process::id()).as_bytes())?;
        FILE.get_or_init(|| std::path::absolute(path).unwrap_or_else(|_| path.into()));
        Ok(PidFile(()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        remove();
    }
}

/// Removes it, if there is one: for ends that drop nothing.
pub fn remove() {
    // Somebody may have taken it away already.
    let _ = FILE.get().map(std::fs::remove_file);
}
