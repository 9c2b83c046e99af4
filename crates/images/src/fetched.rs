//! Fetches parts of Debian and keeps them in the cache, one directory for each version.
//!
//! A small file beside these directories names the one in use, so that a part once fetched is found again without
//! network; a newer version comes only when asked for.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::archive::{Archive, Package as Listed};
use crate::cache::{Cache, Lock, PACKAGES};
use crate::deb::Package;
use crate::error::{OnFile, Result};
use crate::hash::hex_sha256;
use crate::part::Part;
use crate::progress::{Progress, step};
use crate::request::{Apt, Architecture, Freshness, Packages};

/// What the packages are for.
const ARCHITECTURE: Architecture = Architecture::Riscv64;

/// The parts of one source of packages.
pub(crate) struct Store<'a> {
    cache: &'a Cache,
    packages: &'a Packages,
    progress: &'a dyn Progress,
}

impl<'a> Store<'a> {
    /// The parts that come from `packages`, kept in `cache`.
    pub(crate) fn new(cache: &'a Cache, packages: &'a Packages, progress: &'a dyn Progress) -> Store<'a> {
        Store { cache, packages, progress }
    }

    /// The directory with `part` as it is in the cache, if it is whole and nothing newer is asked for.
    pub(crate) fn cached(&self, part: Part) -> Option<PathBuf> {
        let newest = matches!(self.packages, Packages::Apt(Apt { freshness: Freshness::Newest, .. }));
        if newest { None } else { self.current(part) }
    }

    /// The directory with `part` as it was last fetched, if it is whole.
    pub(crate) fn current(&self, part: Part) -> Option<PathBuf> {
        let name = fs::read_to_string(self.cache.path(self.pointer(part))).ok()?;
        let directory = self.cache.path(self.key()).join(name);
        directory.join(part.main_file()).is_file().then_some(directory)
    }

    /// Fetches `parts`, of which those already here in the version that the source has are left alone.
    pub(crate) fn fetch(&self, parts: &[Part], lock: &Lock) -> Result<()> {
        if parts.is_empty() {
            return Ok(());
        }
        match self.packages {
            Packages::Apt(apt) => self.fetch_from_archive(parts, apt, lock),
            Packages::Directory(directory) => parts.iter().try_for_each(|&part| self.take_from(directory, part, lock)),
        }
    }

    /// Fetches all packages first: a download is worth most where others go on beside it.
    fn fetch_from_archive(&self, parts: &[Part], apt: &Apt, lock: &Lock) -> Result<()> {
        let archive = Archive::open(apt, self.cache, self.progress)?;
        let index = archive.index(ARCHITECTURE)?;
        let mut missing = Vec::new();
        for &part in parts {
            let packages = index.with_parts(part.package()).map_err(|name| archive.lacks(&name, ARCHITECTURE))?;
            let name = format!("{}-{}", part.name(), packages[0].version);
            if self.cache.path(self.key()).join(&name).join(part.main_file()).is_file() {
                self.point(part, &name, lock)?;
            } else {
                missing.push((part, name, packages));
            }
        }
        drop(index);
        self.fetch_parts(&archive, &missing, lock)
    }

    fn fetch_parts(&self, archive: &Archive<'_>, parts: &[(Part, String, Vec<Listed>)], lock: &Lock) -> Result<()> {
        let packages: Vec<Listed> = parts.iter().flat_map(|(_, _, packages)| packages.clone()).collect();
        let len_bytes: u64 = packages.iter().map(|package| package.sum.len_bytes).sum();
        archive.check_room(&packages, parts.iter().map(|(part, ..)| part.kept_bytes()).sum(), lock)?;
        let names: Vec<&str> = parts.iter().map(|(_, name, _)| name.as_str()).collect();
        let what = format!("downloading {} ({} MB)", names.join(", "), len_bytes.div_ceil(1_000_000));
        let mut paths = archive.fetch(&what, &packages, lock)?;
        for (part, name, packages) in parts {
            let rest = paths.split_off(packages.len());
            self.keep(*part, name, &paths, Path::new(archive.mirror()), lock)?;
            archive.forget(&paths, lock);
            paths = rest;
        }
        Ok(())
    }

    fn take_from(&self, directory: &Path, part: Part, lock: &Lock) -> Result<()> {
        self.keep(part, part.name(), &debs(directory)?, directory, lock)
    }

    /// Unpacks `.deb` files, which come from `place`, and makes the result the part in use.
    fn keep(&self, part: Part, name: &str, debs: &[PathBuf], place: &Path, lock: &Lock) -> Result<()> {
        let scratch = self.cache.scratch(lock)?;
        let made = scratch.path().join(name);
        fs::create_dir(&made).on_file("make directory", &made)?;
        step(self.progress, &format!("unpacking {}", part.name()), || {
            let packages = debs.iter().map(|path| Package::open(path, scratch.path())).collect::<Result<Vec<_>>>()?;
            part.unpack(&packages, &made, place)
        })?;
        self.cache.publish(&made, Path::new(&self.key()).join(name), lock)?;
        self.point(part, name, lock)
    }

    fn point(&self, part: Part, name: &str, lock: &Lock) -> Result<()> {
        let scratch = self.cache.scratch(lock)?;
        let made = scratch.path().join("pointer");
        fs::write(&made, name).on_file("write", &made)?;
        self.cache.publish(&made, self.pointer(part), lock).map(|_| ())
    }

    /// The directory of this source, within the cache.
    fn key(&self) -> String {
        match self.packages {
            Packages::Apt(apt) => format!("{PACKAGES}/{}", hex_key(&apt.suite, apt.mirror.as_deref())),
            Packages::Directory(directory) => format!("{PACKAGES}/{}", directory_key(directory)),
        }
    }

    fn pointer(&self, part: Part) -> String {
        format!("{}/{}.current", self.key(), part.name())
    }
}

/// A file name for suite and mirror.
fn hex_key(suite: &str, mirror: Option<&str>) -> String {
    let suite: String =
        suite.chars().map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' }).collect();
    match mirror {
        None => suite,
        Some(mirror) => format!("{suite}@{}", &hex_sha256(&[mirror.as_bytes()])[..12]),
    }
}

/// A file name for a directory of packages as it is now.
fn directory_key(directory: &Path) -> String {
    let files = debs(directory).unwrap_or_default();
    let stamps = files.iter().map(|path| {
        let metadata = fs::metadata(path).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        format!("{} {:?} {modified:?}\n", path.display(), metadata.map(|metadata| metadata.len()))
    });
    format!("packages@{}", &hex_sha256(&[stamps.collect::<String>().as_bytes()])[..12])
}

/// Whether this is a package that can be read.
fn is_deb(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "deb") && File::open(path).is_ok()
}

