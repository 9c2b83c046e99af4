//! Locks on disk images that QEMU sees, too.
//!
//! The protocol is QEMU's ("Image locking protocol", block/file-posix.c): byte 100 + n of the file is locked by whoever
//! does n with it, byte 200 + n by whoever does not want others to. All locks are shared ones of the open file
//! description; who wants to know whether somebody has one asks whether an exclusive one could be had.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::options::BlockAccess;

/// First byte for what is done with a file.
const DONE: i64 = 100;
/// First byte for what others are not to do.
const UNSHARED: i64 = 200;
/// Reading what is consistent.
const READ: i64 = 0;
const WRITE: i64 = 1;
const RESIZE: i64 = 3;

/// Whether the locks could be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locked {
    /// They are held as long as the file is open; or the file system has none.
    Yes,
    /// Somebody else uses the file in a way that excludes this one.
    InUse,
}

/// Takes the locks that fit `access`.
///
/// # Errors
/// Anything but that somebody has the file.
pub(super) fn take(file: &File, access: BlockAccess) -> io::Result<Locked> {
    let done: &[i64] = match access {
        BlockAccess::ReadWrite => &[READ, WRITE],
        BlockAccess::ReadOnly | BlockAccess::Snapshot => &[READ],
    };
    let unshared = &[WRITE, RESIZE];
    let bytes = done.iter().map(|n| DONE + n).chain(unshared.iter().map(|n| UNSHARED + n));
    for byte in bytes {
        match fcntl(file, FcntlArg::F_OFD_SETLK(&lock(libc::F_RDLCK, byte))) {
            Ok(_) => {}
            Err(Errno::EAGAIN | Errno::EACCES) => return Ok(Locked::InUse),
            // No locks here.
            Err(Errno::EINVAL | Errno::ENOLCK | Errno::ENOSYS | Errno::EOPNOTSUPP) => return Ok(Locked::Yes),
            Err(error) => return Err(error.into()),
        }
    }
    // Only after everybody's locks are taken is it seen who is in whose way.
    for byte in done.iter().map(|n| UNSHARED + n).chain(unshared.iter().map(|n| DONE + n)) {
        if is_held(file, byte)? {
            return Ok(Locked::InUse);
        }
    }
    Ok(Locked::Yes)
}

/// Whether somebody else holds `byte`.
fn is_held(file: &File, byte: i64) -> io::Result<bool> {
    let mut asked = lock(libc::F_WRLCK, byte);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut asked))?;
    Ok(i32::from(asked.l_type) != libc::F_UNLCK)
}

fn lock(kind: libc::c_int, byte: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::BlockFile;

    /// Locks `bytes` of `path` as QEMU does, as long as the file lives.
    fn as_qemu(path: &std::path::Path, bytes: &[i64]) -> File {
        let file = File::open(path).unwrap();
        for &byte in bytes {
            fcntl(&file, FcntlArg::F_OFD_SETLK(&lock(libc::F_RDLCK, byte))).unwrap();
        }
        file
    }

    #[test]
    fn what_qemu_holds_is_seen_and_what_we_hold_is_there_to_see() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(512).unwrap();
        let open = |access| BlockFile::open(file.path(), access).is_ok();
        // What QEMU 11.1 holds (/proc/locks) for a disk that its guest writes to, and for one that is only read.
        let writer = as_qemu(file.path(), &[100, 101, 201]);
        assert!(!open(BlockAccess::ReadWrite) && !open(BlockAccess::ReadOnly) && !open(BlockAccess::Snapshot));
        drop(writer);
        let reader = as_qemu(file.path(), &[100, 201]);
        assert!(!open(BlockAccess::ReadWrite) && open(BlockAccess::ReadOnly) && open(BlockAccess::Snapshot));
        drop(reader);
        let ours = BlockFile::open(file.path(), BlockAccess::ReadWrite).unwrap();
        let looks = File::open(file.path()).unwrap();
        let held: Vec<i64> = (95..210).filter(|&byte| is_held(&looks, byte).unwrap()).collect();
        assert_eq!(held, [100, 101, 201, 203]);
        drop(ours);
        assert!(open(BlockAccess::ReadWrite));
    }
}
