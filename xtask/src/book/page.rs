//! A page of Markdown: its headings, links and code blocks, and where they stand.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// What a page has that checks look at.
pub struct Page {
    /// Where it is, from the workspace's root.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
    /// The ids of its headings, as mdBook makes them.
    pub anchors: Vec<String>,
    /// Where its links and images lead, and the line of each.
    pub links: Vec<(String, usize)>,
    /// Its fenced code blocks.
    pub blocks: Vec<Block>,
}

/// A fenced code block.
pub struct Block {
    /// What follows the opening fence.
    pub info: String,
    /// The lines between the fences, as a range of the page's text.
    pub body: Range<usize>,
    /// The opening fence's line, from 1.
    pub line: usize,
}

impl Page {
    /// Reads the page at `path`.
    ///
    /// # Errors
    /// It cannot be read, or has a fence that is not closed or that is indented.
    pub fn read(path: &Path) -> anyhow::Result<Page> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Page::parse(path, text)
    }

    /// The same, of a text at hand.
    pub fn parse(path: &Path, text: String) -> anyhow::Result<Page> {
        let mut page = Page { path: path.into(), text, anchors: Vec::new(), links: Vec::new(), blocks: Vec::new() };
        page.take_in()?;
        Ok(page)
    }

    /// `PATH:LINE`, for messages.
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// What stands between a block's fences.
    pub fn body(&self, block: &Block) -> &str {
        &self.text[block.body.clone()]
    }

    fn take_in(&mut self) -> anyhow::Result<()> {
        let text = std::mem::take(&mut self.text);
        let mut heading: Option<(Option<String>, String)> = None;
        for (event, range) in Parser::new_ext(&text, options()).into_offset_iter() {
            let line = line_at(&text, range.start);
            match event {
                Event::Start(Tag::Heading { id, .. }) => {
                    heading = Some((id.map(|id| id.to_string()), String::new()));
                }
                Event::End(TagEnd::Heading(_)) => self.end_heading(heading.take()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.links.push((dest_url.to_string(), line));
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let body = body(&text, &range).with_context(|| self.place(line))?;
                    self.blocks.push(Block { info: info.to_string(), body, line });
                }
                Event::Text(words) | Event::Code(words) => {
                    if let Some((_, said)) = &mut heading {
                        said.push_str(&words);
                    }
                }
                _ => {}
            }
        }
        self.text = text;
        Ok(())
    }

    fn end_heading(&mut self, heading: Option<(Option<String>, String)>) {
        if let Some((given, said)) = heading {
            let id = given.unwrap_or_else(|| anchor(&said));
            let same = self.anchors.iter().filter(|other| **other == id).count();
            self.anchors.push(if same == 0 { id } else { format!("{id}-{same}") });
        }
    }
}

/// What mdBook understands beside CommonMark.
pub fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
}

/// The id that mdBook gives to a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    };
    heading.trim().chars().filter_map(kept).collect()
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text[..offset].matches('\n').count()
}

/// The lines between the fences of the block at `range`.
fn body(text: &str, range: &Range<usize>) -> anyhow::Result<Range<usize>> {
    let block = text[range.clone()].trim_end();
    ensure!(range.start == 0 || text[..range.start].ends_with('\n'), "a fence that is indented");
    let Some((first, rest)) = block.split_once('\n') else { bail!("a fence that is not closed") };
    let fence: String = first.chars().take_while(|c| *c == '`' || *c == '~').collect();
    let closing = rest.rfind('\n').map_or(0, |newline| newline + 1);
    ensure!(rest[closing..].trim() == fence, "a fence that is not closed");
    let start = range.start + first.len() + 1;
    Ok(start..start + closing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> anyhow::Result<Page> {
        Page::parse(Path::new("p.md"), text.to_owned())
    }

    #[test]
    fn headings_get_the_ids_of_mdbook() {
        let page = page("# What `hgatp` is, in short\n\n## Twice\n\n## Twice\n\n## Other {#own}\n").unwrap();
        assert_eq!(page.anchors, ["what-hgatp-is-in-short", "twice", "twice-1", "own"]);
    }

    #[test]
    fn links_have_targets_and_lines() {
        let page = page("one\n\n[a](b.md#c) and ![d](e.svg)\n").unwrap();
        assert_eq!(page.links, [("b.md#c".to_owned(), 3), ("e.svg".to_owned(), 3)]);
    }

    #[test]
    fn a_block_is_what_is_between_the_fences() {
        let page = page("text\n\n```console,varies\n$ a\nb\n```\n\n```text\n```\n").unwrap();
        let blocks: Vec<_> = page.blocks.iter().map(|b| (b.info.as_str(), page.body(b), b.line)).collect();
        assert_eq!(blocks, [("console,varies", "$ a\nb\n", 3), ("text", "", 8)]);
    }

    #[test]
    fn fences_that_are_open_or_indented_are_refused() {
        for (text, why) in [("```console\n$ a\n", "not closed"), ("- x\n\n  ```console\n  $ a\n  ```\n", "indented")] {
            let error = format!("{:#}", page(text).err().unwrap());
            assert!(error.starts_with("p.md:") && error.contains(why), "{error}");
        }
    }
}
