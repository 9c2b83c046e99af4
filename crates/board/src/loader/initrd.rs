//! Checks initial RAM disks before a kernel does, which would boot on without them.
//!
//! Linux, Documentation/driver-api/early-userspace/buffer-format.rst: archives in cpio's "newc" format, each plain or
//! packed, one after the other with zeros between.

use std::io::{BufRead, BufReader, Read, Seek};

use super::Problem;
use super::input::{Input, Source};
use super::magic::{self, Kind, Packing};
use super::unpack;

/// More than [`magic::kind`] looks at.
const HEAD_BYTES: usize = 0x1000;

type Reader<'a> = BufReader<&'a mut dyn Source>;

pub fn check(input: &mut Input) -> Result<(), Problem> {
    let len = input.len_bytes();
    let mut reader = BufReader::with_capacity(1 << 16, input.rewound()?);
    let mut first = true;
    loop {
        skip_zeros(&mut reader)?;
        let head = peek(&mut reader)?;
        if head.is_empty() {
            return Ok(());
        }
        match magic::kind(&head) {
            _ if head.starts_with(b"070701") || head.starts_with(b"070702") => pass_archive(&mut reader, len)?,
            Kind::Packed(Packing::Gzip) => unpack::pass_gzip(&mut reader)?,
            // The kernel unpacks these; they are not looked into.
            Kind::Packed(_) => return Ok(()),
            // No kernel of Linux's, but a hypervisor finds its guests so.
            kind if first && kind == magic::DEVICE_TREE => return Ok(()),
            _ if first => return Err(Problem::NoInitrd),
            _ => return Err(Problem::corrupt("something that is no archive follows an archive")),
        }
        first = false;
    }
}

fn skip_zeros(reader: &mut Reader<'_>) -> Result<(), Problem> {
    loop {
        let ahead = reader.fill_buf()?;
        let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
        let over = zeros < ahead.len() || ahead.is_empty();
        reader.consume(zeros);
        if over {
            return Ok(());
        }
    }
}

/// What comes next, without taking it.
fn peek(reader: &mut Reader<'_>) -> Result<Vec<u8>, Problem> {
    let mut head = Vec::new();
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    reader.seek_relative(-(head.len() as i64))?;
    Ok(head)
}

const HEADER_BYTES: u64 = 110;
const FILE_SIZE_AT: usize = 54;
const NAME_SIZE_AT: usize = 94;
const LAST_NAME: &[u8] = b"TRAILER!!!\0";

/// Goes to what follows a plain archive, in a file of `len` bytes.
fn pass_archive(reader: &mut Reader<'_>, len: u64) -> Result<(), Problem> {
    let start = reader.stream_position()?;
    let bytes = len.saturating_sub(start);
    let mut at = 0;
    loop {
        let member = member(reader, at, bytes)?.ok_or_else(|| {
            Problem::corrupt(format!("its cpio archive breaks off or is damaged at byte {at} of {bytes}"))
        })?;
        at = member.next;
        if member.last {
            return Ok(());
        }
    }
}

/// A member of an archive.
struct Member {
    /// Whether it is the one that says that no more follow.
    last: bool,
    /// Where the next one begins.
    next: u64,
}

/// Passes the member at `at` of an archive of at most `bytes`; none where it is not whole.
fn member(reader: &mut Reader<'_>, at: u64, bytes: u64) -> Result<Option<Member>, Problem> {
    let mut header = [0; HEADER_BYTES as usize];
    if bytes.saturating_sub(at) < HEADER_BYTES {
        return Ok(None);
    }
    reader.read_exact(&mut header)?;
    let (Some(name_bytes), Some(file_bytes)) = (hex(&header, NAME_SIZE_AT), hex(&header, FILE_SIZE_AT)) else {
        return Ok(None);
    };
    // Neither overflows: both sizes have eight digits, and `at` lies within the file.
    let name_end = at + HEADER_BYTES + name_bytes;
    let end = name_end.next_multiple_of(4) + file_bytes;
    if !header.starts_with(b"07070") || name_end > bytes {
        return Ok(None);
    }
    let mut name = [0; LAST_NAME.len()];
    let mut passed = at + HEADER_BYTES;
    if name_bytes == name.len() as u64 {
        reader.read_exact(&mut name)?;
        passed += name_bytes;
    }
    let last = name == LAST_NAME;
    if end > bytes && !last {
        return Ok(None);
    }
    let next = end.next_multiple_of(4);
    reader.seek_relative(next.min(bytes).saturating_sub(passed) as i64)?;
    Ok(Some(Member { last, next }))
}

fn hex(header: &[u8], at: usize) -> Option<u64> {
    let digits = std::str::from_utf8(header.get(at..at + 8)?).ok()?;
    u32::from_str_radix(digits, 16).ok().map(u64::from)
}
