//! Debian's Rust compiler with its riscv64 library, unpacked into the cache.
//!
//! Nothing of it is installed, and it needs no compiler or linker of the system's: `lld` comes with it, and so do the C
//! start files and libraries of both machines. Programs that a build makes for this machine and runs (build scripts)
//! are told to start through the unpacked C library, since the system's may be older.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo::{self, Built};
use super::product::Product;
use super::{Means, holes, slim, sources::Sources};
use crate::archive::{self, Archive, Index, Package};
use crate::error::{Error, OnFile, Result};
use crate::progress::{Progress, step};
use crate::request::{Apt, Architecture};
use crate::room;
use crate::shell::quoted;
use crate::tied;
use crate::tools::{self, Recipe, Tools};
use crate::tree::{self, children};

/// What the tool chain and the build in it take.
const ROOM_BYTES: u64 = 1_200_000_000;

/// The suite whose compiler is new enough where that of the suite asked for is not.
const NEWER: &str = "testing";

const TARGET: &str = "riscv64gc-unknown-linux-gnu";

/// Words for rustc: lld in place of a C compiler, and everything in one file at a fixed address.
const FLAGS: [&str; 3] = ["-Clinker-flavor=ld", "-Ctarget-feature=+crt-static", "-Crelocation-model=static"];

/// What compiler and cargo name as needed, and is not for what is done here: the linker is lld, and cargo is offline.
const WITHOUT: [&str; 12] = [
    "gcc",
    "c-compiler",
    "binutils",
    "libc-dev",
    "debconf",
    "dpkg",
    "linux-libc-dev",
    "libc-dev-bin",
    "rpcsvc-proto",
    "libsasl2-modules-db",
    "openssl-provider-legacy",
    "libc-gconv-modules-extra",
];

/// Changes with what is kept of the packages.
const FORM: &str = "2";

/// The directory, among those of builds, of a product that is wanted here and now.
pub(super) fn directory(product: Product) -> &'static str {
    match product {
        Product::Vmm => "build",
        Product::Hypervisor => "build-hypervisor",
        Product::FirstVmm => "build-first-vmm",
        Product::Workloads => "build-workloads",
    }
}

/// The directory for linkers in the root.
const LINKERS: &str = "vhart";

/// A root with the tool chain.
#[derive(Debug)]
pub(super) struct Root {
    tools: Tools,
    machine: Architecture,
    builds: PathBuf,
}

impl Root {
    /// The root in the cache, if it is there.
    pub(super) fn cached(means: Means<'_>) -> Option<Root> {
        let suites = [means.apt.clone(), newer(means.apt)];
        suites.iter().find_map(|apt| recipe(apt).cached(means.cache)).and_then(|tools| Root::of(tools, means).ok())
    }

    fn of(tools: Tools, means: Means<'_>) -> Result<Root> {
        Ok(Root { tools, machine: tools::native("tool chain")?, builds: means.builds() })
    }

    /// Makes the root: from the suite asked for where its compiler is of version `needed` ("1.95") or later, else from
    /// a newer one.
    ///
    /// # Errors
    /// Where the packages cannot be had.
    pub(super) fn fetch(means: Means<'_>, needed: &str) -> Result<Root> {
        let Means { cache, apt, progress, .. } = means;
        tools::native("Rust compiler")?;
        room::check(cache.root(), ROOM_BYTES)?;
        let apt = if is_new_enough(means, needed)? { apt.clone() } else { newer(apt) };
        Root::of(recipe(&apt).get(&apt, cache, progress)?, means)
    }

    /// Builds `product` with the root's tools, in the directory of that name.
    ///
    /// # Errors
    /// Where other people's crates cannot be had, or the build fails.
    pub(super) fn build(
        &self,
        product: Product,
        sources: &Sources,
        directory: &str,
        progress: &dyn Progress,
    ) -> Result<Built> {
        let place = self.builds.join(directory);
        sources.copy_to(&place)?;
        step(progress, "collecting crates for the riscv64 build", || collect(sources))?;
        let configuration = place.join(".cargo");
        fs::create_dir_all(&configuration).on_file("make directory", &configuration)?;
        let file = configuration.join("config.toml");
        fs::write(&file, self.config(product)?).on_file("write", &file)?;
        let what = format!("building {} for riscv64", product.name());
        self.job(product, directory, &|job| job.run(&what, progress))
    }

