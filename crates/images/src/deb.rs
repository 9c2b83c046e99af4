//! Reads files out of `.deb` packages.
//!
//! A package (deb(5)) is an `ar` archive whose member `data.tar.*` is the file tree, compressed by xz, zstd or gzip, or
//! not at all. It is unpacked once into a nameless temporary file; files are then read from there in any order, because
//! which modules are needed shows only as they are read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use object::read::ReadCache;
use object::read::archive::ArchiveFile;

use crate::error::{Error, OnFile, Result};

/// An opened package.
#[derive(Debug)]
pub(crate) struct Package {
    path: PathBuf,
    tree: File,
    files: BTreeMap<String, Extent>,
}

/// Where a file's bytes lie in the unpacked tree.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: u64,
    len_bytes: u64,
}

impl Package {
    /// Unpacks the tree of the package at `path` into a temporary file in `scratch` and lists its files.
    ///
    /// # Errors
    /// [`Error::Package`] where the file is truncated or no package; [`Error::Full`] where `scratch` has no room.
    pub(crate) fn open(path: &Path, scratch: &Path) -> Result<Package> {
        let broken = |source| Error::Package { path: path.to_owned(), source };
        let mut tree = tempfile::tempfile_in(scratch).on_file("write in", scratch)?;
        unpack(path, &mut tree).map_err(|why| match why {
            Failure::Reading(source) => broken(source),
            Failure::Writing(source) => Error::file("write in", scratch, source),
        })?;
        let files = list(&tree).map_err(broken)?;
        Ok(Package { path: path.to_owned(), tree, files })
    }

    /// The paths of its regular files, without a leading "./".
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The content of the file at `name`, if it is there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(&extent) = self.files.get(name) else { return Ok(None) };
        let read = || -> io::Result<Vec<u8>> {
            let mut tree = &self.tree;
            tree.seek(SeekFrom::Start(extent.start))?;
            let mut data = Vec::new();
            tree.take(extent.len_bytes).read_to_end(&mut data)?;
            Ok(data)
        };
        read().map(Some).map_err(|source| Error::Package { path: self.path.clone(), source })
    }
}

/// On which side of the copy something failed.
enum Failure {
    Reading(io::Error),
    Writing(io::Error),
}

fn unpack(path: &Path, tree: &mut File) -> std::result::Result<(), Failure> {
    with_tree(path, |plain| Ok(copy(plain, tree))).map_err(Failure::Reading)?
}

/// Hands the tar archive with the file tree of the package at `path` to `take`.
pub(crate) fn with_tree<T>(path: &Path, take: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
    with_member(path, "data.tar", take)
}

/// The same with what dpkg itself reads: the package's record, its scripts and lists.
pub(crate) fn with_control<T>(path: &Path, take: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
    with_member(path, "control.tar", take)
}

fn with_member<T>(path: &Path, start: &str, take: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
    let cache = ReadCache::new(File::open(path)?);
    let (offset, len_bytes) = place(&cache, start)?;
    let mut file = cache.into_inner();
    file.seek(SeekFrom::Start(offset))?;
    take(&mut *decompress(BufReader::new(file.take(len_bytes)))?)
}

/// Where the bytes of the archive's first member lie whose name starts so, and how many they are.
fn place(archive: &ReadCache<File>, start: &str) -> io::Result<(u64, u64)> {
    let archive = ArchiveFile::parse(archive).map_err(io::Error::other)?;
    for member in archive.members() {
        let member = member.map_err(io::Error::other)?;
        // A thin archive names its members and does not hold them.
        if member.name().starts_with(start.as_bytes()) && !member.is_thin() {
            return Ok(member.file_range());
        }
    }
    Err(io::Error::other(format!("it has no {start}")))
}

fn copy(from: &mut dyn Read, to: &mut File) -> std::result::Result<(), Failure> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let len = from.read(&mut buffer).map_err(Failure::Reading)?;
        if len == 0 {
            return Ok(());
        }
        io::Write::write_all(to, &buffer[..len]).map_err(Failure::Writing)?;
    }
}

/// The regular files of a tar archive and where their bytes lie.
fn list(tree: &File) -> io::Result<BTreeMap<String, Extent>> {
    let mut tree = tree;
    tree.seek(SeekFrom::Start(0))?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(BufReader::new(tree)).entries_with_seek()? {
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            files.insert(name, Extent { start: entry.raw_file_position(), len_bytes: entry.size() });
        }
    }
    Ok(files)
}

