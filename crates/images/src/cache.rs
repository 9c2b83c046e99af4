//! The cache: everything fetched and built, in one directory of the user's.
//!
//! Nothing in it is ever half there: files and directories are made under `tmp/` and renamed into place. Whoever adds
//! to a part of it holds that part's lock (`lock`); whoever finds what it needs reads without. What a killed run left
//! under `tmp/` goes with the next lock.

mod lock;

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::debian;
use crate::error::{Error, OnFile, Result};
pub use lock::Lock;

/// The directory of the parts of Debian. The number changes when what is kept of a package changes, so that older
/// caches are not taken for whole.
pub(crate) const PACKAGES: &str = "debian-3";

/// How long after it was told of a thing a process may not have opened it yet, on a busy computer.
const ABOUT_TO: Duration = Duration::from_secs(60);

/// How many things of each kind stay when the cache is pruned.
const KEPT_WHEN_PRUNED: [(&str, usize); 9] = [
    ("vmm", 1),
    ("hypervisor", 1),
    ("guests", 1),
    ("boot", 1),
    // Roots in memory, which versions before this one made.
    ("rootfs", 0),
    (debian::SYSTEMS, 1),
    ("index", 0),
    ("downloads", 0),
    // What cargo built lies in the workspace; versions before this one had it here.
    ("toolchain", 0),
];

/// The directory that holds what was fetched and built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

/// One thing in the cache, for `vhart images list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path within the cache.
    pub name: String,
    /// Sum of its files.
    pub len_bytes: u64,
    /// When it was put there or last used.
    pub modified: SystemTime,
}

impl Cache {
    /// The cache at `root`; the directory is made when first needed.
    pub fn at(root: impl Into<PathBuf>) -> Cache {
        let root = root.into();
        // Tools are run in other directories: a relative path would mean another place to them.
        Cache { root: std::path::absolute(&root).unwrap_or(root) }
    }

    /// The user's cache: `VHART_CACHE`, else `vhart` under `XDG_CACHE_HOME`, else under `~/.cache`.
    ///
    /// # Errors
    /// [`Error::NoCache`] where none of these is set.
    pub fn of_user() -> Result<Cache> {
        Cache::from_variables(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
    }

    fn from_variables(get: impl Fn(&str) -> Option<PathBuf>) -> Result<Cache> {
        let absolute = |name| get(name).filter(|path| path.is_absolute());
        get("VHART_CACHE")
            .or_else(|| absolute("XDG_CACHE_HOME").map(|base| base.join("vhart")))
            .or_else(|| absolute("HOME").map(|home| home.join(".cache/vhart")))
            .map(Cache::at)
            .ok_or(Error::NoCache)
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of `name` within the cache, there or not.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// Puts a file or directory made in a scratch directory at `name`, in one step, in place of what was there.
    pub(crate) fn publish(&self, made: &Path, name: impl AsRef<Path>, _lock: &Lock) -> Result<PathBuf> {
        let place = self.path(name);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).on_file("make directory", parent)?;
        }
        if place.is_dir() {
            remove(&place)?;
        }
        fs::rename(made, &place).on_file("write", &place)?;
        Ok(place)
    }

    /// Removes all but the `keep` things in the directory `name` that were used last.
    pub(crate) fn prune(&self, name: &str, keep: usize, lock: &Lock) -> Result<()> {
        self.prune_where(name, keep, lock, |_| true)
    }

    /// The same, but for those that another process may be about to open: who uses what is there holds no lock.
    pub(crate) fn prune_idle(&self, name: &str, keep: usize, lock: &Lock) -> Result<()> {
        self.prune_where(name, keep, lock, |thing| modified(thing).elapsed().is_ok_and(|idle| idle > ABOUT_TO))
    }

    fn prune_where(&self, name: &str, keep: usize, _lock: &Lock, may: impl Fn(&Path) -> bool) -> Result<()> {
        let mut things = children(&self.path(name))?;
        things.sort_by_key(|thing| std::cmp::Reverse(modified(thing)));
        things.iter().skip(keep).filter(|thing| may(thing)).try_for_each(|thing| remove(thing))
    }

    /// Where the file `name` is, which is used now, if it is in the cache.
    pub(crate) fn use_file(&self, name: impl AsRef<Path>) -> Option<PathBuf> {
        let path = self.path(name);
        path.is_file().then(|| {
            self.used(&path);
            path
        })
    }

