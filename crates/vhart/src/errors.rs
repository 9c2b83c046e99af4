//! How errors end the program: one sentence on standard error, exit status 1.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

/// Prints `error` as `vhart: SENTENCE` and answers exit status 1.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("vhart: {}", sentence(error));
    ExitCode::FAILURE
}

/// The error and its causes, without the numbers that the standard library puts behind the system's words.
fn sentence(error: &anyhow::Error) -> String {
    let parts: Vec<String> = error.chain().map(|cause| without_number(&cause.to_string())).collect();
    parts.join(": ")
}

/// `text` without a final ` (os error N)`.
fn without_number(text: &str) -> String {
    match text.rfind(" (os error ") {
        Some(at) if text.ends_with(')') => text[..at].to_owned(),
        _ => text.to_owned(),
    }
}

/// Reads the whole file that the user named as the machine's `what`.
///
/// # Errors
/// One that names both and says why.
pub fn read_file(what: &str, path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {what} '{}'", path.display()))
}

/// Writes `data` to the file that the user named for `what`.
///
/// # Errors
/// One that names both and says why.
pub fn write_file(what: &str, path: &Path, data: &[u8]) -> Result<()> {
    std::fs::write(path, data).with_context(|| format!("cannot write {what} '{}'", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_one_sentence() {
        let error = read_file("kernel", Path::new("/nowhere/Image")).unwrap_err();
        assert_eq!(sentence(&error), "cannot read kernel '/nowhere/Image': No such file or directory");
    }
}
