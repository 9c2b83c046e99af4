//! What can go wrong, each in one sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why images could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of ours or of the user's could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried: "read", "write", "lock".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file system of the cache has no room.
    #[error("no space left for {}: free some, or name another directory with --cache (or VHART_CACHE)", path.display())]
    Full {
        /// The file that did not fit.
        path: PathBuf,
    },
    /// The file system of the cache has less room than what is to be fetched takes.
    #[error(
        "{} has {} MB free, and {} MB are needed: free some, or name another directory with --cache (or VHART_CACHE)",
        path.display(), free_bytes / 1_000_000, needed_bytes / 1_000_000
    )]
    Room {
        /// Where it was to go.
        path: PathBuf,
        /// What it takes.
        needed_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// There is no place for a cache.
    #[error("no cache directory: HOME and XDG_CACHE_HOME are unset, name one with --cache (or VHART_CACHE)")]
    NoCache,
    /// The system has no apt.
    #[error(
        "this system has no apt-get to fetch Debian's packages with: give a directory of .deb files (linux-image, its \
         modules, busybox-static) with --packages, or your own --kernel and --initrd"
    )]
    NoApt,
    /// apt is configured, but for no Debian archive.
    #[error("apt's configuration in {} names no Debian archive: name one with --mirror, or give --packages or --kernel and --initrd", etc.display())]
    NoArchive {
        /// The directory that was searched.
        etc: PathBuf,
    },
    /// The archive does not answer.
    #[error(
        "cannot reach {mirror} ({detail}): check the network, name another archive with --mirror, or give --packages or --kernel and --initrd"
    )]
    Network {
        /// The archive.
        mirror: String,
        /// apt's own words.
        detail: String,
    },
    /// The Release file is older than it says it may be.
    #[error(
        "suite {suite} of {mirror} has been out of date since {since} (a snapshot?): leave out --refuse-expired \
         (its signature is checked all the same), or choose another --suite or --mirror"
    )]
    Expired {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
        /// The Valid-Until date, as the Release file has it.
        since: String,
    },
    /// The archive has no such suite.
    #[error("{mirror} has no suite {suite}: choose another --suite or --mirror")]
    NoSuite {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
    },
    /// The suite does not cover riscv64.
    #[error(
        "suite {suite} of {mirror} has nothing for riscv64 (Debian has it from trixie on): choose another --suite or --mirror"
    )]
    NoArchitecture {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
    },
    /// The signature does not check out.
    #[error(
        "the signature of suite {suite} of {mirror} is not by a key that this system trusts ({detail}): install or update the package debian-archive-keyring"
    )]
    Signature {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
        /// apt's own words.
        detail: String,
    },
    /// The suite has no such package.
    #[error("suite {suite} has no package {package} for riscv64: choose another --suite")]
    NoPackage {
        /// The suite asked for.
        suite: String,
        /// The package's name.
        package: String,
    },
    /// apt failed in a way that has no case of its own.
    #[error("apt-get failed: {detail}")]
    Apt {
        /// apt's own words.
        detail: String,
    },
    /// A `.deb` file is broken.
    #[error("{} is not a whole Debian package: fetch it again", path.display())]
    Package {
        /// The file.
        path: PathBuf,
        /// What did not parse.
        source: io::Error,
    },
    /// The packages lack a file that is needed.
    #[error("the packages in {} have no {what}", place.display())]
    Missing {
        /// Where it was looked for.
        place: PathBuf,
        /// What was looked for.
        what: String,
    },
    /// There is no workspace where one was.
    #[error("there are no sources of vhart at {}: --vmm ready takes the VMM that comes with this program", place.display())]
    NoSources {
        /// Where they were.
        place: PathBuf,
    },
    /// The run belongs to no workspace.
    #[error(
        "--vmm build needs the sources of vhart: run it in a checkout, or leave it out for the VMM that comes with this program"
    )]
    NoWorkspace,
    /// The VMM that comes with this program is not whole: a mistake in its making.
    #[error("the VMM that comes with this program is damaged: take another build of it, or name a VMM with --vmm")]
    ReadyVmm,
    /// The kernel for the guest cannot be unpacked.
    #[error(transparent)]
    Kernel(#[from] board::loader::Error),
    /// The user's VMM is none.
    #[error("{} is {what}, and no VMM: --vmm wants a static riscv64 build of vhart, or leave it out", path.display())]
    NotVmm {
        /// The file.
        path: PathBuf,
        /// What it is, with an article.
        what: &'static str,
    },
    /// Nothing here compiles for riscv64.
    #[error(
        "the guest needs a riscv64 build of vhart, and nothing here can compile one: rustup cannot fetch the target \
         riscv64gc-unknown-linux-musl, and there is no mmdebstrap to get Debian's tool chain with (apt-get install \
         mmdebstrap); or give a ready build with --vmm"
    )]
    NoToolchain,
    /// A tool failed.
    #[error("{what} failed:\n{detail}")]
    Tool {
        /// What it was to do.
        what: String,
        /// Its last words.
        detail: String,
    },
    /// A kernel module is broken.
    #[error("module {name} cannot be read ({detail})")]
    Module {
        /// The module's name.
        name: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error about a file, with a full disk told apart.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path: path.to_owned() },
            _ => Error::File { action, path: path.to_owned(), source },
        }
    }
}

/// Names the file in the errors of `std::io`.
pub(crate) trait OnFile<T> {
    /// Turns an `io::Error` into one that says what was done to which file.
    fn on_file(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> OnFile<T> for io::Result<T> {
    fn on_file(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::file(action, path, source))
    }
}