    /// What tells this tool chain from another.
    ///
    /// # Errors
    /// Its compiler does not run.
    pub(super) fn toolchain(&self, product: Product) -> Result<Vec<String>> {
        fs::create_dir_all(&self.builds).on_file("make directory", &self.builds)?;
        self.job(product, "", &|job| job.toolchain())
    }

    /// Removes what was built in the directory of that name.
    pub(super) fn forget(&self, directory: &str) -> Result<()> {
        let path = self.builds.join(directory).join("target");
        match fs::remove_dir_all(&path) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.on_file("remove", &path),
        }
    }

    /// Hands `work` this tool chain, at work in the directory of that name.
    fn job<T>(&self, product: Product, directory: &str, work: &dyn Fn(&cargo::Job) -> Result<T>) -> Result<T> {
        let workspace = self.builds.join(directory);
        let output = workspace.join("target");
        work(&cargo::Job {
            product,
            command: &|program| self.command(program, &workspace),
            known_as: &workspace,
            workspace: &workspace,
            output: [&output, &output],
            crates: &cargo::home().unwrap_or_else(|| workspace.clone()),
            target: TARGET,
            flags: &FLAGS,
            packages: self.packages(product)?,
        })
    }

    /// The packages among those unpacked that a program's bytes depend on, each with its version.
    fn packages(&self, product: Product) -> Result<Vec<String>> {
        let makes = |line: &&str| {
            let mut words = line.split(' ');
            let (name, architecture) = (words.next().unwrap_or_default(), words.next());
            let library = architecture == Some(Architecture::Riscv64.name());
            name.starts_with("lld-") || library && (product.is_of_linux() || name == "libstd-rust-dev")
        };
        Ok(self.tools.packages()?.lines().filter(makes).map(str::to_owned).collect())
    }

    /// A program of the root's, at work in `directory`.
    fn command(&self, program: &str, directory: &Path) -> Command {
        let mut command = tied::command(self.tools.program(program));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", &self.builds);
        command.envs(cargo::home().map(|home| ("CARGO_HOME", home)));
        command.env("CARGO_NET_OFFLINE", "true").env("RUSTC_WRAPPER", "");
        command.env("RUSTC", self.tools.program("rustc")).current_dir(directory);
        command
    }

    /// cargo's configuration: both machines have a linker that needs no C compiler.
    fn config(&self, product: Product) -> Result<String> {
        let host = self.linker("host", self.machine, &self.host_script()?)?;
        let guest = match product.is_of_linux() {
            true => self.linker("riscv64", Architecture::Riscv64, &self.guest_script()?)?,
            false => self.linker("bare", Architecture::Riscv64, "exec $lld \"$@\"\n")?,
        };
        let host_target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        Ok(format!("[target.{host_target}]\nlinker = {host:?}\n[target.{TARGET}]\nlinker = {guest:?}\n"))
    }

    /// Writes a linker: rustc takes one called `ld` for what it is.
    fn linker(&self, name: &str, machine: Architecture, script: &str) -> Result<PathBuf> {
        let directory = self.tools.directory().join(LINKERS).join(name);
        fs::create_dir_all(&directory).on_file("make directory", &directory)?;
        let path = directory.join("ld");
        let lld = quoted(&lld(self.tools.directory())?.to_string_lossy());
        let root = quoted(&self.tools.directory().to_string_lossy());
        let (c, gcc) = self.library_directories(machine)?;
        let text = format!("#!/bin/sh\nlld={lld}\nroot={root}\nc=$root/{c}\ngcc=$root/{gcc}\n{script}");
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(path);
        }
        // Another process may start it while this one writes.
        let made = tempfile::NamedTempFile::new_in(&directory).on_file("make a file in", &directory)?.into_temp_path();
        fs::write(&made, text).on_file("write", &made)?;
        fs::set_permissions(&made, Permissions::from_mode(0o755)).on_file("write", &made)?;
        made.persist(&path).map_err(|why| why.error).on_file("write", &path)?;
        Ok(path)
    }

    /// Where C's start files and libraries lie, and where the compiler's.
    fn library_directories(&self, machine: Architecture) -> Result<(String, String)> {
        let triplet = tree::triplet(machine);
        let gcc = format!("usr/lib/gcc/{triplet}");
        let versions = children(&self.tools.directory().join(&gcc))?;
        let version = versions.last().cloned().unwrap_or_default();
        Ok((format!("usr/lib/{triplet}"), format!("{gcc}/{version}")))
    }

    /// What a C compiler does to link a static program, in its order.
    fn guest_script(&self) -> Result<String> {
        Ok("exec $lld \"-L$gcc\" \"-L$c\" \"$c/crt1.o\" \"$c/crti.o\" \"$gcc/crtbeginT.o\" \"$@\" --start-group -lgcc -lgcc_eh -lc \
            --end-group \"$gcc/crtend.o\" \"$c/crtn.o\"\n"
            .to_owned())
    }

    /// The same for a program or a shared library of this machine.
    fn host_script(&self) -> Result<String> {
        let linker = tree::dynamic_linker(self.machine);
        Ok(format!(
            "start=\"$c/Scrt1.o\"\ncase \" $* \" in *' -shared '*) start= ;; esac\n\
             exec $lld \"--sysroot=$root\" \"-L$gcc\" \"-L$c\" -dynamic-linker \"$root/{linker}\" -rpath \"$c\" \
             ${{start:+\"$start\"}} \"$c/crti.o\" \"$gcc/crtbeginS.o\" \"$@\" -lc \"$gcc/crtendS.o\" \"$c/crtn.o\"\n"
        ))
    }
}

