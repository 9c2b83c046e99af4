//! The board at the other end of a serial line: a shell that is logged in there takes the program and runs it.
//!
//! Whatever is sent is echoed until the shell has been told otherwise; so each answer is looked for by a word that the
//! question has only in two parts. The program goes packed, a few lines at a time, each of which is waited for: a line
//! has no other brake.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::errors;

/// The first word of what `vhart workload` is told for it.
pub const WORD: &str = "--at";

/// Bits each second, which boards begin with.
const SPEED: u32 = 115_200;
/// How long a shell may take for a short order.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a program may say nothing; `vhart bench` ends it sooner.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes that go in one piece: less than what a shell's terminal keeps.
const PIECE: usize = 1500;
/// Digits in a line.
const LINE: usize = 76;
/// Where the program is kept, for the next run.
const KEPT: &str = "/tmp/vhart-workloads";

/// Runs the program of the second word with the rest at the other end of the first. Answers its status.
pub fn run(words: &[String]) -> ExitCode {
    let [device, program, orders @ ..] = words else { return ExitCode::from(2) };
    match session(Path::new(device), Path::new(program), orders) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            errors::tell(errors::sentence(&why));
            ExitCode::FAILURE
        }
    }
}

fn session(device: &Path, program: &Path, orders: &[String]) -> Result<u8> {
    let content = std::fs::read(program).with_context(|| format!("cannot read '{}'", program.display()))?;
    let mut line = Line::open(device)?;
    // what stands there half typed is done with first
    line.order("\nstty -echo 2>/dev/null").with_context(|| {
        format!(
            "no shell answers at '{}': log in there, and close the terminal program that you did it with",
            device.display()
        )
    })?;
    line.bring(&content)?;
    line.program(orders)
}

/// The line, and what comes from it.
struct Line {
    to: File,
    from: Receiver<String>,
    /// Where the program is kept.
    kept: String,
}

impl Line {
    fn open(device: &Path) -> Result<Line> {
        let failed = || format!("cannot open '{}'", device.display());
        let to = File::options().read(true).write(true).open(device).with_context(failed)?;
        let mut termios = tcgetattr(&to).with_context(|| format!("'{}' is no serial port", device.display()))?;
        termios.make_raw();
        termios.set_speed(SPEED).context("the speed of the line")?;
        tcsetattr(&to, OptionalActions::Now, &termios).with_context(failed)?;
        let from = lines(to.try_clone().with_context(failed)?);
        Ok(Line { to, from, kept: KEPT.to_owned() })
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()).context("the line")
    }

    /// Has the shell do something that prints nothing. Answers the status.
    fn order(&mut self, text: &str) -> Result<u8> {
        self.write(&format!("{text}; echo vhart-do''ne $?\n"))?;
        self.listen(PATIENCE, |_| Ok(()))
    }

    /// Takes lines until the shell says that it is done.
    fn listen(&mut self, patience: Duration, mut take: impl FnMut(&str) -> Result<()>) -> Result<u8> {
        loop {
            let Ok(line) = self.from.recv_timeout(patience) else { bail!("the line says nothing any more") };
            match line.split_once("vhart-done ").map(|(_, status)| status.trim().parse()) {
                Some(Ok(status)) => return Ok(status),
                _ => take(line.trim_end_matches('\r'))?,
            }
        }
    }

    /// Sends the program, unless it is there.
    fn bring(&mut self, content: &[u8]) -> Result<()> {
        if self.has(content)? {
            return Ok(());
        }
        self.send_program(content)?;
        let arrived = self.has(content)?;
        ensure!(
            arrived,
            "the program did not arrive whole: has the board base64, unxz and sha256sum, and room in /tmp?"
        );
        Ok(())
    }

    /// Whether this program is kept there.
    fn has(&mut self, content: &[u8]) -> Result<bool> {
        let digest = images::hash::hex_sha256(&[content]);
        let status = self.order(&format!("echo '{digest}  {}' | sha256sum -c >/dev/null 2>&1", self.kept))?;
        Ok(status == 0)
    }

    fn send_program(&mut self, content: &[u8]) -> Result<()> {
        let (packed, kept) = (images::vmm::packed(content), self.kept.clone());
        self.order(&format!("rm -f {kept} {kept}.xz"))?;
        for piece in packed.chunks(PIECE) {
            let digits = base64(piece);
            let lines: Vec<&str> =
                digits.as_bytes().chunks(LINE).filter_map(|line| str::from_utf8(line).ok()).collect();
            self.write(&format!("base64 -d >>{kept}.xz <<'vhart-end'\n{}\nvhart-end\n", lines.join("\n")))?;
            self.order("true")?;
        }
        self.order(&format!("unxz -f {kept}.xz && chmod +x {kept}"))?;
        Ok(())
    }

    /// Runs the program, whose lines become this one's.
    fn program(&mut self, orders: &[String]) -> Result<u8> {
        self.write(&format!("{} {}; echo vhart-do''ne $?\n", self.kept, orders.join(" ")))?;
        self.listen(LONG, |line| errors::print(format!("{line}\n")))
    }
}

