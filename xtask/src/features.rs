//! What is built once: vhart, this program and the tests of all packages have the same crates below them, with the same
//! features. A crate with others is built again, and all that stand on it.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, ensure};

/// Packages that are built alone, before all of them together.
const ALONE: [&str; 2] = ["vhart", "xtask"];

/// Names what would be built twice.
///
/// # Errors
/// There is such a crate, or cargo does not tell.
pub fn check() -> anyhow::Result<()> {
    let together = crates(&["--workspace", "--edges", "normal,build,dev"])?;
    for package in ALONE {
        let alone = crates(&["--package", package, "--edges", "normal,build"])?;
        let again: Vec<&str> = alone.difference(&together).map(String::as_str).collect();
        ensure!(
            again.is_empty(),
            "with these features for {package}, and with others for all packages together; name them in the workspace's \
             Cargo.toml, or where '[dependencies]' says why:\n  {}",
            again.join("\n  ")
        );
    }
    Ok(())
}

/// Each crate with its features, as a line.
fn crates(of: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let mut command = Command::new("cargo");
    command.args(["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p} {f}"]).args(of);
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("cargo's tree is not UTF-8")?;
    Ok(text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
}
