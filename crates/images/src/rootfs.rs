//! A Debian root for the host, as an archive that its kernel unpacks beside the initramfs.
//!
//! The packages that Debian calls essential or required, and what they need, unpacked under [`PLACE`], with the records by
//! which dpkg and apt know them. No script of theirs has run: what a program needs of that to work is put there by hand, and
//! there is no systemd that would want the rest. As in Debian since trixie, all lies under `usr`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::archive::{self, Archive, Package};
use crate::cache::{Cache, Lock};
use crate::cpio;
use crate::deb::with_tree;
use crate::error::{Error, OnFile, Result};
use crate::hash::hex_sha256;
use crate::progress::{Progress, step};
use crate::request::{Apt, Architecture, Freshness};
use crate::tree::{MERGED, UNREAD, merged};

/// The directory of roots in the cache.
const ROOTS: &str = "rootfs";
/// How many are kept beside a new one.
const KEPT: usize = 1;
/// Changes with how roots are made.
const FORMAT: u32 = 2;

/// Where the root lies in the machine; `init/exec.sh` goes there.
const PLACE: &str = "debian";

/// What is there beside what Debian requires.
const ALSO: [&str; 4] = ["apt", "ca-certificates", "netbase", "procps"];

/// What maintainers' scripts would have made: files by their names, and what is in them.
const FILES: [(&str, &str); 4] = [
    ("etc/hostname", "host\n"),
    ("etc/hosts", "127.0.0.1 localhost host guest\n::1 localhost\n"),
    ("etc/shells", "/bin/sh\n/bin/bash\n"),
    // A sandbox of apt's wants users and a directory of its own.
    ("etc/apt/apt.conf.d/90vhart", "APT::Sandbox::User \"root\";\nAPT::Install-Recommends \"false\";\n"),
];
const LINKS: [(&str, &str); 3] =
    [("usr/bin/awk", "mawk"), ("usr/bin/pager", "more"), ("etc/mtab", "../proc/self/mounts")];
/// Copies of what packages bring elsewhere: to and from.
const COPIES: [(&str, &str); 4] = [
    ("etc/passwd", "usr/share/base-passwd/passwd.master"),
    ("etc/group", "usr/share/base-passwd/group.master"),
    ("etc/nsswitch.conf", "usr/share/libc-bin/nsswitch.conf"),
    ("etc/profile", "usr/share/base-files/profile"),
];
const DIRECTORIES: [&str; 8] = ["proc", "sys", "dev", "run", "tmp", "root", "boot", "mnt"];

/// The archive with a Debian root, made now if the cache lacks it, from the suite and mirror of `apt`.
///
/// # Errors
/// What an archive or network may be short of.
pub fn debian_root(apt: &Apt, cache: &Cache, progress: &dyn Progress) -> Result<PathBuf> {
    if let Some(path) = cached_debian_root(apt, cache) {
        return Ok(path);
    }
    let lock = cache.lock(ROOTS, "a Debian root", progress)?;
    match cached_debian_root(apt, cache) {
        // Another process has made it while this one waited.
        Some(path) => Ok(path),
        None => make(apt, cache, progress, &name(apt), &lock),
    }
}

/// The same, if it is in the cache and nothing newer is asked for.
pub fn cached_debian_root(apt: &Apt, cache: &Cache) -> Option<PathBuf> {
    let path = cache.path(name(apt));
    let there = path.is_file() && apt.freshness == Freshness::Cached;
    there.then(|| {
        cache.used(&path);
        path
    })
}

/// The name within the cache of the root of this suite and mirror.
fn name(apt: &Apt) -> String {
    let key = hex_sha256(&[&FORMAT.to_le_bytes(), apt.suite.as_bytes(), archive::mirror(apt).as_bytes()]);
    format!("{ROOTS}/debian-{}-{}.cpio", apt.suite.replace('/', "-"), &key[..12])
}

