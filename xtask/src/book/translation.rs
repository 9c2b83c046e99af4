//! The Chinese edition, `docs/book/zh`: a page for each English page, block by block.
//!
//! A block is what Markdown has at its top level: a heading, a paragraph, a list, a table, a code block. Before each
//! but code stands a comment with a hash of the English block that it is a translation of, or `-` where the English
//! text stands for itself. Code is the English page's, so that listings are run once. A page says how many of its
//! blocks are not of today's English page; what it is to look like follows from both pages, and the check is that it
//! looks so (`docs/adr/0020`).

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use images::hash::hex_sha256;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

use super::page::{self, Page};
use super::structure::{self, SUMMARY};

/// Where its pages are, from the workspace's root.
const SOURCE: &str = "docs/book/zh/src";

/// A block of a page.
#[derive(Debug, PartialEq)]
struct Block<'a> {
    text: &'a str,
    is_code: bool,
    /// What the comment before it names.
    of: Option<&'a str>,
}

/// What is wrong with the edition, beside these English pages.
///
/// # Errors
/// A page cannot be read.
pub fn complaints(english: &[Page]) -> anyhow::Result<Vec<String>> {
    let source = Path::new(SOURCE);
    let (pages, mut wrong) = structure::pages(source)?;
    wrong.extend(structure::broken_links(&pages, source));
    wrong.extend(pages.iter().flat_map(structure::wrong_blocks));
    if names(&pages) != names(english) {
        wrong.push(format!("{SOURCE}/{SUMMARY}: its pages are not those of the English one, in that order"));
    }
    for page in english {
        wrong.extend(complaint(page)?);
    }
    Ok(wrong)
}

/// What the pages are called, in their order.
fn names(pages: &[Page]) -> Vec<PathBuf> {
    pages.iter().filter_map(|page| page.path.file_name().map(PathBuf::from)).collect()
}

/// What is wrong with the translation of a page.
fn complaint(english: &Page) -> anyhow::Result<Option<String>> {
    let path = place(english)?;
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let line = first_difference(&there, &synced(&english.text, &there));
    let path = path.display();
    Ok(line.map(|line| format!("{path}:{line}: not as its English page asks for (cargo xtask book --update)")))
}

/// Gives each page the blocks of its English page: code as it is there, translations that there are, English text for
/// the rest.
///
/// # Errors
/// A page cannot be written.
pub fn sync(english: &[Page]) -> anyhow::Result<()> {
    for page in english {
        let path = place(page)?;
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let wanted = synced(&page.text, &there);
        if wanted != there {
            std::fs::write(&path, wanted).with_context(|| path.display().to_string())?;
            println!("{}: brought to its English page", path.display());
        }
    }
    Ok(())
}

/// Takes what stands in the translation of a page for a translation of today's English text.
///
/// # Errors
/// The two have not as many blocks of text, or the page cannot be read or written.
pub fn accept(english: &Page) -> anyhow::Result<()> {
    let path = place(english)?;
    let name = || path.display().to_string();
    let there = std::fs::read_to_string(&path).with_context(name)?;
    std::fs::write(&path, accepted(&english.text, &there).with_context(name)?).with_context(name)
}

fn accepted(english: &str, translation: &str) -> anyhow::Result<String> {
    let (ours, theirs) = (texts(english), texts(translation));
    let (wanted, there) = (ours.len(), theirs.len());
    ensure!(wanted == there, "it has {there} headings, paragraphs, lists and tables; its English page has {wanted}");
    let of = |ours: &Block<'_>, text: &str| if text == ours.text { UNTRANSLATED.to_owned() } else { hash(ours.text) };
    let marked: Vec<String> =
        ours.iter().zip(&theirs).map(|(ours, Block { text, .. })| marked(&of(ours, text), text)).collect();
    Ok(synced(english, &marked.join("\n\n")))
}

/// The blocks of a page but code and the note.
fn texts(text: &str) -> Vec<Block<'_>> {
    blocks(text).into_iter().filter(|block| !block.is_code && block.of != Some(NOTE)).collect()
}

