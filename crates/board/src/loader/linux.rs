//! The Linux `Image`.
//!
//! Linux, Documentation/arch/riscv/boot-image-header.rst: 64 bytes at the front say where the kernel goes, counted from
//! a multiple of 2 MiB, and how much memory it takes.

use arch::Phys;
use memory::Ram;

use super::{Problem, Program, Range, Symbols, write};

const TEXT_OFFSET: usize = 8;
const IMAGE_SIZE: usize = 16;
const FLAGS: usize = 24;
/// In the flags: the kernel is big-endian.
const BIG_ENDIAN: u64 = 1;

/// Puts a kernel into `ram`.
pub fn load(content: &[u8], ram: &Ram, base: Phys) -> Result<Program, Problem> {
    let program = program(content, content.len() as u64, ram, base)?;
    write(ram, program.entry, content)?;
    Ok(program)
}

/// Where a kernel of `len` bytes goes, by what stands in its first, `head`.
pub fn program(head: &[u8], len: u64, ram: &Ram, base: Phys) -> Result<Program, Problem> {
    check(head, len)?;
    let start = base.0.wrapping_add(field(head, TEXT_OFFSET));
    let bytes = field(head, IMAGE_SIZE).max(len);
    ram.offset(Phys(start), bytes).ok_or(Problem::Beyond { start, bytes, ram: Range::of(ram) })?;
    Ok(Program { entry: Phys(start), range: Range { start, end: start + bytes }, symbols: Symbols::default() })
}

fn field(head: &[u8], at: usize) -> u64 {
    head.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Refuses a kernel of `len` bytes that no hart here can run, or that is cut off: an EFI stub's section table tells how
/// long the file must be.
pub fn check(head: &[u8], len: u64) -> Result<(), Problem> {
    if field(head, FLAGS) & BIG_ENDIAN != 0 {
        return Err(Problem::Foreign { what: "a big-endian kernel" });
    }
    match file_bytes(head) {
        bytes if bytes > len => Err(Problem::corrupt(format!("it has {len} bytes, its header tells of {bytes}"))),
        _ => Ok(()),
    }
}

/// How long the file must be at least: to its header's end, and where it has an EFI stub, to that one's header, section
/// table and last section, as far as `head` has them.
fn file_bytes(head: &[u8]) -> u64 {
    const HEADER_BYTES: usize = 64;
    const PE_HEADER_BYTES: usize = 24;
    const SECTION_BYTES: usize = 40;
    let half = |at: usize| head.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let word = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let pe = match word(0x3c) {
        // There is no stub.
        None | Some(0) => return HEADER_BYTES as u64,
        Some(pe) => pe as usize,
    };
    let (sections, optional) = match (head.get(pe..pe + 4), half(pe + 6), half(pe + 20)) {
        (Some(magic), ..) if magic != b"PE\0\0" => return HEADER_BYTES as u64,
        (Some(_), Some(sections), Some(optional)) => (usize::from(sections), usize::from(optional)),
        _ => return (pe + PE_HEADER_BYTES) as u64,
    };
    let table = pe + PE_HEADER_BYTES + optional;
    let ends = (0..sections).map(|n| table + n * SECTION_BYTES);
    let ends = ends.filter_map(|at| Some(u64::from(word(at + 16)?) + u64::from(word(at + 20)?)));
    ends.chain([(table + sections * SECTION_BYTES) as u64]).max().unwrap_or(0)
}
