//! Programs out of Debian's packages that run on this machine without being installed: no root, no apt, no namespace.
//!
//! [`Tools::get`] unpacks packages and all they need into the cache, once; [`Tools::command`] starts a program of
//! theirs. They run on any Linux of their architecture, whatever C library it has (`tree` says how).

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::{self, Archive, Package};
use crate::cache::{Cache, Lock};
use crate::error::{Error, OnFile, Result};
use crate::hash::hex_sha256;
use crate::progress::{Progress, step};
use crate::request::{Apt, Architecture};
use crate::tree::Tree;

/// The directory of trees in the cache.
const PLACE: &str = "tools";

/// The list of packages in a tree.
const LIST: &str = "packages";

/// Changes with how trees are made.
const FORMAT: u32 = 2;

/// What packages ask for that only an installed system needs.
const NOT_INSTALLED: [&str; 7] =
    ["debconf", "dpkg", "install-info", "init-system-helpers", "adduser", "ucf", "sensible-utils"];

/// Packages to get programs from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    /// What it is called in the cache, and to the user: "dtc".
    pub name: &'a str,
    /// Packages for this machine; all that they need comes with them.
    pub packages: &'a [&'a str],
    /// Packages for riscv64, by themselves: libraries and the like.
    pub riscv64: &'a [&'a str],
    /// What is left out though it is needed by name.
    pub without: &'a [&'a str],
}

/// A tree of unpacked packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    directory: PathBuf,
}

impl Tools {
    /// The programs of `selection`, fetched and unpacked now if the cache lacks them, from the suite and archive of
    /// `apt`.
    ///
    /// # Errors
    /// What an archive or network may be short of; [`Error::NoDebian`] where Debian's programs do not run.
    pub fn get(selection: &Selection<'_>, apt: &Apt, cache: &Cache, progress: &dyn Progress) -> Result<Tools> {
        Recipe::of(selection, apt).get(apt, cache, progress)
    }

    /// The programs of `selection`, if they are in the cache.
    pub fn cached(selection: &Selection<'_>, apt: &Apt, cache: &Cache) -> Option<Tools> {
        Recipe::of(selection, apt).cached(cache)
    }

    /// The tree's root: what a package has at `/usr/share/x` lies at `usr/share/x` below it.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What was unpacked: of each package, name, architecture and version on a line.
    ///
    /// # Errors
    /// The list is gone.
    pub fn packages(&self) -> Result<String> {
        let list = self.directory.join(LIST);
        fs::read_to_string(&list).on_file("read", &list)
    }

    /// The path of the program `name`, there or not. It can be run by this path, as by [`command`](Tools::command).
    pub fn program(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.directory.join("usr/bin").join(name.as_ref())
    }

    /// A command that starts the program `name`.
    pub fn command(&self, name: impl AsRef<OsStr>) -> Command {
        Command::new(self.program(name))
    }
}

/// Finds packages in an archive.
pub(crate) type Choose<'a> = Box<dyn Fn(&Archive<'_>) -> Result<Vec<Package>> + 'a>;

/// How a tree is made.
pub(crate) struct Recipe<'a> {
    /// What it is called.
    pub(crate) name: &'a str,
    /// What tells it from others of that name: all that it is made of.
    pub(crate) key: String,
    /// Which packages go into it.
    pub(crate) choose: Choose<'a>,
    /// Which files of theirs.
    pub(crate) keep: fn(&str) -> bool,
    /// What else is done with the tree before it is used.
    pub(crate) finish: fn(&Path) -> Result<()>,
}