/// The `.deb` files in a directory, by name.
fn debs(directory: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(directory).on_file("read", directory)?;
    let mut files: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).filter(|path| is_deb(path)).collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deb::tests::package;
    use crate::part::BUSYBOX;

    #[test]
    fn directory_of_packages_is_unpacked_once() {
        let place = tempfile::tempdir().unwrap();
        let debs = place.path().join("debs");
        fs::create_dir(&debs).unwrap();
        fs::write(debs.join("busybox.deb"), package(&[("usr/bin/busybox", b"box")], "data.tar", <[u8]>::to_vec))
            .unwrap();
        let cache = Cache::at(place.path().join("cache"));
        let packages = Packages::Directory(debs);
        let store = Store::new(&cache, &packages, &());
        assert_eq!(store.cached(Part::Busybox), None);
        store.fetch(&[Part::Busybox], &cache.lock("packages", "packages", &()).unwrap()).unwrap();
        let directory = store.cached(Part::Busybox).unwrap();
        assert_eq!(fs::read(directory.join(BUSYBOX)).unwrap(), b"box");
    }

    #[test]
    fn suites_cannot_leave_the_cache() {
        assert_eq!(hex_key("../../etc", None), ".._.._etc");
    }

    #[test]
    fn nothing_is_fetched_without_a_look_at_the_archive() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        let packages = Packages::Apt(Apt { mirror: Some("http://127.0.0.1:1/".to_owned()), ..Apt::default() });
        Store::new(&cache, &packages, &()).fetch(&[], &cache.lock("packages", "packages", &()).unwrap()).unwrap();
    }

    #[test]
    fn missing_directory_is_named() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        let packages = Packages::Directory(place.path().join("none"));
        let why = Store::new(&cache, &packages, &())
            .fetch(&[Part::Linux], &cache.lock("packages", "packages", &()).unwrap())
            .unwrap_err();
        assert!(why.to_string().ends_with("none"), "{why}");
    }
}
