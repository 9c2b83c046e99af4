//! A client's session with a shared directory: what it calls files, and who serves which message.
//!
//! Messages are served in the order in which they come, each as a whole; so an answer that a client gives up waiting
//! for (Tflush) has been sent before it is told so. A message reads or writes at most what fits into one.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use rustix::io::Errno;

use super::complaints::Complaints;
use super::descriptors::Permit;
use super::node::Node;
use super::owners::Owners;
use super::wire::{Answer, Fields, HEADER_BYTES, Header, MOST_NAMES, Reply, kind};
use super::{ShareAccess, xattr};

/// Most bytes of a message. Linux's transport takes 500 KiB.
pub(super) const MOST_MESSAGE_BYTES: u32 = 512 << 10;
/// Fewest that make sense, as for QEMU: a name and all that goes with it.
const LEAST_MESSAGE_BYTES: u32 = 4096;
/// Most fids of a client.
const MOST_FIDS: usize = 1 << 17;
/// Most extended attributes that a client reads or writes at the same time.
const MOST_ATTRIBUTES: usize = 256;
/// The version spoken here.
const VERSION: &[u8] = b"9P2000.L";

/// What a client calls a file.
#[derive(Debug)]
pub(super) struct Fid {
    pub node: Arc<Node>,
    /// The guest's user who has it: files that are made through it are that user's.
    pub user: u32,
    pub open: Open,
}

/// What a client does with it.
#[derive(Debug)]
pub(super) enum Open {
    /// Nothing yet: it is only named.
    No,
    /// It is read or written.
    File(File, Permit),
    /// It is listed. The number is the cookie behind which the host goes on, where that is known.
    Directory(File, Option<u64>, Permit),
    /// An extended attribute's value, or the list of their names, is read.
    Attribute(xattr::Value),
    /// An extended attribute is written. It is set when the client is done.
    NewAttribute(xattr::Written),
}

impl Fid {
    fn of(node: Arc<Node>, user: u32) -> Fid {
        Fid { node, user, open: Open::No }
    }
}

/// A client's session, or the wait for one.
#[derive(Debug)]
pub(super) struct Server {
    pub root: Arc<Node>,
    /// The device that the shared directory is on.
    pub device: u64,
    pub access: ShareAccess,
    pub owners: Owners,
    fids: HashMap<u32, Fid>,
    /// Counts the extended attributes that are read or written.
    attributes: Arc<()>,
    /// Most bytes of a message, as agreed on; none without a session.
    message_bytes: Option<u32>,
    complaints: Complaints,
}

impl Server {
    /// # Errors
    /// The directory is not to be had any more, or there are no descriptors left.
    pub fn new(directory: File, access: ShareAccess, complaints: Complaints) -> Answer<Self> {
        let root = Node::root(directory)?;
        let device = root.metadata()?.dev();
        Ok(Server {
            root,
            device,
            access,
            owners: Owners::of_this_process(),
            fids: HashMap::new(),
            attributes: Arc::new(()),
            message_bytes: None,
            complaints,
        })
    }

    /// Forgets the client.
    pub fn reset(&mut self) {
        self.fids = HashMap::new();
        self.message_bytes = None;
    }

