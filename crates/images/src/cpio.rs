//! Writes initramfs archives: cpio in the "newc" format.
//!
//! The format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst. Every entry is a header of thirteen
//! hexadecimal numbers, a name and the data, each padded to four bytes; an entry named `TRAILER!!!` ends the archive.
//! All entries belong to root and have time 0, so that the same content gives the same bytes.

use std::collections::BTreeSet;
use std::io::{self, Write};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive that is being written to `W`.
pub(crate) struct Archive<W: Write> {
    out: W,
    inode: u32,
    directories: BTreeSet<String>,
}

/// What a header says beside the inode number.
struct Header<'a> {
    name: &'a str,
    mode: u32,
    device: (u32, u32),
    len_bytes: u32,
}

impl<W: Write> Archive<W> {
    /// An archive without entries.
    pub(crate) fn new(out: W) -> Archive<W> {
        Archive { out, inode: 0, directories: BTreeSet::new() }
    }

    /// Adds a directory, and those above it that are not there yet.
    pub(crate) fn directory(&mut self, path: &str) -> io::Result<()> {
        self.directory_with(path, 0o755)
    }

    /// The same of one where everybody may make files, and remove only their own.
    pub(crate) fn directory_for_all(&mut self, path: &str) -> io::Result<()> {
        self.directory_with(path, 0o1777)
    }

    fn directory_with(&mut self, path: &str, mode: u32) -> io::Result<()> {
        if path.is_empty() || self.directories.contains(path) {
            return Ok(());
        }
        self.parent(path)?;
        self.directories.insert(path.to_owned());
        self.header(Header { name: path, mode: DIRECTORY | mode, device: (0, 0), len_bytes: 0 })
    }

    /// Adds a regular file with the permission bits `mode`.
    pub(crate) fn file(&mut self, path: &str, mode: u32, data: &[u8]) -> io::Result<()> {
        self.entry(Header { name: path, mode: REGULAR | mode, device: (0, 0), len_bytes: length(data)? }, data)
    }

    /// Adds a symbolic link to `target`.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        let data = target.as_bytes();
        self.entry(Header { name: path, mode: SYMLINK | 0o777, device: (0, 0), len_bytes: length(data)? }, data)
    }

    /// Adds a character device for root alone.
    pub(crate) fn character_device(&mut self, path: &str, major: u32, minor: u32) -> io::Result<()> {
        self.entry(Header { name: path, mode: CHARACTER_DEVICE | 0o600, device: (major, minor), len_bytes: 0 }, &[])
    }

    /// Ends the archive and returns what it was written to.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.header(Header { name: "TRAILER!!!", mode: 0, device: (0, 0), len_bytes: 0 })?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn entry(&mut self, header: Header<'_>, data: &[u8]) -> io::Result<()> {
        self.parent(header.name)?;
        self.header(header)?;
        self.out.write_all(data)?;
        self.pad(data.len())
    }

    fn parent(&mut self, path: &str) -> io::Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.directory(parent),
            None => Ok(()),
        }
    }

    fn header(&mut self, header: Header<'_>) -> io::Result<()> {
        self.inode += 1;
        let links = 1;
        let (major, minor) = header.device;
        let name_len = length(header.name.as_bytes())? + 1;
        // inode, mode, uid, gid, nlink, mtime, filesize, maj, min, rmaj, rmin, namesize, checksum
        let fields = [self.inode, header.mode, 0, 0, links, 0, header.len_bytes, 0, 0, major, minor, name_len, 0];
        self.out.write_all(b"070701")?;
        for field in fields {
            write!(self.out, "{field:08X}")?;
        }
        self.out.write_all(header.name.as_bytes())?;
        self.out.write_all(&[0])?;
        self.pad(6 + 8 * fields.len() + name_len as usize)
    }

    fn pad(&mut self, written: usize) -> io::Result<()> {
        self.out.write_all(&[0; 3][..written.wrapping_neg() % 4])
    }
}

/// Lengths are 32 bits in this format.
fn length(data: &[u8]) -> io::Result<u32> {
    u32::try_from(data.len()).map_err(|_| io::Error::other("a file of 4 GiB or more does not fit into an initramfs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One entry with data of three bytes, by hand from the format's description.
    const ONE_FILE: &str = "07070100000001000081A4000000000000000000000001000000000000000300000000000000000000000000000000\
                            0000000200000000f\0abc\0";

    #[test]
    fn file_is_laid_out_as_the_format_says() {
        let mut archive = Archive::new(Vec::new());
        archive.file("f", 0o644, b"abc").unwrap();
        assert_eq!(String::from_utf8(archive.out).unwrap(), ONE_FILE);
    }

    #[test]
    fn every_entry_starts_on_four_bytes() {
        let mut archive = Archive::new(Vec::new());
        for len in 0..9 {
            archive.file(&"n".repeat(len + 1), 0o644, &vec![b'd'; len]).unwrap();
            assert_eq!(archive.out.len() % 4, 0);
        }
        assert_eq!(archive.finish().unwrap().len() % 4, 0);
    }

    #[test]
    fn parents_come_first_and_once() {
        let mut archive = Archive::new(Vec::new());
        archive.file("a/b/c", 0o644, b"").unwrap();
        archive.symlink("a/b/d", "c").unwrap();
        let text = String::from_utf8(archive.finish().unwrap()).unwrap();
        let names: Vec<_> = text.split('\0').filter_map(|part| part.get(110..)).collect();
        assert_eq!(names[..2], ["a", "a/b"]);
        assert_eq!(text.matches("a/b").count(), 3);
    }
}
