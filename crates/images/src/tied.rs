//! Programs that end when this one does, with all that they have started, whatever ends it: TERM, HUP, INT, or KILL.
//!
//! A shell starts the program, in a process group of its own, and holds one end of a pipe whose other end is here. When
//! this process is gone the pipe ends, and the shell's watcher ends the group. So no signal need be caught, which
//! whoever uses this crate may want to do, and which nobody can do for KILL.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// Starts its arguments as a program. The watcher holds nothing of the program's but its group, so that the end of its
/// output can be waited for; where the program ends first, the watcher goes.
const SCRIPT: &str = r#"exec 3<&0 </dev/null
{ read -r end; kill -TERM 0; } <&3 >/dev/null 2>&1 &
exec 3<&-
"$@"
status=$?
kill $! 2>/dev/null
exit $status"#;

/// The shell, and what it calls itself in its complaints: "vhart: 4: cargo: not found".
const SHELL: &str = "/bin/sh";
const NAME: &str = "vhart";

/// A command for `program`, to be completed as any is and started by [`start`] or [`status`].
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(SHELL);
    command.args(["-c", SCRIPT, NAME]).arg(program).process_group(0);
    command
}

/// A program at work, which lives no longer than this.
#[derive(Debug)]
pub struct Tied {
    /// The shell that started the program.
    pub child: Child,
    /// Ends the group when it is closed.
    _pipe: Option<ChildStdin>,
}

impl Tied {
    /// Waits for its end.
    ///
    /// # Errors
    /// The system does not tell of it.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        // `Child::wait` would close the pipe first.
        self.child.wait()
    }
}

/// Starts a [`command`], whose standard input is empty.
///
/// # Errors
/// There is no shell to start it.
pub fn start(command: &mut Command) -> io::Result<Tied> {
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let pipe = child.stdin.take();
    Ok(Tied { child, _pipe: pipe })
}

/// Runs a [`command`] to its end. Its standard input is empty.
///
/// # Errors
/// There is no shell to start it.
pub fn status(command: &mut Command) -> io::Result<ExitStatus> {
    start(command)?.wait()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::time::{Duration, Instant};

    use super::*;

    /// Says the number of a process that it leaves running.
    const PARENT: &str = "sleep 300 & echo $!; wait";

    fn is_there(process: &str) -> bool {
        // A process that has ended and that nobody has waited for is not there.
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    fn is_gone_soon(process: &str) -> bool {
        let start = Instant::now();
        while is_there(process) && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(20));
        }
        !is_there(process)
    }

    #[test]
    fn what_a_program_has_started_ends_with_its_pipe() {
        let mut tied = start(command("sh").args(["-c", PARENT]).stdout(Stdio::piped())).unwrap();
        let mut line = String::new();
        BufReader::new(tied.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild = line.trim().to_owned();
        assert!(is_there(&grandchild));
        let Tied { mut child, _pipe } = tied;
        drop(_pipe);
        assert!(is_gone_soon(&grandchild));
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_program_keeps_its_status_its_words_and_its_output() {
        let status_of = |words: [&str; 2]| status(command("sh").args(words)).unwrap().code();
        assert_eq!(status_of(["-c", "exit 0"]), Some(0));
        assert_eq!(status_of(["-c", "exit 7"]), Some(7));
        let mut tied = start(command("printf").args(["%s|", "a b", "$x;'"]).stdout(Stdio::piped())).unwrap();
        let output = std::io::read_to_string(tied.child.stdout.take().unwrap()).unwrap();
        assert_eq!((output.as_str(), tied.wait().unwrap().success()), ("a b|$x;'|", true));
    }
}
