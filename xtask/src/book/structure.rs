//! What must hold of the pages before anything is run: mdBook would build them, and every link leads somewhere.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::listing::{self, Listing};
use super::page::{Block, Page};

/// The page that lists the others, in order.
pub const SUMMARY: &str = "SUMMARY.md";

/// The book's pages in the order of its summary; with them all that is wrong.
///
/// # Errors
/// There is no summary, or a page of it cannot be read.
pub fn pages(source: &Path) -> anyhow::Result<(Vec<Page>, Vec<String>)> {
    let summary = Page::read(&source.join(SUMMARY))?;
    let (mut pages, mut wrong): (Vec<Page>, _) = (Vec::new(), Vec::new());
    for (target, line) in &summary.links {
        let (path, place) = (source.join(target), summary.place(*line));
        match path.is_file() {
            true if pages.iter().any(|page| page.path == path) => {
                wrong.push(format!("{place}: {target} a second time"))
            }
            true => pages.push(Page::read(&path)?),
            false => wrong.push(format!("{place}: there is no {target}")),
        }
    }
    for path in markdown(source)? {
        if path != summary.path && !pages.iter().any(|page| page.path == path) {
            wrong.push(format!("{}: not in {SUMMARY}", path.display()));
        }
    }
    Ok((pages, wrong))
}

/// All files of Markdown in a directory and those below.
pub fn markdown(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in directory.read_dir().with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(markdown(&path)?),
            false if path.extension().is_some_and(|ending| ending == "md") => found.push(path),
            false => {}
        }
    }
    found.sort();
    Ok(found)
}

/// Links of these pages that lead nowhere: files below `root` that are not there, or anchors that no heading has.
pub fn broken_links(pages: &[Page], root: &Path) -> Vec<String> {
    let anchors: BTreeMap<&Path, &[String]> =
        pages.iter().map(|page| (page.path.as_path(), page.anchors.as_slice())).collect();
    let mut wrong = Vec::new();
    for page in pages {
        for (target, line) in page.links.iter().filter(|(target, _)| !is_elsewhere(target)) {
            if let Err(why) = follow(page, target, root, &anchors) {
                wrong.push(format!("{}: {target}: {why:#}", page.place(*line)));
            }
        }
    }
    wrong
}

fn is_elsewhere(target: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

fn follow(page: &Page, target: &str, root: &Path, anchors: &BTreeMap<&Path, &[String]>) -> anyhow::Result<()> {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = match file {
        "" => page.path.clone(),
        _ => plain(&page.path.parent().context("no directory")?.join(file)),
    };
    ensure!(path.starts_with(root), "it leads out of {}", root.display());
    ensure!(path.exists(), "there is no {}", path.display());
    if let (Some(anchor), Some(there)) = (anchor, anchors.get(path.as_path())) {
        ensure!(there.iter().any(|other| other == anchor), "no heading of {} has that anchor", path.display());
    }
    Ok(())
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if plain.pop() => {}
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Code blocks of a page of the book that are neither a listing, nor a file's text, nor a drawing.
pub fn wrong_blocks(page: &Page) -> Vec<String> {
    let wrong = |block: &Block| check(page, block).err().map(|why| format!("{}: {why:#}", page.place(block.line)));
    page.blocks.iter().filter_map(wrong).collect()
}

fn check(page: &Page, block: &Block) -> anyhow::Result<()> {
    match block.info.split(',').next().unwrap_or_default() {
        listing::LANGUAGE => Listing::parse(&block.info, page.body(block)).map(drop),
        "text" => Ok(()),
        "asm" | "c" | "rust" | "sh" => included(page, page.body(block)),
        other => bail!("a block of '{other}': there are console, text, asm, c, rust, sh"),
    }
}

/// Source is shown from its file, so that what is read is what is built.
fn included(page: &Page, body: &str) -> anyhow::Result<()> {
    let include = body.trim().strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
    let target = include.context("source that is typed here: put it into a file, and '{{#include FILE:ANCHOR}}'")?;
    let (file, anchor) = target.split_once(':').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = plain(&page.path.parent().context("no directory")?.join(file.trim()));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for mark in anchor.iter().flat_map(|anchor| [format!("ANCHOR: {anchor}"), format!("ANCHOR_END: {anchor}")]) {
        ensure!(text.lines().any(|line| line.trim_end().ends_with(&mark)), "no line '{mark}' in {}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A book with these files, its check's complaints without the directory's name.
    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("src");
        std::fs::create_dir(&source).unwrap();
        for (name, text) in files {
            std::fs::write(source.join(name), text).unwrap();
        }
        let (pages, mut wrong) = pages(&source).unwrap();
        wrong.extend(broken_links(&pages, &source));
        wrong.extend(pages.iter().flat_map(wrong_blocks));
        wrong.iter().map(|line| line.replace(&format!("{}/", source.display()), "")).collect()
    }

    #[test]
    fn a_book_that_is_whole_has_no_complaints() {
        let found = complaints(&[
            ("SUMMARY.md", "- [A](a.md)\n- [B](b.md)\n"),
            ("a.md", "# A\n\n[to B](b.md#part), [here](#a), [out](https://example.org/)\n\n```console\n$ true\n```\n"),
            ("b.md", "# B\n\n## Part\n\n```asm\n{{#include ../src/x.s:one}}\n```\n\n```text\n+--+\n```\n"),
            ("x.s", "# ANCHOR: one\nnop\n# ANCHOR_END: one\n"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn pages_that_are_missing_or_listed_twice_or_nowhere_are_named() {
        let found =
            complaints(&[("SUMMARY.md", "- [A](a.md)\n- [A](a.md)\n- [B](b.md)\n"), ("a.md", ""), ("c.md", "")]);
        assert_eq!(
            found,
            ["SUMMARY.md:2: a.md a second time", "SUMMARY.md:3: there is no b.md", "c.md: not in SUMMARY.md"]
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_named() {
        let text = "# A\n\n[x](b.md)\n[y](#other)\n[z](../../README.md)\n";
        let found = complaints(&[("SUMMARY.md", "- [A](a.md)\n"), ("a.md", text)]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("a.md:3: b.md: there is no") && found[1].contains("no heading"), "{found:?}");
        assert!(found[2].contains("leads out of"), "{found:?}");
    }

    #[test]
    fn blocks_that_nobody_checks_are_named() {
        for (block, why) in [
            ("```\nx\n```\n", "block of ''"),
            ("```asm\nnop\n```\n", "typed here"),
            ("```asm\n{{#include none.s}}\n```\n", "none.s"),
            ("```asm\n{{#include x.s:two}}\n```\n", "no line 'ANCHOR: two'"),
            ("```console\noutput\n```\n", "begins with a command"),
        ] {
            let files =
                [("SUMMARY.md", "- [A](a.md)\n"), ("a.md", block), ("x.s", "# ANCHOR: one\n# ANCHOR_END: one\n")];
            let found = complaints(&files);
            assert!(found.len() == 1 && found[0].starts_with("a.md:1: ") && found[0].contains(why), "{found:?}");
        }
    }
}
