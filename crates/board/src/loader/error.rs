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
    /// A kernel in a form that whoever boots it does not know.
    #[error(
        "is no flat image with Linux's header, which the kernel has to be here (Linux's arch/riscv/boot/Image, packed or not)"
    )]
    NoImage,
    /// Neither form in which Linux is built.
    #[error(
        "is no Linux: it is neither a flat image with Linux's header (arch/riscv/boot/Image, packed or not) nor an ELF file"
    )]
    NoLinux,
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
    #[error("needs {bytes} bytes at {start:#x}, but memory is {:#x} to {:#x}; {}", ram.start, ram.end,
            remedy(*start, *ram))]
    Beyond {
        /// First address.
        start: u64,
        /// Bytes.
        bytes: u64,
        /// RAM.
        ram: Range,
    },
    /// A part of an ELF file wants memory that is not there.
    #[error("does not fit: {segment} is not within memory, which is {:#x} to {:#x}; {}", ram.start, ram.end,
            remedy(*start, *ram))]
    Segment {
        /// Which, with its place.
        segment: String,
        /// Its first address.
        start: u64,
        /// RAM.
        ram: Range,
    },
    /// An ELF file that begins where nothing of it is.
    #[error("begins at {entry:#x}, which is in none of its segments: {}; link it with an entry point", segments.join(", "))]
    Entry {
        /// The entry point.
        entry: u64,
        /// The segments that the file has.
        segments: Vec<String>,
    },
    /// No device tree.
    #[error("is no flattened device tree (dtc -O dtb writes one): {reason}")]
    NoTree {
        /// What gave it away.
        reason: String,
    },
    /// A device tree that nobody reads to its end.
    #[error("has more than {most} levels of nodes, and Linux reads no more")]
    DeepTree {
        /// How many levels it reads.
        most: usize,
    },
    /// Raw bytes without a place.
    #[error("is no ELF file, which would say where it goes; write addr=ADDRESS")]
    NoAddress,
    /// The host's memory failed.
    #[error("cannot be copied into guest memory: {reason}")]
    Memory {
        /// What the host said.
        reason: String,
    },
}

/// What to do about something at `start` that is not in memory.
fn remedy(start: u64, ram: Range) -> String {
    if start < ram.start {
        return format!("link the program for addresses from {:#x} on", ram.start);
    }
    "give the machine more with --memory, or link the program for these addresses".to_owned()
}

impl Problem {
    pub(super) fn of(self, file: &Path) -> Error {
        Error { file: file.into(), problem: self }
    }

    pub(super) fn corrupt(reason: impl Into<String>) -> Self {
        Problem::Corrupt { reason: reason.into() }
    }
}