fn make(apt: &Apt, cache: &Cache, progress: &dyn Progress, name: &str, lock: &Lock) -> Result<PathBuf> {
    let archive = Archive::open(apt, cache, progress)?;
    let index = archive.index(Architecture::Riscv64)?;
    let required = index.required();
    // One that is required and named here, too, would come twice.
    let names: BTreeSet<&str> = required.iter().map(String::as_str).chain(ALSO).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let packages = index.with_needed(&names, &[]).map_err(|name| archive.lacks(&name, Architecture::Riscv64))?;
    archive.check_room(&packages, lock)?;
    let len_bytes: u64 = packages.iter().map(|package| package.sum.len_bytes).sum();
    let what = format!("downloading a Debian root ({} MB)", len_bytes.div_ceil(1_000_000));
    let paths = archive.fetch(&what, &packages, lock)?;
    let scratch = cache.scratch(lock)?;
    let made = scratch.path().join("root.cpio");
    step(progress, "unpacking the Debian root", || {
        let mut root = Root::create(&made)?;
        for (package, path) in packages.iter().zip(&paths) {
            root.add(package, path, index.paragraph(&package.name).unwrap_or_default())?;
        }
        root.finish(apt, archive.mirror()).on_file("write", &made)
    })?;
    cache.prune(ROOTS, KEPT, lock)?;
    let path = cache.publish(&made, name, lock)?;
    archive.forget(&paths, lock);
    Ok(path)
}

/// A root on its way into an archive.
struct Root {
    archive: cpio::Archive<BufWriter<File>>,
    /// What is there, as a path that comes twice would be two files.
    there: BTreeSet<PathBuf>,
    /// The text of dpkg's record.
    status: String,
    /// Files that others are made of.
    kept: Vec<(&'static str, Vec<u8>)>,
}

impl Root {
    fn create(path: &Path) -> Result<Root> {
        let file = File::create(path).on_file("write", path)?;
        let mut root = Root {
            archive: cpio::Archive::new(BufWriter::new(file)),
            there: BTreeSet::new(),
            status: String::new(),
            kept: Vec::new(),
        };
        root.begin().on_file("write", path)?;
        Ok(root)
    }

    fn begin(&mut self) -> io::Result<()> {
        for directory in DIRECTORIES {
            self.archive.directory(&place(Path::new(directory)))?;
        }
        for name in MERGED {
            self.archive.directory(&place(&Path::new("usr").join(name)))?;
            self.link(Path::new(name), &format!("usr/{name}"))?;
        }
        Ok(())
    }

