//! The disk that host and guest get when the user brings none.
//!
//! Its first sector says what it is and the sum of the megabyte that starts at 1 MiB; an unattended guest compares, and
//! writes only to a disk that says it is ours. The rest is empty (and takes no room where files can be sparse).

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{OnFile, Result};
use crate::hash::hex_sha256;

/// What the first sector begins with; guest scripts look for it.
pub(crate) const MAGIC: &str = "vhart disk 1";

/// The name of the disk in the cache. Changes with the content.
pub(crate) const NAME: &str = "disk/disk-2.img";

const LEN_BYTES: u64 = 64 << 20;
const PATTERN_START: u64 = 1 << 20;
const PATTERN_LEN: usize = 1 << 20;

/// Writes the disk to `path`.
pub(crate) fn write(path: &Path) -> Result<()> {
    let pattern = pattern();
    let head = format!("{MAGIC}\n{}\n", hex_sha256(&[&pattern]));
    let fill = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(head.as_bytes())?;
        file.seek(SeekFrom::Start(PATTERN_START))?;
        file.write_all(&pattern)?;
        file.set_len(LEN_BYTES)?;
        file.sync_all()
    };
    fill().on_file("write", path)
}

/// Bytes without an obvious order, the same every time.
fn pattern() -> Vec<u8> {
    let mut bytes = vec![0; PATTERN_LEN];
    fastrand::Rng::with_seed(1).fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_has_the_sum_of_the_pattern() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk.img");
        write(&path).unwrap();
        let disk = std::fs::read(&path).unwrap();
        let start = PATTERN_START as usize;
        let sum = hex_sha256(&[&disk[start..start + PATTERN_LEN]]);
        assert!(disk.starts_with(format!("{MAGIC}\n{sum}\n").as_bytes()));
        // Caches keep a disk by its name: another content, by another version of the generator, has another name.
        assert_eq!(
            (NAME, sum.as_str()),
            ("disk/disk-2.img", "e64fd9c2f5adc72ae45f7f2f6b8b50ff6543ae77ddbbfdfef9b500ecee80edf6")
        );
        assert_eq!(disk.len() as u64, LEN_BYTES);
    }
}