    /// Says that a thing in the cache has been used. Where that cannot be noted, nothing is lost but order.
    pub(crate) fn used(&self, thing: &Path) {
        let _ = File::open(thing).and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// What is in the cache, sorted by name.
    ///
    /// # Errors
    /// Where a directory cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for kind in children(&self.root)? {
            let name = kind.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
            if [lock::WHOLE, lock::PARTS, lock::SCRATCH].contains(&&*name) {
                continue;
            }
            let things = if kind.is_dir() { children(&kind)? } else { vec![kind] };
            for thing in things {
                entries.push(self.entry(&thing)?);
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn entry(&self, thing: &Path) -> Result<Entry> {
        let name = thing.strip_prefix(&self.root).unwrap_or(thing).display().to_string();
        Ok(Entry { name, len_bytes: len_bytes(thing)?, modified: modified(thing) })
    }

    /// Removes one thing by the name that [`list`](Cache::list) has for it; returns how many bytes that were.
    ///
    /// # Errors
    /// [`Error::Unknown`] where there is no such thing.
    pub fn remove(&self, name: &str, _lock: &Lock) -> Result<u64> {
        let entry = self.list()?.into_iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| Error::Unknown { name: name.to_owned(), place: self.root.clone() })?;
        remove(&self.path(name))?;
        Ok(entry.len_bytes)
    }

    /// Removes what no run as the last ones would use: older versions, what was downloaded only to be unpacked, and
    /// what earlier versions of this program kept elsewhere. Returns how many bytes that were.
    ///
    /// # Errors
    /// Where something cannot be removed; what could be is gone.
    pub fn prune_unused(&self, lock: &Lock) -> Result<u64> {
        let before = len_bytes(&self.root)?;
        for (name, keep) in KEPT_WHEN_PRUNED {
            self.prune(name, keep, lock)?;
        }
        for kind in children(&self.root)? {
            let name = kind.file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
            if name.starts_with("debian-") && name != PACKAGES {
                remove(&kind)?;
            }
        }
        children(&self.path(PACKAGES))?.iter().try_for_each(|source| prune_versions(source))?;
        prune_tools(children(&self.path("tools"))?)?;
        Ok(before.saturating_sub(len_bytes(&self.root)?))
    }

    /// Removes everything but the lock of the whole; returns how many bytes that were.
    ///
    /// # Errors
    /// Where something cannot be removed; what could be is gone.
    pub fn clean(&self, _lock: &Lock) -> Result<u64> {
        let mut sum = 0;
        for child in children(&self.root)?.iter().filter(|child| child.file_name() != Some(OsStr::new(lock::WHOLE))) {
            sum += len_bytes(child)?;
            remove(child)?;
        }
        Ok(sum)
    }
}

/// Removes the versions of parts in the directory `source` that no pointer beside them names.
fn prune_versions(source: &Path) -> Result<()> {
    let things = children(source)?;
    let is_pointer = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "current");
    let current: Vec<String> =
        things.iter().filter(is_pointer).filter_map(|path| fs::read_to_string(path).ok()).collect();
    let named = |path: &Path| current.iter().any(|name| path.file_name() == Some(OsStr::new(name)));
    things.iter().filter(|path| path.is_dir() && !named(path)).try_for_each(|path| remove(path))
}

/// Removes of the trees with the same programs, `NAME-KEY`, all but the one that was used last.
fn prune_tools(mut trees: Vec<PathBuf>) -> Result<()> {
    trees.sort_by_key(|tree| std::cmp::Reverse(modified(tree)));
    let name = |tree: &Path| Some(tree.file_name()?.to_str()?.rsplit_once('-')?.0.to_owned());
    let mut seen = BTreeSet::new();
    trees.iter().filter(|tree| !seen.insert(name(tree))).try_for_each(|tree| remove(tree))
}

/// When a file or directory was last written; long ago where nothing tells.
fn modified(path: &Path) -> SystemTime {
    let metadata = fs::symlink_metadata(path);
    metadata.and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Removes a file or a directory with all in it; one that is not there is as good as removed.
fn remove(path: &Path) -> Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    match gone {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.on_file("remove", path),
    }
}

/// The paths in a directory; none where it does not exist.
fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(directory) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.on_file("read", directory)?,
    };
    listing.map(|entry| Ok(entry.on_file("read", directory)?.path())).collect()
}

