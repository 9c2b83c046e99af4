//! The layer check: dependencies between the workspace's crates point only up ARCHITECTURE.md's list, files of a crate
//! use each other in no circle, files and functions are short, no line is too wide, and tests share what they need.

mod files;
mod kit;
mod sizes;
mod sources;
mod widths;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

pub use sources::{collect, crates};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use sources::Source;

/// Crates by layer, highest first; within a layer a crate may use those named before it.
const LAYERS: &[(&str, &[&str])] = &[
    ("L0 vocabulary", &["vhart-arch", "vhart-sbi", "vhart-events"]),
    ("L1 rules", &["vhart-fp", "vhart-semantics", "vhart-privileged"]),
    ("L1 substrate", &["vhart-memory", "vhart-bus", "vhart-cores", "vhart-vcpu", "vhart-workloads"]),
    (
        "L2 engines and devices",
        &["vhart-explain", "vhart-symbols", "vhart-hart", "vhart-jit", "vhart-kvm", "vhart-devices", "vhart-virtio"],
    ),
    ("L3 composition", &["vhart-firmware", "vhart-board", "vhart-gdb", "vhart-images", "vhart-trace"]),
    (
        "L4 programs",
        &[
            "vhart-kit",
            "vhart",
            "vhart-hypervisor",
            "vhart-checks",
            "vhart-first-vmm",
            "vhart-conformance",
            "vhart-fuzz",
            "xtask",
        ],
    ),
];

/// Position in the list: lower may not use higher.
fn rank(name: &str) -> Option<usize> {
    LAYERS.iter().flat_map(|(_, crates)| crates.iter()).position(|c| *c == name)
}

/// Checks crates, files and functions.
pub fn check() -> anyhow::Result<()> {
    check_crates()?;
    check_files()
}

/// Checks the files of all crates, their functions, and what their tests have of their own.
fn check_files() -> anyhow::Result<()> {
    let workspace = crate::vmm::workspace()?;
    let (mut wrong, mut functions) = (Vec::new(), Vec::new());
    for folder in sources::crates(&workspace)? {
        let sources = sources::of_crate(&workspace, &folder)?;
        wrong.extend(check_folder(&workspace, &folder, &sources)?);
        functions.extend(sources.iter().flat_map(sizes::functions));
    }
    let summary = sizes::summary(&functions);
    wrong.extend(sizes::check(functions));
    ensure!(wrong.is_empty(), "files and functions ({summary}):\n  {}", wrong.join("\n  "));
    println!("layers: no circle of files; {summary}");
    Ok(())
}

/// What is wrong with a crate's files, but for their functions.
fn check_folder(workspace: &Path, folder: &Path, sources: &[Source]) -> anyhow::Result<Vec<String>> {
    let mut wrong = kit::check(workspace, folder)?;
    wrong.extend(files::check(sources));
    wrong.extend(sources.iter().filter_map(sizes::check_file));
    wrong.extend(widths::check(workspace, folder)?);
    Ok(wrong)
}

/// Prints the functions that have so many lines or more, with their places, the longest last.
pub fn print_functions(least: usize) -> anyhow::Result<()> {
    let workspace = crate::vmm::workspace()?;
    let mut functions = Vec::new();
    for folder in sources::crates(&workspace)? {
        functions.extend(sources::of_crate(&workspace, &folder)?.iter().flat_map(sizes::functions));
    }
    sizes::list(functions, least).iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// Checks every dependency between members of the workspace, dev-dependencies left out.
fn check_crates() -> anyhow::Result<()> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let wrong: Vec<String> =
        dependencies(&metadata).into_iter().filter_map(|(from, to)| objection(&from, &to)).collect();
    if !wrong.is_empty() {
        bail!("dependencies against the layers:\n  {}", wrong.join("\n  "));
    }
    println!("layers: every dependency points up");
    Ok(())
}

/// Pairs (crate, crate it depends on) inside the workspace.
fn dependencies(metadata: &Value) -> Vec<(String, String)> {
    let packages = list(&metadata["packages"]);
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut pairs = Vec::new();
    for package in packages {
        let from = package["name"].as_str().unwrap_or_default();
        for dependency in list(&package["dependencies"]) {
            let to = dependency["name"].as_str().unwrap_or_default();
            if names.contains(to) && dependency["kind"].as_str() != Some("dev") {
                pairs.push((from.to_owned(), to.to_owned()));
            }
        }
    }
    pairs
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn objection(from: &str, to: &str) -> Option<String> {
    match (rank(from), rank(to)) {
        (None, _) => Some(format!("{from} is in no layer")),
        (_, None) => Some(format!("{to} is in no layer")),
        (Some(f), Some(t)) if t >= f => Some(format!("{from} uses {to}, which is below it")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_uses_an_engine_is_refused() {
        assert!(objection("vhart-semantics", "vhart-hart").is_some());
    }

    #[test]
    fn an_engine_that_uses_a_rule_is_fine() {
        assert_eq!(objection("vhart-hart", "vhart-semantics"), None);
    }

    #[test]
    fn a_crate_without_layer_is_named() {
        assert!(objection("vhart-new", "vhart-arch").is_some());
    }
}
