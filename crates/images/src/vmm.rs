//! The riscv64 build of vhart: the VMM that runs the guest inside the host.
//!
//! It is built from the workspace that this vhart was built from, by whichever tool chain can be had: the target that
//! rustup has or can fetch (`vmm/rustup.rs`), else Debian's compiler in a private root (`vmm/debian.rs`). The cache keeps
//! it under the hash of its sources, so that it is built once for each state of them.

mod cargo;
mod debian;
mod rustup;
mod sources;

use std::path::{Path, PathBuf};

use crate::cache::{Cache, Lock};
use crate::error::{Error, OnFile, Result};
use crate::progress::Progress;
use crate::request::Apt;
use sources::Sources;

/// The directory of VMMs in the cache.
const BUILT: &str = "vmm";

/// How many are kept beside a new one.
const KEPT: usize = 3;

/// The riscv64 build of the workspace at `workspace`, made now if the cache lacks it. `apt` says where packages come from,
/// should a tool chain have to be fetched; its suite does not matter.
///
/// # Errors
/// Where the sources are gone, no tool chain can be had, or the build fails.
pub fn build(workspace: &Path, cache: &Cache, apt: &Apt, progress: &dyn Progress) -> Result<PathBuf> {
    let sources = Sources::find(workspace)?;
    let name = format!("{BUILT}/{}", sources.key()?);
    let path = cache.path(&name);
    let there = || {
        let there = path.is_file();
        if there {
            cache.used(&path);
        }
        there
    };
    if there() {
        return Ok(path);
    }
    let lock = cache.lock(progress)?;
    // Another process may have built it while this one waited.
    if there() {
        return Ok(path);
    }
    let built = compile(&sources, cache, apt, progress, &lock).map_err(|why| no_room(why, cache))?;
    keep(&built, &name, cache, &lock)
}

fn compile(sources: &Sources, cache: &Cache, apt: &Apt, progress: &dyn Progress, lock: &Lock) -> Result<PathBuf> {
    if let Some(root) = debian::Root::cached(cache) {
        return root.build(sources, progress);
    }
    if rustup::has_target(sources, progress) {
        match rustup::build(sources, cache, progress) {
            Err(why) => progress.note(&format!("{why}; Debian's tool chain may do better")),
            built => return built,
        }
    }
    debian::Root::fetch(cache, apt, progress, lock)?.build(sources, progress)
}

/// Tells a full disk, of which tools speak at length, from their other failures.
fn no_room(why: Error, cache: &Cache) -> Error {
    match &why {
        Error::Tool { detail, .. } if detail.contains("No space left on device") => {
            Error::Full { path: cache.root().to_owned() }
        }
        _ => why,
    }
}

/// Copies what was built into the cache.
fn keep(built: &Path, name: &str, cache: &Cache, lock: &Lock) -> Result<PathBuf> {
    let scratch = cache.scratch(lock)?;
    let made = scratch.path().join("vhart");
    std::fs::copy(built, &made).on_file("copy", built)?;
    cache.prune(BUILT, KEPT, lock)?;
    cache.publish(&made, name, lock)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;

    use super::*;

    /// Another process: it holds the lock until somebody waits for it, and has built the VMM then.
    struct Builder {
        lock: RefCell<Option<Lock>>,
        vmm: PathBuf,
    }

    impl Progress for Builder {
        fn begin(&self, what: &str) {
            panic!("{what}");
        }
        fn fraction(&self, _done: f64) {}
        fn end(&self) {}
        fn note(&self, _text: &str) {
            fs::create_dir_all(self.vmm.parent().unwrap()).unwrap();
            fs::write(&self.vmm, "vmm").unwrap();
            self.lock.take();
        }
    }

    #[test]
    fn what_another_process_has_built_meanwhile_is_taken() {
        let place = tempfile::tempdir().unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "crates/a/src/lib.rs", "xtask/Cargo.toml"] {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let cache = Cache::at(place.path().join("cache"));
        let vmm = cache.path(BUILT).join(Sources::find(place.path()).unwrap().key().unwrap());
        let builder = Builder { lock: RefCell::new(Some(cache.lock(&()).unwrap())), vmm: vmm.clone() };
        assert_eq!(build(place.path(), &cache, &Apt::default(), &builder).unwrap(), vmm);
    }

    #[test]
    fn a_full_disk_is_said_in_one_sentence() {
        let detail = "E: Write error - write (28: No space left on device)\nE: mmdebstrap failed to run".to_owned();
        let why = no_room(Error::Tool { what: "fetching".to_owned(), detail }, &Cache::at("/cache"));
        assert!(why.to_string().starts_with("no space left for /cache: free some"), "{why}");
        let other = no_room(Error::Tool { what: "fetching".to_owned(), detail: "no".to_owned() }, &Cache::at("/cache"));
        assert_eq!(other.to_string(), "fetching failed:\nno");
    }
}
