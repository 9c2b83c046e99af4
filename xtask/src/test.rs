//! `cargo xtask test`: every check and test, in the order in which they fail fastest.

use std::cell::OnceCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::book;
use crate::booted::{CHECK, VHART};
use crate::debugger;
use crate::deny;
use crate::there;
use crate::tools::{self, Outfit};

/// What to leave out.
#[derive(Args)]
pub struct Options {
    /// Leave out the boot of the host and guest Linux, which downloads packages.
    #[arg(long)]
    no_boot: bool,

    /// Fetch nothing: what cannot be done without is left out, counted, and named at the end.
    #[arg(long)]
    offline: bool,

    /// Run this part alone, or those that are named; 'boots' is all that boot a system.
    #[arg(long, value_name = "PART", value_parser = PossibleValuesParser::new(names()), conflicts_with = "no_boot")]
    only: Vec<String>,
}

/// A part of it all, which can be run alone. It answers what it left out.
struct Part {
    name: &'static str,
    kind: Kind,
    run: fn(&Run) -> anyhow::Result<Vec<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Reads, builds, or runs programs that end by themselves.
    Still,
    /// Boots a system, for which there must be kernels.
    Boots,
}

/// The name of all that boot.
const BOOTS: &str = "boots";

/// All parts, in the order in which they fail fastest.
const PARTS: [Part; 23] = [
    Part::still("fmt", |_| done(cargo("fmt", &["fmt", "--all", "--check"], &[]))),
    Part::still("layers", |_| done(crate::layers::check())),
    Part::still("features", |_| done(crate::features::check())),
    Part::still("facts", |_| done(crate::facts::check())),
    Part::still("book-structure", |_| done(book::check_structure())),
    Part::still("clippy", |_| {
        cargo("clippy", &CLIPPY, &[])?;
        cargo("clippy, the VMM's build", &VMM_CLIPPY, &[])?;
        done(cargo("clippy, where not all crates save machines", &MIXED_CLIPPY, &[]))
    }),
    Part::still("doc", |_| {
        done(cargo(
            "doc",
            &["doc", "--release", "--workspace", "--no-deps", "--quiet"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ))
    }),
    Part::still("deny", |run| Ok(deny::check(run.offline)?.into_iter().collect())),
    Part::still("vmm", |run| Ok(crate::vmm::check_all(run.offline)?.into_iter().collect())),
    Part::still("tests", |run| tests(run.outfit()?)),
    Part::still("book", |run| {
        let wanted = book::Wanted { update: false, linux: run.linux, vhart: None, pages: &[] };
        book::run_listings(run.outfit()?, &wanted).map(|left_out| left_out.into_iter().collect())
    }),
    Part::boots("hypervisor", |run| done(hypervisor(run.path()?))),
    Part::boots("checks", |run| Ok(checks(run.path()?)?.into_iter().collect())),
    Part::boots("linux", |run| linux(run.path()?)),
    Part::boots("debian", |run| debian(run.path()?, run.offline)),
    Part::boots("shares", |_| done(crate::shares::boot(&CHECK))),
    Part::boots("exits", |_| exits()),
    Part::boots("exec", |run| Ok(crate::exec::check(there::lacks_system(run.offline)?)?.into_iter().collect())),
    Part::boots("kallsyms", |_| done(crate::kallsyms::compare())),
    Part::boots("measured", |_| done(crate::measured::check())),
    Part::boots("window", |_| done(crate::window::check())),
    Part::boots("alike", |_| done(alike())),
    Part::boots("snapshots", |_| done(crate::snapshots::boots())),
];

impl Part {
    const fn still(name: &'static str, run: fn(&Run) -> anyhow::Result<Vec<String>>) -> Part {
        Part { name, kind: Kind::Still, run }
    }

    const fn boots(name: &'static str, run: fn(&Run) -> anyhow::Result<Vec<String>>) -> Part {
        Part { name, kind: Kind::Boots, run }
    }

    /// Whether `only`, where it names any, names this.
    fn is_wanted(&self, only: &[String]) -> bool {
        let is = |name: &String| name == self.name || name == BOOTS && self.kind == Kind::Boots;
        only.is_empty() || only.iter().any(is)
    }
}

/// The parts' names.
fn names() -> Vec<&'static str> {
    PARTS.iter().map(|part| part.name).chain([BOOTS]).collect()
}

