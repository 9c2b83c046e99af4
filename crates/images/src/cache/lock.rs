//! Who adds to the cache: one process at a time to each part of it, as many as there are parts at once.
//!
//! A part's lock is a file that its holder has locked, and has written its number into. Beside it everybody who adds
//! shares the lock of the whole, which whoever removes things has alone. Locks end with the process that has them,
//! however it ends.
//!
//! Of several locks that one process takes, those that others may want come in this order: a program or a system, the
//! tools that make it, package indexes. The tree is the same for all, so that no two wait for each other.

mod holders;

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::{Cache, remove};
use crate::error::{Error, OnFile, Result};
use crate::progress::{Progress, step};

/// The lock of the whole; what had no parts yet locks it, too.
pub(super) const WHOLE: &str = "lock";
/// The directory of the parts' locks.
pub(super) const PARTS: &str = "locks";
/// The directory of what is in the making, by part.
pub(super) const SCRATCH: &str = "tmp";
/// The directory of files that are on their way, by part.
const DOWNLOADS: &str = "downloads";

/// Proof that this process alone adds to a part of the cache, or to all of it; given up when dropped or when the
/// process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _whole: File,
    _part: Option<File>,
    part: String,
}

impl Cache {
    /// Waits until no other process adds to the part `part`, which is a name for a file, and removes what killed ones
    /// left there half done. Who waits is told for whom, who gets `what`.
    ///
    /// # Errors
    /// Where the cache cannot be made or written.
    pub fn lock(&self, part: &str, what: &str, progress: &dyn Progress) -> Result<Lock> {
        let whole = self.lock_file(Path::new(WHOLE))?;
        locked(&whole, File::try_lock_shared, File::lock_shared, progress, |file| {
            format!("waiting for {}, which has the whole cache to itself", named(&holders::of(file)))
        })?;
        let mut own = self.lock_file(&Path::new(PARTS).join(part))?;
        locked(&own, File::try_lock, File::lock, progress, |file| {
            let processes = holder(file).map_or_else(|| holders::of(file), |process| vec![process]);
            format!("waiting for {}, which is getting {what}", named(&processes))
        })?;
        own.file.set_len(0).and_then(|()| write!(own.file, "{}", std::process::id())).on_file("write", &own.path)?;
        remove(&self.path(SCRATCH).join(part))?;
        Ok(Lock { _whole: whole.file, _part: Some(own.file), part: part.to_owned() })
    }

    /// What `find` finds, or else `make` makes, alone: another process may have made it while this one waited for the
    /// lock of `part`.
    pub(crate) fn once<T>(
        &self,
        (part, what): (&str, &str),
        progress: &dyn Progress,
        find: impl Fn() -> Result<Option<T>>,
        make: impl FnOnce(&Lock) -> Result<T>,
    ) -> Result<T> {
        if let Some(there) = find()? {
            return Ok(there);
        }
        let lock = self.lock(part, what, progress)?;
        match find()? {
            Some(there) => Ok(there),
            None => make(&lock),
        }
    }

    /// Waits until no other process adds to the cache, to remove something. What killed ones left half done goes.
    ///
    /// # Errors
    /// Where the cache cannot be made or written.
    pub fn lock_all(&self, progress: &dyn Progress) -> Result<Lock> {
        let whole = self.lock_file(Path::new(WHOLE))?;
        locked(&whole, File::try_lock, File::lock, progress, |file| match &*holders::of(file) {
            several @ [_, _, ..] => format!("waiting for {}, which are filling the cache", named(several)),
            others => format!("waiting for {}, which is filling the cache", named(others)),
        })?;
        remove(&self.path(SCRATCH))?;
        Ok(Lock { _whole: whole.file, _part: None, part: String::new() })
    }

    fn lock_file(&self, name: &Path) -> Result<LockFile> {
        let path = self.path(name);
        let directory = path.parent().unwrap_or(self.root());
        let open = || {
            fs::create_dir_all(directory)?;
            File::options().create(true).read(true).append(true).open(&path)
        };
        match open() {
            Ok(file) => Ok(LockFile { path, file }),
            Err(source) => Err(self.unwritable(&path, source)),
        }
    }

    /// Why the first that is written, at `path`, cannot be.
    fn unwritable(&self, path: &Path, source: std::io::Error) -> Error {
        match Error::file("write", path, source) {
            Error::File { source, .. } => Error::Unwritable { path: self.root().to_owned(), source },
            full => full,
        }
    }

    /// An empty directory under `tmp/` that goes when it is dropped.
    pub(crate) fn scratch(&self, lock: &Lock) -> Result<tempfile::TempDir> {
        let tmp = self.path(SCRATCH).join(&lock.part);
        fs::create_dir_all(&tmp).on_file("make directory", &tmp)?;
        tempfile::tempdir_in(&tmp).on_file("make a directory in", &tmp)
    }

    /// Where files that are on their way have their place.
    pub fn downloads(&self, lock: &Lock) -> PathBuf {
        self.path(DOWNLOADS).join(&lock.part)
    }
}

