//! `cargo xtask test`: every check and test, in the order in which they fail fastest.

use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;

/// What to leave out.
#[derive(Args)]
pub struct Options {
    /// Leave out the boot of the host and guest Linux, which downloads packages.
    #[arg(long)]
    no_boot: bool,

    /// Do without the network: what that leaves out is counted and named at the end.
    #[arg(long)]
    offline: bool,
}

/// Runs everything; stops at the first that fails.
pub fn run(options: &Options) -> anyhow::Result<()> {
    cargo("fmt", &["fmt", "--all", "--check"], &[])?;
    crate::layers::check()?;
    cargo("clippy", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"], &[])?;
    cargo("clippy, the VMM's build", &VMM_CLIPPY, &[])?;
    cargo("doc", &["doc", "--workspace", "--no-deps", "--quiet"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    deny()?;
    crate::vmm::check_all(options.offline)?;
    let spike = crate::oracle::spike()?;
    let spike = spike.to_str().context("the path of Spike is not UTF-8")?;
    cargo("test", &["test", "--workspace", "--release"], &[("VHART_SPIKE", spike)])?;
    if !options.no_boot {
        boot("linux --check", &[])?;
        boot("linux --check, two harts and two guest harts", &["--harts", "2", "--guest-harts", "2"])?;
        boot("linux --check, interpreted", &["--engine", "interp"])?;
        boot("linux --check, with the kernels' self-tests", &["--self-tests"])?;
        boot_twice_alike()?;
    }
    println!("everything passed");
    Ok(())
}

/// What the VMM is built of is not all that the other crates see.
const VMM_CLIPPY: [&str; 8] =
    ["clippy", "--package", "vhart", "--no-default-features", "--quiet", "--", "-D", "warnings"];

/// What boots them.
const CHECK: [&str; 6] = ["run", "--release", "--quiet", "--", "linux", "--check"];

/// Boots the host and the guest Linux.
fn boot(what: &str, options: &[&str]) -> anyhow::Result<()> {
    cargo(what, &[&CHECK[..], options].concat(), &[])
}

/// Boots them twice with harts that take turns, and looks whether both runs came to the same.
fn boot_twice_alike() -> anyhow::Result<()> {
    let what = "linux --check, deterministic";
    let options = ["--deterministic", "--harts", "2", "--guest-harts", "2"];
    let run = || {
        eprintln!("== {what}");
        let output = Command::new("cargo").args(CHECK).args(options).output().context("cannot run cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        eprint!("{said}");
        let digest = said.lines().find(|line| line.contains("sha256:")).map(str::to_owned);
        digest.filter(|_| output.status.success()).with_context(|| format!("{what} failed"))
    };
    if run()? != run()? {
        bail!("{what}: two runs came to different ends");
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

/// Licences and advisories, where cargo-deny is installed; a machine without it says so.
fn deny() -> anyhow::Result<()> {
    let there = Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|o| o.status.success());
    if !there {
        eprintln!("== deny: cargo-deny is not installed (cargo install cargo-deny): left out");
        return Ok(());
    }
    cargo("deny", &["deny", "--offline", "check", "licenses", "bans", "sources"], &[])
}
