//! Checks initial RAM disks before a kernel does, which would boot on without them.
//!
//! Linux, Documentation/driver-api/early-userspace/buffer-format.rst: archives in cpio's "newc" format, each plain or
//! packed, one after the other with zeros between.

use std::io::Read;

use super::Problem;
use super::magic::{self, Kind, Packing};

pub fn check(content: &[u8]) -> Result<(), Problem> {
    let mut rest = content;
    loop {
        rest = skip_zeros(rest);
        if rest.is_empty() {
            return Ok(());
        }
        rest = match magic::kind(rest) {
            _ if rest.starts_with(b"070701") || rest.starts_with(b"070702") => after_archive(rest)?,
            Kind::Packed(Packing::Gzip) => after_gzip(rest)?,
            // The kernel unpacks these; they are not looked into.
            Kind::Packed(_) => return Ok(()),
            _ if rest.len() == content.len() => return Err(Problem::NoInitrd),
            _ => return Err(Problem::corrupt("something that is no archive follows an archive")),
        };
    }
}

fn skip_zeros(content: &[u8]) -> &[u8] {
    let zeros = content.iter().take_while(|&&byte| byte == 0).count();
    &content[zeros..]
}

/// What follows a packed archive.
fn after_gzip(content: &[u8]) -> Result<&[u8], Problem> {
    let mut decoder = flate2::bufread::GzDecoder::new(content);
    let mut sink = [0; 1 << 16];
    loop {
        match decoder.read(&mut sink) {
            Ok(0) => return Ok(decoder.into_inner()),
            Ok(_) => {}
            Err(e) => return Err(Problem::corrupt(format!("gzip: {e}"))),
        }
    }
}

const HEADER_BYTES: usize = 110;
const FILE_SIZE_AT: usize = 54;
const NAME_SIZE_AT: usize = 94;
const LAST_NAME: &[u8] = b"TRAILER!!!\0";

/// What follows a plain archive.
fn after_archive(content: &[u8]) -> Result<&[u8], Problem> {
    let mut at = 0;
    loop {
        let (name, next) = member(content, at).ok_or_else(|| {
            Problem::corrupt(format!("its cpio archive breaks off or is damaged at byte {at} of {}", content.len()))
        })?;
        if name == LAST_NAME {
            return Ok(content.get(next..).unwrap_or_default());
        }
        at = next;
    }
}

/// Name of the archive's member at `at`, with its zero, and where the next one begins.
fn member(content: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let header = content.get(at..)?.get(..HEADER_BYTES)?;
    if !header.starts_with(b"07070") {
        return None;
    }
    let name_at = at + HEADER_BYTES;
    let name = content.get(name_at..)?.get(..hex(header, NAME_SIZE_AT)?)?;
    let data_at = (name_at + name.len()).next_multiple_of(4);
    let end = data_at.checked_add(hex(header, FILE_SIZE_AT)?)?;
    (end <= content.len() || name == LAST_NAME).then(|| (name, end.next_multiple_of(4)))
}

fn hex(header: &[u8], at: usize) -> Option<usize> {
    let digits = std::str::from_utf8(header.get(at..at + 8)?).ok()?;
    u32::from_str_radix(digits, 16).ok().map(|number| number as usize)
}
