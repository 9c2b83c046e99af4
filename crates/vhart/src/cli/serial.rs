//! `--serial`: where the serial port leads to.

use std::path::PathBuf;

/// Where a console leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// Standard input and output.
    #[default]
    Stdio,
    /// Nowhere.
    Null,
    /// Output goes to a file; there is no input.
    File(PathBuf),
}

/// What there is, for sentences about what there is not.
pub const KINDS: &str = "stdio, null and file:FILE";

/// Reads `stdio`, `null` or `file:FILE`.
pub fn parse(text: &str) -> Result<Serial, String> {
    match text.split_once(':') {
        None if text == "stdio" => Ok(Serial::Stdio),
        None if matches!(text, "null" | "none") => Ok(Serial::Null),
        Some(("file", file)) if !file.is_empty() => Ok(Serial::File(file.into())),
        _ => Err(format!("there is no '{text}' here; there are {KINDS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_at_the_terminal_in_a_file_or_nowhere() {
        assert_eq!(parse("stdio"), Ok(Serial::Stdio));
        assert_eq!(parse("null"), Ok(Serial::Null));
        assert_eq!(parse("file:a:b"), Ok(Serial::File("a:b".into())));
        for text in ["", "file:", "stdio:", "vc", "tcp"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
