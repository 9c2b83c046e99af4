//! The workspace as the source of a build: which files matter, their hash, and a copy of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, OnFile, Result};
use crate::hash::hex_sha256;

/// What the build reads, below the workspace's root.
const ROOTS: [&str; 4] = ["Cargo.toml", "Cargo.lock", "crates", "xtask"];

/// Directories that no build of a program reads.
const LEFT_OUT: [&str; 5] = ["target", "tests", "benches", "examples", "fuzz"];

/// The files of a workspace.
#[derive(Debug)]
pub(super) struct Sources {
    workspace: PathBuf,
    /// Relative to the workspace, sorted.
    files: Vec<PathBuf>,
}

impl Sources {
    /// The sources at `workspace`.
    ///
    /// # Errors
    /// [`Error::NoSources`] where there is no workspace any more.
    pub(super) fn find(workspace: &Path) -> Result<Sources> {
        if !workspace.join("Cargo.lock").is_file() {
            return Err(Error::NoSources { place: workspace.to_owned() });
        }
        let mut sources = Sources { workspace: workspace.to_owned(), files: Vec::new() };
        for root in ROOTS {
            sources.add(Path::new(root))?;
        }
        sources.files.sort();
        Ok(sources)
    }

    /// Adds the file at `path`, or all files below it.
    fn add(&mut self, path: &Path) -> Result<()> {
        let full = self.workspace.join(path);
        if full.is_file() {
            self.files.push(path.to_owned());
            return Ok(());
        }
        for entry in fs::read_dir(&full).on_file("read", &full)? {
            let name = entry.on_file("read", &full)?.file_name();
            let text = name.to_string_lossy();
            let hidden = text.starts_with('.');
            let left_out = LEFT_OUT.contains(&&*text) && full.join(&name).is_dir();
            if !hidden && !left_out {
                self.add(&path.join(&name))?;
            }
        }
        Ok(())
    }

    /// The workspace's root.
    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// The hash of names and contents.
    pub(super) fn key(&self) -> Result<String> {
        let mut parts = Vec::new();
        for file in &self.files {
            parts.push(file.to_string_lossy().into_owned().into_bytes());
            parts.push(self.read(file)?);
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Ok(hex_sha256(&parts)[..16].to_owned())
    }

    /// The hash of the list of other people's crates.
    pub(super) fn lock_key(&self) -> Result<String> {
        Ok(hex_sha256(&[&self.read(Path::new("Cargo.lock"))?])[..16].to_owned())
    }

    fn read(&self, file: &Path) -> Result<Vec<u8>> {
        let path = self.workspace.join(file);
        fs::read(&path).on_file("read", &path)
    }

    /// Copies the sources into `directory`, in place of an earlier copy. Times are kept: cargo goes by them.
    pub(super) fn copy_to(&self, directory: &Path) -> Result<()> {
        for root in ROOTS {
            let old = directory.join(root);
            if old.is_dir() {
                fs::remove_dir_all(&old).on_file("remove", &old)?;
            }
        }
        self.files.iter().try_for_each(|file| copy(&self.workspace.join(file), &directory.join(file)))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).on_file("make directory", parent)?;
    }
    fs::copy(from, to).on_file("write", to)?;
    let modified = fs::metadata(from).and_then(|metadata| metadata.modified()).on_file("read", from)?;
    File::options().write(true).open(to).and_then(|file| file.set_modified(modified)).on_file("write", to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "crates/a/src/lib.rs", "crates/a/tests/t.rs", "xtask/Cargo.toml"] {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, name).unwrap();
        }
        place
    }

    #[test]
    fn tests_are_no_source_of_the_program() {
        let place = workspace();
        let before = Sources::find(place.path()).unwrap().key().unwrap();
        fs::write(place.path().join("crates/a/tests/t.rs"), "changed").unwrap();
        assert_eq!(Sources::find(place.path()).unwrap().key().unwrap(), before);
        fs::write(place.path().join("crates/a/src/lib.rs"), "changed").unwrap();
        assert_ne!(Sources::find(place.path()).unwrap().key().unwrap(), before);
    }

    #[test]
    fn a_copy_replaces_the_one_before_and_keeps_times() {
        let (place, to) = (workspace(), tempfile::tempdir().unwrap());
        fs::create_dir_all(to.path().join("crates/gone")).unwrap();
        Sources::find(place.path()).unwrap().copy_to(to.path()).unwrap();
        assert!(!to.path().join("crates/gone").exists());
        let modified = |root: &Path| fs::metadata(root.join("Cargo.lock")).unwrap().modified().unwrap();
        assert_eq!(modified(place.path()), modified(to.path()));
    }

    #[test]
    fn vanished_workspace_is_said_to_be_gone() {
        let why = Sources::find(Path::new("/nowhere/vhart")).unwrap_err();
        assert!(matches!(why, Error::NoSources { .. }), "{why}");
    }
}
