//! Debian's Rust compiler with its riscv64 library, in a private root.
//!
//! mmdebstrap(1) makes the root out of signed packages; nothing is installed in the system. The user who runs vhart owns
//! all its files: root has it made in place, anyone else gets it as an archive out of mmdebstrap's user namespace, and
//! enters it by a namespace of their own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cargo::{self, Built};
use super::sources::Sources;
use crate::apt;
use crate::cache::{Cache, Lock};
use crate::error::{Error, OnFile, Result};
use crate::progress::{Progress, step};
use crate::request::{Apt, Expired};
use crate::room;
use crate::words::Words;

/// The root's place in the cache. The number changes with what is installed.
const PLACE: &str = "toolchain/debian-1";

/// What the root and the build in it take.
const ROOM_BYTES: u64 = 2_500_000_000;

/// The suite: stable's compiler is too old.
const SUITE: &str = "testing";

const TARGET: &str = "riscv64gc-unknown-linux-gnu";

/// What is installed beside the essentials.
const PACKAGES: &str =
    "rustc,cargo,libstd-rust-dev,libstd-rust-dev:riscv64,gcc-riscv64-linux-gnu,libc6-dev-riscv64-cross";

/// What nobody reads in there.
const UNREAD: [&str; 4] = ["doc", "man", "info", "locale"];

/// Where the workspace's copy lies in the root.
pub(super) const BUILD: &str = "build";

/// cargo's configuration there: other people's crates come from a directory, since there may be no network.
const CONFIG: &str = "\
[source.crates-io]
replace-with = \"vendored\"
[source.vendored]
directory = \"vendor\"
[target.riscv64gc-unknown-linux-gnu]
linker = \"riscv64-linux-gnu-gcc\"
";

/// What gives code to the program, or turns it into one.
const MAKERS: [&str; 4] = ["binutils-riscv64-linux-gnu", "gcc-", "libc6-dev-riscv64-cross", "libstd-rust-dev"];

/// Enters the root $0 and the directory $1, and runs the other words there.
const ENTER: &str = "exec chroot \"$0\" sh -c 'cd \"$0\" && exec \"$@\"' \"$@\"";
/// The same where the user is not root.
const ENTER_AS_USER: &str =
    "mount --rbind /dev \"$0/dev\" && exec chroot \"$0\" sh -c 'cd \"$0\" && exec \"$@\"' \"$@\"";

/// Who runs vhart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Root,
    Other,
}

impl User {
    fn current() -> User {
        match fs::metadata("/proc/self").map(|metadata| metadata.uid()) {
            Ok(0) => User::Root,
            _ => User::Other,
        }
    }
}

/// A root with the tool chain.
#[derive(Debug)]
pub(super) struct Root {
    directory: PathBuf,
    user: User,
}

impl Root {
    /// The root in the cache, if it is there.
    pub(super) fn cached(cache: &Cache) -> Option<Root> {
        let directory = cache.path(PLACE);
        directory.is_dir().then(|| Root { directory, user: User::current() })
    }

    /// Makes the root.
    ///
    /// # Errors
    /// Where there is no mmdebstrap, or no archive for it.
    pub(super) fn fetch(cache: &Cache, apt: &Apt, progress: &dyn Progress, lock: &Lock) -> Result<Root> {
        let user = User::current();
        let archive = apt::archive(apt)?;
        room::check(cache.root(), ROOM_BYTES)?;
        let scratch = cache.scratch(lock)?;
        let made = scratch.path().join("root");
        fs::create_dir(&made).on_file("make directory", &made)?;
        let mut command = mmdebstrap(apt)?;
        if let Some(keys) = archive.signed_by.as_deref().filter(|keys| keys.starts_with('/')) {
            command.arg(format!("--keyring={keys}"));
        }
        let step_name = "fetching Debian's riscv64 tool chain (400 MB, once)";
        let done = step(progress, step_name, || match user {
            User::Root => cargo::run(step_name, command.arg(SUITE).arg(&made).arg(&archive.uri)),
            User::Other => unpacked(step_name, command.args([SUITE, "-", &archive.uri]), &made),
        });
        done.map_err(|why| explain(why, &archive.uri))?;
        Ok(Root { directory: cache.publish(&made, PLACE, lock)?, user })
    }

    /// Builds the VMM in the root, in the directory of that name.
    ///
    /// # Errors
    /// Where other people's crates cannot be had, or the build fails.
    pub(super) fn build(&self, sources: &Sources, directory: &str, progress: &dyn Progress) -> Result<Built> {
        let place = self.directory.join(directory);
        sources.copy_to(&place)?;
        step(progress, "collecting crates for the riscv64 build", || vendor(sources, &place))?;
        let configuration = place.join(".cargo");
        fs::create_dir_all(&configuration).on_file("make directory", &configuration)?;
        let file = configuration.join("config.toml");
        fs::write(&file, CONFIG).on_file("write", &file)?;
        self.job(directory, &|job| job.run("building vhart for riscv64", progress))
    }

    /// What tells this tool chain from another.
    ///
    /// # Errors
    /// Its compiler does not run.
    pub(super) fn toolchain(&self) -> Result<Vec<String>> {
        self.job("", &|job| job.toolchain())
    }

