//! `--serial`: the machine's serial port, where the user wants it.

#[cfg(feature = "machine")]
mod peer;
#[cfg(not(feature = "machine"))]
#[path = "peer_missing.rs"]
mod peer;
mod pipe;
pub mod window;

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use devices::ConsoleOut;

use crate::cli::Serial;
use crate::ending::Stopper;
use crate::run::standard_output;
use crate::screen::Screen;
use crate::terminal::{self, Attached, Keys, Taker};
use peer::Peer;
use pipe::Pipe;

/// Where a serial port's input comes from.
enum Input {
    Terminal,
    Nowhere,
    Peer(Peer),
    Pipe(Pipe),
    Window,
}

/// Opens the far end: where output goes, and who types.
///
/// # Errors
/// A file cannot be made, or a socket cannot be had.
pub fn open(to: &Serial) -> Result<(ConsoleOut, Typist)> {
    let (output, input): (ConsoleOut, Input) = match to {
        Serial::Stdio => (standard_output(), Input::Terminal),
        Serial::Null => (Box::new(|_| ()), Input::Nowhere),
        Serial::Window => (Box::new(|_| ()), Input::Window),
        Serial::File(path) => (to_file(path)?, Input::Nowhere),
        Serial::Pipe(path) => {
            let pipe = Pipe::open(path)?;
            (pipe.output()?, Input::Pipe(pipe))
        }
        Serial::Pty => of_peer(Peer::pty().context("cannot make a terminal for the console")?),
        Serial::Socket(socket) => of_peer(Peer::socket(socket)?),
    };
    Ok((output, Typist(input)))
}

fn of_peer(peer: Peer) -> (ConsoleOut, Input) {
    (peer.output(), Input::Peer(peer))
}

/// Who types.
pub struct Typist(Input);

impl Typist {
    /// Lets what arrives go to `taker`; signals, and at a terminal its keys, end the machine. A terminal is given
    /// back when what is answered is dropped.
    ///
    /// # Errors
    /// The terminal or the signals cannot be set up.
    pub fn attach(self, taker: Taker, stopper: &Stopper, keys: Keys) -> Result<Option<Attached>> {
        match self.0 {
            Input::Terminal => return terminal::attach(taker, stopper.on_quit(), keys).map(Some),
            Input::Peer(peer) => peer.type_into(taker)?,
            Input::Pipe(pipe) => pipe.type_into(taker)?,
            Input::Window => window::type_into(taker)?,
            Input::Nowhere => {}
        }
        terminal::watch_signals(stopper.on_quit(), Some(keys.on_save)).map(|()| None)
    }
}
fn to_file(path: &Path) -> Result<ConsoleOut> {
    let file = File::create(path).with_context(|| format!("cannot write the console to '{}'", path.display()))?;
    let mut screen = Screen::of(file, format!("'{}'", path.display()));
    Ok(Box::new(move |bytes| screen.show(bytes)))
}
