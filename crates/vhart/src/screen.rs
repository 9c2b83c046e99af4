//! Where the machine's console is shown: standard output, standard error, a file.
//!
//! Bytes go out at once, past every buffer and lock of this process. Whoever shows waits for a reader that is slow;
//! ends of the program do not ([`crate::ending`]).

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::errors;

/// A file that the console's output goes to.
pub struct Screen<F> {
    file: F,
    name: String,
    /// It could not be written to: that was said, and is not tried again.
    lost: bool,
}

impl<F: AsFd> Screen<F> {
    /// One on `file`, which complaints call `name`.
    pub fn of(file: F, name: impl Into<String>) -> Self {
        Screen { file, name: name.into(), lost: false }
    }

    /// Shows `bytes`. Where they cannot be written, that is said once, and the machine goes on unseen.
    pub fn show(&mut self, bytes: &[u8]) {
        if self.lost {
            return;
        }
        if let Err(error) = write_all(&self.file, bytes) {
            self.lost = true;
            let error = errors::without_number(&std::io::Error::from(error).to_string());
            errors::tell(format!("the console's output is lost from here on: cannot write to {}: {error}", self.name));
        }
    }
}

/// Writes `bytes` to `file`, past every buffer and lock of this process.
///
/// # Errors
/// They cannot be written.
pub fn write_all(file: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(&file, bytes) {
            Ok(written) => bytes = &bytes[written.min(bytes.len())..],
            Err(Errno::INTR) => {}
            // somebody else who has the file made it one that does not wait
            Err(Errno::AGAIN) => wait(&file)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait(file: impl AsFd) -> Result<(), Errno> {
    match poll(&mut [PollFd::new(&file, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}