    /// Removes what was built in the directory of that name, but for other people's crates.
    pub(super) fn forget(&self, directory: &str) -> Result<()> {
        let path = self.directory.join(directory).join("target");
        match fs::remove_dir_all(&path) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.on_file("remove", &path),
        }
    }

    /// Hands `work` this tool chain, at work in the directory of that name.
    fn job<T>(&self, directory: &str, work: &dyn Fn(&cargo::Job) -> Result<T>) -> Result<T> {
        let (known_as, workspace) = (Path::new("/").join(directory), self.directory.join(directory));
        let output = [known_as.join("target"), workspace.join("target")];
        work(&cargo::Job {
            command: &|program| self.command(program, &known_as),
            known_as: &known_as,
            workspace: &workspace,
            output: output.each_ref().map(PathBuf::as_path),
            crates: &known_as.join("vendor"),
            target: TARGET,
            flags: &["-Ctarget-feature=+crt-static"],
            packages: self.packages()?,
        })
    }

    /// The packages among those installed that a program's bytes depend on, each with its version.
    fn packages(&self) -> Result<Vec<String>> {
        let path = self.directory.join("var/lib/dpkg/status");
        let status = fs::read_to_string(&path).on_file("read", &path)?;
        let mut packages: Vec<String> = status.split("\n\n").filter_map(maker).collect();
        packages.sort();
        Ok(packages)
    }

    /// A program of the root's, at work in `directory`.
    fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = match self.user {
            User::Root => Command::new("sh"),
            User::Other => Command::new("unshare"),
        };
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root");
        command.env("CARGO_NET_OFFLINE", "true");
        match self.user {
            User::Root => command.args(["-c", ENTER]),
            User::Other => command.args(["--map-root-user", "--mount", "sh", "-c", ENTER_AS_USER]),
        };
        command.arg(&self.directory).arg(directory).arg(program);
        command
    }
}

/// Name, architecture and version of an installed package, if it is one of the [`MAKERS`].
fn maker(paragraph: &str) -> Option<String> {
    let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let (name, architecture, version) = (field("Package")?, field("Architecture")?, field("Version")?);
    let makes =
        MAKERS.iter().any(|maker| name.starts_with(maker)) && (name.contains("riscv64") || architecture == "riscv64");
    makes.then(|| format!("{name} {architecture} {version}"))
}

/// mmdebstrap, but for suite, output and archive.
fn mmdebstrap(apt: &Apt) -> Result<Command> {
    let native = Command::new("dpkg").arg("--print-architecture").output().map_err(|_| Error::NoToolchain)?;
    let native = String::from_utf8_lossy(&native.stdout).trim().to_owned();
    Command::new("mmdebstrap").arg("--version").output().map_err(|_| Error::NoToolchain)?;
    let mut command = Command::new("mmdebstrap");
    command.env_remove("LD_LIBRARY_PATH").args(["--variant=apt", "--components=main"]);
    command.arg(format!("--architectures={native},riscv64")).arg(format!("--include={PACKAGES}"));
    command.args(UNREAD.map(|name| format!("--dpkgopt=path-exclude=/usr/share/{name}/*")));
    command.args(apt::network_settings()?.lines().map(|line| format!("--aptopt={line}")));
    if apt.expired == Expired::Accept {
        command.arg("--aptopt=Acquire::Check-Valid-Until \"false\"");
    }
    Ok(command)
}

/// Runs `command`, which writes an archive to its standard output, and unpacks that into `directory`.
fn unpacked(what: &str, command: &mut Command, directory: &Path) -> Result<()> {
    let failed = |detail: String| Error::Tool { what: what.to_owned(), detail };
    let io = |why: std::io::Error| failed(why.to_string());
    let mut errors = tempfile::tempfile().map_err(io)?;
    let stderr = errors.try_clone().map_err(io)?;
    let mut maker = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().map_err(io)?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--exclude=./dev/*", "--directory"]).arg(directory);
    tar.stdin(maker.stdout.take().map_or(Stdio::null(), Stdio::from)).stderr(Stdio::piped());
    let mut tar = tar.spawn().map_err(io)?;
    let tars_words = Words::of(&mut tar);
    let unpacked = tar.wait().map_err(io)?;
    let made = maker.wait().map_err(io)?;
    if made.success() && unpacked.success() {
        return Ok(());
    }
    // Where tar fails, mmdebstrap does too, for want of a reader.
    let words = cargo::last_words(&mut errors) + "\n" + &cargo::last_lines(&tars_words.text());
    Err(failed(words.trim().to_owned()))
}

/// What apt says in mmdebstrap's words, where it does.
fn explain(why: Error, mirror: &str) -> Error {
    match &why {
        Error::Tool { detail, .. } => apt::recognise(detail, SUITE, mirror).unwrap_or(why),
        _ => why,
    }
}

/// Puts the crates that `Cargo.lock` names into `vendor/`, unless they are there: from what cargo has here, else from the
/// network.
fn vendor(sources: &Sources, place: &Path) -> Result<()> {
    let stamp = place.join("vendor.lock");
    let key = sources.lock_key()?;
    if fs::read_to_string(&stamp).is_ok_and(|there| there == key) {
        return Ok(());
    }
    // What is there may change from here on, and what a killed run leaves must not pass for whole.
    fs::write(&stamp, "").on_file("write", &stamp)?;
    let what = "collecting crates for the riscv64 build";
    let cargo = |more: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(["vendor", "--locked", "--versioned-dirs"]).args(more).arg(place.join("vendor"));
        cargo::run(what, command.current_dir(sources.workspace()))
    };
    cargo(&["--offline"]).or_else(|_| cargo(&[]))?;
    fs::write(&stamp, key).on_file("write", &stamp)
}