/// Of a part that leaves nothing out.
fn done(result: anyhow::Result<()>) -> anyhow::Result<Vec<String>> {
    result.map(|()| Vec::new())
}

/// What parts have in common.
struct Run {
    offline: bool,
    /// Whether Linux may be booted.
    linux: bool,
    outfit: OnceCell<Outfit>,
}

impl Run {
    /// The programs that tests want, got when they are first wanted.
    fn outfit(&self) -> anyhow::Result<&Outfit> {
        if let Some(outfit) = self.outfit.get() {
            return Ok(outfit);
        }
        let outfit = tools::outfit(self.offline)?;
        Ok(self.outfit.get_or_init(|| outfit))
    }

    /// Where those programs are found.
    fn path(&self) -> anyhow::Result<&str> {
        self.outfit()?.path.to_str().context("PATH is not UTF-8")
    }
}

/// Runs everything, or what was asked for; stops at the first that fails.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let run = Run { offline: options.offline, linux: !options.no_boot && !options.offline, outfit: OnceCell::new() };
    let wanted = PARTS.iter().filter(|part| part.is_wanted(&options.only));
    let (boots, still): (Vec<&Part>, Vec<&Part>) = wanted.partition(|part| part.kind == Kind::Boots);
    let (mut left_out, mut times) = (Vec::new(), Times::default());
    for part in still {
        left_out.extend(times.of(part.name, || (part.run)(&run))?);
    }
    let lack = match options.no_boot {
        true => Some("--no-boot"),
        false => there::lacks_kernel(options.offline)?.then_some("no kernel or busybox in the cache"),
    };
    match lack {
        Some(why) if !boots.is_empty() => left_out.push(format!("the boots of host and guest Linux ({why})")),
        _ => {
            if !boots.is_empty() {
                // Some of them run what lies there.
                let build = ["build", "--release", "--quiet", "--package", "vhart"];
                times.of("vhart", || cargo("vhart", &build, &[]))?;
            }
            for part in boots {
                left_out.extend(times.of(part.name, || (part.run)(&run))?);
            }
        }
    }
    print!("{times}");
    println!("{}", closing(&options.only, &left_out));
    Ok(())
}

/// How long each part took, in order.
#[derive(Default)]
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    fn of<T>(&mut self, name: &'static str, part: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = part();
        self.0.push((name, start.elapsed()));
        result
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, time)| writeln!(f, "{name:14} {:5} s", time.as_secs()))?;
        writeln!(f, "{:14} {:5} s", "together", self.0.iter().map(|(_, time)| *time).sum::<Duration>().as_secs())
    }
}

/// What the run of these parts, or of all, came to.
fn closing(only: &[String], left_out: &[String]) -> String {
    match (only.is_empty(), left_out.len()) {
        (true, 0) => "everything passed".to_owned(),
        (false, 0) => format!("passed: {}", only.join(", ")),
        (_, count) => format!("all passed that was run; left out, {count}:\n  {}", left_out.join("\n  ")),
    }
}

/// With the profile of all other builds, which have made the macros that it needs.
#[rustfmt::skip]
const CLIPPY: [&str; 8] = ["clippy", "--release", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];

/// What the VMM is built of is not all that the other crates see.
#[rustfmt::skip]
const VMM_CLIPPY: [&str; 11] = [
    "clippy", "--release", "--package", "vhart", "--no-default-features", "--features", "watch",
    "--quiet", "--", "-D", "warnings",
];

