//! A file that takes another's place once it is whole: whoever looks meanwhile sees the one or the other.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The file, beside the one that is to be there.
pub struct Beside {
    file: NamedTempFile,
    path: PathBuf,
}

impl Beside {
    /// An empty one, which those may read and write whom `mode` lets, and the user's mask.
    ///
    /// # Errors
    /// There is a directory at `path`, or none around it that can be written to.
    pub fn begin(path: &Path, mode: u32) -> io::Result<Beside> {
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".vhart-").permissions(Permissions::from_mode(mode));
        Ok(Beside { file: builder.tempfile_in(directory(path))?, path: path.to_owned() })
    }

    /// What is written to.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Takes its place, with all of it on the disk. Answers how many bytes there are.
    ///
    /// # Errors
    /// The host cannot.
    pub fn take_place(self) -> io::Result<u64> {
        self.file.as_file().sync_all()?;
        let bytes = self.file.as_file().metadata()?.len();
        self.file.persist(&self.path)?;
        File::open(directory(&self.path))?.sync_all()?;
        Ok(bytes)
    }
}

fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