/// A block's text behind its comment.
fn marked(of: &str, text: &str) -> String {
    format!("<!-- en:{of} -->\n{text}")
}

fn place(english: &Page) -> anyhow::Result<PathBuf> {
    Ok(Path::new(SOURCE).join(english.path.file_name().context("a page without a name")?))
}

fn first_difference(one: &str, other: &str) -> Option<usize> {
    let same = one.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
    (one != other).then_some(same + 1)
}

/// What the translation of `english` is to look like, made of the one that there is.
fn synced(english: &str, translation: &str) -> String {
    let theirs: Vec<Block<'_>> =
        texts(translation).into_iter().filter(|block| block.of.is_some_and(|of| of != UNTRANSLATED)).collect();
    let hashes: Vec<String> = texts(english).iter().map(|block| hash(block.text)).collect();
    let named: Vec<&str> = theirs.iter().filter_map(|block| block.of).collect();
    let mut translated = pairs(&hashes, &named).into_iter().zip(&hashes);
    let (mut parts, mut behind) = (Vec::new(), 0);
    for block in blocks(english) {
        let pair = if block.is_code { None } else { translated.next() };
        parts.push(match pair {
            None => block.text.replace("{{#include ", "{{#include ../"),
            Some((at, hash)) => {
                let (of, text) = at.map_or((UNTRANSLATED, block.text), |at| (named[at], theirs[at].text));
                behind += usize::from(of != hash);
                marked(of, text)
            }
        });
    }
    if behind > 0 {
        let note = format!("> 本页有 {behind} 段不是英文版现在的内容：尚未翻译，或原文已经改动。");
        parts.insert(parts.len().min(1), format!("<!-- {NOTE} -->\n{note}"));
    }
    parts.join("\n\n") + "\n"
}

/// What names no English block: the text is English.
const UNTRANSLATED: &str = "-";

/// What stands before the sentence that says how much is behind.
const NOTE: &str = "behind";

/// For each English block the translation that belongs to it: of its hash, or what stands in its place between two that
/// are.
fn pairs(english: &[String], theirs: &[&str]) -> Vec<Option<usize>> {
    let mut pairs: Vec<Option<usize>> = vec![None; english.len()];
    let mut next = 0;
    for (pair, hash) in pairs.iter_mut().zip(english) {
        if let Some(at) = theirs[next..].iter().position(|of| of == hash) {
            *pair = Some(next + at);
            next += at + 1;
        }
    }
    pair_between(&mut pairs, theirs.len());
    pairs
}

/// Gives blocks without a translation what stands behind that of the block before, up to the next that has one.
fn pair_between(pairs: &mut [Option<usize>], count: usize) {
    for at in 0..pairs.len() {
        let free = at.checked_sub(1).map_or(Some(0), |before| pairs[before].map(|before| before + 1));
        let end = pairs[at..].iter().flatten().next().copied().unwrap_or(count);
        if pairs[at].is_none() {
            pairs[at] = free.filter(|free| *free < end);
        }
    }
}

/// Eight digits that tell a text from another, however its lines are broken.
fn hash(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    hex_sha256(&[words.as_bytes()])[..8].to_owned()
}

/// The blocks of a page, each with what the comment before it names.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut depth, mut of) = (Vec::new(), 0, None);
    for (event, range) in Parser::new_ext(text, page::options()).into_offset_iter() {
        let at_top = depth == 0;
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        let text = text[range].trim_end();
        match event {
            Event::Start(Tag::HtmlBlock) if at_top => of = comment(text),
            Event::Start(tag) if at_top => {
                let is_code = matches!(tag, Tag::CodeBlock(CodeBlockKind::Fenced(_)));
                blocks.push(Block { text, is_code, of: of.take() });
            }
            _ => {}
        }
    }
    blocks
}

