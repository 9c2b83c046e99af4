//! 9P's data on the wire: numbers, strings, qids, and the frame of a message.
//!
//! Models 9P2000 ("intro(5)" of Plan 9's manual) and the messages that 9P2000.L adds for Linux, as Linux's client
//! (net/9p, include/net/9p/9p.h) sends and reads them. Numbers are little-endian; a string is a length of two bytes,
//! and bytes of any kind.

use rustix::io::Errno;

/// What a request comes to: the errors are those that the client is told.
pub(super) type Answer<T> = Result<T, Errno>;

/// Size, kind and tag: what every message begins with.
pub(super) const HEADER_BYTES: usize = 4 + 1 + 2;
/// A message that says that something failed.
pub(super) const ERROR_BYTES: usize = HEADER_BYTES + 4;
/// Most names that one walk has ("walk(5)": MAXWELEM).
pub(super) const MOST_NAMES: u16 = 16;

/// The kinds of requests. The answer to each is the next number.
pub(super) mod kind {
    pub const LERROR: u8 = 6;
    pub const STATFS: u8 = 8;
    pub const LOPEN: u8 = 12;
    pub const LCREATE: u8 = 14;
    pub const SYMLINK: u8 = 16;
    pub const MKNOD: u8 = 18;
    pub const RENAME: u8 = 20;
    pub const READLINK: u8 = 22;
    pub const GETATTR: u8 = 24;
    pub const SETATTR: u8 = 26;
    pub const XATTRWALK: u8 = 30;
    pub const XATTRCREATE: u8 = 32;
    pub const READDIR: u8 = 40;
    pub const FSYNC: u8 = 50;
    pub const LOCK: u8 = 52;
    pub const GETLOCK: u8 = 54;
    pub const LINK: u8 = 70;
    pub const MKDIR: u8 = 72;
    pub const RENAMEAT: u8 = 74;
    pub const UNLINKAT: u8 = 76;
    pub const VERSION: u8 = 100;
    pub const ATTACH: u8 = 104;
    pub const FLUSH: u8 = 108;
    pub const WALK: u8 = 110;
    pub const READ: u8 = 116;
    pub const WRITE: u8 = 118;
    pub const CLUNK: u8 = 120;
    pub const REMOVE: u8 = 122;
}

/// What a server calls a file: its type, a number that another content has another of, and one that no other file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Qid {
    pub kind: u8,
    pub version: u32,
    pub path: u64,
}

impl Qid {
    /// A directory.
    pub const DIRECTORY: u8 = 0x80;
    /// A symbolic link.
    pub const LINK: u8 = 0x02;
    /// Any other file.
    pub const FILE: u8 = 0;
}

/// The fields of a request, from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `len` bytes.
    ///
    /// # Errors
    /// There are not so many.
    pub fn bytes(&mut self, len: usize) -> Answer<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Errno::PROTO)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Answer<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Errno::PROTO)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub fn u8(&mut self) -> Answer<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Answer<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Answer<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Answer<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn string(&mut self) -> Answer<&'a [u8]> {
        let len = self.u16()?;
        self.bytes(len.into())
    }
}

/// The frame of a request: how long it says that it is, what it is, and what its answer is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub len_bytes: u32,
    pub kind: u8,
    pub tag: u16,
}

impl Header {
    /// Reads the first bytes of a message.
    pub fn read(fields: &mut Fields) -> Answer<Header> {
        Ok(Header { len_bytes: fields.u32()?, kind: fields.u8()?, tag: fields.u16()? })
    }
}

/// An answer as it grows, which has a limit.
#[derive(Debug, Default)]
pub(super) struct Reply {
    bytes: Vec<u8>,
    limit: usize,
}

impl Reply {
    /// Begins another answer, of at most `limit` bytes.
    pub fn begin(&mut self, limit: usize) {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES, 0);
        self.limit = limit;
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn u16(&mut self, value: u16) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// # Errors
    /// It is longer than a string can be.
    pub fn string(&mut self, text: &[u8]) -> Answer<()> {
        self.u16(text.len().try_into().map_err(|_| Errno::NAMETOOLONG)?);
        self.bytes(text);
        Ok(())
    }

    pub fn qid(&mut self, qid: Qid) {
        self.u8(qid.kind);
        self.u32(qid.version);
        self.u64(qid.path);
    }

    /// Data of at most `most` bytes with its length before it: what `fill` puts there, which answers how much that is.
    pub fn data(&mut self, most: u32, fill: impl FnOnce(&mut [u8]) -> Answer<usize>) -> Answer<()> {
        let length = self.bytes.len();
        self.u32(0);
        let begin = self.bytes.len();
        self.bytes.resize(begin + self.room().min(most as usize), 0);
        let len = fill(&mut self.bytes[begin..])?;
        self.bytes.truncate(begin + len);
        self.bytes[length..begin].copy_from_slice(&(len as u32).to_le_bytes());
        Ok(())
    }

    /// The answer, as it is.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The answer to `request`, or the error that it came to. What is longer than the client has room for is one too.
    pub fn end(&mut self, request: Header, result: Answer<()>) -> &[u8] {
        let fits = if self.bytes.len() > self.limit { Err(Errno::MSGSIZE) } else { Ok(()) };
        let kind = match result.and(fits) {
            Ok(()) => request.kind.wrapping_add(1),
            Err(errno) => {
                self.begin(self.limit);
                self.u32(errno.raw_os_error().unsigned_abs());
                kind::LERROR + 1
            }
        };
        let len = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.bytes[4] = kind;
        self.bytes[5..HEADER_BYTES].copy_from_slice(&request.tag.to_le_bytes());
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_where_the_message_does() {
        let mut fields = Fields(&[2, 0, b'a', b'b', 9]);
        assert_eq!(fields.string(), Ok(&b"ab"[..]));
        assert_eq!(fields.u16(), Err(Errno::PROTO));
        assert_eq!(fields.u8(), Ok(9));
        assert_eq!(Fields(&[3, 0, b'a', b'b']).string(), Err(Errno::PROTO));
    }

    #[test]
    fn an_answer_beyond_the_limit_is_an_error_that_fits() {
        let mut reply = Reply::default();
        reply.begin(ERROR_BYTES);
        reply.bytes(&[0; 100]);
        let request = Header { len_bytes: 7, kind: kind::READLINK, tag: 3 };
        // EMSGSIZE is 90 (Linux, asm-generic/errno.h).
        assert_eq!(reply.end(request, Ok(())), [11, 0, 0, 0, 7, 3, 0, 90, 0, 0, 0]);
    }

    #[test]
    fn data_has_its_length_before_it() {
        let mut reply = Reply::default();
        reply.begin(HEADER_BYTES + 4 + 8);
        let fill = |room: &mut [u8]| {
            assert_eq!(room.len(), 8);
            room[0] = 5;
            Ok(1)
        };
        reply.data(100, fill).unwrap();
        let request = Header { len_bytes: 23, kind: kind::READ, tag: 1 };
        assert_eq!(reply.end(request, Ok(())), [12, 0, 0, 0, 117, 1, 0, 1, 0, 0, 0, 5]);
    }
}
