//! A pipe, or a device such as `/dev/vport0p1`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use devices::ConsoleOut;

use crate::screen::Screen;
use crate::terminal::{NEXT_OFFER, Taker};

/// What is read from and what is written to.
pub struct Pipe {
    input: File,
    output: File,
    name: String,
}

impl Pipe {
    /// Opens FILE.in and FILE.out where they are there, as QEMU does, and else FILE for both.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Pipe> {
        let beside =
            |end: &str| PathBuf::from([path.as_os_str(), end.as_ref()].into_iter().collect::<std::ffi::OsString>());
        let (input, output) = (beside(".in"), beside(".out"));
        let two = input.exists() && output.exists();
        // A FIFO that is opened for both does not wait for another end.
        let open = |path: &Path| {
            let opened = File::options().read(true).write(true).open(path);
            opened.with_context(|| format!("cannot open the pipe '{}'", path.display()))
        };
        let output = open(if two { &output } else { path })?;
        let input = if two { open(&input)? } else { output.try_clone().context("no file left")? };
        Ok(Pipe { input, output, name: format!("'{}'", path.display()) })
    }

    /// Writes to it.
    pub fn output(&self) -> Result<ConsoleOut> {
        let mut screen = Screen::of(self.output.try_clone().context("no file left")?, self.name.clone());
        Ok(Box::new(move |bytes| screen.show(bytes)))
    }

    /// Hands on what comes from it, on a thread of its own.
    ///
    /// # Errors
    /// The host has no room for a thread.
    pub fn type_into(self, mut taker: Taker) -> Result<()> {
        let typing = move || {
            read_all(self.input, &mut taker);
            (taker.there)(false);
        };
        std::thread::Builder::new().name("pipe input".into()).spawn(typing).context("no thread").map(drop)
    }
}

/// Hands on all that comes from `file`, until its end.
pub fn read_all(mut file: File, taker: &mut Taker) {
    let mut buffer = [0; 4096];
    loop {
        match file.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(count) => offer(&buffer[..count], taker),
        }
    }
}

/// Offers bytes until all are taken.
fn offer(mut rest: &[u8], taker: &mut Taker) {
    while !rest.is_empty() {
        rest = &rest[(taker.take)(rest).min(rest.len())..];
        if !rest.is_empty() {
            std::thread::sleep(NEXT_OFFER);
        }
    }
}
