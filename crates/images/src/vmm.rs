//! What of this workspace is built for riscv64: the VMM that runs the guest inside the host, and the hypervisor.
//!
//! One comes with this program (`vmm/ready.rs`), with a record of what it was made of (`vmm/record.rs`). It is used
//! unless the run belongs to a workspace (`vmm/workspace.rs`) in which one of these things has changed; then one is
//! built there, by whichever tool chain can be had: the target that rustup has or can fetch (`vmm/rustup.rs`), else
//! Debian's compiler in its packages (`vmm/debian.rs`). The cache keeps what was built with its record, so that it is
//! built once for each state of the sources.
//!
//! # The VMM that comes along
//!
//! `vhart` without its features `linux` and `machine`, in profile `vmm`, is the riscv64 program that runs the
//! guest. `images::vmm` embeds one that was built before (`guest/vmm`; the hypervisor, `guest/hypervisor/ready`,
//! and the workloads, `guest/workloads/ready`, likewise), with the record of the files, packages and settings it
//! was made of; whether a workspace would make the same is told by their hash.

mod cargo;
mod debian;
mod holes;
mod product;
mod program;
mod ready;
mod record;
mod rustup;
mod slim;
mod sources;
mod workspace;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::cache::{Cache, Lock};
use crate::error::{Error, OnFile, Result};
use crate::hash::hex_sha256;
use crate::progress::Progress;
use crate::request::Apt;
use cargo::Built;
pub use product::Product;
pub(crate) use program::check;
pub use ready::{packed, program as ready_program, record as ready_record};
pub use record::Record;
use sources::Sources;
pub use workspace::find as workspace;

/// How many are kept beside a new one.
const KEPT: usize = 3;

/// The directory of builds in a workspace.
const BUILDS: &str = "target/riscv64";

/// The name of a program's record in its directory.
const RECORD: &str = "record.toml";

/// Which of several programs is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one that comes with this program, unless the workspace would make another.
    Fitting,
    /// The one that comes with this program, whatever the workspace has.
    Ready,
    /// One that is built of the workspace.
    Built,
}

/// What is there to make a program with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// What is wanted.
    pub product: Product,
    /// The sources, where the run belongs to some.
    pub workspace: Option<&'a Path>,
    /// Where what is made is kept.
    pub cache: &'a Cache,
    /// Where packages come from, should a tool chain have to be fetched.
    pub apt: &'a Apt,
    /// Who watches.
    pub progress: &'a dyn Progress,
}

impl Means<'_> {
    /// The lock of what is wanted.
    /// The part of the cache that has them, and what it is called.
    fn part(&self) -> (&'static str, &'static str) {
        (self.product.directory(), self.product.name())
    }

    /// Where cargo's files of such builds lie: among the workspace's others, so that `cargo clean` takes them along; in
    /// the cache where the workspace cannot be written to.
    fn builds(&self) -> PathBuf {
        let here = self.workspace.map(|workspace| workspace.join(BUILDS));
        here.filter(|here| fs::create_dir_all(here).is_ok()).unwrap_or_else(|| self.cache.path("toolchain"))
    }
}

/// The program that `choice` names, in the cache.
///
/// # Errors
/// Where it has to be built: the sources are gone, no tool chain can be had, or the build fails.
pub fn get(choice: &Choice, means: Means<'_>) -> Result<PathBuf> {
    match (choice, means.workspace) {
        (Choice::Ready, _) | (Choice::Fitting, None) => ready(means),
        (Choice::Built, None) => Err(Error::NoWorkspace { option: means.product.option() }),
        (Choice::Built, Some(workspace)) => built(workspace, means),
        (Choice::Fitting, Some(workspace)) if ready::record(means.product)?.fits(workspace)? => ready(means),
        (Choice::Fitting, Some(workspace)) => {
            let place = workspace.display();
            means.progress.note(&format!(
                "{} is built of {place}: its sources are not those of the ready one (--{} ready takes that)",
                means.product.name(),
                means.product.option(),
            ));
            built(workspace, means)
        }
    }
}

/// The one that comes with this program.
fn ready(means: Means<'_>) -> Result<PathBuf> {
    let product = means.product;
    let record = ready::record(product)?;
    let path = Path::new(product.directory()).join(name(&record)).join(product.program());
    // One that another process has unpacked meanwhile may be in use already: it stays.
    let find = || Ok(means.cache.use_file(&path));
    means.cache.once(means.part(), means.progress, find, |lock| {
        keep(product, &Built { program: ready::program(product)?, record }, means.cache, lock)
    })
}