impl<'a> Recipe<'a> {
    fn of(selection: &Selection<'a>, apt: &Apt) -> Recipe<'a> {
        let selection = *selection;
        let mirror = archive::mirror(apt);
        Recipe {
            name: selection.name,
            key: format!("{} {mirror} {selection:?}", apt.suite),
            choose: Box::new(move |archive| choose(&selection, archive)),
            keep: |_| true,
            finish: |_| Ok(()),
        }
    }

    /// The tree's name within the cache. The programs know where they are: in another place, they are others.
    fn place(&self, cache: &Cache) -> String {
        let root = cache.root().to_string_lossy();
        let key = hex_sha256(&[&FORMAT.to_le_bytes(), self.key.as_bytes(), root.as_bytes()]);
        format!("{PLACE}/{}-{}", self.name, &key[..12])
    }

    /// The tree, if it is in the cache.
    pub(crate) fn cached(&self, cache: &Cache) -> Option<Tools> {
        let directory = cache.path(self.place(cache));
        let there = directory.is_dir();
        if there {
            cache.used(&directory);
        }
        there.then_some(Tools { directory })
    }

    /// The tree, fetched and unpacked now if the cache lacks it.
    pub(crate) fn get(&self, apt: &Apt, cache: &Cache, progress: &dyn Progress) -> Result<Tools> {
        let (part, what) = (format!("{PLACE}-{}", self.name), format!("the packages of {}", self.name));
        cache.once((&part, &what), progress, || Ok(self.cached(cache)), |lock| self.make(apt, cache, progress, lock))
    }

    /// Fetches and unpacks.
    fn make(&self, apt: &Apt, cache: &Cache, progress: &dyn Progress, lock: &Lock) -> Result<Tools> {
        let machine = native(self.name)?;
        let archive = Archive::open(apt, cache, progress)?;
        let packages = (self.choose)(&archive)?;
        let len_bytes: u64 = packages.iter().map(|package| package.sum.len_bytes).sum();
        archive.check_room(&packages, 0, lock)?;
        let what = format!("downloading {} ({} MB)", self.name, len_bytes.div_ceil(1_000_000));
        let paths = archive.fetch(&what, &packages, lock)?;
        let scratch = cache.scratch(lock)?;
        let root = scratch.path().join("root");
        fs::create_dir(&root).on_file("make directory", &root)?;
        let place = self.place(cache);
        step(progress, &format!("unpacking {}", self.name), || {
            self.unpack(&paths, &root, &cache.path(&place), machine, progress)
        })?;
        let list = root.join(LIST);
        let line = |package: &Package| format!("{} {} {}\n", package.name, package.architecture, package.version);
        let mut lines: Vec<String> = packages.iter().map(line).collect();
        lines.sort();
        fs::write(&list, lines.concat()).on_file("write", &list)?;
        let directory = cache.publish(&root, &place, lock)?;
        archive.forget(&paths, lock);
        archive.forget_indexes()?;
        Ok(Tools { directory })
    }

    fn unpack(
        &self,
        paths: &[PathBuf],
        root: &Path,
        final_root: &Path,
        machine: Architecture,
        progress: &dyn Progress,
    ) -> Result<()> {
        let tree = Tree::create(root)?;
        for (number, path) in paths.iter().enumerate() {
            progress.fraction(number as f64 / paths.len() as f64);
            tree.add(path, &self.keep)?;
        }
        tree.finish(final_root, machine)?;
        (self.finish)(root)
    }
}

/// The architecture whose programs run here.
///
/// # Errors
/// [`Error::NoDebian`] where none do.
pub(crate) fn native(what: &str) -> Result<Architecture> {
    Architecture::of_this_machine().ok_or_else(|| Error::NoDebian { what: what.to_owned() })
}

fn choose(selection: &Selection<'_>, archive: &Archive<'_>) -> Result<Vec<Package>> {
    let machine = native(selection.name)?;
    let without = [selection.without, &NOT_INSTALLED].concat();
    let index = archive.index(machine)?;
    let needed = index.with_needed(selection.packages, &without);
    let mut packages = needed.map_err(|name| archive.lacks(&name, machine))?;
    if !selection.riscv64.is_empty() {
        let index = archive.index(Architecture::Riscv64)?;
        for name in selection.riscv64 {
            packages.push(index.find(name).ok_or_else(|| archive.lacks(name, Architecture::Riscv64))?);
        }
    }
    Ok(packages)
}
