//! The file behind a disk.
//!
//! Three ways to use it: as it is, only to be read, or with the guest's writes kept aside (see [`Overlay`]).

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::SECTOR_BYTES;
use super::overlay::Overlay;

/// What the guest may do with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockAccess {
    /// Read and write the file.
    ReadWrite,
    /// Only read.
    ReadOnly,
    /// Read and write, but what was written is forgotten at the end; the file stays as it is.
    Snapshot,
}

/// Why a disk could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// There is no such file.
    #[error("there is no disk image {path:?}; create an empty one with: truncate -s 8G {path:?}")]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The host's permissions do not allow it.
    #[error("no permission to open disk image {path:?} for {purpose}; change its permissions{advice}")]
    Permission {
        /// The file.
        path: PathBuf,
        /// Reading, or reading and writing.
        purpose: &'static str,
        /// What else helps.
        advice: &'static str,
    },
    /// It is a directory.
    #[error("{path:?} is a directory; a disk is a raw image file")]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("disk image {path:?} is empty; give it a size with: truncate -s 8G {path:?}")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Someone else has it open.
    #[error("disk image {path:?} is in use by another machine; end that one first, or work on a copy of the file")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is no place for what the guest writes.
    #[error("no temporary file for the snapshot of {path:?} (set TMPDIR to a directory with room)")]
    Scratch {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot open disk image {path:?}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
}

/// An open disk image.
pub struct BlockFile {
    base: Base,
    access: BlockAccess,
    overlay: Option<Overlay>,
    name: String,
}

/// The image, whose last sector may be incomplete: it reads as if zeros followed.
pub(super) struct Base {
    file: File,
    len_bytes: u64,
}

impl Base {
    /// Fills `data` from `at` on.
    pub(super) fn read_at(&self, at: u64, data: &mut [u8]) -> io::Result<()> {
        let present = self.len_bytes.saturating_sub(at).min(data.len() as u64) as usize;
        let (file, padding) = data.split_at_mut(present);
        padding.fill(0);
        self.file.read_exact_at(file, at)
    }
}

impl BlockFile {
    /// Opens the raw image `path`. A size that is no multiple of 512 is rounded up; the missing bytes read as zeros.
    ///
    /// A writable image is locked against all other users, another one against writers.
    ///
    /// # Errors
    /// [`DiskError`] names the file and says what to do.
    pub fn open(path: &Path, access: BlockAccess) -> Result<Self, DiskError> {
        let io_error = |source| DiskError::Io { path: path.into(), source };
        let writable = access == BlockAccess::ReadWrite;
        let opened = OpenOptions::new().read(true).write(writable).open(path);
        let mut file = opened.map_err(|error| explain(path, access, error))?;
        if file.metadata().map_err(io_error)?.is_dir() {
            return Err(DiskError::Directory { path: path.into() });
        }
        lock(&file, path, access)?;
        // A block device's metadata has no size.
        let len_bytes = file.seek(SeekFrom::End(0)).map_err(io_error)?;
        if len_bytes == 0 {
            return Err(DiskError::Empty { path: path.into() });
        }
        let overlay = match access {
            BlockAccess::Snapshot => Some(scratch(path, len_bytes)?),
            BlockAccess::ReadWrite | BlockAccess::ReadOnly => None,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(BlockFile { base: Base { file, len_bytes }, access, overlay, name })
    }

    /// The size of the disk, a multiple of 512.
    pub fn len_bytes(&self) -> u64 {
        self.base.len_bytes.next_multiple_of(SECTOR_BYTES)
    }

    /// What the guest may do.
    pub fn access(&self) -> BlockAccess {
        self.access
    }

    /// The name of the file, without directories.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn read_at(&mut self, at: u64, data: &mut [u8]) -> io::Result<()> {
        match &self.overlay {
            Some(overlay) => overlay.read_at(&self.base, at, data),
            None => self.base.read_at(at, data),
        }
    }

    pub(super) fn write_at(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        match (self.access, &mut self.overlay) {
            (BlockAccess::ReadOnly, _) => Err(ErrorKind::ReadOnlyFilesystem.into()),
            (_, Some(overlay)) => overlay.write_at(&self.base, at, data),
            (_, None) => {
                self.base.file.write_all_at(data, at)?;
                self.base.len_bytes = self.base.len_bytes.max(at + data.len() as u64);
                Ok(())
            }
        }
    }

    /// What was written is on the host's disk when this returns. A snapshot's writes need not be.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self.access {
            BlockAccess::ReadWrite => self.base.file.sync_data(),
            BlockAccess::ReadOnly | BlockAccess::Snapshot => Ok(()),
        }
    }
}

fn explain(path: &Path, access: BlockAccess, source: io::Error) -> DiskError {
    let path = path.to_path_buf();
    let (purpose, advice) = match access {
        BlockAccess::ReadWrite => ("reading and writing", ", or open it readonly or as a snapshot"),
        BlockAccess::ReadOnly | BlockAccess::Snapshot => ("reading", ""),
    };
    match source.kind() {
        ErrorKind::NotFound => DiskError::NotFound { path },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => DiskError::Permission { path, purpose, advice },
        ErrorKind::IsADirectory => DiskError::Directory { path },
        _ => DiskError::Io { path, source },
    }
}

/// Takes the lock that fits `access`. File systems without locks have none to take.
fn lock(file: &File, path: &Path, access: BlockAccess) -> Result<(), DiskError> {
    let taken = match access {
        BlockAccess::ReadWrite => file.try_lock(),
        BlockAccess::ReadOnly | BlockAccess::Snapshot => file.try_lock_shared(),
    };
    match taken {
        Err(TryLockError::WouldBlock) => Err(DiskError::InUse { path: path.into() }),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn scratch(path: &Path, len_bytes: u64) -> Result<Overlay, DiskError> {
    Overlay::new(len_bytes).map_err(|source| DiskError::Scratch { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(path: &Path, access: BlockAccess) -> String {
        BlockFile::open(path, access).err().unwrap().to_string()
    }

    #[test]
    fn what_is_no_disk_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.img");
        File::create(&empty).unwrap();
        assert!(error(&dir.path().join("none.img"), BlockAccess::ReadWrite).contains("none.img\"; create"));
        assert!(error(dir.path(), BlockAccess::ReadWrite).contains("is a directory"));
        assert!(error(dir.path(), BlockAccess::ReadOnly).contains("is a directory"));
        assert!(error(&empty, BlockAccess::Snapshot).contains("is empty"));
    }

    #[test]
    fn a_writable_disk_has_one_user() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(512).unwrap();
        let first = BlockFile::open(file.path(), BlockAccess::ReadWrite).unwrap();
        assert!(error(file.path(), BlockAccess::ReadWrite).contains("in use"));
        assert!(error(file.path(), BlockAccess::Snapshot).contains("in use"));
        drop(first);
        let _reader = BlockFile::open(file.path(), BlockAccess::ReadOnly).unwrap();
        BlockFile::open(file.path(), BlockAccess::Snapshot).unwrap();
    }

    #[test]
    fn an_incomplete_sector_reads_as_if_zeros_followed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 513]).unwrap();
        let mut disk = BlockFile::open(file.path(), BlockAccess::ReadWrite).unwrap();
        assert_eq!(disk.len_bytes(), 1024);
        let mut data = [1; 512];
        disk.read_at(512, &mut data).unwrap();
        assert_eq!(data[..2], [7, 0]);
        disk.write_at(512, &[9; 512]).unwrap();
        disk.read_at(512, &mut data).unwrap();
        assert_eq!(data, [9; 512]);
    }
}
