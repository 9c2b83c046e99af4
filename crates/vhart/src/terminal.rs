//! The user's terminal as the machine's console.
//!
//! [`attach`] puts the terminal into raw mode and hands what is typed to the machine, except the escapes that begin
//! with Ctrl-A. The terminal is as it was when [`Attached`] is dropped, and also after a panic, a signal, or
//! [`restore`] before an exit. A standard input that is no terminal (a pipe, a file) is handed on as it is, without
//! escapes. Nothing typed is lost: what the machine does not take yet waits.

mod escape;
mod monitor;
#[cfg(feature = "linux")]
mod preparing;
#[cfg(not(feature = "linux"))]
#[path = "terminal/preparing_missing.rs"]
mod preparing;
mod raw;
mod signals;
mod typed;

#[cfg(feature = "linux")]
pub use preparing::Preparing;
pub use raw::restore;
pub use typed::NEXT_OFFER;

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::errors;

use escape::{Escapes, Key};
use monitor::{Command, Line};
use typed::Typed;

/// Bytes from a terminal that wait for the machine. So many that whoever pastes into a machine that takes nothing can
/// still end it with Ctrl-A X behind that.
const MOST_TYPED: usize = 16 << 20;
/// Bytes from a pipe or a file, which can wait where they are.
const MOST_PIPED: usize = 64 << 10;

/// Who wants the machine to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quit {
    /// The user: Ctrl-A X.
    User,
    /// A signal, by its number.
    Signal(i32),
}

/// Is offered what is typed, and answers how many bytes of it were taken; the rest is offered again.
pub type Input = Box<dyn FnMut(&[u8]) -> usize + Send>;
/// Whoever takes what is typed.
pub struct Taker {
    /// Is offered it.
    pub take: Input,
    /// Is told that somebody has come who types, and that nobody is there any more.
    pub there: Box<dyn Fn(bool) + Send>,
}

impl Taker {
    /// One that cares for what is typed alone.
    pub fn of(take: impl FnMut(&[u8]) -> usize + Send + 'static) -> Taker {
        Taker { take: Box::new(take), there: Box::new(|_| ()) }
    }
}

/// Is told when someone wants the machine to end. May be called more than once, from any thread.
pub type OnQuit = Arc<dyn Fn(Quit) + Send + Sync>;
/// Is told when someone wants to know what happened.
pub type OnExplain = Arc<dyn Fn() + Send + Sync>;
/// Answers what Ctrl-A S shows.
pub type OnLook = Arc<dyn Fn() -> String + Send + Sync>;

/// Saves the machine while it runs, to a file if it is named. Answers what stands in the way.
pub type OnSave = Arc<dyn Fn(Option<PathBuf>) -> Result<(), &'static str> + Send + Sync>;

/// What keys, commands and signals do that do not end the machine.
#[derive(Clone)]
pub struct Keys {
    /// Ctrl-A S.
    pub on_look: OnLook,
    /// Ctrl-A E.
    pub on_explain: OnExplain,
    /// `savevm`, and SIGUSR1.
    pub on_save: OnSave,
}

/// The terminal in the machine's hands; given back when dropped.
pub struct Attached(());

impl Drop for Attached {
    fn drop(&mut self) {
        restore();
    }
}

/// Attaches the terminal: what is typed goes to `taker`, a wish to end to `on_quit`, other wishes to `keys`.
///
/// # Errors
/// When the terminal or the signals cannot be set up; everything is as before then.
pub fn attach(taker: Taker, on_quit: OnQuit, keys: Keys) -> Result<Attached> {
    signals::watch(on_quit.clone(), || drop(raw::enter()), Some(keys.on_save.clone()))
        .context("cannot watch for signals")?;
    raw::enter().context("cannot put the terminal into raw mode")?;
    let attached = Attached(());
    let escapes = std::io::stdin().is_terminal().then(Escapes::default);
    let typed = Arc::new(Typed::new(if escapes.is_some() { MOST_TYPED } else { MOST_PIPED }));
    let reader = Reader { typed: typed.clone(), on_quit, keys, escapes, command: None };
    spawn("console input", move || reader.run())?;
    let type_all = move || {
        typed.type_into(taker.take);
        (taker.there)(false);
    };
    spawn("typing", type_all)?;
    Ok(attached)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(run).context("no thread").map(drop)
}

/// Only watches for signals: what a program without a console of its own needs. The terminal stays as it is. With
/// `on_save` there is one that saves the machine.
///
/// # Errors
/// When the signals cannot be watched.
pub fn watch_signals(on_quit: OnQuit, on_save: Option<OnSave>) -> Result<()> {
    signals::watch(on_quit, || (), on_save).context("cannot watch for signals")
}

/// The thread that reads standard input until it ends.
struct Reader {
    typed: Arc<Typed>,
    on_quit: OnQuit,
    keys: Keys,
    /// Only on a terminal.
    escapes: Option<Escapes>,
    /// The command that is being typed, while what is typed is none of the machine's.
    command: Option<Line>,
}

impl Reader {
    fn run(mut self) {
        let mut buffer = [0; 4096];
        loop {
            match std::io::stdin().lock().read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.take(&buffer[..count]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.typed.end();
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.escapes.is_none() {
            return self.typed.add(bytes);
        }
        let plain: Vec<u8> = bytes.iter().filter_map(|&byte| self.key(byte)).collect();
        self.typed.add(&plain);
    }

    /// Does what a byte asks for. Answers it if it is for the machine.
    fn key(&mut self, byte: u8) -> Option<u8> {
        match self.escapes.as_mut()?.feed(byte) {
            Key::Byte(byte) if self.command.is_none() => return Some(byte),
            Key::Byte(byte) => self.command(byte),
            Key::Nothing => {}
            Key::Quit => (self.on_quit)(Quit::User),
            Key::Monitor => self.turn(),
            Key::Explain => (self.keys.on_explain)(),
            Key::Help => show(escape::HELP.as_bytes()),
            Key::Look => print((self.keys.on_look)()),
        }
        None
    }

    /// Takes commands, or no longer.
    fn turn(&mut self) {
        let begins = self.command.is_none();
        self.command = begins.then(Line::default);
        show(b"\n");
        if begins {
            show(monitor::PROMPT.as_bytes());
        }
    }

    /// Takes a byte of a command.
    fn command(&mut self, byte: u8) {
        let Some(line) = &mut self.command else { return };
        let (echo, command) = line.feed(byte);
        show(&echo);
        let Some(command) = command else { return };
        match command {
            Command::Nothing => {}
            Command::Save(file) => (self.keys.on_save)(file).unwrap_or_else(errors::tell),
            Command::Quit => (self.on_quit)(Quit::User),
            Command::Show(text) => show(text.as_bytes()),
        }
        show(monitor::PROMPT.as_bytes());
    }
}

/// Shows text of several lines. A terminal that is gone needs none.
fn print(text: String) {
    let _ = writeln!(std::io::stderr().lock(), "\nvhart: {text}");
}

/// Shows what is to be seen as it is. A terminal that is gone needs nothing.
fn show(bytes: &[u8]) {
    let _ = std::io::stderr().lock().write_all(bytes);
}