/// A build of some crates has the features of all of them together: here `bus` knows of state, and those between it and
/// `gdb` do not.
#[rustfmt::skip]
const MIXED_CLIPPY: [&str; 12] = [
    "clippy", "--release", "-p", "vhart-bus", "-p", "vhart-gdb", "--features", "vhart-bus/state,vhart-gdb/explain",
    "--quiet", "--", "-D", "warnings",
];

/// The tests of all crates; answers what was left out, for want of which program.
fn tests(outfit: &Outfit) -> anyhow::Result<Vec<String>> {
    let mut left_out = Vec::new();
    let mut env = vec![("PATH", outfit.path.to_str().context("PATH is not UTF-8")?)];
    let spike = utf8(outfit.spike.as_deref())?;
    env.push(spike.map_or(("VHART_NO_SPIKE", "1"), |spike| ("VHART_SPIKE", spike)));
    left_out.extend(spike.is_none().then(|| "lock step with Spike (no spike, or no dtc)".to_owned()));
    left_out.extend(match outfit.cross {
        true => test_all(utf8(outfit.opensbi.as_deref())?, env)?,
        false => test_without_binutils(env)?,
    });
    Ok(left_out)
}

fn utf8(path: Option<&Path>) -> anyhow::Result<Option<&str>> {
    path.map(|path| path.to_str().with_context(|| format!("'{}' is not UTF-8", path.display()))).transpose()
}

fn test_all<'o>(opensbi: Option<&'o str>, mut env: Vec<(&str, &'o str)>) -> anyhow::Result<Vec<String>> {
    env.extend(opensbi.map(|opensbi| ("VHART_OPENSBI", opensbi)));
    cargo("test", &["test", "--workspace", "--release"], &env)?;
    Ok(opensbi.is_none().then(|| "counters through OpenSBI (no OpenSBI)".to_owned()).into_iter().collect())
}

fn test_without_binutils(mut env: Vec<(&str, &str)>) -> anyhow::Result<Vec<String>> {
    env.push(("VHART_NO_BINUTILS", "1"));
    let of_vhart = count_tests("vhart", "*")? - count_tests("vhart", USAGE)?;
    let of_aia = count_tests("vhart-conformance", "aia")?;
    cargo("test", &["test", "--workspace", "--exclude", "vhart", "--release"], &env)?;
    cargo("test, vhart", &["test", "-p", "vhart", "--release", "--bins", "--test", USAGE], &env)?;
    Ok(vec![
        format!("{of_vhart} tests of vhart's that assemble programs (no riscv64-linux-gnu-as)"),
        format!("{of_aia} tests of the programs about AIA (no riscv64-linux-gnu-as)"),
        "the instruction table against binutils (no riscv64-linux-gnu-objdump)".to_owned(),
    ])
}

/// The one of vhart's tests that assembles nothing.
const USAGE: &str = "usage";

/// How many tests a package has in its files of tests by that name.
fn count_tests(package: &str, which: &str) -> anyhow::Result<usize> {
    let mut command = Command::new("cargo");
    command.args(["test", "--release", "--quiet", "-p", package, "--test", which]);
    let output = command.args(["--", "--list", "--format", "terse"]).output().context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "the tests of {package} cannot be listed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.ends_with(": test")).count())
}

/// Two guests with two harts each, on two harts: the hypervisor's own sources, whatever is ready.
fn hypervisor(path: &str) -> anyhow::Result<()> {
    const CHECK: [&str; 8] = ["run", "--release", "--quiet", "--", "hypervisor", "--check", "--vcpus", "2"];
    cargo("hypervisor --check, two guests with two harts each", &CHECK, &[("PATH", path)])?;
    for aia in ["aplic-imsic", "aplic"] {
        let what = format!("the same with {aia}, for the machine and its guests");
        cargo(&what, &[&CHECK[..], &["--aia", aia]].concat(), &[("PATH", path)])?;
    }
    cargo("the same where htinst tells nothing", &[&CHECK[..], &["--htinst", "zero"]].concat(), &[("PATH", path)])?;
    let more = ["--guests", "3", "--vmid-bits", "1"];
    cargo("three guests for two VMIDs", &[&CHECK[..], &more].concat(), &[("PATH", path)])
}

