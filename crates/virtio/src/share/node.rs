//! What is beneath a shared directory, and how no way leads out of it.
//!
//! A node is a descriptor that was opened with O_PATH: it names a file, directory or link, and opens nothing. It was
//! reached from the shared directory by one name at a time, each without a slash, each not followed where it is a link;
//! so there is no path that anybody could bend in between. Reading and writing goes through a second descriptor, which
//! is made of the first (`/proc/self/fd`) once that is known to be a regular file or a directory: a FIFO or a device is
//! never opened. `..` is the node by which a node was reached.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, fstatfs, openat};
use rustix::io::Errno;

use super::descriptors::Permit;
use super::wire::{Answer, Qid};

/// File systems of the kernel's own (Linux, include/uapi/linux/magic.h): their files are not kept somewhere but do
/// something, such as reading another process's memory or waiting for a message. They are not opened, also where a
/// shared directory has them beneath it.
const NOT_OPENED: [u32; 11] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6265_6570, // configfs
    0xcafe_4a11, // bpf
    0xde5e_81e4, // efivarfs
    0x6165_676c, // pstore
];

/// A file, directory or link.
#[derive(Debug)]
pub(super) struct Node {
    handle: File,
    /// From where and by which name it was reached; none for the shared directory.
    place: Option<DirEntry>,
    _permit: Permit,
}

/// A name in a directory.
#[derive(Clone, Debug)]
pub(super) struct DirEntry {
    pub parent: Arc<Node>,
    pub name: Vec<u8>,
}

impl Drop for Node {
    /// One after the other: as a recursion, a guest could make it too deep for any stack.
    fn drop(&mut self) {
        let mut next = self.place.take();
        while let Some(DirEntry { parent, .. }) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.place.take());
        }
    }
}

/// A name that a client may use: a single one, and not that of a directory itself or the one above.
///
/// # Errors
/// It is none.
pub(super) fn name(bytes: &[u8]) -> Answer<&OsStr> {
    match bytes {
        b"" | b"." | b".." => Err(Errno::INVAL),
        _ if bytes.contains(&b'/') || bytes.contains(&0) => Err(Errno::INVAL),
        _ => Ok(OsStr::from_bytes(bytes)),
    }
}

/// The number of a host's error.
pub(super) fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

impl Node {
    /// The shared directory.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn root(handle: File) -> Answer<Arc<Node>> {
        Ok(Arc::new(Node { handle, place: None, _permit: Permit::take()? }))
    }

    /// What `bytes` leads to from here: a name, itself, or what is above.
    pub fn walk(self: &Arc<Self>, bytes: &[u8]) -> Answer<Arc<Node>> {
        match bytes {
            b"." => self.directory().map(|()| self.clone()),
            b".." => self.directory().map(|()| self.place().map_or(self, |place| &place.parent).clone()),
            _ => self.child(name(bytes)?),
        }
    }

    fn child(self: &Arc<Self>, name: &OsStr) -> Answer<Arc<Node>> {
        let permit = Permit::take()?;
        let handle = openat(self, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        Ok(self.adopt(handle.into(), name, permit))
    }

    /// The node of a file that was made in this directory.
    pub fn adopt(self: &Arc<Self>, handle: File, name: &OsStr, permit: Permit) -> Arc<Node> {
        let place = Some(DirEntry { parent: self.clone(), name: name.as_bytes().to_vec() });
        Arc::new(Node { handle, place, _permit: permit })
    }

    /// The same file at another place.
    pub fn moved(&self, parent: &Arc<Node>, name: &OsStr) -> Answer<Arc<Node>> {
        let permit = Permit::take()?;
        Ok(parent.adopt(self.handle.try_clone().map_err(errno)?, name, permit))
    }

    /// Where it was found.
    pub fn place(&self) -> Option<&DirEntry> {
        self.place.as_ref()
    }

    pub fn metadata(&self) -> Answer<Metadata> {
        self.handle.metadata().map_err(errno)
    }

    /// # Errors
    /// It is no directory.
    fn directory(&self) -> Answer<()> {
        if self.metadata()?.is_dir() { Ok(()) } else { Err(Errno::NOTDIR) }
    }

    /// A path that leads to this very node, whatever it is called meanwhile.
    pub fn path(&self) -> PathBuf {
        path_of(&self.handle)
    }

    /// Opens a regular file or a directory.
    ///
    /// # Errors
    /// It is something else, or the host does not let us.
    pub fn open(&self, flags: OFlags) -> Answer<File> {
        let kind = self.metadata()?.file_type();
        if kind.is_symlink() {
            return Err(Errno::LOOP);
        }
        if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
            return Err(Errno::NXIO);
        }
        if kind.is_file() {
            self.keeps_files()?;
        }
        // Nobody waits for somebody else's lease on the file.
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        Ok(openat(CWD, self.path(), flags, Mode::empty())?.into())
    }

    /// # Errors
    /// It is of a file system whose files are the kernel's.
    pub fn keeps_files(&self) -> Answer<()> {
        let kind = fstatfs(self)?.f_type;
        if NOT_OPENED.contains(&(kind as u32)) { Err(Errno::ACCESS) } else { Ok(()) }
    }

    /// Whether `name` in this directory is still `node`.
    pub fn holds(self: &Arc<Self>, name: &OsStr, node: &Node) -> Answer<bool> {
        let (there, node) = (self.child(name)?.metadata()?, node.metadata()?);
        Ok((there.dev(), there.ino()) == (node.dev(), node.ino()))
    }

    /// What it is called, `device` being the shared directory's own.
    pub fn qid(&self, device: u64) -> Answer<Qid> {
        Ok(qid(&self.metadata()?, device))
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// A path that leads to what is open, whatever it is called meanwhile.
pub(super) fn path_of(file: &File) -> PathBuf {
    Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
}

/// The number that a file is known by.
pub(super) fn number(device: u64, file_device: u64, inode: u64) -> u64 {
    match file_device == device {
        true => inode,
        // Files of other file systems beneath the directory may have the same inode numbers.
        false => inode ^ file_device.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !0xffff_ffff,
    }
}

pub(super) fn qid(metadata: &Metadata, device: u64) -> Qid {
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => Qid::DIRECTORY,
        kind if kind.is_symlink() => Qid::LINK,
        _ => Qid::FILE,
    };
    // Linux takes 0 for "do not cache this", whatever it was mounted with.
    let version = metadata.mtime() as u32 ^ metadata.mtime_nsec() as u32 ^ (metadata.size() as u32).rotate_left(8);
    Qid { kind, version: version.max(1), path: number(device, metadata.dev(), metadata.ino()) }
}
