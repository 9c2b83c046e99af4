//! A boot of host and guest in pieces, each saved by one engine and loaded by the other, beside one in a piece.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::booted::VHART;

/// What the console shows where both are compared: the guest's first prompt.
const END: &str = "guest:/# ";
/// Instructions before the first piece ends at the earliest and at the latest: everything from the kernel's first lines
/// on.
const FIRST: std::ops::Range<u64> = 50_000_000..1_300_000_000;
/// Instructions of a piece that is interpreted.
const INTERPRETED: u64 = 30_000_000;
/// How many boots in pieces there are.
const BOOTS: u64 = 3;

/// Compares them, at random places.
pub fn boots() -> anyhow::Result<()> {
    let directory = tempfile::tempdir().context("no room for snapshots")?;
    let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
    let whole = piece("jit", None, &to, &["--save-when", END])?;
    let mut rng = fastrand::Rng::new();
    for _ in 0..BOOTS {
        let first = rng.u64(FIRST);
        let pieces = in_pieces(first, &from, &to)?;
        if pieces != whole {
            bail!("a boot in pieces, the first of {first} instructions, comes to {pieces}, a whole one to {whole}");
        }
    }
    Ok(())
}

/// A boot whose first piece has so many instructions. Answers the digest of the state that it comes to.
fn in_pieces(first: u64, from: &Path, to: &Path) -> anyhow::Result<String> {
    eprintln!("== linux, deterministic, in pieces: {first} instructions, {INTERPRETED} interpreted, the rest");
    let mut source = None;
    for (engine, instructions) in [("jit", first), ("interp", INTERPRETED)] {
        piece(engine, source, to, &["--save-at", &instructions.to_string()])?;
        std::fs::rename(to, from).context("a snapshot is gone")?;
        source = Some(from);
    }
    piece("jit", source, to, &["--save-when", END])
}

/// Runs a piece, saves it, and answers the digest of the state that it came to.
fn piece(engine: &str, from: Option<&Path>, to: &Path, until: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(VHART);
    command.args(["linux", "--deterministic", "--timeout", "10m", "--engine", engine, "--save-snapshot"]).arg(to);
    if let Some(from) = from {
        command.arg("--load-snapshot").arg(from);
    }
    let output = command.args(until).stdin(std::process::Stdio::null()).output().context("cannot run vhart")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let digest = said.lines().find_map(|line| line.split("state sha256:").nth(1)?.split(',').next());
    let digest = digest.filter(|_| output.status.success());
    Ok(digest.with_context(|| format!("a piece of a boot on {engine} failed: {said}"))?.to_owned())
}