struct LockFile {
    path: PathBuf,
    file: File,
}

/// Locks by `attempt`, or, where another process has the lock, by `wait` as a step that `says` names.
fn locked(
    lock: &LockFile,
    attempt: fn(&File) -> std::result::Result<(), TryLockError>,
    wait: fn(&File) -> std::io::Result<()>,
    progress: &dyn Progress,
    says: impl FnOnce(&File) -> String,
) -> Result<()> {
    match attempt(&lock.file) {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            step(progress, &says(&lock.file), || wait(&lock.file)).on_file("lock", &lock.path)
        }
        Err(TryLockError::Error(why)) => Err(Error::file("lock", &lock.path, why)),
    }
}

/// Processes by their numbers, as far as they are known.
fn named(processes: &[u32]) -> String {
    let numbers: Vec<String> = processes.iter().map(u32::to_string).collect();
    match numbers.len() {
        0 => "another vhart".to_owned(),
        1 => format!("process {}", numbers[0]),
        _ => format!("processes {}", numbers.join(", ")),
    }
}

/// The process that has locked a file, where it has said so.
fn holder(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;

    /// Tells of each step that begins.
    struct Steps(Mutex<Sender<String>>);

    impl Progress for Steps {
        fn begin(&self, what: &str) {
            self.0.lock().unwrap().send(what.to_owned()).unwrap();
        }
        fn fraction(&self, _done: f64) {}
        fn end(&self) {}
        fn note(&self, _text: &str) {}
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path().join("cache"));
        (directory, cache)
    }

    #[test]
    fn a_cache_that_cannot_be_is_named_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "").unwrap();
        let why = Cache::at(&path).lock("part", "it", &()).err().unwrap();
        assert_eq!(
            why.to_string(),
            format!("cannot write to the cache {} (--cache or VHART_CACHE names another directory)", path.display())
        );
    }

    /// What somebody who takes a lock of `cache` is told while `held` is held; the lock comes after it is dropped.
    fn told(cache: &Cache, held: Lock, take: impl FnOnce(&Cache, &Steps) -> Result<Lock> + Send + 'static) -> String {
        let (sender, steps) = channel();
        let other = cache.clone();
        let waiter = std::thread::spawn(move || take(&other, &Steps(Mutex::new(sender))).map(drop));
        let told = steps.recv().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiter.is_finished());
        drop(held);
        waiter.join().unwrap().unwrap();
        told
    }

    #[test]
    fn who_wants_the_same_waits_and_is_told_for_whom() {
        let (_keep, cache) = cache();
        let first = cache.lock("rust", "the tool chain", &()).unwrap();
        let told = told(&cache, first, |cache, steps| cache.lock("rust", "the tool chain", steps));
        assert_eq!(told, format!("waiting for process {}, which is getting the tool chain", std::process::id()));
    }

    #[test]
    fn who_is_waited_for_is_named_as_far_as_it_is_known() {
        assert_eq!([&[][..], &[7], &[7, 9]].map(named), ["another vhart", "process 7", "processes 7, 9"]);
    }

    #[test]
    fn who_wants_something_else_need_not_wait() {
        let (_keep, cache) = cache();
        let one = cache.lock("rust", "the tool chain", &()).unwrap();
        let other = cache.lock("packages", "kernels", &()).unwrap();
        let scratches = [cache.scratch(&one).unwrap(), cache.scratch(&other).unwrap()];
        drop(cache.lock("boot", "the initramfs", &()).unwrap());
        assert!(scratches.iter().all(|scratch| scratch.path().is_dir()));
        assert_ne!(cache.downloads(&one), cache.downloads(&other));
    }

    #[test]
    fn who_removes_things_waits_for_all_and_all_for_them() {
        let (_keep, cache) = cache();
        let one = cache.lock("rust", "the tool chain", &()).unwrap();
        // File systems of layers give a file one device, and the lock on it another: there nobody is named.
        let whom = named(&holders::of(&one._whole));
        let expected = format!("waiting for {whom}, which is filling the cache");
        assert_eq!(told(&cache, one, |cache, steps| cache.lock_all(steps)), expected);
        let all = cache.lock_all(&()).unwrap();
        let expected = format!("waiting for {whom}, which has the whole cache to itself");
        assert_eq!(told(&cache, all, |cache, steps| cache.lock("rust", "x", steps)), expected);
    }

    #[test]
    fn lock_removes_what_a_killed_run_left() {
        let (_keep, cache) = cache();
        for part in ["one", "other"] {
            fs::create_dir_all(cache.path("tmp").join(part).join("abc")).unwrap();
        }
        let _lock = cache.lock("one", "it", &()).unwrap();
        assert!(!cache.path("tmp/one").exists() && cache.path("tmp/other").exists());
        drop(_lock);
        let _lock = cache.lock_all(&()).unwrap();
        assert!(!cache.path("tmp").exists());
    }
}
