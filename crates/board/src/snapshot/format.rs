//! What the parts of a snapshot's file have in common: numbers of so many bytes, check sums, and what can be wrong.

use std::io::{self, Read};

use crc32fast::Hasher;

use super::SCHEMA;

/// Why a file is no snapshot that can be loaded, or cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is something else.
    #[error("it is no snapshot of vhart's")]
    Foreign,
    /// Another vhart wrote it.
    #[error("it has version {found} of the format, and this vhart reads version {SCHEMA}; take it anew")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It ends too soon.
    #[error("it ends in its midst: it was not written or copied whole")]
    Truncated,
    /// A check sum is wrong, or what is in it makes no sense.
    #[error("it is damaged: {what} is not as it was written")]
    Damaged {
        /// What.
        what: &'static str,
    },
    /// Something follows its end.
    #[error("it is damaged: something follows its end")]
    Longer,
    /// The host cannot read or write it.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Problem::Truncated,
            _ => Problem::Io(error),
        }
    }
}

/// Takes so many bytes.
pub(super) fn take<const N: usize>(from: &mut dyn Read) -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn check_sum(bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finalize()
}
