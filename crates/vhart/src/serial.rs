//! `--serial`: the machine's serial port, where the user wants it.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use devices::ConsoleOut;

use crate::cli::Serial;
use crate::errors;
use crate::run::standard_output;

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
            Ok(into(file, format!("'{}'", path.display())))
        }
    }
}

/// Writes to `file` until that fails, which is said once.
fn into(mut file: impl Write + Send + 'static, name: String) -> ConsoleOut {
    let mut lost = false;
    Box::new(move |bytes| {
        if lost {
            return;
        }
        if let Err(error) = file.write_all(bytes).and_then(|()| file.flush()) {
            lost = true;
            let why = errors::without_number(&error.to_string());
            eprintln!("vhart: the console's output is lost from here on: cannot write to {name}: {why}");
        }
    })
}
