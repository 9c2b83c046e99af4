//! The window's size in the shells of `vhart linux`: as it is at first, and as it becomes, in guest and host.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// How long a boot, or an answer of a shell's, may take on a busy computer.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long the first may take, for which a VMM may have to be built.
const WITH_BUILD: Duration = Duration::from_secs(1200);

/// How much of what was shown a complaint has.
const TAIL: usize = 1000;

/// How long a shell has for an answer before it is asked again.
const ANSWER: Duration = Duration::from_secs(5);

/// What the shells say when they read.
const GUEST: &str = "guest:/# ";
const HOST: &str = "host:/# ";

/// How long a shell has to hear of another size.
const AFTER: Duration = Duration::from_secs(60);

/// Looks at both.
///
/// # Errors
/// The machine does not boot, or a shell knows another size than the window has.
pub fn check() -> anyhow::Result<()> {
    eprintln!("== linux, the window's size");
    let mut window = Window::open((33, 101))?;
    window.wait_for(GUEST, WITH_BUILD)?;
    window.has_size("33 101", GUEST)?;
    window.resize((40, 120))?;
    window.leave(GUEST, "40 120")?;
    window.wait_for(HOST, PATIENCE)?;
    window.has_size("40 120", HOST)?;
    window.resize((25, 90))?;
    window.leave(HOST, "25 90")?;
    let status = window.vhart.wait().context("vhart did not end")?;
    ensure!(status.success(), "linux, the window's size: {status}");
    Ok(())
}

/// A terminal that shows `vhart linux`.
struct Window {
    user: File,
    vhart: Child,
    shown: Receiver<Vec<u8>>,
    text: String,
}

impl Window {
    fn open(size: (u16, u16)) -> anyhow::Result<Window> {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("no terminal")?;
        grantpt(&user).and_then(|()| unlockpt(&user)).context("no terminal")?;
        let program = ioctl_tiocgptpeer(&user, OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("no terminal")?;
        let user = File::from(user);
        tcsetwinsize(&user, winsize(size)).context("a terminal without a size")?;
        let end = || program.try_clone().map(Stdio::from);
        let mut command = Command::new(crate::booted::VHART);
        command.arg("linux").stdin(end()?).stdout(end()?).stderr(end()?);
        let vhart = command.spawn().context("cannot run vhart")?;
        let (sender, shown) = channel();
        let reader = user.try_clone()?;
        std::thread::spawn(move || pass_on(reader, &sender));
        Ok(Window { user, vhart, shown, text: String::new() })
    }

    /// Another size. A terminal that is nobody's session tells no one: that is done here.
    fn resize(&mut self, size: (u16, u16)) -> anyhow::Result<()> {
        tcsetwinsize(&self.user, winsize(size)).context("a terminal without a size")?;
        let process = Pid::from_raw(self.vhart.id() as i32);
        kill(process, Signal::SIGWINCH).context("vhart has ended")
    }

    fn type_in(&mut self, text: &str) -> anyhow::Result<()> {
        self.user.write_all(text.as_bytes()).context("the terminal is gone")
    }

    /// Has the shell end, which knows that size.
    fn leave(&mut self, prompt: &str, size: &str) -> anyhow::Result<()> {
        self.has_size(size, prompt)?;
        self.type_in("exit\n")
    }

    /// Waits until `text` is shown, and answers what was shown before it.
    fn wait_for(&mut self, text: &str, patience: Duration) -> anyhow::Result<String> {
        let start = Instant::now();
        loop {
            if let Some(at) = self.text.find(text) {
                let before = self.text[..at].to_owned();
                self.text.drain(..at + text.len());
                return Ok(before);
            }
            match self.shown.recv_timeout(patience.saturating_sub(start.elapsed())) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => bail!("'{text}' is not shown, but {:?}", self.tail()),
                Err(RecvTimeoutError::Disconnected) => bail!("vhart ended: {}", self.tail()),
            }
        }
    }

    /// The end of what was shown.
    fn tail(&self) -> String {
        let skipped = self.text.chars().count().saturating_sub(TAIL);
        self.text.chars().skip(skipped).collect()
    }

    /// Asks the shell again and again: the size is on its way, and a shell does not hear what is typed while it gets
    /// ready.
    fn has_size(&mut self, size: &str, prompt: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            self.type_in("stty size\n")?;
            match self.wait_for(&format!("\n{size}\r"), ANSWER) {
                Ok(_) => return self.wait_for(prompt, PATIENCE).map(drop),
                Err(why) => {
                    let is_there = self.vhart.try_wait()?.is_none() && start.elapsed() < AFTER;
                    ensure!(is_there, "the window has {size}, and at '{prompt}': {why}");
                }
            }
        }
    }
}

/// What the terminal shows, until nobody asks.
fn pass_on(mut terminal: File, to: &Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = terminal.read(&mut buffer) {
        if to.send(buffer[..count].to_vec()).is_err() {
            return;
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.vhart.kill();
        let _ = self.vhart.wait();
    }
}

fn winsize((ws_row, ws_col): (u16, u16)) -> Winsize {
    Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }
}
