//! A board with a Linux on it, over ssh or over a serial line: the program goes there, runs, and its lines come back.

mod line;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

pub use line::run as over_a_line;

/// Where the board is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// What ssh calls it.
    Ssh(String),
    /// At the other end of a serial line, where somebody has logged in.
    Line(PathBuf),
}

/// The words for a session over a line, where `vhart workload` is told these.
pub fn of_a_line(words: &[String]) -> Option<&[String]> {
    words.split_first().filter(|(first, _)| *first == line::WORD).map(|(_, rest)| rest)
}

/// Reads `--at`.
pub fn at(text: &str) -> Result<At, String> {
    match text.strip_prefix("ssh:").unwrap_or(text) {
        "" => Err("write a host that ssh knows, or a serial port such as /dev/ttyUSB0".into()),
        name if name.starts_with('/') => Ok(At::Line(name.into())),
        // ssh would take it for an option
        name if name.starts_with('-') => Err(format!("{name} is no host")),
        name => Ok(At::Ssh(name.to_owned())),
    }
}

/// What has ssh's other end do: keep the program while it runs.
const KEEP_AND_RUN: &str = "f=$(mktemp) && trap 'rm -f \"$f\"' EXIT && cat >\"$f\" && chmod +x \"$f\" && \"$f\"";

fn by_ssh(host: &str, program: &Path, orders: &[String]) -> Result<Command> {
    let input = File::open(program).with_context(|| format!("cannot read '{}'", program.display()))?;
    let mut command = Command::new("ssh");
    // nobody is there to be asked for a password
    command.args(["-o", "BatchMode=yes", host, &format!("{KEEP_AND_RUN} {}", orders.join(" "))]);
    command.stdin(Stdio::from(input));
    Ok(command)
}

/// What runs the program with these words, which are letters, digits, dashes and slashes, on the board.
///
/// # Errors
/// The program cannot be read.
pub fn command(at: &At, own: &Path, program: &Path, orders: &[String]) -> Result<Command> {
    match at {
        At::Ssh(host) => by_ssh(host, program, orders),
        At::Line(device) => {
            let mut command = Command::new(own);
            let words = [OsString::from("workload"), line::WORD.into(), device.into(), program.into()];
            command.args(words).args(orders).stdin(Stdio::null());
            Ok(command)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_serial_ports_are_told_apart() {
        assert_eq!(at("root@board"), Ok(At::Ssh("root@board".into())));
        assert_eq!(at("ssh:board"), Ok(At::Ssh("board".into())));
        assert_eq!(at("/dev/ttyUSB0"), Ok(At::Line("/dev/ttyUSB0".into())));
        assert!(at("").is_err() && at("-oProxyCommand=x").is_err());
    }

    /// The other end's part, by the shell that is here.
    #[test]
    fn the_other_end_runs_what_comes_and_keeps_nothing() {
        let place = tempfile::tempdir().unwrap();
        let program = place.path().join("program");
        std::fs::write(&program, "#!/bin/sh\necho \"with $*\"\nexit 7\n").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{KEEP_AND_RUN} --part 4 sort")]).env("TMPDIR", place.path());
        let output = command.stdin(File::open(&program).unwrap()).output().unwrap();
        assert_eq!((output.stdout.as_slice(), output.status.code()), (&b"with --part 4 sort\n"[..], Some(7)));
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
