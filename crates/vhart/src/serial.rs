//! `--serial`: the machine's serial port, where the user wants it.

use std::fs::File;

use anyhow::{Context, Result};
use devices::ConsoleOut;

use crate::cli::Serial;
use crate::run::standard_output;
use crate::screen::Screen;

/// Where the serial port's output goes.
///
/// # Errors
/// A file cannot be made.
pub fn output(to: &Serial) -> Result<ConsoleOut> {
    match to {
        Serial::Stdio => Ok(standard_output()),
        Serial::Null => Ok(Box::new(|_| ())),
        Serial::File(path) => {
            let file =
                File::create(path).with_context(|| format!("cannot write the console to '{}'", path.display()))?;
            let mut screen = Screen::of(file, format!("'{}'", path.display()));
            Ok(Box::new(move |bytes| screen.show(bytes)))
        }
    }
}
