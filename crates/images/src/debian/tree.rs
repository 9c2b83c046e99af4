//! All packages unpacked, as one archive that the making machine unpacks once more, onto its disk.
//!
//! Owners, modes and links are the packages'. As in Debian since trixie, all lies under `usr`. What the slim images of
//! Debian leave out (documentation but for licences, manual pages, other languages) is left out here too.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::records::{self, Control};
use crate::deb::{with_control, with_tree};
use crate::error::{Error, OnFile, Result};
use crate::progress::Progress;
use crate::request::Apt;
use crate::tree::{MERGED, UNREAD, merged};

/// The package that says of the common directories whose they are.
pub(super) const FIRST: &str = "base-files";

const DPKG: &str = "var/lib/dpkg";

/// What no package brings: files by their names, and what is in them.
const FILES: [(&str, &str); 8] = [
    ("etc/hostname", "host\n"),
    ("etc/hosts", "127.0.0.1 localhost host guest\n::1 localhost\n"),
    // It grows to the size of the disk that it is copied to.
    ("etc/fstab", "/dev/vda / ext4 rw,noatime,x-systemd.growfs 0 0\n"),
    ("etc/default/locale", "LANG=C.UTF-8\n"),
    // The user-mode network's, here as in QEMU.
    ("etc/resolv.conf", "nameserver 10.0.2.3\n"),
    ("etc/systemd/network/80-vhart.network", "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n"),
    ("etc/apt/apt.conf.d/90vhart", "APT::Install-Recommends \"false\";\nAcquire::Languages \"none\";\n"),
    ("etc/dpkg/dpkg.cfg.d/90vhart", "force-unsafe-io\n"),
];
/// The initramfs leaves its programs in `/run/vhart`.
const LINKS: [(&str, &str); 2] =
    [("usr/local/bin/vhart", "/run/vhart/bin/vhart"), ("usr/local/bin/guest", "/run/vhart/bin/guest")];
/// Directories that the kernel's file systems are mounted at, and dpkg's own.
const DIRECTORIES: [&str; 10] = [
    "proc",
    "sys",
    "dev",
    "run",
    "etc",
    "var/lib/dpkg/info",
    "var/lib/dpkg/updates",
    "var/lib/dpkg/triggers",
    "var/lib/dpkg/alternatives",
    "var/lib/dpkg/parts",
];

/// What is wrong where a package is not added to the archive at `path`.
fn full_or_broken(source: io::Error, path: &Path, package: &Path) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path: path.to_owned() },
        _ => Error::Package { path: package.to_owned(), source },
    }
}

/// Writes the archive of the packages in `paths` to `path`.
///
/// # Errors
/// [`Error::Package`] for one that is broken; [`Error::Full`] where there is no room.
pub(super) fn write(path: &Path, apt: &Apt, mirror: &str, paths: &[PathBuf], progress: &dyn Progress) -> Result<()> {
    let file = File::create(path).on_file("write", path)?;
    let mut tree = Tree {
        out: tar::Builder::new(BufWriter::new(file)),
        there: BTreeSet::new(),
        status: String::new(),
        interests: Vec::new(),
    };
    tree.begin().on_file("write", path)?;
    for (number, package) in paths.iter().enumerate() {
        progress.fraction(number as f64 / paths.len().max(1) as f64);
        tree.add(package).map_err(|why| full_or_broken(why, path, package))?;
    }
    tree.finish(apt, mirror).on_file("write", path)
}

/// An archive on its way.
struct Tree<W: Write> {
    out: tar::Builder<W>,
    /// What is there, as a path that comes twice would be two.
    there: BTreeSet<PathBuf>,
    /// The text of dpkg's record.
    status: String,
    /// Triggers, and who is interested in them.
    interests: Vec<(String, String)>,
}

impl<W: Write> Tree<W> {
    fn begin(&mut self) -> io::Result<()> {
        for name in MERGED {
            self.directory(&Path::new("usr").join(name))?;
            self.link(name, &format!("usr/{name}"))?;
        }
        DIRECTORIES.iter().try_for_each(|name| self.directory(Path::new(name)))
    }

