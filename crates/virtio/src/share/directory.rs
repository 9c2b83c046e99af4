//! The directory of the host that is shared, and why it cannot be.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, open};
use rustix::io::Errno;

use super::complaints::Complaints;
use super::node::path_of;
use super::server::Server;
use crate::block::Report;

/// Longest tag, as QEMU has it.
const TAG_BYTES: usize = 31;

/// What the guest may do with a shared directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareAccess {
    /// All that the user may.
    ReadWrite,
    /// Only read.
    ReadOnly,
}

/// A share as the user asks for it.
#[derive(Clone)]
pub struct ShareOptions {
    /// The name by which the guest mounts it.
    pub tag: String,
    /// What the guest may do.
    pub access: ShareAccess,
    /// Who hears of the host's errors, each kind once.
    pub report: Report,
}

/// Why a directory cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// There is no such directory.
    #[error("there is no directory {path:?} to share; create it with: mkdir -p {path:?}")]
    NotFound {
        /// The directory.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{path:?} is no directory; what is shared is one, with all that is in it")]
    NoDirectory {
        /// The path.
        path: PathBuf,
    },
    /// The host's permissions do not allow it.
    #[error("no permission to {purpose} directory {path:?}; change its permissions{advice}")]
    Permission {
        /// The directory.
        path: PathBuf,
        /// Reading, or writing to.
        purpose: &'static str,
        /// What else helps.
        advice: &'static str,
    },
    /// What it is on cannot be written to.
    #[error("directory {path:?} is on a read-only medium; share it readonly")]
    ReadOnlyMedium {
        /// The directory.
        path: PathBuf,
    },
    /// The name is none.
    #[error("a share's tag has 1 to {TAG_BYTES} letters, digits or signs and no space or comma, not {tag:?}")]
    Tag {
        /// The name.
        tag: String,
    },
    /// Descriptors have no names here.
    #[error("a share needs /proc, where this process finds its own open files; mount it")]
    NoProc,
    /// Anything else.
    #[error("cannot share directory {path:?}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
}

/// An open directory, ready to be shared.
pub struct ShareDir {
    pub(super) tag: String,
    pub(super) server: Box<Server>,
}

impl ShareDir {
    /// Opens the directory `path`.
    ///
    /// # Errors
    /// [`ShareError`] names the directory, or the tag, and says what to do.
    pub fn open(path: &Path, options: ShareOptions) -> Result<Self, ShareError> {
        let ShareOptions { tag, access, report } = options;
        if !is_tag(&tag) {
            return Err(ShareError::Tag { tag });
        }
        let opened = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let handle = File::from(opened.map_err(|errno| explain(path, errno, Access::READ_OK))?);
        let wanted = match access {
            ShareAccess::ReadWrite => &[Access::READ_OK, Access::EXEC_OK, Access::WRITE_OK][..],
            ShareAccess::ReadOnly => &[Access::READ_OK, Access::EXEC_OK],
        };
        for &may in wanted {
            accessat(CWD, path, may, AtFlags::EACCESS).map_err(|errno| explain(path, errno, may))?;
        }
        if !has_name(&handle) {
            return Err(ShareError::NoProc);
        }
        let server = Server::new(handle, access, Complaints::new(path.to_owned(), report));
        let server = server.map_err(|errno| ShareError::Io { path: path.to_owned(), source: errno.into() })?;
        Ok(ShareDir { tag, server: Box::new(server) })
    }
}

/// Whether what is open has a name that leads to it.
fn has_name(file: &File) -> bool {
    let (there, here) = (std::fs::metadata(path_of(file)), file.metadata());
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    there.is_ok_and(|there| here.is_ok_and(|here| identity(there) == identity(here)))
}

/// Whether it can be written on a command line of `mount`.
fn is_tag(tag: &str) -> bool {
    (1..=TAG_BYTES).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

fn explain(path: &Path, error: Errno, wanted: Access) -> ShareError {
    let (path, source) = (path.to_path_buf(), io::Error::from(error));
    let (purpose, advice) = match wanted {
        Access::WRITE_OK => ("write to", ", or share it readonly"),
        _ => ("read", ""),
    };
    match source.kind() {
        ErrorKind::NotFound => ShareError::NotFound { path },
        ErrorKind::NotADirectory => ShareError::NoDirectory { path },
        ErrorKind::PermissionDenied => ShareError::Permission { path, purpose, advice },
        ErrorKind::ReadOnlyFilesystem => ShareError::ReadOnlyMedium { path },
        _ => ShareError::Io { path, source },
    }
}
