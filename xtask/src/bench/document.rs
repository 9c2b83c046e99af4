//! The place in a document where the tables stand.

use std::fs;
use std::path::Path;

use anyhow::Context;

const BEGIN: &str = "<!-- bench: begin (written by cargo xtask bench --update-docs) -->\n";
const END: &str = "<!-- bench: end -->";

/// Puts `tables` between the marks of `file`.
///
/// # Errors
/// The file cannot be read or written, or has no marks.
pub fn update(file: &Path, tables: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read '{}'", file.display()))?;
    let text = replaced(&text, tables).with_context(|| format!("'{}' has no place for tables", file.display()))?;
    fs::write(file, text).with_context(|| format!("cannot write '{}'", file.display()))
}

fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}old\n{END}\nb\n");
        assert_eq!(replaced(&text, "new").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(replaced("no marks", "new"), None);
    }
}
