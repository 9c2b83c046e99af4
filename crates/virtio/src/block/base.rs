//! The image beneath all that is written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::host;

/// Whether to wait for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Wait,
    Now,
}

/// The image, whose last sector may be incomplete: it reads as if zeros followed.
pub(super) struct Base {
    pub(super) file: Arc<File>,
    pub(super) len_bytes: u64,
}

impl Base {
    /// Fills `data` from `at` on.
    pub(super) fn read_at(&self, at: u64, data: &mut [u8], patience: Patience) -> io::Result<()> {
        let present = self.len_bytes.saturating_sub(at).min(data.len() as u64) as usize;
        let (file, padding) = data.split_at_mut(present);
        padding.fill(0);
        read_exact_at(&self.file, file, at, patience)
    }
}

pub(super) fn read_exact_at(file: &File, data: &mut [u8], at: u64, patience: Patience) -> io::Result<()> {
    match patience {
        Patience::Wait => file.read_exact_at(data, at),
        Patience::Now => host::read_now(file, at, data),
    }
}