/// The target of the guest kernel that checks, where rustup has it.
const BARE: &str = "riscv64gc-unknown-none-elf";

/// Machines that it runs on, with two harts where nothing is said of them.
const MACHINES: [&str; 17] = [
    // As many virtual harts as harts, and twice as many.
    "--vcpus 1 --harts 1",
    "--vcpus 1",
    "--vcpus 2",
    "--vcpus 4 --harts 4",
    "--vcpus 2 --harts 1",
    "--vcpus 4",
    // Timers by the SBI.
    "--vcpus 2 --isa rv64,sstc=off",
    "--vcpus 4 --isa rv64,sstc=off",
    // Instructions that trap are read by the hypervisor.
    "--vcpus 2 --htinst zero",
    "--vcpus 4 --htinst zero --isa rv64,sstc=off",
    // Messages: each virtual hart has a file of its hart's, or two share one, or all are in software.
    "--vcpus 2 --aia aplic-imsic",
    "--vcpus 4 --aia aplic-imsic",
    "--vcpus 4 --aia aplic-imsic --isa rv64,sstc=off",
    "--vcpus 4 --aia aplic-imsic --aia-guests 1 --deterministic",
    "--vcpus 4 --aia aplic-imsic --aia-guests 0",
    "--vcpus 4 --aia aplic --guest-aia aplic-imsic --htinst zero",
    "--vcpus 2 --aia aplic --guest-aia aplic",
];

/// That kernel on [`MACHINES`] and on QEMU; answers that it was left out where rustc has no library for it.
fn checks(path: &str) -> anyhow::Result<Option<String>> {
    if !has_library(BARE)? {
        return Ok(Some(format!("guest/checks below the hypervisor (rustup target add {BARE})")));
    }
    let build = ["build", "--quiet", "--profile", "vmm", "-p", "vhart-checks", "--features", "image", "--target", BARE];
    cargo("the guest kernel that checks", &build, &[])?;
    let kernel = format!("target/{BARE}/vmm/checks");
    for machine in MACHINES {
        let run = ["run", "--release", "--quiet", "--", "hypervisor", "--guests", "1"];
        let files = ["--guest-kernel", &kernel, "--guest-initrd", &kernel];
        let words: Vec<&str> = run.into_iter().chain(files).chain(machine.split(' ')).collect();
        cargo(&format!("the same on the hypervisor, {machine}"), &words, &[("PATH", path)])?;
    }
    few_vmids(&kernel, path)?;
    attack(&kernel, path)?;
    crate::written::check(&kernel)?;
    large(&kernel)?;
    on_qemu(&kernel)
}

/// Machines of QEMU's that it runs on: vhart's options, and what differs in the CPU.
const ON_QEMU: [(&str, &str); 6] = [
    ("--vcpus 1 --harts 1", ""),
    ("--vcpus 2", ""),
    ("--vcpus 2 --harts 1", ""),
    ("--vcpus 4", ""),
    ("--vcpus 4 --harts 4", ""),
    ("--vcpus 4", ",sstc=off"),
];

/// Whether rustc has its library for a target.
fn has_library(target: &str) -> anyhow::Result<bool> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().context("cannot run rustc")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(sysroot.join("lib/rustlib").join(target).is_dir())
}

/// Three of them with one VMID for all, and with two. That a fence is missing would not show: vhart remembers by all of
/// `hgatp`.
fn few_vmids(kernel: &str, path: &str) -> anyhow::Result<()> {
    for bits in ["0", "1"] {
        let run = ["run", "--release", "--quiet", "--", "hypervisor", "--guests", "3", "--vcpus", "2"];
        let files = ["--guest-kernel", kernel, "--guest-initrd", kernel, "--vmid-bits", bits, "--deterministic"];
        let what = format!("three of them on the hypervisor, --vmid-bits {bits}");
        cargo(&what, &[&run[..], &files].concat(), &[("PATH", path)])?;
    }
    Ok(())
}

