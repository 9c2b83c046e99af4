//! What is known of a file beside its content: type, owner, permissions, size, times; and of its file system.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, Uid, chmodat, chownat, fstatvfs,
    utimensat,
};
use rustix::io::Errno;

use super::node::{Node, errno, qid};
use super::server::{Open, Server};
use super::wire::{Answer, Fields, Reply};

/// All that a client gets: mode to blocks and the three times (P9_STATS_BASIC).
const BASIC: u64 = 0x7ff;
/// The file system that this is to a client (Linux, include/uapi/linux/magic.h: V9FS_MAGIC).
const FILE_SYSTEM: u32 = 0x0102_1997;
/// Of permissions, what makes a program somebody else's than whoever runs it.
const SET_ID: u32 = 0o6000;

/// What is to be set (P9_SETATTR_*).
mod valid {
    pub const MODE: u32 = 1 << 0;
    pub const UID: u32 = 1 << 1;
    pub const GID: u32 = 1 << 2;
    pub const SIZE: u32 = 1 << 3;
    pub const ATIME: u32 = 1 << 4;
    pub const MTIME: u32 = 1 << 5;
    pub const ATIME_SET: u32 = 1 << 7;
    pub const MTIME_SET: u32 = 1 << 8;
}

/// Permissions as they are kept. A guest makes no programs that run as the host's user for whoever starts them there;
/// on directories the bits say who owns what is made in them.
pub(super) fn kept_mode(mode: u32, is_directory: bool) -> u32 {
    mode & if is_directory { 0o7777 } else { 0o7777 & !SET_ID }
}

/// What a client wants to be so.
struct Wanted {
    valid: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    accessed: [u64; 2],
    modified: [u64; 2],
}

impl Wanted {
    fn read(fields: &mut Fields) -> Answer<Wanted> {
        Ok(Wanted {
            valid: fields.u32()?,
            mode: fields.u32()?,
            uid: fields.u32()?,
            gid: fields.u32()?,
            size: fields.u64()?,
            accessed: [fields.u64()?, fields.u64()?],
            modified: [fields.u64()?, fields.u64()?],
        })
    }

    fn has(&self, what: u32) -> bool {
        self.valid & what != 0
    }

    fn times(&self) -> Answer<Timestamps> {
        Ok(Timestamps {
            last_access: time(self.has(valid::ATIME), self.has(valid::ATIME_SET), self.accessed)?,
            last_modification: time(self.has(valid::MTIME), self.has(valid::MTIME_SET), self.modified)?,
        })
    }
}

/// A time: the one given, now, or as it was.
fn time(wanted: bool, given: bool, [seconds, nanoseconds]: [u64; 2]) -> Answer<Timespec> {
    match (wanted, given) {
        (false, _) => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }),
        (true, false) => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
        (true, true) if nanoseconds >= 1_000_000_000 => Err(Errno::INVAL),
        (true, true) => Ok(Timespec { tv_sec: seconds as i64, tv_nsec: nanoseconds as _ }),
    }
}

impl Server {
    pub(super) fn getattr(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let metadata = self.node(fields.u32()?)?.metadata()?;
        reply.u64(BASIC);
        reply.qid(qid(&metadata, self.device));
        reply.u32(metadata.mode());
        reply.u32(self.owners.user.shown(metadata.uid()));
        reply.u32(self.owners.group.shown(metadata.gid()));
        for number in [metadata.nlink(), metadata.rdev(), metadata.size(), metadata.blksize(), metadata.blocks()] {
            reply.u64(number);
        }
        let times = [
            (metadata.atime(), metadata.atime_nsec()),
            (metadata.mtime(), metadata.mtime_nsec()),
            (metadata.ctime(), metadata.ctime_nsec()),
            // Its birth, its generation and its version are not among what is valid.
            (0, 0),
            (0, 0),
        ];
        times.into_iter().flat_map(|(seconds, rest)| [seconds, rest]).for_each(|number| reply.u64(number as u64));
        Ok(())
    }

    pub(super) fn setattr(&mut self, fields: &mut Fields) -> Answer<()> {
        let (number, wanted) = (fields.u32()?, Wanted::read(fields)?);
        self.writable()?;
        let times = wanted.times()?;
        let fid = self.fid(number)?;
        fid.node.keeps_files()?;
        if wanted.has(valid::SIZE) {
            let open = if let Open::File(file, _) = &fid.open { Some(file) } else { None };
            set_size(&fid.node, open, wanted.size)?;
        }
        if wanted.has(valid::UID | valid::GID) {
            let user = wanted.has(valid::UID).then(|| self.owners.user.meant(wanted.uid)).transpose()?;
            let group = wanted.has(valid::GID).then(|| self.owners.group.meant(wanted.gid)).transpose()?;
            chownat(&fid.node, "", user.map(Uid::from_raw), group.map(Gid::from_raw), AtFlags::EMPTY_PATH)?;
        }
        if wanted.has(valid::MODE) {
            let mode = kept_mode(wanted.mode, fid.node.metadata()?.is_dir());
            chmodat(CWD, fid.node.path(), Mode::from_raw_mode(mode), AtFlags::empty())?;
        }
        if wanted.has(valid::ATIME | valid::MTIME) {
            utimensat(CWD, fid.node.path(), &times, AtFlags::empty())?;
        }
        Ok(())
    }

    pub(super) fn statfs(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let is = fstatvfs(self.node(fields.u32()?)?)?;
        reply.u32(FILE_SYSTEM);
        reply.u32(is.f_bsize as u32);
        for number in [is.f_blocks, is.f_bfree, is.f_bavail, is.f_files, is.f_ffree, is.f_fsid] {
            reply.u64(number);
        }
        reply.u32(is.f_namemax as u32);
        Ok(())
    }
}

/// Makes a file so long, through the descriptor that is open, if it may: who has a file open to write keeps that right.
fn set_size(node: &Node, open: Option<&File>, size: u64) -> Answer<()> {
    i64::try_from(size).map_err(|_| Errno::FBIG)?;
    match open.map(|file| file.set_len(size)) {
        Some(Ok(())) => Ok(()),
        _ if node.metadata()?.is_dir() => Err(Errno::ISDIR),
        // It is open to be read only, or not at all.
        _ => node.open(OFlags::WRONLY)?.set_len(size).map_err(errno),
    }
}
