//! Files into guest memory: kernels, firmware, bare-metal programs, initial RAM disks.
//!
//! Formats are told by their content, never by their names.

mod elf;
mod error;
mod initrd;
mod linux;
mod magic;
mod place;
mod unpack;

pub use elf::Symbols;
pub use error::{Error, Problem};
pub use place::{Places, Range, place};

use std::fs::File;
use std::io::Read;
use std::path::Path;

use arch::Phys;
use memory::Ram;
use vm_memory::{Bytes, GuestAddress};

use magic::Kind;

/// A program in memory.
#[derive(Debug)]
pub struct Program {
    /// Where it begins to run.
    pub entry: Phys,
    /// The memory it takes, zeroed parts included.
    pub range: Range,
    /// Its symbols, if the file names any.
    pub symbols: Symbols,
}

/// Where a program goes that does not say so itself.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Raw bytes, and ELF files that may go anywhere.
    pub raw: Phys,
    /// What a Linux `Image` counts its offset from; a multiple of 2 MiB.
    pub linux: Phys,
}

/// Reads a kernel, firmware or bare-metal program and puts it into `ram`.
///
/// # Errors
/// The file cannot be read, is no program for this machine, or does not fit into memory.
pub fn program(path: &Path, ram: &Ram, defaults: Defaults) -> Result<Program, Error> {
    let content = read(path, ram.len_bytes())?;
    let loaded = unpack::unpack(content, ram.len_bytes()).and_then(|content| put(&content, ram, defaults));
    loaded.map_err(|problem| problem.of(path))
}

/// Reads an initial RAM disk and checks that it is whole.
///
/// # Errors
/// The file cannot be read, or the kernel would refuse it.
pub fn initrd(path: &Path, ram: &Ram) -> Result<Vec<u8>, Error> {
    let content = read(path, ram.len_bytes())?;
    initrd::check(&content).map_err(|problem| problem.of(path))?;
    Ok(content)
}

fn put(content: &[u8], ram: &Ram, defaults: Defaults) -> Result<Program, Problem> {
    match magic::kind(content) {
        Kind::Elf => elf::load(content, ram, defaults.raw),
        Kind::Linux => linux::load(content, ram, defaults.linux),
        Kind::Foreign(what) => Err(Problem::Foreign { what }),
        Kind::Packed(_) | Kind::Zboot => Err(Problem::PackedTooOften),
        Kind::Unknown => raw(content, ram, defaults.raw),
    }
}

fn raw(content: &[u8], ram: &Ram, at: Phys) -> Result<Program, Problem> {
    write(ram, at, content)?;
    let range = Range { start: at.0, end: at.0 + content.len() as u64 };
    Ok(Program { entry: at, range, symbols: Symbols::default() })
}

/// Reads a file that is to go into memory, or be unpacked into it.
fn read(path: &Path, ram_bytes: u64) -> Result<Vec<u8>, Error> {
    let unreadable = |reason: std::io::Error| Problem::Unreadable { reason }.of(path);
    let file = File::open(path).map_err(unreadable)?;
    let info = file.metadata().map_err(unreadable)?;
    if info.is_dir() {
        return Err(Problem::Directory.of(path));
    }
    if info.len() > ram_bytes {
        return Err(Problem::TooBig { bytes: info.len(), ram_bytes }.of(path));
    }
    let mut content = Vec::with_capacity(info.len() as usize);
    file.take(ram_bytes).read_to_end(&mut content).map_err(unreadable)?;
    if content.is_empty() {
        return Err(Problem::Empty.of(path));
    }
    Ok(content)
}

/// Copies `bytes` into RAM.
pub(crate) fn write(ram: &Ram, at: Phys, bytes: &[u8]) -> Result<(), Problem> {
    let beyond = Problem::Beyond { start: at.0, bytes: bytes.len() as u64, ram: Range::of(ram) };
    if bytes.is_empty() {
        return Ok(());
    }
    ram.offset(at, bytes.len() as u64).ok_or(beyond)?;
    ram.guest_memory().write_slice(bytes, GuestAddress(at.0)).map_err(|e| Problem::Memory { reason: e.to_string() })
}
