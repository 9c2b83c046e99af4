//! What is done with a file's content: open, create, read, write, and keep it safe; and locks.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, fdatasync, fsync, openat};
use rustix::io::Errno;

use super::attributes::kept_mode;
use super::descriptors::Permit;
use super::node::{Node, errno, name};
use super::server::{Fid, Open, Server};
use super::wire::{Answer, Fields, Reply};

/// Linux's flags of a file that is opened (P9_DOTL_*), which are asm-generic's.
mod flags {
    pub const ACCESS: u32 = 0o3;
    pub const WRONLY: u32 = 0o1;
    pub const RDWR: u32 = 0o2;
    pub const EXCL: u32 = 0o200;
    pub const TRUNC: u32 = 0o1000;
    pub const APPEND: u32 = 0o2000;
    pub const DSYNC: u32 = 0o10000;
    pub const DIRECTORY: u32 = 0o200000;
    pub const SYNC: u32 = 0o4000000;
}

/// The client decides how much it reads and writes at once, as far as it fits into a message.
const ANY_UNIT: u32 = 0;
/// A lock was had, and nobody has a lock (P9_LOCK_SUCCESS, P9_LOCK_TYPE_UNLCK).
const LOCKED: u8 = 0;
const UNLOCKED: u8 = 2;

/// What the host is asked for where a client asks for `flags`. What concerns only the client is left out.
fn host_flags(flags: u32) -> Answer<OFlags> {
    let access = match flags & flags::ACCESS {
        0 => OFlags::RDONLY,
        flags::WRONLY => OFlags::WRONLY,
        flags::RDWR => OFlags::RDWR,
        _ => return Err(Errno::INVAL),
    };
    let kept = [
        (flags::TRUNC, OFlags::TRUNC),
        (flags::APPEND, OFlags::APPEND),
        (flags::DSYNC, OFlags::DSYNC),
        (flags::DIRECTORY, OFlags::DIRECTORY),
        (flags::SYNC, OFlags::SYNC),
    ];
    let chosen = kept.into_iter().filter(|(flag, _)| flags & flag == *flag).map(|(_, host)| host);
    Ok(chosen.fold(access, |all, one| all | one))
}

impl Server {
    /// Whether `flags` change nothing, or may change something.
    fn may_open(&self, flags: u32) -> Answer<()> {
        match flags & (flags::ACCESS | flags::TRUNC) {
            0 => Ok(()),
            _ => self.writable(),
        }
    }

