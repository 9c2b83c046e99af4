//! How cargo is called, whichever tool chain it belongs to.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Lines of a tool's last words that a message repeats.
const LAST_LINES: usize = 12;

/// What differs from the workspace's release profile: nobody debugs the VMM in there, and small is quick to load.
pub(super) const PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "none"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
];

/// The words after `cargo` that build the VMM for `target`: without what only a PC needs.
pub(super) fn arguments(target: &str) -> [&str; 8] {
    ["build", "--release", "--locked", "--no-default-features", "--package", "vhart", "--target", target]
}

/// Where the binary lies below cargo's target directory.
pub(super) fn output(target: &str) -> String {
    format!("{target}/release/vhart")
}

/// Runs a tool to its end, silently.
///
/// # Errors
/// [`Error::Tool`] with its last words, where it cannot be run or fails.
pub(super) fn run(what: &str, command: &mut Command) -> Result<()> {
    let failed = |detail: String| Error::Tool { what: what.to_owned(), detail };
    let io = |why: std::io::Error| failed(format!("{}: {why}", command_name(command)));
    let mut errors = tempfile::tempfile().map_err(io)?;
    let stderr = errors.try_clone().map_err(io)?;
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failed(last_words(&mut errors))),
        Err(why) => Err(failed(format!("{}: {why}", command_name(command)))),
    }
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The end of what was written to `errors`.
pub(super) fn last_words(errors: &mut File) -> String {
    let mut text = Vec::new();
    let read = errors.rewind().and_then(|()| errors.read_to_end(&mut text));
    match read {
        Ok(_) => last_lines(&String::from_utf8_lossy(&text)),
        Err(why) => why.to_string(),
    }
}

/// The end of `text`, without empty lines.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_repeats_the_tools_last_words() {
        let why =
            run("trying", Command::new("sh").args(["-c", "echo first >&2; echo no room >&2; exit 3"])).unwrap_err();
        assert_eq!(why.to_string(), "trying failed:\nfirst\nno room");
    }

    #[test]
    fn missing_tool_is_named() {
        let why = run("trying", &mut Command::new("vhart-no-such-tool")).unwrap_err();
        assert!(why.to_string().contains("vhart-no-such-tool"), "{why}");
    }

    #[test]
    fn only_the_end_of_a_long_story_is_told() {
        let text: String = (0..40).map(|line| format!("{line}\n")).collect();
        assert_eq!(last_lines(&text).lines().next(), Some("28"));
    }
}