/// `a1b2c3d4` of `<!-- en:a1b2c3d4 -->`, or that it is the note's.
fn comment(html: &str) -> Option<&str> {
    let words = html.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    if words == NOTE { Some(NOTE) } else { words.strip_prefix("en:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str =
        "# Title\n\nOne.\n\n```console\n$ a\nb\n```\n\n```asm\n{{#include ../x.s:y}}\n```\n\nTwo,\nthree.\n";

    fn translated() -> String {
        let fresh = synced(ENGLISH, "");
        let hash_of = |text: &str| hash(text);
        fresh
            .replace("<!-- en:- -->\n# Title", &format!("<!-- en:{} -->\n# 题", hash_of("# Title")))
            .replace("<!-- en:- -->\nOne.", &format!("<!-- en:{} -->\n一。", hash_of("One.")))
            .replace("<!-- en:- -->\nTwo,\nthree.", &format!("<!-- en:{} -->\n二三。", hash_of("Two, three.")))
    }

    #[test]
    fn a_page_that_is_new_is_english_and_says_so() {
        let fresh = synced(ENGLISH, "");
        assert!(fresh.starts_with("<!-- en:- -->\n# Title\n\n<!-- behind -->\n> 本页有 3 段"), "{fresh}");
        assert_eq!(synced(ENGLISH, &fresh), fresh);
    }

    #[test]
    fn a_page_that_is_translated_says_nothing_and_stays() {
        let page = synced(ENGLISH, &translated());
        assert!(page.starts_with(&format!("<!-- en:{} -->\n# 题\n\n<!-- en:", hash("# Title"))), "{page}");
        assert!(!page.contains(NOTE), "{page}");
        assert_eq!(synced(ENGLISH, &page), page);
    }

    #[test]
    fn code_is_the_english_pages_and_its_files_are_one_directory_further() {
        let page = synced(&ENGLISH.replace("\nb\n", "\nc\n"), &translated());
        assert!(page.contains("```console\n$ a\nc\n```\n\n```asm\n{{#include ../../x.s:y}}\n```\n"), "{page}");
        assert!(!page.contains(NOTE), "{page}");
    }

    #[test]
    fn a_paragraph_that_changes_keeps_its_translation_and_the_page_says_that_it_is_behind() {
        let page = synced(&ENGLISH.replace("One.", "One and a half."), &translated());
        assert!(page.contains("一。") && page.contains("> 本页有 1 段"), "{page}");
    }

    #[test]
    fn lines_that_are_broken_elsewhere_are_no_change() {
        let page = synced(&ENGLISH.replace("Two,\nthree", "Two, three"), &translated());
        assert!(!page.contains(NOTE), "{page}");
    }

    #[test]
    fn a_new_paragraph_stands_in_english_and_one_that_is_gone_is_gone() {
        let other = ENGLISH.replace("One.", "New.\n\nOne.").replace("Two,\nthree.\n", "");
        let page = synced(&other, &translated());
        assert!(page.contains("<!-- en:- -->\nNew.\n") && page.contains("一。") && !page.contains("二三"), "{page}");
        assert!(page.contains("> 本页有 1 段"), "{page}");
    }

    #[test]
    fn what_is_taken_for_a_translation_is_up_to_date() {
        let changed = ENGLISH.replace("One.", "One and a half.");
        let behind = synced(&changed, &translated());
        let page = accepted(&changed, &behind.replace("一。", "一又半。")).unwrap();
        assert!(page.contains("一又半。") && !page.contains(NOTE), "{page}");
        assert_eq!(accepted(ENGLISH, &synced(ENGLISH, "")).unwrap(), synced(ENGLISH, ""));
        let why = accepted(ENGLISH, "# 题\n").unwrap_err().to_string();
        assert!(why.contains("it has 1") && why.contains("has 3"), "{why}");
    }

    #[test]
    fn pairs_are_by_hash_or_by_place() {
        let english = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(pairs(&english, &["a", "x", "c", "d"]), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(pairs(&english, &["a", "c", "d"]), [Some(0), None, Some(1), Some(2)]);
        assert_eq!(pairs(&english, &["x", "b"]), [Some(0), Some(1), None, None]);
        assert_eq!(pairs(&english, &[]), [None; 4]);
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!((first_difference("a\n", "a\n"), first_difference("", "a\n")), (None, Some(1)));
    }
}
