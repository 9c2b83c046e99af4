//! The check of widths: comments and the inside of macros, which rustfmt leaves as they are.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use proc_macro2::{TokenStream, TokenTree};

/// Columns of a line at most: rustfmt's `max_width`.
const MOST_COLUMNS: usize = 120;

/// The lines of a crate's files that are too wide, those of its tests too.
///
/// # Errors
/// A file cannot be read.
pub fn check(workspace: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    super::sources::collect(folder, &mut files)?;
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let place = file.strip_prefix(workspace).unwrap_or(&file).display();
        wrong.extend(wide(&text).into_iter().map(|(line, columns)| format!("{place}:{line}: {columns} columns")));
    }
    Ok(wrong)
}

/// Lines, from 1 on, with their columns. Links have no place to break at, and what is printed breaks where its reader
/// wants it.
fn wide(text: &str) -> Vec<(usize, usize)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line, line.chars().count()));
    let mut wide: Vec<_> =
        numbered.filter(|&(_, line, columns)| columns > MOST_COLUMNS && !line.contains("://")).collect();
    if !wide.is_empty() {
        let texts = texts(text);
        wide.retain(|(number, line, _)| line.trim_start().starts_with("//") || !texts.contains(number));
    }
    wide.into_iter().map(|(number, _, columns)| (number, columns)).collect()
}

/// The lines that strings are on, as far as it is Rust.
fn texts(text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    note(text.parse().unwrap_or_default(), &mut found);
    found
}

fn note(tokens: TokenStream, found: &mut BTreeSet<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => note(group.stream(), found),
            TokenTree::Literal(literal) if literal.to_string().contains('"') => {
                found.extend(literal.span().start().line..=literal.span().end().line);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_comments_and_macros_are_found_and_wide_text_is_not() {
        let words = "é ".repeat(60);
        let text = format!("//! {words}\n    /// {words}\n// https://{words}\nlist!({words});\n");
        assert_eq!(wide(&text), [(1, 124), (2, 128), (4, 128)]);
        assert_eq!(wide(&format!("const A: &str = \"{words}\";\nprint!(\"\n{words}{words}\n\");\n")), []);
        assert_eq!(wide(&format!("// {}", "é".repeat(117))), []);
    }
}