    pub(super) fn lopen(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, flags) = (fields.u32()?, fields.u32()?);
        self.may_open(flags)?;
        let fid = self.fid(number)?;
        let Open::No = fid.open else { return Err(Errno::BUSY) };
        let open = open(&fid.node, flags)?;
        let qid = fid.node.qid(self.device)?;
        self.fid_mut(number)?.open = open;
        reply.qid(qid);
        reply.u32(ANY_UNIT);
        Ok(())
    }

    /// The fid of a directory becomes that of a file in it, open.
    pub(super) fn lcreate(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, name, flags, mode) = (fields.u32()?, name(fields.string()?)?, fields.u32()?, fields.u32()?);
        let group = fields.u32()?;
        self.writable()?;
        let fid = self.fid(number)?;
        let Open::No = fid.open else { return Err(Errno::BUSY) };
        let (directory, user) = (fid.node.clone(), fid.user);
        directory.keeps_files()?;
        let permit = Permit::take()?;
        let create = host_flags(flags)? | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // So that nothing is opened that is there already, be it a FIFO or a device.
        let fid = match openat(&directory, name, create, Mode::from_raw_mode(mode & 0o777)) {
            Ok(file) => {
                let file = File::from(file);
                self.owners.give(&file, [user, group])?;
                set_new_mode(&file, mode)?;
                let node = directory.adopt(file.try_clone().map_err(errno)?, name, permit);
                Fid { node, user, open: Open::File(file, Permit::take()?) }
            }
            Err(Errno::EXIST) if flags & flags::EXCL == 0 => {
                let node = directory.walk(name.as_bytes())?;
                Fid { open: open(&node, flags)?, node, user }
            }
            Err(errno) => return Err(errno),
        };
        let qid = fid.node.qid(self.device)?;
        *self.fid_mut(number)? = fid;
        reply.qid(qid);
        reply.u32(ANY_UNIT);
        Ok(())
    }

    pub(super) fn read(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, at, count) = (fields.u32()?, fields.u64()?, fields.u32()?);
        match &self.fid(number)?.open {
            Open::File(file, _) => reply.data(count, |room| read_at(file, at, room)),
            Open::Attribute(value) => reply.data(count, |room| Ok(value.read(at, room))),
            Open::Directory(..) => Err(Errno::ISDIR),
            Open::No | Open::NewAttribute(_) => Err(Errno::BADF),
        }
    }

    pub(super) fn write(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, at, count) = (fields.u32()?, fields.u64()?, fields.u32()?);
        let data = fields.bytes(count as usize)?;
        self.writable()?;
        let written = match &mut self.fid_mut(number)?.open {
            Open::File(file, _) => write_at(file, at, data)?,
            Open::NewAttribute(attribute) => attribute.write(at, data)?,
            Open::Directory(..) => return Err(Errno::ISDIR),
            Open::No | Open::Attribute(_) => return Err(Errno::BADF),
        };
        reply.u32(written as u32);
        Ok(())
    }

    pub(super) fn fsync(&mut self, fields: &mut Fields) -> Answer<()> {
        let (number, data_only) = (fields.u32()?, fields.u32()? != 0);
        match &self.fid(number)?.open {
            Open::File(file, _) | Open::Directory(file, ..) if data_only => fdatasync(file),
            Open::File(file, _) | Open::Directory(file, ..) => fsync(file),
            _ => Err(Errno::BADF),
        }
    }

    /// Locks are between the guest's programs, and its kernel keeps them; the host's take no part.
    pub(super) fn lock(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        self.fid(fields.u32()?)?;
        reply.u8(LOCKED);
        Ok(())
    }

    pub(super) fn getlock(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, _kind, start, len) = (fields.u32()?, fields.u8()?, fields.u64()?, fields.u64()?);
        let (process, client) = (fields.u32()?, fields.string()?);
        self.fid(number)?;
        reply.u8(UNLOCKED);
        reply.u64(start);
        reply.u64(len);
        reply.u32(process);
        reply.string(client)
    }
}

fn open(node: &Arc<Node>, flags: u32) -> Answer<Open> {
    let (permit, file) = (Permit::take()?, node.open(host_flags(flags)?)?);
    Ok(match node.metadata()?.is_dir() {
        true => Open::Directory(file, Some(0), permit),
        false => Open::File(file, permit),
    })
}

/// The client has its own umask; this process's is not to come on top.
fn set_new_mode(file: &File, mode: u32) -> Answer<()> {
    let wanted = kept_mode(mode, false);
    let metadata = file.metadata().map_err(errno)?;
    match metadata.permissions().mode() & 0o7777 == wanted {
        true => Ok(()),
        false => file.set_permissions(std::fs::Permissions::from_mode(wanted)).map_err(errno),
    }
}

/// Reads as much as there is and fits.
fn read_at(file: &File, at: u64, room: &mut [u8]) -> Answer<usize> {
    move_all(room.len(), |done| file.read_at(&mut room[done..], at.saturating_add(done as u64)))
}

/// Writes as much as can be written.
fn write_at(file: &File, at: u64, data: &[u8]) -> Answer<usize> {
    move_all(data.len(), |done| file.write_at(&data[done..], at.saturating_add(done as u64)))
}

/// Has `some` of the bytes moved behind those that are, until all are or no more can be. Answers how many.
fn move_all(bytes: usize, mut some: impl FnMut(usize) -> io::Result<usize>) -> Answer<usize> {
    let mut done = 0;
    while done < bytes {
        match some(done) {
            Ok(0) => break,
            Ok(len) => done += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if done != 0 => break,
            Err(error) => return Err(errno(error)),
        }
    }
    Ok(done)
}