fn len_bytes(path: &Path) -> Result<u64> {
    let metadata = fs::symlink_metadata(path).on_file("read", path)?;
    if !metadata.is_dir() {
        // A disk has holes.
        return Ok(metadata.len().min(metadata.blocks() * 512));
    }
    children(path)?.iter().map(|child| len_bytes(child)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path().join("cache"));
        (directory, cache)
    }

    #[test]
    fn pruning_leaves_what_is_in_use() {
        let (_directory, cache) = cache();
        let lock = cache.lock_all(&()).unwrap();
        for name in [
            "boot/old",
            "downloads/x.part",
            "debian-1/stable/linux-1/vmlinuz",
            "debian-3/stable/linux-1/vmlinuz",
            "debian-3/stable/linux-2/vmlinuz",
            "toolchain/rustup/x",
            "boot/new",
            "tools/rust-1/x",
            "tools/dtc-1/x",
            "tools/rust-2/x",
        ] {
            fs::create_dir_all(cache.path(name).parent().unwrap()).unwrap();
            fs::write(cache.path(name), name).unwrap();
        }
        fs::write(cache.path("debian-3/stable/linux.current"), "linux-2").unwrap();
        cache.used(&cache.path("boot/new"));
        let old = SystemTime::now() - std::time::Duration::from_secs(60);
        for name in ["boot/old", "tools/rust-1"] {
            File::open(cache.path(name)).unwrap().set_modified(old).unwrap();
        }
        assert!(cache.prune_unused(&lock).unwrap() > 0);
        let left = ["boot/new", "debian-3/stable/linux-2/vmlinuz", "tools/dtc-1/x", "tools/rust-2/x"];
        let gone =
            ["boot/old", "downloads/x.part", "debian-1", "debian-3/stable/linux-1", "toolchain/rustup", "tools/rust-1"];
        assert!(left.iter().all(|name| cache.path(name).exists()));
        assert!(gone.iter().all(|name| !cache.path(name).exists()));
    }

    #[test]
    fn one_thing_is_removed_by_its_name() {
        let (_directory, cache) = cache();
        let lock = cache.lock_all(&()).unwrap();
        fs::create_dir_all(cache.path("boot")).unwrap();
        fs::write(cache.path("boot/a"), "abc").unwrap();
        assert_eq!(cache.remove("boot/a", &lock).unwrap(), 3);
        for name in ["boot/a", "../..", "lock", ""] {
            assert!(matches!(cache.remove(name, &lock), Err(Error::Unknown { .. })), "{name}");
        }
    }

    #[test]
    fn explicit_variable_comes_before_xdg_and_home() {
        let all = |name: &str| Some(PathBuf::from(format!("/{name}")));
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/me"));
        assert_eq!(Cache::from_variables(all).unwrap().root(), Path::new("/VHART_CACHE"));
        assert_eq!(Cache::from_variables(home).unwrap().root(), Path::new("/home/me/.cache/vhart"));
        assert!(matches!(Cache::from_variables(|_| None), Err(Error::NoCache)));
    }

    #[test]
    fn published_directory_replaces_the_old_one_whole() {
        let (_keep, cache) = cache();
        let lock = cache.lock_all(&()).unwrap();
        for name in ["old", "new"] {
            let scratch = cache.scratch(&lock).unwrap();
            let made = scratch.path().join("made");
            fs::create_dir(&made).unwrap();
            fs::write(made.join(name), name).unwrap();
            cache.publish(&made, "kind/thing", &lock).unwrap();
        }
        assert!(cache.path("kind/thing/new").exists());
        assert!(!cache.path("kind/thing/old").exists());
    }

    #[test]
    fn pruning_keeps_what_was_used_last() {
        let (_keep, cache) = cache();
        let lock = cache.lock_all(&()).unwrap();
        for (name, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
            fs::create_dir_all(cache.path("boot").join(name)).unwrap();
            let directory = File::open(cache.path("boot").join(name)).unwrap();
            directory.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        }
        cache.used(&cache.path("boot/a"));
        cache.prune("boot", 2, &lock).unwrap();
        assert!(cache.path("boot/a").exists() && !cache.path("boot/b").exists() && cache.path("boot/c").exists());
    }

    #[test]
    fn what_another_process_may_be_about_to_open_stays() {
        let (_keep, cache) = cache();
        let lock = cache.lock_all(&()).unwrap();
        for name in ["idle", "one", "other"] {
            fs::create_dir_all(cache.path("guests").join(name)).unwrap();
        }
        let long_ago = SystemTime::now() - 2 * ABOUT_TO;
        File::open(cache.path("guests/idle")).unwrap().set_modified(long_ago).unwrap();
        cache.prune_idle("guests", 0, &lock).unwrap();
        assert_eq!(["idle", "one", "other"].map(|name| cache.path("guests").join(name).exists()), [false, true, true]);
    }

    #[test]
    fn list_and_clean_agree_on_what_is_there() {
        let (_keep, cache) = cache();
        let lock = cache.lock_all(&()).unwrap();
        fs::create_dir_all(cache.path("boot/one")).unwrap();
        fs::write(cache.path("boot/one/initrd.cpio"), [0; 100]).unwrap();
        let listed = cache.list().unwrap();
        assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].len_bytes), (1, "boot/one", 100));
        assert_eq!(cache.clean(&lock).unwrap(), 100);
        assert_eq!(cache.list().unwrap(), []);
    }
}
