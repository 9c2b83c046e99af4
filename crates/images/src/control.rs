//! Debian's control format (deb822): paragraphs of "Field: value", continuation lines indented.
//!
//! `.sources` files, apt's package records and Release files are all written in it.

/// One paragraph: its fields in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paragraph {
    fields: Vec<(String, String)>,
}

impl Paragraph {
    /// The value of `field`, whose case does not matter. Lines after the first keep their line breaks.
    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)).map(|(_, value)| value.as_str())
    }

    /// The words of `field`; none where it is not there.
    pub(crate) fn words(&self, field: &str) -> Vec<String> {
        self.get(field).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    fn take(&mut self, line: &str) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = self.fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            self.fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

/// The paragraphs of `text`. Comments and lines that are no field are skipped.
pub(crate) fn parse(text: &str) -> Vec<Paragraph> {
    let mut paragraphs = vec![Paragraph::default()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match paragraphs.last_mut() {
            Some(last) if !line.trim().is_empty() => last.take(line),
            _ => paragraphs.push(Paragraph::default()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.fields.is_empty());
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_end_at_empty_lines() {
        let paragraphs = parse("# head\nA: 1\n\n\nB: 2\nc:3\n");
        assert_eq!(paragraphs.len(), 2);
        assert_eq!(paragraphs[1].get("C"), Some("3"));
    }

    #[test]
    fn continuation_lines_belong_to_their_field() {
        let paragraphs = parse("Signed-By:\n BEGIN\n .\n END\nNext: x");
        assert_eq!(paragraphs[0].get("signed-by"), Some("\n BEGIN\n .\n END"));
        assert_eq!(paragraphs[0].get("Next"), Some("x"));
    }

    #[test]
    fn continuation_of_nothing_is_skipped() {
        assert_eq!(parse(" x\n"), []);
    }
}