/// What is left out without QEMU.
const NO_QEMU: &str = "guest/checks below the hypervisor on QEMU (VHART_QEMU names no qemu-system-riscv64)";

/// The same on QEMU, with OpenSBI, where a variable names it; answers that it was left out where none does.
fn on_qemu(kernel: &str) -> anyhow::Result<Option<String>> {
    let Some(qemu) = std::env::var_os("VHART_QEMU").filter(|name| !name.is_empty()) else {
        return Ok(Some(NO_QEMU.to_owned()));
    };
    for (options, cpu) in ON_QEMU {
        eprintln!("== the same on the hypervisor, on QEMU, {options}{cpu}");
        let line = line_of_qemu(kernel, options, cpu)?;
        let script = format!("exec \"$0\" {line} </dev/null");
        let output = Command::new("sh").args(["-c", &script]).arg(&qemu).output().context("cannot run sh")?;
        let console = String::from_utf8_lossy(&output.stdout).into_owned();
        let passed = console.contains("checks: ") && !console.contains("failed: ") && console.contains(" is off");
        ensure!(passed, "the checks on QEMU, {options}{cpu}:\n{console}");
    }
    Ok(None)
}

/// QEMU's options, as vhart prints them, with others of the processor's.
fn line_of_qemu(kernel: &str, options: &str, cpu: &str) -> anyhow::Result<String> {
    let files = ["--guest-kernel", kernel, "--guest-initrd", kernel, "--print", "qemu"];
    let words = ["hypervisor", "--guests", "1"].into_iter().chain(options.split(' ')).chain(files);
    let output = Command::new(VHART).args(words).output().context("cannot run vhart")?;
    let line = String::from_utf8_lossy(&output.stdout).replace("-cpu rv64,h=true", &format!("-cpu rv64,h=true{cpu}"));
    let line = line.trim().strip_prefix("qemu-system-riscv64 ").context("vhart printed no command line")?;
    Ok(line.to_owned())
}

/// The same kernel uses a GiB of its memory, which is mapped by one leaf in the end.
fn large(kernel: &str) -> anyhow::Result<()> {
    eprintln!("== the same on the hypervisor, a GiB of a guest's memory");
    let words = ["hypervisor", "--guests", "1", "--memory", "4G", "--guest-memory", "2G", "--append", "checks.large"];
    let files = ["--guest-kernel", kernel, "--guest-initrd", kernel];
    let output = Command::new(VHART).args(words).args(files).output().context("cannot run vhart")?;
    let console = String::from_utf8_lossy(&output.stdout).into_owned();
    let passed = output.status.success() && console.contains(" 1 leaves of 1 GiB");
    ensure!(passed, "a guest that uses a GiB of its memory:\n{console}");
    Ok(())
}

/// The same kernel attacks, with a disk and a network of its own, and a Linux beside it boots, reads its disk, and
/// powers off.
fn attack(kernel: &str, path: &str) -> anyhow::Result<()> {
    const DISK: &str = "target/attacked.img";
    let disk = std::fs::File::create(DISK).and_then(|file| file.set_len(16 << 20));
    disk.with_context(|| format!("cannot make '{DISK}'"))?;
    let disk = format!("file={DISK},snapshot=on");
    let run = ["run", "--release", "--quiet", "--", "hypervisor", "--check", "--guests", "1", "--vcpus", "2"];
    let attacker = ["--other-kernel", kernel, "--other-append", "checks.attack"];
    let disks = ["--guest-disk", &disk, "--guest-disk", &disk];
    cargo("a guest that attacks beside a Linux", &[&run[..], &attacker, &disks].concat(), &[("PATH", path)])
}