/// The same archive's newer suite.
fn newer(apt: &Apt) -> Apt {
    Apt { suite: NEWER.to_owned(), ..apt.clone() }
}

fn recipe(apt: &Apt) -> Recipe<'static> {
    let mirror = archive::mirror(apt);
    Recipe {
        name: "rust",
        key: format!("{} {mirror} {FORM}", apt.suite),
        choose: Box::new(choose),
        keep: is_needed,
        finish,
    }
}

/// Leaves out what no build calls, and what only debuggers read.
fn finish(root: &Path) -> Result<()> {
    slim::slim(&root.join("usr/lib").join(tree::triplet(tools::native("tool chain")?)))?;
    let targets = root.join("usr/lib/rustlib");
    for directory in children(&targets)?.iter().map(|name| targets.join(name).join("lib")).filter(|path| path.is_dir())
    {
        for library in children(&directory)?.iter().filter(|name| name.ends_with(".rlib")) {
            let path = directory.join(library);
            holes::make(&path).on_file("read", &path)?;
        }
    }
    Ok(())
}

/// Whether the suite has a compiler of version `needed` or later.
fn is_new_enough(means: Means<'_>, needed: &str) -> Result<bool> {
    let Means { cache, apt, progress, .. } = means;
    if apt.suite == NEWER {
        return Ok(true);
    }
    let archive = Archive::open(apt, cache, progress)?;
    let index = archive.index(tools::native("Rust compiler")?)?;
    Ok(index.find("rustc").is_some_and(|package| version(&package.version) >= version(needed)))
}

/// The numbers in a version, up to what is no number.
fn version(text: &str) -> Vec<u32> {
    let upstream = text.split(['+', '-', '~']).next().unwrap_or(text);
    upstream.split('.').map_while(|number| number.parse().ok()).collect()
}

fn choose(archive: &Archive<'_>) -> Result<Vec<Package>> {
    let machine = tools::native("Rust compiler")?;
    let index = archive.index(machine)?;
    let lacks = |machine| move |name: String| archive.lacks(&name, machine);
    let compiler = index.with_needed(&["rustc", "cargo"], &WITHOUT).map_err(lacks(machine))?;
    // The lld that shares its library with the compiler.
    let llvm = compiler.iter().find_map(|package| package.name.strip_prefix("libllvm")).unwrap_or_default();
    let lld = format!("lld-{llvm}");
    let gcc = newest_gcc(&index).ok_or_else(|| archive.lacks("libgcc-dev", machine))?;
    let mut packages = index.with_needed(&["rustc", "cargo", &lld], &WITHOUT).map_err(lacks(machine))?;
    let libraries = ["libc6-dev", &gcc];
    packages.extend(found(&index, &libraries).map_err(lacks(machine))?);
    let index = archive.index(Architecture::Riscv64)?;
    let gcc = newest_gcc(&index).ok_or_else(|| archive.lacks("libgcc-dev", Architecture::Riscv64))?;
    let libraries = ["libstd-rust-dev", "libc6-dev", &gcc];
    packages.extend(found(&index, &libraries).map_err(lacks(Architecture::Riscv64))?);
    Ok(packages)
}

