//! The commands of a run, as the user gave them: the one behind `--`, or one in each line of a file.
//!
//! A line is what would stand behind `--`: words are split and quoted as a shell does it ("Shell Command Language" of
//! POSIX, 2.2 Quoting), and nothing else is a shell's. What only a shell could do is refused, and not handed on as a
//! word.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use images::shell;

use super::options::Options;
use super::program::{self, Program, Refusal};
use crate::agent::start;
use crate::errors::STANDARD_OUTPUT;

/// One command: a program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command(pub Vec<OsString>);

impl Command {
    /// The program, as it was named.
    pub fn program(&self) -> &OsStr {
        self.0.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// Its name in sentences.
    pub fn name(&self) -> String {
        self.program().to_string_lossy().into_owned()
    }

    /// The program and its arguments, as a shell would take them.
    pub fn line(&self) -> String {
        shell::line(self.0.iter().map(|word| word.to_string_lossy()))
    }

    /// Looks for the program.
    ///
    /// # Errors
    /// It is not here, or riscv64 cannot run it.
    pub fn find(&self, options: &Options) -> Result<Program, Refusal> {
        match options.shared(self.program()) {
            Some(file) => {
                let look = |head: Vec<u8>| program::check_shared(self.program(), options.rootfs, &head);
                head(&file).map_or(Ok(()), look).map(|()| Program::Machines)
            }
            None => program::find(self.program(), options.rootfs, &|path| std::fs::read(path)),
        }
    }
}

/// How a file begins, if it is one: a link may lead elsewhere in the machine than here.
fn head(file: &Path) -> Option<Vec<u8>> {
    file.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
    start::head(file).ok()
}

/// The commands that a file lists; `-` is standard input.
///
/// # Errors
/// It cannot be read, has none, or has a line that only a shell would understand.
pub fn listed(file: &Path) -> Result<Vec<Command>> {
    let (name, text) = content(file);
    let text = text.with_context(|| format!("cannot read the commands in {name}"))?;
    let mut commands = Vec::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let words = words(line).map_err(|why| anyhow::anyhow!("line {number} of {name} {why}"))?;
        commands.extend((!words.is_empty()).then_some(Command(words)));
    }
    if commands.is_empty() {
        bail!("{name} has no commands: each line of it is one");
    }
    Ok(commands)
}

/// What the file is called, and what is in it.
fn content(file: &Path) -> (String, std::io::Result<Vec<u8>>) {
    if file.as_os_str() != STANDARD_OUTPUT {
        return (format!("'{}'", file.display()), std::fs::read(file));
    }
    let mut text = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut text).map(|_| text);
    ("standard input".to_owned(), read)
}

/// The words of a line, none where it is empty or a comment; or what is wrong with it, in words that follow its name.
fn words(line: &[u8]) -> Result<Vec<OsString>, String> {
    let mut line = Line { rest: line.strip_suffix(b"\r").unwrap_or(line), words: Vec::new(), word: None };
    while let Some(byte) = line.next() {
        match byte {
            b'\'' => line.single()?,
            b'"' => line.double()?,
            b'\\' => {
                let byte = line.next().ok_or("ends in a backslash: a command is one line")?;
                line.push(byte);
            }
            b' ' | b'\t' => line.end_word(),
            b'#' if line.word.is_none() => break,
            b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b')' | b'$' | b'`' => return Err(only_a_shells(byte)),
            _ => line.push(byte),
        }
    }
    line.end_word();
    Ok(line.words)
}

/// A line on its way into words.
struct Line<'a> {
    rest: &'a [u8],
    words: Vec<OsString>,
    word: Option<Vec<u8>>,
}

const NOT_CLOSED: &str = "has a quote that is not closed: a command is one line";

impl Line<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn push(&mut self, byte: u8) {
        self.word.get_or_insert_default().push(byte);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take().map(OsString::from_vec));
    }

    fn single(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.next().ok_or(NOT_CLOSED)? {
                b'\'' => return Ok(()),
                byte => self.push(byte),
            }
        }
    }

    fn double(&mut self) -> Result<(), String> {
        self.word.get_or_insert_default();
        loop {
            match self.next().ok_or(NOT_CLOSED)? {
                b'"' => return Ok(()),
                byte @ (b'$' | b'`') => return Err(only_a_shells(byte)),
                b'\\' => match self.next().ok_or(NOT_CLOSED)? {
                    byte @ (b'$' | b'`' | b'"' | b'\\') => self.push(byte),
                    byte => [b'\\', byte].into_iter().for_each(|byte| self.push(byte)),
                },
                byte => self.push(byte),
            }
        }
    }
}

fn only_a_shells(byte: u8) -> String {
    let sign = char::from(byte);
    format!("has a '{sign}' for a shell, and there is none: write sh -c '...', or quote it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        words(line.as_bytes()).unwrap().into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn words_are_a_shells() {
        for (line, expected) in [
            ("./test  --all\t-x", &["./test", "--all", "-x"][..]),
            ("sh -c 'a | b; echo \"$HOME\"'", &["sh", "-c", "a | b; echo \"$HOME\""]),
            (r#"a "b \"c\" \$d \n" \' e\ f"#, &["a", r#"b "c" $d \n"#, "'", "e f"]),
            ("a '' \"\" x'y'z", &["a", "", "", "xyz"]),
            ("a#b # a comment", &["a#b"]),
            ("  # nothing | else", &[]),
            ("", &[]),
            ("--gtest_filter=A*:B? ~ {x}\r", &["--gtest_filter=A*:B?", "~", "{x}"]),
        ] {
            assert_eq!(split(line), expected, "{line}");
        }
        assert_eq!(words(b"a \xff").unwrap()[1], OsString::from_vec(vec![0xff]));
    }

    #[test]
    fn what_only_a_shell_understands_is_refused() {
        for line in ["a | b", "a && b", "a > b", "a $HOME", "a \"$HOME\"", "a `b`", "(a)", "a;", "'a", "\"a", "a \\"] {
            assert!(words(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_list_says_which_line_is_wrong() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let list = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            listed(file.path()).map_err(|error| crate::errors::sentence(&error))
        };
        let commands = list("# two\nuname -a\n\n./a 'b c'\n").unwrap();
        assert_eq!(commands.iter().map(Command::line).collect::<Vec<_>>(), ["uname -a", "./a 'b c'"]);
        let why = list("true\na | b\n").unwrap_err();
        assert!(why.starts_with("line 2 of '") && why.contains("sh -c"), "{why}");
        assert!(list("# none\n").unwrap_err().contains("has no commands"));
        assert!(listed(Path::new("/nowhere/list")).is_err());
    }
}
