//! Unpacks packages into a directory as if it were the root of a system, whose programs then run from there.
//!
//! As in Debian since trixie, all lies under `usr`: what an older package has in `/lib` goes there. A dynamically
//! linked program asks the kernel for `/lib64/ld-linux...`, which this system may have in another version or not at
//! all; so each is put aside, with `.elf` at the end of its name, and in its place comes a line of shell that starts it
//! through the tree's own dynamic linker (ld.so(8)).

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

use crate::deb::with_tree;
use crate::error::{Error, OnFile, Result};
use crate::request::Architecture;
use crate::shell::quoted;

/// Top directories that are links into `usr`.
pub(crate) const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// What nobody reads in there.
pub(crate) const UNREAD: [&str; 6] =
    ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bug"];

/// A tree of packages.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// A new tree in the empty directory `root`.
    pub(crate) fn create(root: &Path) -> Result<Tree> {
        for name in MERGED {
            fs::create_dir_all(root.join("usr").join(name)).on_file("make directory", root)?;
            let link = root.join(name);
            symlink(Path::new("usr").join(name), &link).on_file("write", &link)?;
        }
        Ok(Tree { root: root.to_owned() })
    }

    /// Unpacks those files of the package at `path` that `wanted` accepts by their paths ("usr/bin/x").
    ///
    /// # Errors
    /// [`Error::Package`] where it is broken; [`Error::Full`] where there is no room.
    pub(crate) fn add(&self, path: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<()> {
        with_tree(path, |tar| self.extract(tar, wanted)).map_err(|why| match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path: self.root.clone() },
            _ => Error::Package { path: path.to_owned(), source: why },
        })
    }

    fn extract(&self, tar: &mut dyn Read, wanted: &dyn Fn(&str) -> bool) -> io::Result<()> {
        for entry in tar::Archive::new(tar).entries()? {
            let mut entry = entry?;
            let Some(name) = merged(&entry.path()?)? else { continue };
            let text = name.to_string_lossy();
            let unread = UNREAD.iter().any(|directory| name.starts_with(directory));
            if !entry.header().entry_type().is_dir() && !unread && wanted(&text) {
                self.put(&mut entry, &name)?;
            }
        }
        Ok(())
    }

    /// Puts one thing that is no directory at `name`.
    fn put(&self, entry: &mut tar::Entry<'_, impl Read>, name: &Path) -> io::Result<()> {
        let path = self.place(name)?;
        let kind = entry.header().entry_type();
        let link =
            || entry.link_name()?.map(|name| name.into_owned()).ok_or_else(|| io::Error::other("link to nothing"));
        if kind.is_symlink() {
            symlink(from_here(name, &link()?), &path)
        } else if kind.is_hard_link() {
            let other = merged(&link()?)?.ok_or_else(|| io::Error::other("link to nothing"))?;
            let other = self.root.join(other);
            self.hold(&other)?;
            fs::hard_link(other, &path)
        } else if kind.is_file() {
            let runs = entry.header().mode()? & 0o111 != 0;
            io::copy(entry, &mut File::create(&path)?)?;
            fs::set_permissions(&path, Permissions::from_mode(if runs { 0o755 } else { 0o644 }))
        } else {
            // Devices and the like are for an installed system.
            Ok(())
        }
    }

    /// Where `name` is to lie, with the directories above it made and nothing there.
    fn place(&self, name: &Path) -> io::Result<PathBuf> {
        let path = self.root.join(name);
        self.hold(&path)?;
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(path),
        }
    }

    /// Refuses a path that a link among its directories leads out of the tree.
    fn hold(&self, path: &Path) -> io::Result<()> {
        // What is not there yet cannot be a link; it must not be made before this is known.
        let there = path.ancestors().skip(1).find(|above| above.symlink_metadata().is_ok()).unwrap_or(&self.root);
        if there.canonicalize()?.starts_with(self.root.canonicalize()?) {
            return Ok(());
        }
        Err(io::Error::other(format!("{} lies outside", path.strip_prefix(&self.root).unwrap_or(path).display())))
    }

    /// Makes the programs for this machine startable where the tree will be, at `final_root`.
    pub(crate) fn finish(&self, final_root: &Path, machine: Architecture) -> Result<()> {
        let loader = Loader::new(&self.root, final_root, machine)?;
        for directory in ["usr/bin", "usr/sbin", "usr/lib", "usr/libexec", "usr"] {
            loader.wrap_below(&self.root.join(directory), directory != "usr")?;
        }
        Ok(())
    }
}

