//! What the kernel says on the serial port: kept, written where the user wants it, and looked through for what went
//! wrong.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use devices::ConsoleOut;

use crate::errors::STANDARD_OUTPUT;
use crate::linux::console::{LINE_BYTES, Tail};
use crate::screen::Screen;

/// What is kept of all that was said: its beginning.
const MOST_KEPT: usize = 4 << 20;

/// What Linux says before it gives up.
const PANIC: &str = "Kernel panic - not syncing";
/// How riscv's reports of a fault in the kernel end (arch/riscv/kernel/traps.c, `die`: "%s [#%d]").
const OOPS: [&str; 2] = ["Oops", "Kernel BUG"];

/// A machine's kernel messages. Cloning shares them.
#[derive(Clone, Default)]
pub struct KernelLog(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    tail: Tail,
    all: Vec<u8>,
    line: Vec<u8>,
    panic: Option<String>,
    oops: Option<String>,
    failure: Option<String>,
}

/// What becomes of messages that are in the file already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// They go: the file is made anew.
    Truncate,
    /// They stay, and the new ones come behind them.
    Append,
}

impl KernelLog {
    /// What the machine's console leads to, and `file` with it.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn console(&self, file: Option<&Path>, mode: WriteMode) -> Result<ConsoleOut> {
        let log = self.clone();
        let Some(file) = file else { return Ok(Box::new(move |bytes| log.hear(bytes))) };
        if file.as_os_str() == STANDARD_OUTPUT {
            let mut screen = Screen::of(rustix::stdio::stderr(), "standard error");
            return Ok(Box::new(move |bytes| {
                screen.show(bytes);
                log.hear(bytes);
            }));
        }
        let mut screen = screen(file, mode)?;
        Ok(Box::new(move |bytes| {
            screen.show(&without_returns(bytes));
            log.hear(bytes);
        }))
    }

    /// Takes the next bytes.
    pub fn hear(&self, bytes: &[u8]) {
        let mut log = self.lock();
        log.tail.feed(bytes);
        let room = MOST_KEPT.saturating_sub(log.all.len()).min(bytes.len());
        log.all.extend(without_returns(&bytes[..room]));
        for &byte in bytes {
            match byte {
                b'\n' => log.end_line(),
                _ if log.line.len() < LINE_BYTES => log.line.push(byte),
                _ => {}
            }
        }
    }

    /// The line with which the kernel gave up.
    pub fn panic(&self) -> Option<String> {
        self.lock().panic.clone()
    }

    /// The first report of a fault in the kernel.
    pub fn oops(&self) -> Option<String> {
        self.lock().oops.clone()
    }

    /// Why an init script gave up.
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    /// The last lines.
    pub fn last_lines(&self) -> Vec<String> {
        self.lock().tail.lines()
    }

    /// All that was said, up to some megabytes.
    pub fn all(&self) -> Vec<u8> {
        self.lock().all.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
        let said = message(&line);
        if let Some(at) = said.find(PANIC) {
            self.panic.get_or_insert(said[at..].to_owned());
        }
        if OOPS.iter().any(|word| said.starts_with(word)) && said.contains(" [#") {
            self.oops.get_or_insert(said.to_owned());
        }
        if let Some(why) = said.strip_prefix(images::FAILED) {
            self.failure.get_or_insert(why.to_owned());
        }
    }
}

/// A line without its time.
fn message(line: &str) -> &str {
    let after = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    match after {
        Some((time, message)) if time.trim().parse::<f64>().is_ok() => message,
        _ => line,
    }
}

/// Lines as files have them: the serial port's end with a carriage return.
fn without_returns(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|&byte| byte != b'\r').collect()
}

/// A file for the kernel's messages.
fn screen(file: &Path, mode: WriteMode) -> Result<Screen<File>> {
    let name = format!("'{}'", file.display());
    let made = match mode {
        WriteMode::Truncate => File::create(file),
        WriteMode::Append => File::options().append(true).open(file),
    };
    let made = made.with_context(|| format!("cannot write the kernel's messages to {name}"))?;
    Ok(Screen::of(made, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_behind_the_time_and_only_at_the_beginning_of_a_line() {
        let log = KernelLog::default();
        log.hear(b"[    0.1] the word Oops [#1] in a sentence\r\n");
        assert_eq!((log.oops(), log.panic()), (None, None));
        log.hear(b"[    1.5] Oops [#1]\r\n[    1.6] Oops [#2]\r\n");
        log.hear(b"[    2.0] Kernel panic - not syncing: Fatal ex");
        assert_eq!((log.oops().as_deref(), log.panic()), (Some("Oops [#1]"), None));
        log.hear(b"ception\r\nvhart failed: the host cannot load KVM\n");
        assert_eq!(log.panic().as_deref(), Some("Kernel panic - not syncing: Fatal exception"));
        assert_eq!(log.failure().as_deref(), Some("the host cannot load KVM"));
        assert!(!log.all().contains(&b'\r') && log.last_lines().len() == 5);
    }
}
