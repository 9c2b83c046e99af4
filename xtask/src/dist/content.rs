//! What goes into both packages.

use std::collections::BTreeMap;
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
    /// README and what it leads to, changelog, licences: each by its path.
    pub texts: Vec<(String, Vec<u8>)>,
}

const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];
const TEXTS: [&str; 6] =
    ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
const DOCUMENTS: &str = "docs";
pub const OTHERS: &str = "LICENSES-OF-CRATES";

impl Release {
    /// What the program says of itself, and the workspace's texts.
    pub fn of(workspace: &Path, built: &Built, epoch: u64) -> anyhow::Result<Release> {
        let version = String::from_utf8(say(&built.program, &["--version"])?)?;
        let completion = |shell: &'static str| Ok((shell, say(&built.program, &["completion", shell])?));
        Ok(Release {
            version: version.trim().trim_start_matches("vhart ").to_owned(),
            epoch,
            program: read(&built.program)?,
            completions: SHELLS.into_iter().map(completion).collect::<anyhow::Result<_>>()?,
            manual: manual(&built.program)?,
            texts: texts(workspace, built)?,
        })
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The workspace's texts, and the licences of the crates that were built in.
fn texts(workspace: &Path, built: &Built) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut texts = Vec::new();
    for name in text_names(workspace)? {
        let text = read(&workspace.join(&name))?;
        texts.push((name, text));
    }
    texts.push((OTHERS.to_owned(), licences(built)?.into_bytes()));
    Ok(texts)
}

/// The paths of the workspace's texts, in order.
fn text_names(workspace: &Path) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = TEXTS.map(str::to_owned).into();
    let mut directories = vec![DOCUMENTS.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in
            std::fs::read_dir(workspace.join(&directory)).with_context(|| format!("cannot read {directory}"))?
        {
            let entry = entry?;
            let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                directories.push(name);
            } else if [".md", ".json", ".png", ".svg"].iter().any(|end| name.ends_with(end)) {
                names.push(name);
            }
        }
    }
    names.sort();
    Ok(names)
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
    let mut files = Vec::new();
    for (name, directory) in &built.crates {
        for file in licence_files(directory)? {
            let text = std::fs::read(directory.join(file))?;
            files.push((name.clone(), String::from_utf8_lossy(&text).trim_end().to_owned()));
        }
    }
    let mut text = "vhart is built of these crates, with thanks to their authors.\n".to_owned();
    for (names, licence) in gathered(files) {
        write!(text, "\n==== {}\n\n{licence}\n", names.join(", "))?;
    }
    Ok(text)
}

/// Each text once, with all whose it is, in the order of the first of them.
fn gathered(files: Vec<(String, String)>) -> Vec<(Vec<String>, String)> {
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    files.into_iter().for_each(|(name, text)| owners.entry(text).or_default().push(name));
    let mut gathered: Vec<_> = owners.into_iter().map(|(text, names)| (names, text)).collect();
    gathered.sort();
    gathered
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_that_many_have_is_printed_once() {
        let files = [("a", "x"), ("a", "y"), ("b", "x"), ("c", "z")];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let gathered: Vec<String> =
            gathered(files).into_iter().map(|(names, text)| names.join("+") + "=" + &text).collect();
        assert_eq!(gathered, ["a=y", "a+b=x", "c=z"]);
    }

    #[test]
    fn a_document_that_a_text_of_the_release_leads_to_comes_along() {
        let workspace = crate::vmm::workspace().unwrap().canonicalize().unwrap();
        let names = text_names(&workspace).unwrap();
        for name in names.iter().filter(|name| name.ends_with(".md")) {
            let path = workspace.join(name);
            let text = std::fs::read_to_string(&path).unwrap();
            for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
                let target = path.parent().unwrap().join(link).canonicalize();
                let Some(target) = target.ok().filter(|target| !link.is_empty() && target.is_file()) else { continue };
                let target = target.strip_prefix(&workspace).unwrap().display().to_string();
                let sources = target.starts_with("crates/") || target.starts_with("xtask/");
                assert!(sources || names.contains(&target), "{name}: {link}");
            }
        }
    }
}
