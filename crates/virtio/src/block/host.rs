//! What the host's system can do with files beyond reading and writing.

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut};

use rustix::fs::FallocateFlags;
use rustix::io::{Errno, ReadWriteFlags};

/// Fills `data` from `at` on with what the host has in memory.
///
/// # Errors
/// [`ErrorKind::WouldBlock`] where that is not all, or where the file system cannot tell.
pub(super) fn read_now(file: &File, at: u64, data: &mut [u8]) -> io::Result<()> {
    let len = data.len();
    match rustix::io::preadv2(file, &mut [IoSliceMut::new(data)], at, ReadWriteFlags::NOWAIT) {
        Ok(read) if read == len => Ok(()),
        Ok(_) | Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS) => Err(ErrorKind::WouldBlock.into()),
        Err(error) => Err(error.into()),
    }
}

/// Makes `len` bytes from `at` on zeros, and gives their blocks back if `free` says so.
///
/// # Errors
/// The file system cannot do it, or cannot do it now.
pub(super) fn zero(file: &File, at: u64, len: u64, free: bool) -> io::Result<()> {
    let how = if free { FallocateFlags::PUNCH_HOLE } else { FallocateFlags::ZERO_RANGE };
    match len {
        0 => Ok(()),
        _ => Ok(rustix::fs::fallocate(file, how | FallocateFlags::KEEP_SIZE, at, len)?),
    }
}