/// A path in a package as one in the tree; none for the root itself.
pub(crate) fn merged(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(io::Error::other("a path leads up")),
        }
    }
    let is_merged = names.first().is_some_and(|first| MERGED.iter().any(|name| first == name));
    let path: PathBuf = names.into_iter().collect();
    let path = if is_merged { Path::new("usr").join(path) } else { path };
    Ok(Some(path).filter(|path| path.file_name().is_some()))
}

/// The names in a directory, sorted.
pub(crate) fn children(directory: &Path) -> Result<Vec<String>> {
    let listing = fs::read_dir(directory).on_file("read", directory)?;
    let mut names: Vec<String> =
        listing.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// The target of a link at `name` as it must be written in the tree: relative.
fn from_here(name: &Path, target: &Path) -> PathBuf {
    match target.strip_prefix("/") {
        Ok(absolute) => {
            let up = name.parent().map_or(0, |parent| parent.components().count());
            std::iter::repeat_n(Path::new(".."), up).chain([absolute]).collect()
        }
        Err(_) => target.to_owned(),
    }
}

/// GNU's name of the machine, its dynamic linker, and its number in ELF files.
fn names_of(machine: Architecture) -> (&'static str, &'static str, elf::Machine) {
    match machine {
        Architecture::Amd64 => ("x86_64-linux-gnu", "ld-linux-x86-64.so.2", elf::EM_X86_64),
        Architecture::Arm64 => ("aarch64-linux-gnu", "ld-linux-aarch64.so.1", elf::EM_AARCH64),
        Architecture::Riscv64 => ("riscv64-linux-gnu", "ld-linux-riscv64-lp64d.so.1", elf::EM_RISCV),
    }
}

/// GNU's name of a machine.
pub(crate) fn triplet(machine: Architecture) -> &'static str {
    names_of(machine).0
}

/// The path of a machine's dynamic linker in a tree.
pub(crate) fn dynamic_linker(machine: Architecture) -> String {
    let (triplet, linker, _) = names_of(machine);
    format!("usr/lib/{triplet}/{linker}")
}

/// How the tree's programs are started.
struct Loader<'a> {
    root: &'a Path,
    final_root: &'a Path,
    /// The number of the machine in ELF files.
    machine: elf::Machine,
    /// Shell words up to the program's name.
    start: String,
}

