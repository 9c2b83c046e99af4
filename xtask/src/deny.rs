//! Licences and sources of other people's crates: those that `deny.toml` allows. The file is cargo-deny's, for whoever
//! has that program.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

/// What of cargo-deny's file is looked at: there is no more in it that could fail.
#[derive(Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A crate, as `cargo metadata` tells of it.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None of those that are here.
    source: Option<String>,
}

/// Checks; answers what was left out.
///
/// # Errors
/// A crate's licence or source is not allowed, or cargo does not tell.
pub fn check(offline: bool) -> anyhow::Result<Option<String>> {
    eprintln!("== deny");
    let rules = fs::read_to_string("deny.toml").context("cannot read 'deny.toml'")?;
    let rules: Rules = toml::from_str(&rules).context("'deny.toml'")?;
    let Some(metadata) = metadata(&rules.graph.targets, offline)? else {
        return Ok(Some("licences of crates (cargo has not all of them)".to_owned()));
    };
    let allowed = rules.licenses.allow.iter().map(|name| Licensee::parse(name));
    let allowed: Vec<Licensee> = allowed.collect::<Result<_, _>>().context("'deny.toml' allows what is no licence")?;
    let refused: Vec<String> = metadata.packages.iter().filter_map(|package| objection(package, &allowed)).collect();
    ensure!(refused.is_empty(), "not allowed by 'deny.toml':\n  {}", refused.join("\n  "));
    println!("deny: {} crates with licences that are allowed, from registries", metadata.packages.len());
    Ok(None)
}

/// The crates that these targets are built of; none where cargo would have to fetch some.
fn metadata(targets: &[String], offline: bool) -> anyhow::Result<Option<Metadata>> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1", "--locked"]).args(offline.then_some("--offline"));
    command.args(targets.iter().flat_map(|target| ["--filter-platform", target]));
    // Offline, the caller says what is lacking.
    let output = command.stderr(if offline { Stdio::null() } else { Stdio::inherit() }).output();
    let output = output.context("cannot run cargo")?;
    if !output.status.success() && offline {
        return Ok(None);
    }
    ensure!(output.status.success(), "cargo metadata failed: the licences of crates cannot be looked at");
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

/// Why a crate may not be built upon, if so.
fn objection(package: &Package, allowed: &[Licensee]) -> Option<String> {
    let Package { name, version, license, source } = package;
    let source = source.as_deref().unwrap_or("registry+");
    if !source.starts_with("registry+") && !source.starts_with("sparse+") {
        return Some(format!("{name} {version}: comes from {source}"));
    }
    let Some(license) = license else { return Some(format!("{name} {version}: names no licence")) };
    // Some separate licences by a slash, as cargo did once.
    match Expression::parse_mode(license, ParseMode::LAX) {
        Ok(terms) if terms.evaluate(|term| allowed.iter().any(|licence| licence.satisfies(term))) => None,
        Ok(_) => Some(format!("{name} {version}: {license}")),
        Err(why) => Some(format!("{name} {version}: {license}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_allowed_is_named() {
        let allowed = ["MIT", "Apache-2.0"].map(|name| Licensee::parse(name).unwrap());
        let said = |license: Option<&str>, source: Option<&str>| {
            let [license, source] = [license, source].map(|text| text.map(str::to_owned));
            objection(&Package { name: "a".to_owned(), version: "1.0.0".to_owned(), license, source }, &allowed)
        };
        let registry = Some("registry+https://crates.example/index");
        for license in ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "(MIT OR Zlib) AND Apache-2.0"] {
            assert_eq!(said(Some(license), registry), None, "{license}");
            assert_eq!(said(Some(license), None), None, "{license}");
        }
        assert_eq!(said(Some("GPL-3.0-only"), registry).unwrap(), "a 1.0.0: GPL-3.0-only");
        assert_eq!(said(Some("MIT AND Zlib"), registry).unwrap(), "a 1.0.0: MIT AND Zlib");
        assert_eq!(said(Some("Apache-2.0 WITH LLVM-exception"), registry).unwrap().len(), 39);
        assert!(said(Some("of my own"), registry).unwrap().starts_with("a 1.0.0: of my own: "));
        assert_eq!(said(None, registry).unwrap(), "a 1.0.0: names no licence");
        let git = said(Some("MIT"), Some("git+https://git.example/a#0123")).unwrap();
        assert_eq!(git, "a 1.0.0: comes from git+https://git.example/a#0123");
    }
}
