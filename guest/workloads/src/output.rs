//! Characters that somebody else is to read: the serial port, and standard output.

use std::fs::File;
use std::io::{Error, Write as _};
use std::sync::OnceLock;

use crate::{Why, absent, system};

/// Whether the program may write to the serial port.
pub static SERIAL: OnceLock<bool> = OnceLock::new();

const PORT: &str = "/dev/ttyS0";
/// Characters of a line, with its end.
const LINE: usize = 64;

/// Characters to the serial port, until they are out.
pub fn serial(iterations: u64) -> Result<u64, Why> {
    if SERIAL.get() != Some(&true) {
        return Err(absent("it has no serial port to write to"));
    }
    send(iterations)?;
    Ok(iterations)
}

/// Sends so many spaces to the serial port, the last as the end of a line, and waits until they are out.
pub fn send(count: u64) -> Result<(), String> {
    let Some(spaces) = count.checked_sub(1) else { return Ok(()) };
    let said = |why: Error| format!("{PORT}: {why}");
    let mut port = File::options().write(true).open(PORT).map_err(said)?;
    let mut text = vec![b' '; spaces as usize];
    text.push(b'\n');
    port.write_all(&text).map_err(said)?;
    system::drain(&port)
}

/// Lines to standard output.
pub fn lines(iterations: u64) -> Result<u64, String> {
    let mut line = [b' '; LINE];
    line[LINE - 1] = b'\n';
    let mut out = std::io::stdout().lock();
    for _ in 0..iterations {
        out.write_all(&line).and_then(|()| out.flush()).map_err(|why| format!("standard output: {why}"))?;
    }
    Ok(iterations)
}
