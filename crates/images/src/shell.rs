//! Words as a shell takes them.

/// A word for the shell that means `word`: in quotes, where it must be.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Words as one line.
pub fn line<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_wants_it() {
        assert_eq!(["ls", "a b", "it's", ""].map(quoted), ["ls", "'a b'", r"'it'\''s'", "''"]);
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted("/it's"), "'/it'\\''s'");
        assert_eq!(line(["ls", "a b"]), "ls 'a b'");
    }
}
