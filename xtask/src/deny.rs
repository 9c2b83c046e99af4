//! Licences and sources of other people's crates, by cargo-deny: the system's, else built now, in the cache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use images::{Cache, tied};

/// Its place in the cache.
const PLACE: &str = "tools/cargo-deny";

/// Checks; answers what was left out.
///
/// # Errors
/// A crate's licence or source is not allowed, or cargo-deny cannot be had.
pub fn check(offline: bool) -> anyhow::Result<Option<String>> {
    eprintln!("== deny");
    let Some(mut command) = command(offline)? else { return Ok(Some("licences of crates (no cargo-deny)".to_owned())) };
    if !has_crates(offline)? {
        return Ok(Some("licences of crates (cargo has not all of them)".to_owned()));
    }
    // The list of advisories, which would have to be fetched, is for whoever updates crates.
    let status = command.args(["--offline", "check", "licenses", "bans", "sources"]).status().context("cargo-deny")?;
    ensure!(status.success(), "deny failed: cargo deny check licenses bans sources");
    Ok(None)
}

/// Whether cargo has all crates of the lock file, those for other systems too, which no build here fetches; gets them
/// unless `offline`.
fn has_crates(offline: bool) -> anyhow::Result<bool> {
    let mut command = Command::new("cargo");
    command.args(["fetch", "--quiet", "--locked"]).args(offline.then_some("--offline"));
    if offline {
        command.stderr(Stdio::null());
    }
    let fetched = command.status().context("cannot run cargo")?.success();
    ensure!(fetched || offline, "cargo fetch failed: the licences of crates cannot be looked at");
    Ok(fetched)
}

fn runs(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.status.success())
}

fn command(offline: bool) -> anyhow::Result<Option<Command>> {
    let place = Cache::of_user()?.root().join(PLACE);
    let candidates = [PathBuf::from("cargo-deny"), place.join("bin/cargo-deny")];
    let there = || candidates.iter().find(|program| runs(program));
    if there().is_none() && !offline {
        install(&place)?;
    }
    Ok(there().map(|program| {
        let mut command = Command::new(program);
        command.env("CARGO_NET_OFFLINE", "true");
        command
    }))
}

fn install(place: &PathBuf) -> anyhow::Result<()> {
    eprintln!("building cargo-deny (once; leave it out with --offline)");
    let mut command = tied::command("cargo");
    command.args(["install", "--quiet", "--locked", "--root"]).arg(place).arg("cargo-deny");
    if !tied::status(&mut command).context("cannot run cargo")?.success() {
        bail!("cargo-deny cannot be built: install it, or leave it out with --offline");
    }
    Ok(())
}
