//! Runs one process to its end, and says how long it took.
//!
//! Processor time is that of all children that were waited for meanwhile: processes are run one after another.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// How much of the output a message about a failure shows.
const TAIL_BYTES: usize = 600;

/// A process that ended by itself, and well.
pub struct Run {
    /// From start to end.
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    /// Standard output, in pieces as they came.
    pub pieces: Vec<Piece>,
    /// Standard error.
    pub errors: String,
}

/// Some output.
pub struct Piece {
    /// When it came, after the start.
    pub at: Duration,
    /// What processor time the process had used then.
    pub cpu: Duration,
    /// What came.
    pub bytes: Vec<u8>,
}

impl Run {
    /// All of standard output.
    pub fn output(&self) -> String {
        text(&self.pieces)
    }
}

/// Runs `command` without input.
///
/// # Errors
/// It cannot be started, ends with another status than 0, or has not ended after `limit`.
pub fn run(mut command: Command, limit: Duration) -> anyhow::Result<Run> {
    let (used, start) = (children_cpu()?, Instant::now());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", line(&command)))?;
    let clock = clock_getcpuclockid(Pid::from_raw(child.id() as i32)).context("no clock of a process")?;
    let output = child.stdout.take().map(|pipe| pieces(pipe, clock)).context("no standard output")?;
    let errors = child.stderr.take().map(|pipe| pieces(pipe, clock));
    let (pieces, in_time) = collect(&output, start, limit);
    let status = end(child, in_time)?;
    let (wall, cpu) = (start.elapsed(), children_cpu()?.saturating_sub(used));
    let errors = errors.map(|pipe| text(&collect(&pipe, start, limit).0)).unwrap_or_default();
    let run = Run { wall, cpu, pieces, errors };
    check(&command, &run, status, in_time)?;
    Ok(run)
}

/// Waits for its end; one that is not in time is ended.
fn end(mut child: Child, in_time: bool) -> anyhow::Result<ExitStatus> {
    if !in_time {
        // It may have ended in this moment.
        let _ = child.kill();
    }
    child.wait().context("cannot wait for a process")
}

/// What came, and when by the computer's clock and by the process's.
type Came = (Instant, Duration, Vec<u8>);

/// Reads `pipe` on a thread of its own; `clock` is that of the process behind it.
fn pieces(mut pipe: impl Read + Send + 'static, clock: ClockId) -> Receiver<Came> {
    let (to, from) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            // the last of it may come when the process is gone already
            let cpu = clock.now().map(Duration::from).unwrap_or_default();
            if to.send((Instant::now(), cpu, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    from
}

/// What comes until the pipe is closed; and whether that was within `limit` of `start`.
fn collect(pipe: &Receiver<Came>, start: Instant, limit: Duration) -> (Vec<Piece>, bool) {
    let mut pieces = Vec::new();
    loop {
        match pipe.recv_timeout(limit.saturating_sub(start.elapsed())) {
            Ok((at, cpu, bytes)) => pieces.push(Piece { at: at - start, cpu, bytes }),
            Err(why) => return (pieces, why == mpsc::RecvTimeoutError::Disconnected),
        }
    }
}

fn text(pieces: &[Piece]) -> String {
    let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn check(command: &Command, run: &Run, status: ExitStatus, in_time: bool) -> anyhow::Result<()> {
    let what = match (in_time, status.success()) {
        (true, true) => return Ok(()),
        (true, false) => format!("ended with {status}"),
        (false, _) => "took too long (see --limit)".to_owned(),
    };
    bail!("{} {what}\n{}{}", line(command), tail(&run.output()), tail(&run.errors))
}

/// The end of `text`.
pub fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(TAIL_BYTES);
    let start = (start..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[start..]
}

/// The command as a reader knows it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn children_cpu() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("cannot ask for the processor time used")?;
    let duration = |time: nix::sys::time::TimeVal| {
        Duration::new(time.tv_sec().unsigned_abs(), time.tv_usec().unsigned_abs() as u32 * 1000)
    };
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

/// The lines of an output, and what processor time had been used as their ends came.
pub fn lines(pieces: &[Piece]) -> Vec<(Duration, String)> {
    let (mut lines, mut open) = (Vec::new(), Vec::new());
    for piece in pieces {
        for &byte in &piece.bytes {
            match byte {
                b'\n' => lines.push((piece.cpu, String::from_utf8_lossy(&std::mem::take(&mut open)).into_owned())),
                _ => open.push(byte),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> anyhow::Result<Run> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, limit)
    }

    #[test]
    fn output_and_errors_are_told_apart() {
        let run = shell("echo out; echo err >&2", Duration::from_secs(60)).unwrap();
        assert_eq!((run.output().as_str(), run.errors.as_str()), ("out\n", "err\n"));
    }

    #[test]
    fn a_failure_shows_status_and_last_words() {
        let text = shell("echo why; exit 3", Duration::from_secs(60)).err().unwrap().to_string();
        assert!(text.contains("exit status: 3") && text.ends_with("why\n"), "{text}");
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let text = shell("exec sleep 60", Duration::from_millis(50)).err().unwrap().to_string();
        assert!(text.contains("--limit"), "{text}");
    }
}
