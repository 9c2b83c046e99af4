//! What goes into both packages.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::build::Built;

/// A release, file by file.
pub struct Release {
    /// The workspace's version.
    pub version: String,
    /// Seconds since 1970 of all files.
    pub epoch: u64,
    /// The program.
    pub program: Vec<u8>,
    /// A completion script for each shell.
    pub completions: Vec<(&'static str, Vec<u8>)>,
    /// Manual pages by their names.
    pub manual: Vec<(String, Vec<u8>)>,
    /// README, changelog, licences.
    pub texts: Vec<(&'static str, Vec<u8>)>,
}

const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];
const TEXTS: [&str; 4] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
const OTHERS: &str = "LICENSES-OF-CRATES";

impl Release {
    /// What the program says of itself, and the workspace's texts.
    pub fn of(workspace: &Path, built: &Built, epoch: u64) -> anyhow::Result<Release> {
        let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let version = String::from_utf8(say(&built.program, &["--version"])?)?;
        let mut texts: Vec<(&'static str, Vec<u8>)> = Vec::new();
        for name in TEXTS {
            texts.push((name, read(&workspace.join(name))?));
        }
        texts.push((OTHERS, licences(built)?.into_bytes()));
        let completion = |shell: &'static str| Ok((shell, say(&built.program, &["completion", shell])?));
        Ok(Release {
            version: version.trim().trim_start_matches("vhart ").to_owned(),
            epoch,
            program: read(&built.program)?,
            completions: SHELLS.into_iter().map(completion).collect::<anyhow::Result<_>>()?,
            manual: manual(&built.program)?,
            texts,
        })
    }
}

/// What the program prints.
fn say(program: &Path, words: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output =
        Command::new(program).args(words).output().with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "{} {} failed", program.display(), words.join(" "));
    Ok(output.stdout)
}

fn manual(program: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let place = tempfile::tempdir().context("no temporary directory")?;
    say(program, &["man", "--directory", place.path().to_str().context("a path that is not UTF-8")?])?;
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(place.path())? {
        let entry = entry?;
        pages.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?));
    }
    pages.sort();
    Ok(pages)
}

/// The licences of other people's crates in the program, as their authors want them shown.
fn licences(built: &Built) -> anyhow::Result<String> {
    let mut text = "vhart is built of these crates, with thanks to their authors.\n".to_owned();
    for (name, directory) in &built.crates {
        write!(text, "\n==== {name}\n")?;
        for file in licence_files(directory)? {
            text += &format!("\n{}\n", String::from_utf8_lossy(&std::fs::read(directory.join(file))?).trim_end());
        }
    }
    Ok(text)
}

fn licence_files(directory: &Path) -> anyhow::Result<Vec<String>> {
    let listing = std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let names = listing.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_one = |name: &String| {
        ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"]
            .iter()
            .any(|word| name.to_uppercase().starts_with(word))
    };
    let mut files: Vec<String> = names.filter(|name| is_one(name) && directory.join(name).is_file()).collect();
    files.sort();
    Ok(files)
}

/// SHA-256 in hexadecimal.
pub fn sha256(content: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}