    /// Serves a message, and puts the answer, of at most `room` bytes, into `reply`.
    pub fn serve<'a>(&mut self, message: &[u8], room: usize, reply: &'a mut Reply) -> &'a [u8] {
        let most = self.message_bytes.unwrap_or(MOST_MESSAGE_BYTES);
        reply.begin(room.min(most as usize));
        let Ok(header) = Header::read(&mut Fields(message)) else {
            return reply.end(Header { len_bytes: 0, kind: kind::LERROR, tag: !0 }, Err(Errno::PROTO));
        };
        let result = match usize::try_from(header.len_bytes) {
            _ if header.len_bytes > most => Err(Errno::MSGSIZE),
            Ok(len @ HEADER_BYTES..) if len <= message.len() => {
                self.dispatch(header.kind, &mut Fields(&message[HEADER_BYTES..len]), reply)
            }
            _ => Err(Errno::PROTO),
        };
        if let Err(errno) = result {
            self.complaints.hear(errno, &self.root);
        }
        reply.end(header, result)
    }

    fn dispatch(&mut self, kind: u8, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        if kind != kind::VERSION && self.message_bytes.is_none() {
            return Err(Errno::PROTO);
        }
        match kind {
            kind::VERSION => self.version(fields, reply),
            kind::ATTACH => self.attach(fields, reply),
            kind::FLUSH => fields.u16().map(drop),
            kind::WALK => self.walk(fields, reply),
            kind::CLUNK => self.clunk(fields),
            kind::STATFS => self.statfs(fields, reply),
            kind::GETATTR => self.getattr(fields, reply),
            kind::SETATTR => self.setattr(fields),
            kind::XATTRWALK => self.xattrwalk(fields, reply),
            kind::XATTRCREATE => self.xattrcreate(fields),
            kind::LOPEN => self.lopen(fields, reply),
            kind::LCREATE => self.lcreate(fields, reply),
            kind::READ => self.read(fields, reply),
            kind::WRITE => self.write(fields, reply),
            kind::FSYNC => self.fsync(fields),
            kind::LOCK => self.lock(fields, reply),
            kind::GETLOCK => self.getlock(fields, reply),
            kind::READDIR => self.readdir(fields, reply),
            kind::READLINK => self.readlink(fields, reply),
            kind::MKDIR => self.mkdir(fields, reply),
            kind::SYMLINK => self.symlink(fields, reply),
            kind::MKNOD => self.mknod(fields, reply),
            kind::LINK => self.link(fields),
            kind::RENAMEAT => self.renameat(fields),
            kind::RENAME => self.rename(fields),
            kind::UNLINKAT => self.unlinkat(fields),
            kind::REMOVE => self.remove(fields),
            // AUTH too: nobody has to show who they are.
            _ => Err(Errno::OPNOTSUPP),
        }
    }

    /// "version(5)": begins a session anew, and ends the one before.
    fn version(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (wanted, version) = (fields.u32()?, fields.string()?);
        self.reset();
        if wanted < LEAST_MESSAGE_BYTES {
            return Err(Errno::MSGSIZE);
        }
        let agreed = wanted.min(MOST_MESSAGE_BYTES);
        self.message_bytes = (version == VERSION).then_some(agreed);
        reply.u32(agreed);
        reply.string(if version == VERSION { VERSION } else { b"unknown" })
    }

    /// Whoever it is, and whatever tree they name, gets the shared directory.
    fn attach(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, _authenticated, _name, _tree) = (fields.u32()?, fields.u32()?, fields.string()?, fields.string()?);
        let user = fields.u32()?;
        let root = self.root.clone();
        let qid = root.qid(self.device)?;
        self.name(number, Fid::of(root, user))?;
        reply.qid(qid);
        Ok(())
    }

    /// "walk(5)": the way is gone name by name; where it ends early, the client is told how far it went.
    fn walk(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, new, count) = (fields.u32()?, fields.u32()?, fields.u16()?);
        if count > MOST_NAMES {
            return Err(Errno::INVAL);
        }
        let Fid { node, user, .. } = self.fid(number)?;
        let (mut node, user) = (node.clone(), *user);
        let mut qids = Vec::new();
        for _ in 0..count {
            let name = fields.string()?;
            match node.walk(name).and_then(|next| Ok((next.qid(self.device)?, next))) {
                Ok((qid, next)) => {
                    qids.push(qid);
                    node = next;
                }
                Err(errno) if qids.is_empty() => return Err(errno),
                Err(_) => break,
            }
        }
        if qids.len() == usize::from(count) {
            self.arrive(number, new, Fid::of(node, user))?;
        }
        reply.u16(qids.len() as u16);
        qids.into_iter().for_each(|qid| reply.qid(qid));
        Ok(())
    }

    /// Gives what was walked to from `number` the name `new`, which may be the same.
    fn arrive(&mut self, number: u32, new: u32, fid: Fid) -> Answer<()> {
        if number != new {
            return self.name(new, fid);
        }
        match self.fid(number)?.open {
            Open::No => self.fids.insert(number, fid),
            _ => return Err(Errno::BUSY),
        };
        Ok(())
    }

    /// Gives something a number that nothing has.
    pub fn name(&mut self, number: u32, fid: Fid) -> Answer<()> {
        if self.fids.contains_key(&number) {
            return Err(Errno::EXIST);
        }
        if self.fids.len() >= MOST_FIDS {
            return Err(Errno::NFILE);
        }
        self.fids.insert(number, fid);
        Ok(())
    }

    /// Another extended attribute is read or written, as long as the answer is kept.
    pub fn attribute(&self) -> Answer<Arc<()>> {
        match Arc::strong_count(&self.attributes) {
            ..=MOST_ATTRIBUTES => Ok(self.attributes.clone()),
            _ => Err(Errno::NFILE),
        }
    }

    fn clunk(&mut self, fields: &mut Fields) -> Answer<()> {
        let fid = self.fids.remove(&fields.u32()?).ok_or(Errno::BADF)?;
        match fid.open {
            Open::NewAttribute(written) => written.set(&fid.node),
            _ => Ok(()),
        }
    }

    /// Takes a fid away.
    pub fn take(&mut self, number: u32) -> Answer<Fid> {
        self.fids.remove(&number).ok_or(Errno::BADF)
    }

    pub fn fid(&self, number: u32) -> Answer<&Fid> {
        self.fids.get(&number).ok_or(Errno::BADF)
    }

    pub fn fid_mut(&mut self, number: u32) -> Answer<&mut Fid> {
        self.fids.get_mut(&number).ok_or(Errno::BADF)
    }

    pub fn node(&self, number: u32) -> Answer<Arc<Node>> {
        Ok(self.fid(number)?.node.clone())
    }

    /// # Errors
    /// The directory is only to be read.
    pub fn writable(&self) -> Answer<()> {
        match self.access {
            ShareAccess::ReadWrite => Ok(()),
            ShareAccess::ReadOnly => Err(Errno::ROFS),
        }
    }
}