/// `vhart linux --check` on machines of several kinds.
fn linux(path: &str) -> anyhow::Result<Vec<String>> {
    boot(path, "linux --check", &[])?;
    let harts = ["--kvm-check", "--harts", "2", "--guest-harts", "2"];
    boot(path, "linux --kvm-check, two harts and two guest harts", &harts)?;
    boot(path, "linux --check, APLIC and IMSICs, two harts", &["--aia", "aplic-imsic", "--harts", "2"])?;
    boot(path, "linux --check, where htinst tells nothing", &["--htinst", "zero"])?;
    done(boot(path, "linux --check, with the kernels' self-tests", &["--self-tests"]))
}

/// The same with a whole system; answers that it was left out where there is none.
fn debian(path: &str, offline: bool) -> anyhow::Result<Vec<String>> {
    if there::lacks_system(offline)? {
        return Ok(vec!["the boot of a Debian with systemd (no Debian system in the cache)".to_owned()]);
    }
    let options = ["--rootfs", "debian", "--harts", "2"];
    done(boot(path, "linux --check, Debian with systemd in both, two harts", &options))
}

fn boot(path: &str, what: &str, options: &[&str]) -> anyhow::Result<()> {
    cargo(what, &[&CHECK[..], options].concat(), &[("PATH", path)])
}

/// Exits by KVM's own count, and a debugger that looks for what they tell.
fn exits() -> anyhow::Result<Vec<String>> {
    let start_kernel = crate::exits::compare()?;
    debugger::boots(&CHECK, start_kernel)?;
    Ok(debugger::left_out().into_iter().collect())
}

/// Two runs that are to be the same are.
fn alike() -> anyhow::Result<()> {
    const HARTS: [&str; 4] = ["--harts", "2", "--guest-harts", "2"];
    boot_alike("two harts that take turns, twice", [&HARTS, &HARTS])?;
    boot_alike("interpreted and translated", [&["--engine", "interp"], &["--engine", "jit"]])
}

/// Boots them deterministically with these options and with those, and looks whether both runs came to the same.
fn boot_alike(what: &str, options: [&[&str]; 2]) -> anyhow::Result<()> {
    let run = |options: &[&str]| {
        eprintln!("== linux --check, deterministic, {what}");
        let mut command = Command::new("cargo");
        let output = command.args(CHECK).arg("--deterministic").args(options).output().context("cannot run cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        eprint!("{said}");
        let digest = said.lines().find(|line| line.contains("sha256:")).map(str::to_owned);
        digest.filter(|_| output.status.success()).with_context(|| format!("linux --check, {what}: failed"))
    };
    if run(options[0])? != run(options[1])? {
        bail!("linux --check, {what}: the runs came to different ends");
    }
    Ok(())
}

fn cargo(what: &str, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<()> {
    eprintln!("== {what}");
    let mut command = Command::new("cargo");
    command.args(args).envs(env.iter().copied());
    if !command.status().with_context(|| format!("cannot run cargo {}", args.join(" ")))?.success() {
        bail!("{what} failed: cargo {}", args.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_counted_and_named() {
        assert_eq!(closing(&[], &[]), "everything passed");
        assert_eq!(closing(&["fmt".to_owned(), "doc".to_owned()], &[]), "passed: fmt, doc");
        let text = closing(&[], &["this (no spike)".to_owned(), "that (no dtc)".to_owned()]);
        assert_eq!(text, "all passed that was run; left out, 2:\n  this (no spike)\n  that (no dtc)");
    }
    #[test]
    fn without_a_name_all_parts_are_run_and_with_one_it_alone() {
        let run = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
            PARTS.iter().filter(|part| part.is_wanted(&only)).map(|part| part.name).collect::<Vec<_>>()
        };
        assert_eq!(run(&[]).len(), PARTS.len());
        assert_eq!(run(&["exec", "doc"]), ["doc", "exec"]);
        let boots = run(&[BOOTS]);
        assert!(boots.contains(&"linux") && !boots.contains(&"tests"));
        let mut all = names();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), PARTS.len() + 1, "two have one name");
    }
}
