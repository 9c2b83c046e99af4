//! A disk as the user asks for it.

use std::sync::Arc;

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

/// When a write is on the host's disk. The words are QEMU's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// When the guest flushes.
    #[default]
    Writeback,
    /// When it is complete.
    Writethrough,
    /// When the host likes: a host that crashes takes it along.
    Unsafe,
}

/// What becomes of blocks that the guest does not need any more. The words are QEMU's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discard {
    /// The file keeps them.
    #[default]
    Ignore,
    /// The host gets them back.
    Unmap,
}

/// What is known of a file's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Nothing: a file that begins as an image in another format is not taken.
    #[default]
    Probed,
    /// Its bytes are the disk's, whatever they look like.
    Raw,
}

/// What becomes of a snapshot whose disk has another name, or was written to since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChangedDisk {
    /// It is not loaded: the guest's file system would not be what the guest believes.
    #[default]
    Refused,
    /// It is loaded, and the user is told.
    Taken,
}

/// Takes a sentence for the user about what went wrong with a disk while the machine runs.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// A disk as the user asks for it.
#[derive(Clone)]
pub struct DiskOptions {
    /// What the guest may do.
    pub access: BlockAccess,
    /// What the file is.
    pub format: Format,
    /// When writes are on the host's disk.
    pub cache: Cache,
    /// What becomes of discarded blocks.
    pub discard: Discard,
    /// What becomes of a snapshot, if it is not as it was.
    pub changed: ChangedDisk,
    /// Who hears of the host's errors, each kind once.
    pub report: Report,
}

impl From<BlockAccess> for DiskOptions {
    fn from(access: BlockAccess) -> Self {
        DiskOptions {
            access,
            format: Format::default(),
            cache: Cache::default(),
            discard: Discard::default(),
            changed: ChangedDisk::default(),
            report: Arc::new(|_| ()),
        }
    }
}