/// Reads lines on a thread of its own.
fn lines(from: File) -> Receiver<String> {
    let (to, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(std::io::Result::ok) {
            if to.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

/// RFC 4648, "Base 64 Encoding".
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |three: &[u8]| {
        let number = (0..3).fold(0, |sum, at| sum << 8 | u32::from(three.get(at).copied().unwrap_or_default()));
        let digit = |at: usize| match at <= three.len() {
            true => char::from(DIGITS[(number >> (18 - 6 * at) & 0x3f) as usize]),
            false => '=',
        };
        [0, 1, 2, 3].map(digit)
    };
    bytes.chunks(3).flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::process::{Command, Stdio};

    /// RFC 4648, "Test Vectors".
    #[test]
    fn digits_are_those_of_the_vectors() {
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        let found: Vec<String> = (0..=6).map(|length| base64(&b"foobar"[..length])).collect();
        assert_eq!(found, expected);
    }

    /// A shell behind a terminal that echoes, as a board's is.
    #[test]
    fn a_shell_at_the_other_end_gets_the_program_and_runs_it() {
        let board = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&board).and_then(|()| unlockpt(&board)).unwrap();
        let name = ptsname(&board, Vec::new()).unwrap().into_string().unwrap();
        let shells = || File::options().read(true).write(true).open(&name).unwrap();
        let mut shell = Command::new("sh");
        shell.arg("-i").stdin(Stdio::from(shells())).stdout(Stdio::from(shells())).stderr(Stdio::from(shells()));
        let mut shell = shell.spawn().unwrap();
        let (to, place) = (File::from(board), tempfile::tempdir().unwrap());
        let kept = place.path().join("program").display().to_string();
        let mut line = Line { from: lines(to.try_clone().unwrap()), to, kept };
        line.order("\nstty -echo").unwrap();
        // larger than a piece even when it is packed
        let text: String = (0..4000u32).map(|n| format!("# {}\n", n.wrapping_mul(2_654_435_761))).collect();
        let program = format!("#!/bin/sh\n{text}echo \"with $*\"\nexit 7\n");
        assert!(!line.has(program.as_bytes()).unwrap());
        line.send_program(program.as_bytes()).unwrap();
        assert!(line.has(program.as_bytes()).unwrap());
        line.write(&format!("{} --part 4; echo vhart-do''ne $?\n", line.kept)).unwrap();
        let mut said = Vec::new();
        let status = line.listen(PATIENCE, |text| {
            said.push(text.to_owned());
            Ok(())
        });
        let status = status.unwrap();
        assert!(status == 7 && said.iter().any(|text| text.ends_with("with --part 4")), "{said:?}");
        line.write("exit\n").unwrap();
        shell.wait().unwrap();
    }
}