    /// Unpacks a package, and records it.
    fn add(&mut self, path: &Path) -> io::Result<()> {
        let control = with_control(path, |tar| Control::read(tar))?;
        let (conffiles, mut there, mut list) = (control.conffiles(), BTreeSet::new(), String::from("/.\n"));
        with_tree(path, |tar| self.unpack(tar, &conffiles, &mut there, &mut list))?;
        self.status += &control.status(&there);
        self.interests.extend(control.interests()?);
        for (name, content, mode) in control.info(list)? {
            self.file(&format!("{DPKG}/info/{name}"), mode, &content)?;
        }
        Ok(())
    }

    fn unpack(
        &mut self,
        tar: &mut dyn Read,
        conffiles: &BTreeSet<String>,
        there: &mut BTreeSet<String>,
        list: &mut String,
    ) -> io::Result<()> {
        for entry in tar::Archive::new(tar).entries()? {
            let mut entry = entry?;
            let original = entry.path()?.into_owned();
            let Some(name) = merged(&original)? else { continue };
            let shown = original.to_string_lossy();
            let shown = shown.trim_start_matches("./").trim_end_matches('/');
            list.push_str(&format!("/{shown}\n"));
            if is_unread(&name) {
                continue;
            }
            if conffiles.contains(shown) {
                there.insert(shown.to_owned());
                self.put(&mut entry, PathBuf::from(format!("{}.dpkg-new", name.display())))?;
            } else {
                self.put(&mut entry, name)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, entry: &mut tar::Entry<'_, impl Read>, name: PathBuf) -> io::Result<()> {
        if !self.there.insert(name.clone()) {
            return Ok(());
        }
        let mut header = entry.header().clone();
        // Numbers tell owners: there are no names yet.
        header.set_username("")?;
        header.set_groupname("")?;
        let kind = header.entry_type();
        let target = || entry.link_name()?.map(|to| to.into_owned()).ok_or_else(|| io::Error::other("link to nothing"));
        if kind.is_symlink() {
            self.out.append_link(&mut header, &name, target()?)
        } else if kind.is_hard_link() {
            let other = merged(&target()?)?.ok_or_else(|| io::Error::other("link to nothing"))?;
            self.out.append_link(&mut header, &name, other)
        } else if kind.is_dir() || kind.is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            header.set_size(content.len() as u64);
            self.out.append_data(&mut header, &name, &content[..])
        } else {
            // Devices are the kernel's to make.
            Ok(())
        }
    }

    fn directory(&mut self, name: &Path) -> io::Result<()> {
        if name.as_os_str().is_empty() || !self.there.insert(name.to_owned()) {
            return Ok(());
        }
        self.directory(name.parent().unwrap_or(Path::new("")))?;
        self.out.append_data(&mut header(tar::EntryType::Directory, 0o755, 0), name, io::empty())
    }

    fn link(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.there.insert(name.into());
        self.out.append_link(&mut header(tar::EntryType::Symlink, 0o777, 0), name, target)
    }

    fn file(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.directory(Path::new(name).parent().unwrap_or(Path::new("")))?;
        self.there.insert(name.into());
        self.out.append_data(&mut header(tar::EntryType::Regular, mode, content.len() as u64), name, content)
    }

    /// Adds what no package has, and ends the archive.
    fn finish(mut self, apt: &Apt, mirror: &str) -> io::Result<()> {
        for (name, content) in FILES {
            self.file(name, 0o644, content.as_bytes())?;
        }
        for (name, target) in LINKS {
            self.directory(Path::new(name).parent().unwrap_or(Path::new("")))?;
            self.link(name, target)?;
        }
        self.file("etc/apt/sources.list", 0o644, format!("deb {mirror} {} main\n", apt.suite).as_bytes())?;
        let status = std::mem::take(&mut self.status);
        self.file(&format!("{DPKG}/status"), 0o644, status.as_bytes())?;
        // Names of files in there have the architecture where several may be installed.
        self.file(&format!("{DPKG}/info/format"), 0o644, b"1\n")?;
        for name in ["available", "diversions", "statoverride"] {
            self.file(&format!("{DPKG}/{name}"), 0o644, &[])?;
        }
        for (name, content) in records::triggers(&self.interests) {
            self.file(&format!("{DPKG}/triggers/{name}"), 0o644, content.as_bytes())?;
        }
        self.out.into_inner()?.flush()
    }
}

fn header(kind: tar::EntryType, mode: u32, len_bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(len_bytes);
    header
}

/// Whether nobody reads it in there. Licences stay.
fn is_unread(name: &Path) -> bool {
    UNREAD.iter().any(|directory| name.starts_with(directory) && name != Path::new(directory))
        && name.file_name() != Some("copyright".as_ref())
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use super::*;

    /// A package of these files.
    pub(crate) fn package(control: &[(&str, &str)], files: &[(&str, u32)]) -> Vec<u8> {
        let tar = |files: &[(String, Vec<u8>, u32)]| {
            let mut tree = tar::Builder::new(Vec::new());
            for (name, content, mode) in files {
                tree.append_data(&mut header(tar::EntryType::Regular, *mode, content.len() as u64), name, &content[..])
                    .unwrap();
            }
            tree.into_inner().unwrap()
        };
        let control: Vec<_> =
            control.iter().map(|(name, text)| (format!("./{name}"), text.as_bytes().to_vec(), 0o644)).collect();
        let files: Vec<_> =
            files.iter().map(|(name, mode)| (format!("./{name}"), b"content".to_vec(), *mode)).collect();
        let members = [("debian-binary", &b"2.0\n"[..]), ("control.tar", &tar(&control)), ("data.tar", &tar(&files))];
        crate::deb::tests::archive(&members)
    }

    #[test]
    fn configuration_files_wait_beside_their_places_and_modes_stay() {
        let place = tempfile::tempdir().unwrap();
        let deb = place.path().join("a.deb");
        let record = [("control", "Package: a\nVersion: 1\n"), ("conffiles", "/etc/a\n/etc/gone\n")];
        let files = [
            ("bin/su", 0o4755),
            ("etc/a", 0o600),
            ("usr/share/doc/a/changelog", 0o644),
            ("usr/share/doc/a/copyright", 0o644),
        ];
        fs::write(&deb, package(&record, &files)).unwrap();
        let made = place.path().join("all.tar");
        write(&made, &Apt::default(), "http://mirror/debian", &[deb], &()).unwrap();
        let mut tar = tar::Archive::new(File::open(&made).unwrap());
        let mut found = std::collections::BTreeMap::new();
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            let name = entry.path().unwrap().display().to_string();
            let mode = entry.header().mode().unwrap();
            entry.read_to_string(&mut text).unwrap();
            found.insert(name, (mode, text));
        }
        assert_eq!(found["usr/bin/su"].0, 0o4755);
        assert_eq!(found["etc/a.dpkg-new"].0, 0o600);
        assert!(!found.contains_key("etc/a") && !found.contains_key("usr/share/doc/a/changelog"));
        assert!(found.contains_key("usr/share/doc/a/copyright"));
        let status = &found["var/lib/dpkg/status"].1;
        assert_eq!(status, "Package: a\nStatus: install ok unpacked\nVersion: 1\nConffiles:\n /etc/a newconffile\n\n");
        let list = &found["var/lib/dpkg/info/a.list"].1;
        assert_eq!(list, "/.\n/bin/su\n/etc/a\n/usr/share/doc/a/changelog\n/usr/share/doc/a/copyright\n");
        assert_eq!(fs::metadata(&made).unwrap().len() % 512, 0);
    }

    #[test]
    fn a_broken_package_is_named() {
        let place = tempfile::tempdir().unwrap();
        let deb = place.path().join("torn.deb");
        fs::write(&deb, "!<arch>\n").unwrap();
        let why = write(&place.path().join("x"), &Apt::default(), "", &[deb], &()).unwrap_err();
        assert!(why.to_string().contains("torn.deb is not a whole Debian package"), "{why}");
    }
}
