//! What can go wrong, each in one sentence that says what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Lines of the last words of a tool or of a machine that a message repeats.
pub(crate) const LAST_LINES: usize = 12;

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
        /// What is free there.
        free_bytes: u64,
    },
    /// The cache's directory cannot be made or written to.
    #[error("cannot write to the cache {} (--cache or VHART_CACHE names another directory)", path.display())]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A pipe where what comes is read more than once.
    #[error(
        "{} is a pipe or a device, and is read more than once: write what comes from it to a file, and name that",
        path.display()
    )]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// A kernel that its guest has no room for.
    #[error("{} is larger than the guest's memory of {memory_mib} MiB: give it more with --guest-memory", path.display())]
    GuestMemory {
        /// The kernel.
        path: PathBuf,
        /// The guest's memory.
        memory_mib: u64,
    },
    /// There is no place for a cache.
    #[error("no cache directory: HOME and XDG_CACHE_HOME are unset, name one with --cache (or VHART_CACHE)")]
    NoCache,
    /// Nothing in the cache is called so.
    #[error("nothing in {} is called {name}: 'vhart images' lists what there is", place.display())]
    Unknown {
        /// The name.
        name: String,
        /// The cache.
        place: PathBuf,
    },
    /// A file of the user's has no keys.
    #[error("{} has no OpenPGP public keys (a keybox of GnuPG has to be exported): name another file with --keyring", path.display())]
    Keyring {
        /// The file.
        path: PathBuf,
    },
    /// A server does not answer, or not as it should.
    #[error(
        "{detail}: check network, proxy and --mirror and run this again, which goes on where it stopped; or give --packages, or --kernel and --initrd"
    )]
    Network {
        /// What address failed, and how.
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
    /// The Release file has a date to come.
    #[error("suite {suite} of {mirror} is of {date}, and this machine's clock says {now} (is it right?)")]
    Future {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
        /// Its date, as the Release file has it.
        date: String,
        /// What time it is here.
        now: String,
    },
    /// The archive has no such suite.
    #[error("{mirror} has no suite {suite}: choose another --suite or --mirror")]
    NoSuite {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
    },
    /// The archive answers with another suite.
    #[error(
        "{address} calls itself {names}, not {suite}: ask for it by that name with --suite, or choose another --mirror"
    )]
    OtherSuite {
        /// The suite asked for.
        suite: String,
        /// What was fetched.
        address: String,
        /// What it says it is.
        names: String,
    },
    /// Something else is where a Release file should be.
    #[error("{address} is no Release file (a log-in page of this network, or a --mirror that is no Debian archive?)")]
    NoRelease {
        /// What was fetched.
        address: String,
    },
    /// The suite does not cover the architecture.
    #[error(
        "suite {suite} of {mirror} has nothing for {architecture} (Debian has riscv64 from trixie on): choose another --suite or --mirror"
    )]
    NoArchitecture {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
        /// The architecture.
        architecture: String,
    },
    /// The signature does not check out.
    #[error(
        "suite {suite} of {mirror} is not to be trusted ({detail}): choose another --mirror, or name the file with its keys with --keyring"
    )]
    Signature {
        /// The suite asked for.
        suite: String,
        /// The archive.
        mirror: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The suite has no such package.
    #[error("suite {suite} has no package {package} for {architecture}: choose another --suite")]
    NoPackage {
        /// The suite asked for.
        suite: String,
        /// The package's name.
        package: String,
        /// The architecture.
        architecture: String,
    },
    /// A file that an index names is not there.
    #[error(
        "{address} is not there, though the archive's index has it (an update under way?): try again later, or choose another --mirror"
    )]
    Gone {
        /// The file.
        address: String,
    },
    /// A server sent something else than what was signed for.
    #[error(
        "{address} gave {detail} (an update under way, or a proxy that interferes?): try again later, or choose another --mirror"
    )]
    Wrong {
        /// The file.
        address: String,
        /// What it gave.
        detail: String,
    },
    /// Debian's programs do not run here.
    #[error("Debian's {what} would be needed, and its programs run on Linux alone (x86-64, AArch64 or RISC-V)")]
    NoDebian {
        /// What was to be run.
        what: String,
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
    #[error("there are no sources of vhart at {}: leave the option away for what comes with this program", place.display())]
    NoSources {
        /// Where they were.
        place: PathBuf,
    },
    /// The run belongs to no workspace.
    #[error(
        "--{option} build needs the sources of vhart: run it in a checkout, or leave it out for what comes with this program"
    )]
    NoWorkspace {
        /// The option that asked for them.
        option: &'static str,
    },
    /// What comes with this program is not whole: a mistake in its making.
    #[error("{name} that comes with this program is damaged: take another build of it, or name one with --{option}")]
    Ready {
        /// What is damaged.
        name: &'static str,
        /// The option that names another.
        option: &'static str,
    },
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
    /// The tool chain is not here, and was not to be fetched.
    #[error("Debian's tool chain is not in the cache, and the network was not to be asked for it")]
    NoToolchain,
    /// The machine that makes a Debian disk did not come to its end.
    #[error(
        "the Debian disk was not made ({detail}): run this again, what was downloaded is kept; the last lines were:{console}"
    )]
    Making {
        /// Why.
        detail: String,
        /// The last lines of its console, each after a line break.
        console: String,
    },
    /// A disk of the user's is none that Debian could be on.
    #[error("{} has no ext4 file system, and so no Debian: name a file that is not there yet, and it is made", path.display())]
    NoSystem {
        /// The file.
        path: PathBuf,
    },
    /// A size for a disk that has one.
    #[error("{} is there already, and has its size: leave --disk-size out (to make it larger: truncate -s)", path.display())]
    DiskThere {
        /// The file.
        path: PathBuf,
    },
    /// A size that Debian's disk does not fit into.
    #[error("a Debian disk has {least_mib} MiB at least, not {asked_mib}; only what is written takes room")]
    DiskSize {
        /// What was asked for.
        asked_mib: u64,
        /// What it has at least.
        least_mib: u64,
    },
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
