//! Directories are read, some entries at a time.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{FileType, RawDir, RawDirEntry, SeekFrom, seek};
use rustix::io::Errno;

use super::node::number as path;
use super::server::{Open, Server};
use super::wire::{Answer, Fields, Qid, Reply};

/// How many bytes of entries there are, before them.
const LENGTH_BYTES: usize = 4;
/// An entry without its name: qid, cookie, type, length of the name.
const ENTRY_BYTES: usize = 13 + 8 + 1 + 2;
/// The longest name of all file systems, and of the entries of a host's directory.
const NAME_BYTES: usize = 255;
/// Most that is read from the host at once.
const BUFFER_BYTES: usize = 32 << 10;

impl Server {
    /// Entries from a cookie on, which is 0 or came with the last entry that the client has seen.
    pub(super) fn readdir(&mut self, fields: &mut Fields, reply: &mut Reply) -> Answer<()> {
        let (number, from, count) = (fields.u32()?, fields.u64()?, fields.u32()?);
        let (device, fid) = (self.device, self.fid_mut(number)?);
        // What is above the shared directory is not shown, not even by its number.
        let above = fid.node.place().map_or(&fid.node, |place| &place.parent).qid(device)?;
        let file_device = fid.node.metadata()?.dev();
        let Open::Directory(file, at, _) = &mut fid.open else { return Err(Errno::BADF) };
        if at.take() != Some(from) {
            seek(&*file, SeekFrom::Start(from))?;
        }
        let room = reply.room().saturating_sub(LENGTH_BYTES).min(count as usize);
        let mut list = Listing { room, bytes: Vec::new(), at: from };
        list.fill(file, |entry| match entry.file_name().to_bytes() {
            b".." => above,
            _ => Qid { kind: kind(entry.file_type()), version: 0, path: path(device, file_device, entry.ino()) },
        })?;
        *at = Some(list.at);
        reply.u32(list.bytes.len() as u32);
        reply.bytes(&list.bytes);
        Ok(())
    }
}

fn kind(file_type: FileType) -> u8 {
    match file_type {
        FileType::Directory => Qid::DIRECTORY,
        FileType::Symlink => Qid::LINK,
        _ => Qid::FILE,
    }
}

/// Linux's DT_*: the type's part of a mode.
fn directory_type(file_type: FileType) -> u8 {
    match file_type {
        FileType::Unknown => 0,
        known => (known.as_raw_mode() >> 12) as u8,
    }
}

/// Entries as they are sent.
struct Listing {
    room: usize,
    bytes: Vec<u8>,
    /// The cookie of the last.
    at: u64,
}

impl Listing {
    /// Reads until there is no room for another name, or there are no more. Each time no more is read than fits, so
    /// that nothing has to be read again.
    fn fill(&mut self, directory: &File, qid: impl Fn(&RawDirEntry) -> Qid) -> Answer<()> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        loop {
            // An entry is at most 28/24 times as long here as at the host, whose end on multiples of eight.
            let len = self.room.saturating_sub(self.bytes.len()) / 7 * 6;
            if len < ENTRY_BYTES + NAME_BYTES + 9 {
                return if self.bytes.is_empty() { self.fill_little(directory, qid) } else { Ok(()) };
            }
            let mut entries = RawDir::new(directory, &mut buffer[..len.min(BUFFER_BYTES)]);
            loop {
                match entries.next() {
                    None => return Ok(()),
                    Some(entry) => self.add(&entry?, &qid),
                }
                if entries.is_buffer_empty() {
                    break;
                }
            }
        }
    }

    /// The same where a client wants fewer bytes than the longest name may have.
    fn fill_little(&mut self, directory: &File, qid: impl Fn(&RawDirEntry) -> Qid) -> Answer<()> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut entries = RawDir::new(directory, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if self.bytes.len() + ENTRY_BYTES + entry.file_name().to_bytes().len() > self.room {
                // The next call begins behind the last that fitted.
                seek(directory, SeekFrom::Start(self.at))?;
                return if self.bytes.is_empty() { Err(Errno::INVAL) } else { Ok(()) };
            }
            self.add(&entry, &qid);
        }
        Ok(())
    }

    fn add(&mut self, entry: &RawDirEntry, qid: &impl Fn(&RawDirEntry) -> Qid) {
        let Qid { kind, version, path } = qid(entry);
        let name = entry.file_name().to_bytes();
        self.at = entry.next_entry_cookie();
        self.bytes.push(kind);
        self.bytes.extend(version.to_le_bytes());
        self.bytes.extend(path.to_le_bytes());
        self.bytes.extend(self.at.to_le_bytes());
        self.bytes.push(directory_type(entry.file_type()));
        // A host's entry has no longer names.
        self.bytes.extend((name.len() as u16).to_le_bytes());
        self.bytes.extend(name);
    }
}