impl<'a> Loader<'a> {
    fn new(root: &'a Path, final_root: &'a Path, machine: Architecture) -> Result<Loader<'a>> {
        let (triplet, _, number) = names_of(machine);
        let libraries = library_directories(&root.join("usr/lib").join(triplet))?;
        let libraries = libraries.iter().map(|path| final_root.join(path.strip_prefix(root).unwrap_or(path)));
        let list = libraries.map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
        let linker = final_root.join(dynamic_linker(machine));
        let start =
            format!("exec {} --inhibit-cache --library-path {}", quoted(&linker.to_string_lossy()), quoted(&list));
        Ok(Loader { root, final_root, machine: number, start })
    }

    fn wrap_below(&self, directory: &Path, deep: bool) -> Result<()> {
        let Ok(listing) = fs::read_dir(directory) else { return Ok(()) };
        for entry in listing {
            let entry = entry.on_file("read", directory)?;
            let (path, kind) = (entry.path(), entry.file_type().on_file("read", directory)?);
            let cross = path.join("bin");
            if kind.is_dir() && deep {
                self.wrap_below(&path, deep)?;
            } else if kind.is_dir() && cross.is_dir() {
                // usr/riscv64-linux-gnu/bin
                self.wrap_below(&cross, true)?;
            } else if kind.is_file() && self.is_program(&path).on_file("read", &path)? {
                self.wrap(&path)?;
            }
        }
        Ok(())
    }

    /// Whether this is a program that needs a dynamic linker.
    fn is_program(&self, path: &Path) -> io::Result<bool> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let runs = fs::metadata(path)?.permissions().mode() & 0o111 != 0;
        if !runs || name.contains(".so") || name.ends_with(".elf") {
            return Ok(false);
        }
        let data = fs::read(path)?;
        Ok(interpreted(&data, self.machine).unwrap_or(false))
    }

    fn wrap(&self, path: &Path) -> Result<()> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".elf");
        let aside = PathBuf::from(aside);
        fs::rename(path, &aside).on_file("write", &aside)?;
        let program = self.final_root.join(aside.strip_prefix(self.root).unwrap_or(&aside));
        let script =
            format!("#!/bin/sh\n{} --argv0 \"$0\" {} \"$@\"\n", self.start, quoted(&program.to_string_lossy()));
        fs::write(path, script).on_file("write", path)?;
        fs::set_permissions(path, Permissions::from_mode(0o755)).on_file("write", path)
    }
}

/// Whether an ELF file for `machine` names a dynamic linker; none where it is no such file.
fn interpreted(data: &[u8], machine: elf::Machine) -> Option<bool> {
    let header = elf::FileHeader64::<object::LittleEndian>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let names_one = segments.iter().any(|segment| segment.p_type(endian) == elf::PT_INTERP);
    Some(header.e_machine(endian) == machine && names_one)
}

/// The directory of libraries, and those in it that have private ones.
fn library_directories(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut directories = vec![directory.to_owned()];
    for entry in fs::read_dir(directory).on_file("read", directory)? {
        let path = entry.on_file("read", directory)?.path();
        let has_library = |path: &Path| {
            let mut files = fs::read_dir(path).into_iter().flatten().flatten();
            files.any(|file| file.file_name().to_string_lossy().starts_with("lib"))
        };
        if path.is_dir() && has_library(&path) {
            directories.push(path);
        }
    }
    directories[1..].sort();
    Ok(directories)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_beside_usr_is_below_it() {
        let at = |path: &str| merged(Path::new(path)).unwrap().map(|path| path.display().to_string());
        assert_eq!(at("./lib/x86_64-linux-gnu/libc.so.6").as_deref(), Some("usr/lib/x86_64-linux-gnu/libc.so.6"));
        assert_eq!(at("./usr/bin/x").as_deref(), Some("usr/bin/x"));
        assert_eq!(at("./etc/lib/x").as_deref(), Some("etc/lib/x"));
        assert_eq!(at("./"), None);
        assert!(merged(Path::new("usr/../../x")).is_err());
    }

    #[test]
    fn absolute_links_stay_in_the_tree() {
        let link = from_here(Path::new("usr/lib/x/libz.so"), Path::new("/lib/x/libz.so.1"));
        assert_eq!(link, Path::new("../../../lib/x/libz.so.1"));
        assert_eq!(from_here(Path::new("usr/bin/a"), Path::new("b")), Path::new("b"));
    }

    #[test]
    fn a_link_that_leads_out_is_not_followed() {
        let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tree = Tree::create(place.path()).unwrap();
        symlink(outside.path(), place.path().join("usr/evil")).unwrap();
        assert!(tree.place(Path::new("usr/evil/x")).is_err());
        assert!(tree.place(Path::new("usr/evil/new/x")).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        fs::write(outside.path().join("secret"), "").unwrap();
        assert!(tree.hold(&place.path().join("usr/evil/secret")).is_err());
        assert!(tree.place(Path::new("usr/good/x")).is_ok());
    }
}
