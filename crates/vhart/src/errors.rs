//! How errors end the program: one sentence on standard error, exit status 1.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

#[cfg(feature = "linux")]
use crate::beside::Beside;

/// Prints `error` as `vhart: SENTENCE` and answers exit status 1.
pub fn report(error: &anyhow::Error) -> ExitCode {
    tell(sentence(error));
    ExitCode::FAILURE
}

/// Prints `vhart: SENTENCE` on standard error. Nobody is told where that cannot be written.
pub fn tell(sentence: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "vhart: {sentence}");
}

/// Prints a text on standard error as it is; nor is anybody told where that cannot be done.
#[cfg(feature = "linux")]
pub fn say(text: impl Display) {
    let _ = write!(std::io::stderr().lock(), "{text}");
}

/// The error and its causes, without the numbers that the standard library puts behind the system's words.
pub fn sentence(error: &anyhow::Error) -> String {
    let parts: Vec<String> = error.chain().map(|cause| without_number(&cause.to_string())).collect();
    parts.join(": ")
}

/// `text` without a final ` (os error N)`.
pub fn without_number(text: &str) -> String {
    match text.rfind(" (os error ") {
        Some(at) if text.ends_with(')') => text[..at].to_owned(),
        _ => text.to_owned(),
    }
}

/// Writes `text` to standard output.
///
/// # Errors
/// It cannot be written, and somebody still wants it: a pipe whose reader has gone is none.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// The name of standard output, where a file is asked for.
pub const STANDARD_OUTPUT: &str = "-";

/// Writes `data` to the file that the user named for `what`; `-` is standard output.
///
/// # Errors
/// One that names both and says why. A file that could not be written whole is not left behind.
pub fn write_file(what: &str, path: &Path, data: &[u8]) -> Result<()> {
    if path.as_os_str() == STANDARD_OUTPUT {
        return print(data);
    }
    let failed = || format!("cannot write {what} '{}'", path.display());
    let mut file = File::create(path).with_context(failed)?;
    file.write_all(data).inspect_err(|_| discard(&file, path)).with_context(failed)
}

/// Writes `data` in place of what a file has: while there is no room for the new, or when this process is killed, the
/// old is there.
///
/// # Errors
/// One that names both and says why.
#[cfg(feature = "linux")]
pub fn replace_file(what: &str, path: &Path, data: &[u8]) -> Result<()> {
    if path.metadata().is_ok_and(|there| !there.is_file()) || path.as_os_str() == STANDARD_OUTPUT {
        return write_file(what, path, data);
    }
    let replace = || {
        let mut new = Beside::begin(path, 0o666)?;
        new.file().write_all(data)?;
        new.take_place()
    };
    replace().map(drop).with_context(|| format!("cannot write {what} '{}'", path.display()))
}

/// Sees to it that the file that the user named for `what` can be written, long before it is.
///
/// # Errors
/// One that names both and says why.
#[cfg(feature = "watch")]
pub fn check_file(what: &str, path: &Path) -> Result<()> {
    // To open a pipe would wait for its reader.
    if path.as_os_str() == STANDARD_OUTPUT || path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Ok(());
    }
    let failed = || format!("cannot write {what} '{}'", path.display());
    let there = path.exists();
    let file = File::options().append(true).create(true).open(path).with_context(failed)?;
    if !there {
        discard(&file, path);
    }
    Ok(())
}

/// Removes what was written, unless it is a device or a pipe.
fn discard(file: &File, path: &Path) {
    if file.metadata().is_ok_and(|info| info.is_file()) {
        // The error that led here is the one to tell.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_is_one_sentence() {
        let error = write_file("report", Path::new("/nowhere/report"), &[]).unwrap_err();
        assert_eq!(sentence(&error), "cannot write report '/nowhere/report': No such file or directory");
    }

    #[test]
    #[cfg(feature = "linux")]
    fn what_was_there_stays_until_the_new_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("results");
        replace_file("results", &file, b"old").unwrap();
        let reading = File::open(&file).unwrap();
        replace_file("results", &file, b"new").unwrap();
        assert_eq!(std::io::read_to_string(reading).unwrap(), "old");
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
        replace_file("results", Path::new("/dev/full"), b"x").unwrap_err();
    }

    #[test]
    fn standard_output_and_devices_are_no_files_to_make() {
        check_file("report", Path::new(STANDARD_OUTPUT)).unwrap();
        check_file("report", Path::new("/dev/full")).unwrap();
        assert!(!Path::new(STANDARD_OUTPUT).exists());
        assert!(check_file("report", Path::new("/nowhere/report")).is_err());
    }
}
