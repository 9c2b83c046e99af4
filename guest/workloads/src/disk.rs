//! A disk, or a file in its place, past the kernel's cache.
//!
//! Every 8 bytes of it are to hold their own place, so that whatever is read can be checked, and what is written is the
//! same again.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

use crate::random::Random;
use crate::system::{self, Mapping, Pages};
use crate::{Why, absent};

/// Where the disk is.
pub static DISK: OnceLock<Option<String>> = OnceLock::new();

/// Bytes of it that are used.
const DISK_BYTES: u64 = 16 << 20;
/// Bytes of a large request and of a small one.
const LARGE: usize = 64 << 10;
const SMALL: usize = 4 << 10;

/// Reads one block after the other.
pub fn read(iterations: u64) -> Result<u64, Why> {
    let mut disk = Disk::open(LARGE)?;
    (0..iterations).try_for_each(|number| disk.read(number * LARGE as u64 % DISK_BYTES))?;
    Ok(iterations)
}

/// Reads small blocks here and there.
pub fn random(iterations: u64) -> Result<u64, Why> {
    let mut disk = Disk::open(SMALL)?;
    let mut random = Random::new(23);
    for _ in 0..iterations {
        disk.read(random.below(DISK_BYTES / SMALL as u64) * SMALL as u64)?;
    }
    Ok(iterations)
}

/// Writes one block after the other.
pub fn write(iterations: u64) -> Result<u64, Why> {
    let mut disk = Disk::open(LARGE)?;
    (0..iterations).try_for_each(|number| disk.write(number * LARGE as u64 % DISK_BYTES))?;
    disk.sync()?;
    Ok(iterations)
}

/// Writes small blocks, each of which has to be there before the next.
pub fn sync(iterations: u64) -> Result<u64, Why> {
    let mut disk = Disk::open(SMALL)?;
    for number in 0..iterations {
        disk.write(number * SMALL as u64 % DISK_BYTES)?;
        disk.sync()?;
    }
    Ok(iterations)
}

struct Disk {
    file: File,
    /// A request's bytes, aligned as the disk wants them.
    block: Mapping,
}

impl Disk {
    fn open(block: usize) -> Result<Disk, Why> {
        let path = DISK.get().and_then(Option::as_ref).ok_or_else(|| absent("it has no disk"))?;
        // a file system without requests past its cache, such as tmpfs
        let direct = |why: std::io::Error| match why.raw_os_error() {
            Some(libc::EINVAL) => absent("its files are always cached"),
            _ => Why::Wrong(format!("{path}: {why}")),
        };
        let file = system::open_direct(path).map_err(direct)?;
        Ok(Disk { file, block: Mapping::new(block, Pages::Small)? })
    }

    fn read(&mut self, at: u64) -> Result<(), String> {
        let said = |why| format!("a read at {at}: {why}");
        self.file.read_exact_at(self.block.bytes(), at).map_err(said)?;
        let right = (at..).step_by(8).zip(self.block.words().iter()).all(|(place, word)| *word == place.to_le());
        if right { Ok(()) } else { Err(format!("the disk holds something else at {at}")) }
    }

    fn write(&mut self, at: u64) -> Result<(), String> {
        self.block.words().iter_mut().zip((at..).step_by(8)).for_each(|(word, place)| *word = place.to_le());
        self.file.write_all_at(self.block.bytes(), at).map_err(|why| format!("a write at {at}: {why}"))
    }

    fn sync(&self) -> Result<(), String> {
        self.file.sync_data().map_err(|why| format!("a flush: {why}"))
    }
}

/// What the disk has to hold, from its first byte on.
pub fn content() -> impl Iterator<Item = [u8; 8]> {
    (0..DISK_BYTES).step_by(8).map(u64::to_le_bytes)
}