/// One built of `workspace`, now or earlier.
fn built(workspace: &Path, means: Means<'_>) -> Result<PathBuf> {
    let sources = Sources::find(workspace)?;
    let find = || kept(means.product, workspace, means.cache);
    means.cache.once(means.part(), means.progress, find, |lock| {
        let made = compile(&sources, means).map_err(|why| no_room(why, means.cache))?;
        keep(means.product, &made, means.cache, lock)
    })
}

/// The one in the cache that `workspace` would make.
fn kept(product: Product, workspace: &Path, cache: &Cache) -> Result<Option<PathBuf>> {
    let Ok(listing) = fs::read_dir(cache.path(product.directory())) else { return Ok(None) };
    for directory in listing.flatten().map(|entry| entry.path()) {
        let record = fs::read_to_string(directory.join(RECORD)).ok().and_then(|text| Record::parse(&text));
        let path = directory.join(product.program());
        if record.map_or(Ok(false), |record| record.fits(workspace))? && path.is_file() {
            cache.used(&directory);
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn compile(sources: &Sources, means: Means<'_>) -> Result<Built> {
    let Means { product, progress, .. } = means;
    if let Some(root) = debian::Root::cached(means) {
        return root.build(product, sources, debian::directory(product), progress);
    }
    if rustup::has_target(product, sources, progress) {
        match rustup::build(product, sources, &means.builds(), progress) {
            Err(why) => progress.note(&format!("{why}; Debian's tool chain may do better")),
            built => return built,
        }
    }
    debian::Root::fetch(means, &sources.rust_version()?)?.build(product, sources, debian::directory(product), progress)
}

/// A program made anew, to be carried along.
#[derive(Debug)]
pub struct Made {
    /// The program.
    pub program: Vec<u8>,
    /// What it was made of.
    pub record: Record,
}

/// The tool chain that makes what is to be carried along: always Debian's, so that it can be made again elsewhere.
#[derive(Debug)]
pub struct Maker(debian::Root);

impl Maker {
    /// The tool chain in the cache, else fetched now.
    ///
    /// # Errors
    /// It is not there and cannot be had.
    pub fn get(means: Means<'_>) -> Result<Maker> {
        if let Some(root) = debian::Root::cached(means) {
            return Ok(Maker(root));
        }
        let sources = Sources::find(means.workspace.ok_or(Error::NoWorkspace { option: means.product.option() })?)?;
        debian::Root::fetch(means, &sources.rust_version()?).map(Maker)
    }

    /// The same, without the network where `offline`.
    ///
    /// # Errors
    /// It is not there and cannot be had.
    pub fn get_where_possible(means: Means<'_>, offline: bool) -> Result<Maker> {
        match offline {
            true => debian::Root::cached(means).map(Maker).ok_or(Error::NoToolchain),
            false => Maker::get(means),
        }
    }

    /// What tells it from another, as a record has it.
    ///
    /// # Errors
    /// Its compiler does not run.
    pub fn toolchain(&self, product: Product) -> Result<Vec<String>> {
        self.0.toolchain(product)
    }

    /// Makes the program from nothing, in a directory of that name.
    ///
    /// # Errors
    /// Other people's crates cannot be had, or the build fails.
    pub fn make(&self, directory: &str, means: Means<'_>) -> Result<Made> {
        let sources = Sources::find(means.workspace.ok_or(Error::NoWorkspace { option: means.product.option() })?)?;
        self.0.forget(directory)?;
        let Built { program, record } = self.0.build(means.product, &sources, directory, means.progress)?;
        Ok(Made { program, record })
    }
}

/// Where a library of the tool chain would be written over: what it names, and what debuggers read.
pub(crate) fn rewritten(library: &[u8]) -> Vec<Range<u64>> {
    let named = slim::rewritten(library).into_iter();
    named.chain(holes::debugging(library).unwrap_or_default()).collect()
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

/// The name of a program's directory in the cache.
fn name(record: &Record) -> String {
    hex_sha256(&[record.program_sha256.as_bytes(), record.sources_sha256.as_bytes()])[..16].to_owned()
}

/// Puts a program and its record into the cache.
fn keep(product: Product, built: &Built, cache: &Cache, lock: &Lock) -> Result<PathBuf> {
    let scratch = cache.scratch(lock)?;
    let made = scratch.path().join("made");
    fs::create_dir(&made).on_file("make directory", &made)?;
    for (name, content) in [(product.program(), &*built.program), (RECORD, built.record.text().as_bytes())] {
        let path = made.join(name);
        fs::write(&path, content).on_file("write", &path)?;
    }
    cache.prune_idle(product.directory(), KEPT, lock)?;
    Ok(cache.publish(&made, Path::new(product.directory()).join(name(&built.record)), lock)?.join(product.program()))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A VMM that `workspace` would make.
    fn fitting(workspace: &Path) -> Built {
        let (program, files) = (b"vmm".to_vec(), vec!["crates/a/src/lib.rs".to_owned()]);
        let record = Record {
            program_sha256: hex_sha256(&[&program]),
            program_bytes: program.len() as u64,
            target: String::new(),
            toolchain: Vec::new(),
            sources_sha256: sources::digest(workspace, &files, &[]).unwrap(),
            files,
            packages: Vec::new(),
        };
        Built { program, record }
    }

    fn lock(cache: &Cache) -> Lock {
        cache.lock(Product::Vmm.directory(), Product::Vmm.name(), &()).unwrap()
    }

    /// Another process: it holds the lock until somebody waits for it, and has built the VMM then.
    struct Builder<'a> {
        lock: RefCell<Option<Lock>>,
        cache: &'a Cache,
        workspace: &'a Path,
    }

    impl Progress for Builder<'_> {
        fn begin(&self, what: &str) {
            assert!(what.starts_with("waiting for process "), "{what}");
            keep(Product::Vmm, &fitting(self.workspace), self.cache, self.lock.borrow().as_ref().unwrap()).unwrap();
            self.lock.take();
        }
        fn fraction(&self, _done: f64) {}
        fn end(&self) {}
        fn note(&self, _text: &str) {}
    }

    fn means<'a>(workspace: Option<&'a Path>, cache: &'a Cache, apt: &'a Apt, progress: &'a dyn Progress) -> Means<'a> {
        Means { product: Product::Vmm, workspace, cache, apt, progress }
    }

    #[test]
    fn what_another_process_has_built_meanwhile_is_taken() {
        let (sources, place) = (sources::tests::workspace(), tempfile::tempdir().unwrap());
        let cache = Cache::at(place.path());
        let builder = Builder { lock: RefCell::new(Some(lock(&cache))), cache: &cache, workspace: sources.path() };
        let path = get(&Choice::Built, means(Some(sources.path()), &cache, &Apt::default(), &builder)).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"vmm");
    }

    #[test]
    fn what_was_built_is_found_as_long_as_its_sources_stay() {
        let (sources, place) = (sources::tests::workspace(), tempfile::tempdir().unwrap());
        let cache = Cache::at(place.path());
        let path = keep(Product::Vmm, &fitting(sources.path()), &cache, &lock(&cache)).unwrap();
        assert_eq!(kept(Product::Vmm, sources.path(), &cache).unwrap(), Some(path));
        fs::write(sources.path().join("crates/a/src/lib.rs"), "changed").unwrap();
        assert_eq!(kept(Product::Vmm, sources.path(), &cache).unwrap(), None);
    }

    #[test]
    fn without_sources_the_ready_one_is_taken_and_none_is_built() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        let path = get(&Choice::Fitting, means(None, &cache, &Apt::default(), &())).unwrap();
        assert_eq!(hex_sha256(&[&fs::read(path).unwrap()]), ready::record(Product::Vmm).unwrap().program_sha256);
        let why = get(&Choice::Built, means(None, &cache, &Apt::default(), &())).unwrap_err();
        assert!(matches!(why, Error::NoWorkspace { .. }), "{why}");
    }

    #[test]
    fn builds_lie_in_the_workspace_or_where_none_is_in_the_cache() {
        let (sources, place) = (sources::tests::workspace(), tempfile::tempdir().unwrap());
        let (cache, apt) = (Cache::at(place.path()), Apt::default());
        assert_eq!(means(Some(sources.path()), &cache, &apt, &()).builds(), sources.path().join("target/riscv64"));
        assert_eq!(means(None, &cache, &apt, &()).builds(), place.path().join("toolchain"));
        fs::remove_dir_all(sources.path().join("target")).unwrap();
        fs::write(sources.path().join("target"), "in the way").unwrap();
        assert_eq!(means(Some(sources.path()), &cache, &apt, &()).builds(), place.path().join("toolchain"));
    }

    #[test]
    fn a_full_disk_is_said_in_one_sentence() {
        let detail = "error: failed to write x\nNo space left on device (os error 28)".to_owned();
        let why = no_room(Error::Tool { what: "fetching".to_owned(), detail }, &Cache::at("/cache"));
        assert!(why.to_string().starts_with("no space left for /cache: free some"), "{why}");
        let other = no_room(Error::Tool { what: "fetching".to_owned(), detail: "no".to_owned() }, &Cache::at("/cache"));
        assert_eq!(other.to_string(), "fetching failed:\nno");
    }
}
