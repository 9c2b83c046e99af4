//! The static program.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use images::tied;
use serde_json::Value;

/// Brings its own C library, which finds names without files of the system's: what runs everywhere.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// The profile in the workspace's manifest.
const PROFILE: &str = "dist";

/// What was built.
pub struct Built {
    /// The program.
    pub program: PathBuf,
    /// Other people's crates in it: each name and version, and its directory.
    pub crates: BTreeMap<String, PathBuf>,
}

/// Builds the program of `workspace` into `target`.
pub fn build(workspace: &Path, target: &Path) -> anyhow::Result<Built> {
    ensure!(
        has_target(workspace),
        "rustc has no {TARGET}, of which a release is made: `rustup target add {TARGET}` gets it where there is a network; \
         Fedora's Rust has it as a package, rust-std-static-{TARGET}"
    );
    eprintln!("building vhart for {TARGET}");
    let mut cargo = tied::start(&mut command(workspace, target)?).context("cannot run cargo")?;
    let mut crates = BTreeMap::new();
    for line in cargo.child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        crates.extend(others_crate(&line?));
    }
    ensure!(cargo.wait()?.success(), "the static program does not build");
    Ok(Built { program: target.join(TARGET).join(PROFILE).join("vhart"), crates })
}

fn command(workspace: &Path, target: &Path) -> anyhow::Result<Command> {
    let mut command = tied::command("cargo");
    command.args(["build", "--locked", "--package", "vhart", "--profile", PROFILE, "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics", "--target-dir"]).arg(target);
    command.env("CARGO_ENCODED_RUSTFLAGS", rustflags(workspace, target)?);
    command.current_dir(workspace).stdout(Stdio::piped());
    Ok(command)
}

/// Whether rustc has the target, now that rustup has been asked for it.
fn has_target(workspace: &Path) -> bool {
    let run = |program: &str, words: &[&str]| {
        let output = Command::new(program).args(words).current_dir(workspace).output().ok();
        output
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let there = || {
        let sysroot = run("rustc", &["--print", "sysroot"])?;
        Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir().then_some(())
    };
    there().or_else(|| run("rustup", &["target", "add", TARGET]).and_then(|_| there())).is_some()
}

/// Static, and without the paths of this computer: rustc takes the last that applies.
fn rustflags(workspace: &Path, target: &Path) -> anyhow::Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = home.context("neither CARGO_HOME nor HOME is set")?.join("registry/src");
    let remap = |path: &Path, word: &str| format!("--remap-path-prefix={}={word}", path.display());
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned(), remap(workspace, "vhart"), remap(target, "target")];
    // Each registry has a directory there, by its name and a hash.
    for registry in std::fs::read_dir(&sources).into_iter().flatten().flatten() {
        flags.push(remap(&registry.path(), "crates.io"));
    }
    Ok(flags.join("\u{1f}"))
}

/// The crate that one of cargo's messages is about, if it comes from a registry.
fn others_crate(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let (_, name) = message["package_id"].as_str()?.strip_prefix("registry+")?.rsplit_once('#')?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some((name.replace('@', " "), manifest.parent()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_peoples_crates_bring_licences() {
        let line = |id: &str| {
            format!(r#"{{"reason":"compiler-artifact","package_id":"{id}","manifest_path":"/c/x/Cargo.toml"}}"#)
        };
        let (name, place) = others_crate(&line("registry+https://example.org/i#anyhow@1.0.1")).unwrap();
        assert_eq!((&*name, place.as_path()), ("anyhow 1.0.1", Path::new("/c/x")));
        assert_eq!(others_crate(&line("path+file:///w/crates/vhart#0.1.0")), None);
    }
}
