//! Runs what a listing has typed, as a terminal would.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(180);

/// Where commands run and find programs.
pub struct Shell {
    directory: tempfile::TempDir,
    path: OsString,
}

impl Shell {
    /// In a new directory with copies of the files in `from`; programs are looked for in `first`, then in `path`.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn new(from: &Path, first: &Path, path: &OsStr) -> anyhow::Result<Shell> {
        let directory = tempfile::tempdir()?;
        for entry in from.read_dir().with_context(|| from.display().to_string())? {
            let entry = entry?;
            std::fs::copy(entry.path(), directory.path().join(entry.file_name()))?;
        }
        let path = std::env::join_paths(std::iter::once(first.to_owned()).chain(std::env::split_paths(path)))?;
        Ok(Shell { directory, path })
    }

    /// Where commands run.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a command; answers what it printed, standard output and error as they came, and its exit status.
    ///
    /// # Errors
    /// It cannot be run, ends by a signal, or does not end in time.
    pub fn run(&self, typed: &str) -> anyhow::Result<(String, i32)> {
        self.run_within(typed, LIMIT)
    }

    fn run_within(&self, typed: &str, limit: Duration) -> anyhow::Result<(String, i32)> {
        let mut printed = tempfile::tempfile()?;
        let mut command = Command::new("sh");
        command.args(["-c", typed]).current_dir(&self.directory).env("PATH", &self.path).env("LC_ALL", "C.UTF-8");
        command.env_remove("RUST_BACKTRACE").process_group(0);
        command.stdin(Stdio::null()).stdout(printed.try_clone()?).stderr(printed.try_clone()?);
        let status = wait(command.spawn().context("cannot run sh")?, limit)?;
        let mut bytes = Vec::new();
        printed.rewind()?;
        printed.read_to_end(&mut bytes)?;
        Ok((plain(&String::from_utf8_lossy(&bytes)), status.code().context("it ended by a signal")?))
    }
}

/// Waits for a process group's first process; the group goes when the limit is over.
fn wait(mut child: Child, limit: Duration) -> anyhow::Result<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        match child.try_wait()? {
            Some(status) => return Ok(status),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL)?;
    child.wait()?;
    bail!("it did not end within {} s", limit.as_secs_f32())
}

/// The text as a page has it: without carriage returns and spaces at ends of lines, its last line ended.
fn plain(text: &str) -> String {
    text.replace('\r', "").lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("file"), "in a file\n").unwrap();
        Shell::new(files.path(), Path::new("/first"), OsStr::new("/usr/bin:/bin")).unwrap()
    }

    #[test]
    fn output_errors_and_status_are_a_terminals() {
        let said = shell().run("cat file; echo err >&2; printf 'out \\r\\nend'; exit 3").unwrap();
        assert_eq!(said, ("in a file\nerr\nout\nend\n".to_owned(), 3));
    }

    #[test]
    fn files_stay_for_the_next_command() {
        let shell = shell();
        shell.run("echo left > behind").unwrap();
        assert_eq!(shell.run("cat behind").unwrap().0, "left\n");
    }

    #[test]
    fn programs_are_found_in_the_first_place() {
        assert_eq!(shell().run("echo $PATH").unwrap().0, "/first:/usr/bin:/bin\n");
    }

    #[test]
    fn what_does_not_end_is_ended_with_all_it_started() {
        let error = shell().run_within("sleep 60 | sleep 60", Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
    }
}
