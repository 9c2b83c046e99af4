//! Whether there is room for what is to be fetched, before it is.
//!
//! Not every tool ends when the disk is full: apt-get may wait for ever.

use std::path::Path;

use crate::error::{Error, Result};

/// Refuses to go on where the file system of `path` has less than `needed_bytes` free.
///
/// # Errors
/// [`Error::Room`]. Where nothing tells how much is free, that is for the tools to find out.
pub(crate) fn check(path: &Path, needed_bytes: u64) -> Result<()> {
    match rustix::fs::statvfs(path) {
        Ok(system) => compare(path, needed_bytes, system.f_bavail.saturating_mul(system.f_frsize)),
        Err(_) => Ok(()),
    }
}

fn compare(path: &Path, needed_bytes: u64, free_bytes: u64) -> Result<()> {
    if free_bytes >= needed_bytes {
        return Ok(());
    }
    Err(Error::Room { path: path.to_owned(), needed_bytes, free_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_room_is_told_in_megabytes() {
        let why = compare(Path::new("/cache"), 2_500_000_000, 60_999_999).unwrap_err().to_string();
        assert!(why.starts_with("/cache has 60 MB free, and 2500 MB are needed: free some"), "{why}");
        assert!(compare(Path::new("/cache"), 1, 1).is_ok());
    }

    #[test]
    fn every_file_system_has_room_for_nothing_and_none_for_everything() {
        let here = tempfile::tempdir().unwrap();
        assert!(check(here.path(), 0).is_ok());
        assert!(matches!(check(here.path(), u64::MAX), Err(Error::Room { .. })));
    }
}
