//! What can be wrong with a file.

use std::path::{Path, PathBuf};

use super::Range;

/// A file that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("'{}' {problem}", file.display())]
pub struct Error {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a file: the rest of a sentence that begins with its name.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The host cannot open or read it.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// What the host said.
        reason: std::io::Error,
    },
    /// A directory.
    #[error("is a directory, not a file")]
    Directory,
    /// No bytes.
    #[error("is empty")]
    Empty,
    /// Recognised, but not a program for this machine.
    #[error("is {what}, not a RISC-V kernel or program")]
    Foreign {
        /// What it is, with an article.
        what: &'static str,
    },
    /// Recognised, but no initial RAM disk.
    #[error("is no initrd: it is neither a cpio archive nor packed with gzip, zstd, xz, lzma, bzip2, lz4 or lzo")]
    NoInitrd,
    /// Damaged or cut off.
    #[error("is truncated or corrupt: {reason}")]
    Corrupt {
        /// What gave it away.
        reason: String,
    },
    /// A packed file within a packed file, too deep.
    #[error("is packed more than twice; unpack it first")]
    PackedTooOften,
    /// A compression that is not unpacked here.
    #[error("is packed with {format}, which vhart does not unpack; unpack it first")]
    Format {
        /// Name of the compression.
        format: &'static str,
    },
    /// Larger than memory.
    #[error("has {bytes} bytes, more than the machine's memory of {ram_bytes}; give it more with --memory")]
    TooBig {
        /// Its size.
        bytes: u64,
        /// Size of RAM.
        ram_bytes: u64,
    },
    /// Wants memory that is not there.
    #[error("needs {bytes} bytes at {start:#x}, but memory is {:#x} to {:#x}; give the machine more with --memory, \
             or link the program for these addresses", ram.start, ram.end)]
    Beyond {
        /// First address.
        start: u64,
        /// Bytes.
        bytes: u64,
        /// RAM.
        ram: Range,
    },
    /// The host's memory failed.
    #[error("cannot be copied into guest memory: {reason}")]
    Memory {
        /// What the host said.
        reason: String,
    },
}

impl Problem {
    pub(super) fn of(self, file: &Path) -> Error {
        Error { file: file.into(), problem: self }
    }

    pub(super) fn corrupt(reason: impl Into<String>) -> Self {
        Problem::Corrupt { reason: reason.into() }
    }
}
