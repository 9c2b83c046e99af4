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

/// Refuses a kernel of `len` bytes that no hart here can run, or that is cut off: the EFI stub's section table tells
/// how long the file must be.
pub fn check(head: &[u8], len: u64) -> Result<(), Problem> {
    if field(head, FLAGS) & BIG_ENDIAN != 0 {
        return Err(Problem::Foreign { what: "a big-endian kernel" });
    }
    match file_bytes(head) {
        Some(bytes) if bytes > len => Err(Problem::corrupt(format!("it has {len} bytes, its header tells of {bytes}"))),
        _ => Ok(()),
    }
}

/// End of the last section's data in the file, if the kernel has an EFI stub.
fn file_bytes(head: &[u8]) -> Option<u64> {
    const SECTION_BYTES: usize = 40;
    let half = |at: usize| head.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let word = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let pe = word(0x3c)? as usize;
    if head.get(pe..pe.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let table = pe + 24 + usize::from(half(pe + 20)?);
    let ends = (0..usize::from(half(pe + 6)?)).map(|n| table + n * SECTION_BYTES);
    ends.map(|at| Some(u64::from(word(at + 16)?) + u64::from(word(at + 20)?))).max()?
}
