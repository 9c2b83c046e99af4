//! What debuggers want to know of Rust's libraries, given back to the disk.
//!
//! It is a third of them, and no build here links it (cargo strips it where a profile has no debug information). Where
//! it lay the files have holes (fallocate(2)), so that all else stays where it was; on a file system without holes
//! nothing is gained and nothing lost.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;

use object::LittleEndian;
use object::elf::FileHeader64;
use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader, SectionHeader};

/// How the sections' names begin: the information and its relocations.
const DEBUG: [&[u8]; 2] = [b".debug_", b".rela.debug_"];

/// Sections begin at a multiple of this at most.
const ALIGNMENT: u64 = 16;

/// Makes holes of what debuggers read in the static library at `path`.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let data = fs::read(path)?;
    let ranges = debugging(&data).map_err(io::Error::other)?;
    let file = File::options().write(true).open(path)?;
    // Not every file system can.
    let _ = ranges.into_iter().try_for_each(|range| punch(&file, range));
    Ok(())
}

/// Where in the library that lies, what is beside each other as one.
pub(super) fn debugging(library: &[u8]) -> object::read::Result<Vec<Range<u64>>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for member in ArchiveFile::parse(library)?.members() {
        let member = member?;
        let (start, _) = member.file_range();
        let mut sections = debugging_of(member.data(library)?).unwrap_or_default();
        sections.sort_by_key(|range| range.start);
        for range in sections {
            let range = start + range.start..start + range.end;
            match ranges.last_mut() {
                Some(last) if last.end + ALIGNMENT > range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
    }
    Ok(ranges)
}

/// The same of one object file; members that are none have an error for it.
fn debugging_of(object: &[u8]) -> object::read::Result<Vec<Range<u64>>> {
    let header = FileHeader64::<LittleEndian>::parse(object)?;
    let sections = header.sections(LittleEndian, object)?;
    let is_for_debuggers = |name: &[u8]| DEBUG.iter().any(|start| name.starts_with(start));
    let found =
        sections.iter().filter(|section| sections.section_name(LittleEndian, section).is_ok_and(is_for_debuggers));
    let place = |section: &<FileHeader64<LittleEndian> as FileHeader>::SectionHeader| {
        let (start, len_bytes) = section.file_range(LittleEndian)?;
        Some(start..start.checked_add(len_bytes).filter(|end| *end <= object.len() as u64)?)
    };
    Ok(found.filter_map(place).collect())
}

#[cfg(target_os = "linux")]
fn punch(file: &File, range: Range<u64>) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(file, flags, range.start, range.end - range.start)?)
}

#[cfg(not(target_os = "linux"))]
fn punch(_file: &File, _range: Range<u64>) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    /// A library of this function, as rustc makes them.
    fn library(place: &Path) -> std::path::PathBuf {
        fs::write(place.join("lib.rs"), "pub fn answer(a: u64) -> String { format!(\"{}\", a + 1) }").unwrap();
        let mut rustc = Command::new("rustc");
        rustc.args(["--crate-type", "rlib", "--crate-name", "part", "-g", "lib.rs"]).current_dir(place);
        assert!(rustc.status().unwrap().success());
        place.join("libpart.rlib")
    }

    #[test]
    fn what_is_left_links_and_runs() {
        let place = tempfile::tempdir().unwrap();
        let path = library(place.path());
        let before = fs::read(&path).unwrap();
        make(&path).unwrap();
        let after = fs::read(&path).unwrap();
        assert_eq!(before.len(), after.len());
        let ranges = debugging(&before).unwrap();
        assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() > 1000, "{ranges:?}");
        let outside = |at: usize| !ranges.iter().any(|range| range.contains(&(at as u64)));
        assert!((0..before.len()).all(|at| after[at] == if outside(at) { before[at] } else { 0 }));
        fs::write(place.path().join("main.rs"), "fn main() { assert_eq!(part::answer(1), \"2\"); }").unwrap();
        let mut rustc = Command::new("rustc");
        rustc.args(["-Cstrip=debuginfo", "--extern", "part=libpart.rlib", "main.rs"]).current_dir(place.path());
        assert!(rustc.status().unwrap().success());
        assert!(Command::new(place.path().join("main")).status().unwrap().success());
    }

    #[test]
    fn what_is_no_library_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.rlib");
        fs::write(&path, "no archive").unwrap();
        assert!(make(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"no archive");
    }
}