    /// Unpacks a package, and records it.
    fn add(&mut self, package: &Package, path: &Path, paragraph: &str) -> Result<()> {
        let mut list = String::from("/.\n");
        with_tree(path, |tar| self.unpack(tar, &mut list)).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path: path.to_owned() },
            _ => Error::Package { path: path.to_owned(), source },
        })?;
        self.status.push_str(&record(paragraph));
        let suffix = if paragraph.contains("\nMulti-Arch: same\n") { ":riscv64" } else { "" };
        let name = format!("var/lib/dpkg/info/{}{suffix}.list", package.name);
        self.file(Path::new(&name), 0o644, list.as_bytes()).on_file("write", path)
    }

    fn unpack(&mut self, tar: &mut dyn Read, list: &mut String) -> io::Result<()> {
        for entry in tar::Archive::new(tar).entries()? {
            let mut entry = entry?;
            let original = entry.path()?.into_owned();
            let Some(name) = merged(&original)? else { continue };
            let shown = original.to_string_lossy();
            list.push_str(&format!("/{}\n", shown.trim_start_matches("./").trim_end_matches('/')));
            let is_merged = original.components().filter(|part| part.as_os_str() != ".").count() == 1
                && MERGED.iter().any(|merged| name.ends_with(merged));
            if !is_merged && !UNREAD.iter().any(|directory| name.starts_with(directory)) {
                self.put(&mut entry, &name)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, entry: &mut tar::Entry<'_, impl Read>, name: &Path) -> io::Result<()> {
        let (kind, mode) = (entry.header().entry_type(), entry.header().mode()? & 0o7777);
        let target = || entry.link_name()?.map(|to| to.into_owned()).ok_or_else(|| io::Error::other("link to nothing"));
        if kind.is_dir() {
            self.archive.directory(&place(name))
        } else if kind.is_symlink() {
            let target = target()?;
            self.link(name, &target.to_string_lossy())
        } else if kind.is_hard_link() {
            let other = merged(&target()?)?.ok_or_else(|| io::Error::other("link to nothing"))?;
            self.link(name, &format!("/{}", other.to_string_lossy()))
        } else if kind.is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            let kept = COPIES.iter().find(|(_, from)| name == Path::new(from));
            self.kept.extend(kept.map(|(to, _)| (*to, content.clone())));
            self.file(name, mode, &content)
        } else {
            // Devices are the kernel's to make.
            Ok(())
        }
    }

    fn file(&mut self, name: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
        match self.there.insert(name.to_owned()) {
            true => self.archive.file(&place(name), mode, content),
            false => Ok(()),
        }
    }

    fn link(&mut self, name: &Path, target: &str) -> io::Result<()> {
        match self.there.insert(name.to_owned()) {
            true => self.archive.symlink(&place(name), target),
            false => Ok(()),
        }
    }

    /// Adds what no package has, and ends the archive.
    fn finish(mut self, apt: &Apt, mirror: &str) -> io::Result<()> {
        for (name, content) in std::mem::take(&mut self.kept) {
            self.file(Path::new(name), 0o644, &content)?;
        }
        for (name, content) in FILES {
            self.file(Path::new(name), 0o644, content.as_bytes())?;
        }
        for (name, target) in LINKS {
            self.link(Path::new(name), target)?;
        }
        let source = format!("deb {mirror} {} main\n", apt.suite);
        self.file(Path::new("etc/apt/sources.list"), 0o644, source.as_bytes())?;
        let status = std::mem::take(&mut self.status);
        self.file(Path::new("var/lib/dpkg/status"), 0o644, status.as_bytes())?;
        // Names of files in there have the architecture where several may be installed.
        self.file(Path::new("var/lib/dpkg/info/format"), 0o644, b"1\n")?;
        for name in ["var/lib/dpkg/available", "var/lib/dpkg/diversions", "var/lib/dpkg/statoverride"] {
            self.file(Path::new(name), 0o644, &[])?;
        }
        for name in
            ["var/lib/dpkg/updates", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt"]
        {
            self.archive.directory(&place(Path::new(name)))?;
        }
        self.archive.finish()?.into_inner().map_err(|why| why.into_error())?.flush()
    }
}

/// Where a path of the root lies in the machine.
fn place(name: &Path) -> String {
    format!("{PLACE}/{}", name.to_string_lossy())
}

/// What dpkg records of an installed package: the index's paragraph, without what tells where to download it.
fn record(paragraph: &str) -> String {
    const OF_THE_ARCHIVE: [&str; 5] = ["Filename:", "Size:", "MD5sum:", "SHA256:", "Description-md5:"];
    let kept = paragraph.trim_end().lines().filter(|line| !OF_THE_ARCHIVE.iter().any(|field| line.starts_with(field)));
    let lines: Vec<&str> = kept.collect();
    let (first, rest) = lines.split_first().unwrap_or((&"", &[]));
    format!("{first}\nStatus: install ok installed\n{}\n\n", rest.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::archive::Index;
    use crate::deb::tests::package;

    #[test]
    fn record_is_dpkgs_and_not_the_archives() {
        let paragraph = "Package: a\nVersion: 1\nFilename: pool/a.deb\nSize: 7\nSHA256: ab\nDescription: x\n more\n\n";
        assert_eq!(
            record(paragraph),
            "Package: a\nStatus: install ok installed\nVersion: 1\nDescription: x\n more\n\n"
        );
    }

    #[test]
    fn root_has_files_under_usr_and_knows_its_packages() {
        let place = tempfile::tempdir().unwrap();
        let deb = place.path().join("a.deb");
        let files: &[(&str, &[u8])] = &[
            ("bin/tool", b"#!/bin/sh\n"),
            ("usr/share/doc/a/copyright", b"read by nobody"),
            ("usr/share/base-passwd/passwd.master", b"root:*:0:0:root:/root:/bin/bash\n"),
        ];
        fs::write(&deb, package(files, "data.tar", <[u8]>::to_vec)).unwrap();
        let index = Index::parse(format!(
            "Package: a\nVersion: 1\nPriority: required\nFilename: a.deb\nSize: 1\nSHA256: {}\n\n",
            "ab".repeat(32)
        ));
        assert_eq!(index.required(), ["a"]);
        let made = place.path().join("root.cpio");
        let mut root = Root::create(&made).unwrap();
        root.add(&index.find("a").unwrap(), &deb, index.paragraph("a").unwrap()).unwrap();
        root.finish(&Apt::default(), "http://mirror/debian").unwrap();
        let archive = String::from_utf8_lossy(&fs::read(made).unwrap()).into_owned();
        for name in ["debian/usr/bin/tool", "debian/etc/passwd", "debian/var/lib/dpkg/info/a.list", "debian/bin"] {
            assert!(archive.contains(&format!("{name}\0")), "{name}");
        }
        assert!(!archive.contains("copyright\0") && archive.contains("deb http://mirror/debian stable main\n"));
    }
}