/// Undoes the compression that the first bytes tell of: xz, zstd or gzip; anything else is taken as it is.
pub(crate) fn decompress<'a>(mut packed: impl io::BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let magic = packed.fill_buf()?;
    if magic.starts_with(b"\xFD7zXZ\0") {
        return Ok(Box::new(lzma_rust2::XzReader::new(packed, true)));
    }
    if magic.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
        let reader = ruzstd::decoding::StreamingDecoder::new(packed).map_err(io::Error::other)?;
        return Ok(Box::new(reader));
    }
    if magic.starts_with(&[0x1F, 0x8B]) {
        return Ok(Box::new(flate2::bufread::GzDecoder::new(packed)));
    }
    Ok(Box::new(packed))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::fs;

    /// A package with the given files, its tree compressed by `pack` into a member called `member`.
    pub(crate) fn package(files: &[(&str, &[u8])], member: &str, pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut tree = tar::Builder::new(Vec::new());
        for (name, data) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            let path = format!("./{name}");
            header.set_path(&path).unwrap();
            header.set_cksum();
            tree.append(&header, *data).unwrap();
        }
        let data = pack(&tree.into_inner().unwrap());
        archive(&[("debian-binary", b"2.0\n"), (member, &data)])
    }

    /// An `ar` archive of these members.
    pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = b"!<arch>\n".to_vec();
        for (name, content) in members {
            let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100644, content.len());
            archive.extend_from_slice(header.as_bytes());
            archive.extend_from_slice(content);
            archive.resize(archive.len().next_multiple_of(2), b'\n');
        }
        archive
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, data).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(data: &[u8]) -> Vec<u8> {
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
        io::Write::write_all(&mut encoder, data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn open(bytes: &[u8]) -> Result<Package> {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("some.deb");
        fs::write(&path, bytes).unwrap();
        Package::open(&path, scratch.path())
    }

    #[test]
    fn files_come_out_of_every_compression() {
        let files: &[(&str, &[u8])] = &[("boot/vmlinux-1", b"kernel"), ("usr/bin/busybox", b"box")];
        let plain: fn(&[u8]) -> Vec<u8> = <[u8]>::to_vec;
        for (member, pack) in [("data.tar", plain), ("data.tar.gz", gzip), ("data.tar.xz", xz), ("data.tar.zst", zstd)]
        {
            let package = open(&package(files, member, pack)).unwrap();
            assert_eq!(package.names().collect::<Vec<_>>(), ["boot/vmlinux-1", "usr/bin/busybox"], "{member}");
            assert_eq!(package.read("usr/bin/busybox").unwrap().unwrap(), b"box");
            assert_eq!(package.read("nothing").unwrap(), None);
        }
    }

    #[test]
    fn truncated_package_is_an_error_that_names_it() {
        let whole = package(&[("f", &[7; 4000])], "data.tar.xz", xz);
        for len in [0, 7, 60, 130, whole.len() - 40] {
            let why = open(&whole[..len]).unwrap_err();
            assert!(why.to_string().contains("some.deb is not a whole Debian package"), "{why}");
        }
    }

    #[test]
    fn package_without_a_tree_is_an_error() {
        assert!(open(&package(&[], "control.tar", <[u8]>::to_vec)).is_err());
    }

    /// Names of BSD's and GNU's kind, which packages have no use for, may lead nowhere.
    #[test]
    fn members_names_that_lie_elsewhere_are_errors() {
        let whole = package(&[("f", b"content")], "data.tar", <[u8]>::to_vec);
        let place = whole.windows(8).position(|bytes| bytes == b"data.tar").unwrap();
        for name in ["/80000000", "/0", "/", "//", "/-1", "/99999999999999", "#1/9999999999", "#1/0", "#1/x", "#1/16"] {
            let mut bytes = whole.clone();
            bytes[place..place + 16].copy_from_slice(format!("{name:<16}").as_bytes());
            let why = open(&bytes).unwrap_err();
            assert!(why.to_string().contains("some.deb is not a whole Debian package"), "{name}: {why}");
        }
    }

    #[test]
    fn sizes_beyond_the_file_are_errors() {
        let whole = package(&[("f", &[7; 4000])], "data.tar.gz", gzip);
        for size in ["9999999999", "-1", "", "x"] {
            for place in [8, 72] {
                let mut bytes = whole.clone();
                bytes[place + 48..place + 58].copy_from_slice(format!("{size:<10}").as_bytes());
                // The last member may say that it is longer: its compression has an end of its own.
                if (size, place) != ("9999999999", 72) {
                    assert!(open(&bytes).is_err(), "size {size:?} at {place}");
                }
            }
        }
    }
}
