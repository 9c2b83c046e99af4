//! What is done with names: directories, links, special files, moving and removing.
//!
//! Every name is one of a directory that is held by a descriptor, and is not followed.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, chmodat, linkat, mkdirat, mknodat, readlinkat, renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::attributes::kept_mode;
use super::node::{Node, name};
use super::server::Server;
use super::wire::{Answer, Fields, Reply};

/// Linux's AT_REMOVEDIR, which 9P2000.L has for its own.
const REMOVE_DIRECTORY: u32 = 0x200;

impl Server {
    pub(super) fn readlink(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let node = self.node(fields.u32()?)?;
        if !node.metadata()?.is_symlink() {
            return Err(Errno::INVAL);
        }
        reply.string(readlinkat(&node, "", Vec::new())?.as_bytes())
    }

    pub(super) fn mkdir(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, name, mode) = (fields.u32()?, name(fields.string()?)?, fields.u32()?);
        let group = fields.u32()?;
        let directory = self.changing(number)?;
        mkdirat(&directory, name, Mode::from_raw_mode(mode & 0o777))?;
        self.made((number, group), name, Some(kept_mode(mode, true)), reply)
    }

    /// What a link says is the guest's affair: nobody here follows it.
    pub(super) fn symlink(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, name, target) = (fields.u32()?, name(fields.string()?)?, fields.string()?);
        let group = fields.u32()?;
        let directory = self.changing(number)?;
        symlinkat(OsStr::from_bytes(target), &directory, name)?;
        self.made((number, group), name, None, reply)
    }

    /// FIFOs and sockets are names to meet at; devices would be the host's.
    pub(super) fn mknod(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, name, mode) = (fields.u32()?, name(fields.string()?)?, fields.u32()?);
        let (_major, _minor, group) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let kind = FileType::from_raw_mode(mode);
        let directory = self.changing(number)?;
        match kind {
            FileType::Fifo | FileType::Socket | FileType::RegularFile => {}
            _ => return Err(Errno::PERM),
        }
        mknodat(&directory, name, kind, Mode::from_raw_mode(mode & 0o777), 0)?;
        self.made((number, group), name, Some(kept_mode(mode, false)), reply)
    }

    pub(super) fn link(&mut self, fields: &mut Fields) -> Answer<()> {
        let (directory, number, name) = (fields.u32()?, fields.u32()?, name(fields.string()?)?);
        let directory = self.changing(directory)?;
        // The name in /proc is followed to the node, and no further, also where that is a link.
        linkat(CWD, self.node(number)?.path(), &directory, name, AtFlags::SYMLINK_FOLLOW)
    }

    pub(super) fn renameat(&mut self, fields: &mut Fields) -> Answer<()> {
        let (from, old) = (fields.u32()?, name(fields.string()?)?);
        let (to, new) = (fields.u32()?, name(fields.string()?)?);
        renameat(&self.changing(from)?, old, &self.changing(to)?, new)
    }

    /// As clients did it before there was the call above.
    pub(super) fn rename(&mut self, fields: &mut Fields) -> Answer<()> {
        let (number, to, new) = (fields.u32()?, fields.u32()?, name(fields.string()?)?);
        let (node, to) = (self.node(number)?, self.changing(to)?);
        let (parent, old) = found(&node)?;
        renameat(parent, old, &to, new)?;
        let moved = node.moved(&to, new)?;
        self.fid_mut(number)?.node = moved;
        Ok(())
    }

    pub(super) fn unlinkat(&mut self, fields: &mut Fields) -> Answer<()> {
        let (number, name, flags) = (fields.u32()?, name(fields.string()?)?, fields.u32()?);
        let how = match flags & REMOVE_DIRECTORY {
            0 => AtFlags::empty(),
            _ => AtFlags::REMOVEDIR,
        };
        unlinkat(&self.changing(number)?, name, how)
    }

    /// "remove(5)": "It is correct to consider remove to be a clunk with the side effect of removing the file if
    /// permissions allow."
    pub(super) fn remove(&mut self, fields: &mut Fields) -> Answer<()> {
        let node = self.take(fields.u32()?)?.node;
        self.writable()?;
        let (parent, name) = found(&node)?;
        let how = if node.metadata()?.is_dir() { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        unlinkat(parent, name, how)
    }

    /// The directory in which something is to be changed.
    fn changing(&self, number: u32) -> Answer<Arc<Node>> {
        self.writable()?;
        let node = self.node(number)?;
        node.keeps_files()?;
        Ok(node)
    }

    /// Answers what was made in the directory `number`, of the group and with the permissions that it is to have: the
    /// client has its own umask, and this process's is not to come on top.
    fn made(&self, (number, group): (u32, u32), name: &OsStr, mode: Option<u32>, reply: &mut Reply) -> Answer<()> {
        let directory = self.fid(number)?;
        let node = directory.node.walk(name.as_bytes())?;
        self.owners.give(&node, [directory.user, group])?;
        let is = node.metadata()?.mode() & 0o7777;
        if let Some(mode) = mode.filter(|mode| *mode != is) {
            chmodat(CWD, node.path(), Mode::from_raw_mode(mode), AtFlags::empty())?;
        }
        reply.qid(node.qid(self.device)?);
        Ok(())
    }
}

/// Where a node was found, if it is still there.
fn found(node: &Node) -> Answer<(&Arc<Node>, &OsStr)> {
    let place = node.place().ok_or(Errno::BUSY)?;
    let name = OsStr::from_bytes(&place.name);
    if place.parent.holds(name, node)? { Ok((&place.parent, name)) } else { Err(Errno::NOENT) }
}