/// Packages by themselves.
fn found(index: &Index, names: &[&str]) -> std::result::Result<Vec<Package>, String> {
    names.iter().map(|name| index.find(name).ok_or_else(|| (*name).to_owned())).collect()
}

/// The newest package with gcc's start files.
fn newest_gcc(index: &Index) -> Option<String> {
    let number = |name: &str| name.strip_prefix("libgcc-")?.strip_suffix("-dev")?.parse::<u32>().ok();
    index.starting_with("libgcc-").filter_map(number).max().map(|number| format!("libgcc-{number}-dev"))
}

/// Whether a file of those packages is used: of gcc's libraries and of C's, few are.
fn is_needed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    if name.starts_with("usr/lib/gcc/") {
        return file.starts_with("crt") || file.starts_with("libgcc");
    }
    // The guest's programs are static, this machine's are not; and only this machine runs macros.
    let of_guest = name.contains("/riscv64-") || name.contains("/riscv64gc-");
    let static_c =
        || file.ends_with(".a") && ["libc.", "libm-", "libmvec."].iter().any(|start| file.starts_with(start));
    if !cfg!(target_arch = "riscv64") && if of_guest { file.starts_with("libproc_macro-") } else { static_c() } {
        return false;
    }
    if ["libtest-", "libgetopts-", "libprofiler_builtins-", "rustdoc"].iter().any(|start| file.starts_with(start)) {
        return false;
    }
    let unused = ["usr/include/", "usr/libexec/", "usr/share/", "usr/src/", "usr/lib/debug/", "etc/", "var/"];
    !unused.iter().any(|start| name.starts_with(start)) && !name.contains("/gconv/")
}

/// The program lld, as it links for Linux.
fn lld(root: &Path) -> Result<PathBuf> {
    let bin = root.join("usr/bin");
    let name = children(&bin)?.into_iter().find(|name| name.starts_with("ld.lld"));
    name.map(|name| bin.join(name)).ok_or_else(|| Error::Missing { place: root.to_owned(), what: "ld.lld".to_owned() })
}

/// Sees to it that cargo has other people's crates: it was with them that this program was built, so that mostly all
/// are there.
fn collect(sources: &Sources) -> Result<()> {
    let what = "collecting crates for the riscv64 build";
    let cargo = |more: &[&str]| {
        let mut command = tied::command("cargo");
        command.args(["fetch", "--locked", "--target", TARGET]).args(more);
        cargo::run(what, command.current_dir(sources.workspace()))
    };
    cargo(&["--offline"]).or_else(|_| cargo(&[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(version("1.97.1+dfsg1-1") >= version("1.95"));
        assert!(version("1.85.0+dfsg3-1") < version("1.95"));
        assert!(version("1.100.0") > version("1.95"));
    }

    #[test]
    fn what_no_link_reads_is_left_out() {
        assert!(is_needed("usr/lib/gcc/riscv64-linux-gnu/16/crtbeginT.o"));
        assert!(!is_needed("usr/lib/gcc/riscv64-linux-gnu/16/libtsan.a"));
        assert!(is_needed("usr/lib/riscv64-linux-gnu/libc.a"));
        assert!(is_needed("usr/lib/x86_64-linux-gnu/libc_nonshared.a"));
        assert!(!is_needed("usr/bin/rustdoc"));
        assert!(!is_needed("usr/lib/rustlib/riscv64gc-unknown-linux-gnu/lib/libprofiler_builtins-06.rlib"));
        assert!(!is_needed("usr/include/stdio.h"));
    }
}
