//! The disk that workloads read and write: a file for a while, and what they expect in it.

use std::io::{BufWriter, Write as _};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Makes it. It goes with what is answered.
///
/// # Errors
/// There is no room.
pub fn make() -> Result<NamedTempFile> {
    let file =
        tempfile::Builder::new().prefix("vhart-bench-").suffix(".img").tempfile().context("no room for a disk")?;
    let mut out = BufWriter::new(file.as_file());
    let written = workloads::disk_content().try_for_each(|word| out.write_all(&word)).and_then(|()| out.flush());
    written.context("no room for a disk")?;
    drop(out);
    Ok(file)
}
