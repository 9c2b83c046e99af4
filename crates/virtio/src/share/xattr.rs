//! Extended attributes: those of users.
//!
//! Others would be the host's own business (labels, capabilities, access control lists), and are answered as by a file
//! system that has none.

use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::fs::{XattrFlags, getxattr, listxattr, removexattr, setxattr};
use rustix::io::Errno;

use super::node::Node;
use super::server::{Fid, Open, Server};
use super::wire::{Answer, Fields, Reply};

const USERS: &[u8] = b"user.";
/// Most bytes of a value, and of a list of names (Linux, include/uapi/linux/limits.h).
const MOST_BYTES: usize = 65536;

/// A value, or a list of names, that is being read.
#[derive(Debug)]
pub(super) struct Value {
    bytes: Vec<u8>,
    _counted: Arc<()>,
}

impl Value {
    /// Fills `room` as far as there are bytes from `at` on, and answers how many.
    pub fn read(&self, at: u64, room: &mut [u8]) -> usize {
        let rest = usize::try_from(at).ok().and_then(|at| self.bytes.get(at..)).unwrap_or_default();
        let len = rest.len().min(room.len());
        room[..len].copy_from_slice(&rest[..len]);
        len
    }
}

/// An attribute that is being written.
#[derive(Debug)]
pub(super) struct Written {
    name: Vec<u8>,
    flags: XattrFlags,
    len_bytes: usize,
    value: Vec<u8>,
    _counted: Arc<()>,
}

impl Written {
    /// Takes the next bytes.
    pub fn write(&mut self, at: u64, data: &[u8]) -> Answer<usize> {
        let fits = at == self.value.len() as u64 && self.value.len() + data.len() <= self.len_bytes;
        if !fits {
            return Err(Errno::INVAL);
        }
        self.value.extend(data);
        Ok(data.len())
    }

    /// Sets it; one without a value is removed, for a client has no other word for that.
    pub fn set(self, node: &Node) -> Answer<()> {
        match self.value.len() {
            len if len != self.len_bytes => Err(Errno::INVAL),
            0 => removexattr(node.path(), &self.name[..]),
            _ => setxattr(node.path(), &self.name[..], &self.value, self.flags),
        }
    }
}

impl Server {
    /// A fid for an attribute's value, or with an empty name for the list of names.
    pub(super) fn xattrwalk(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, new, name) = (fields.u32()?, fields.u32()?, fields.string()?);
        let Fid { node, user, .. } = self.fid(number)?;
        let (node, user, _counted) = (node.clone(), *user, self.attribute()?);
        let bytes = match name {
            b"" => list(&node)?,
            _ if !name.starts_with(USERS) => return Err(Errno::OPNOTSUPP),
            _ => value(&node, name)?,
        };
        reply.u64(bytes.len() as u64);
        self.name(new, Fid { node, user, open: Open::Attribute(Value { bytes, _counted }) })
    }

    pub(super) fn xattrcreate(&mut self, fields: &mut Fields) -> Answer<()> {
        let (number, name, len, flags) = (fields.u32()?, fields.string()?, fields.u64()?, fields.u32()?);
        self.writable()?;
        if !name.starts_with(USERS) {
            return Err(Errno::OPNOTSUPP);
        }
        let len_bytes = usize::try_from(len).ok().filter(|&len| len <= MOST_BYTES).ok_or(Errno::TOOBIG)?;
        let flags = XattrFlags::from_bits(flags).ok_or(Errno::INVAL)?;
        let written = Written { name: name.to_vec(), flags, len_bytes, value: Vec::new(), _counted: self.attribute()? };
        let fid = self.fid_mut(number)?;
        let Open::No = fid.open else { return Err(Errno::BUSY) };
        fid.open = Open::NewAttribute(written);
        Ok(())
    }
}

/// The names of users' attributes, each with a zero behind it.
fn list(node: &Node) -> Answer<Vec<u8>> {
    let mut all = Vec::with_capacity(MOST_BYTES);
    listxattr(node.path(), spare_capacity(&mut all))?;
    let names = all.split_inclusive(|&byte| byte == 0).filter(|name| name.starts_with(USERS));
    Ok(names.flatten().copied().collect())
}

/// The value of an attribute that has one.
fn value(node: &Node, name: &[u8]) -> Answer<Vec<u8>> {
    let mut value = Vec::with_capacity(MOST_BYTES);
    getxattr(node.path(), name, spare_capacity(&mut value))?;
    value.shrink_to_fit();
    Ok(value)
}
