//! Files into guest memory: kernels, firmware, bare-metal programs, initial RAM disks.
//!
//! Formats are told by their content, never by their names.

mod elf;
mod error;
mod initrd;
mod input;
mod linux;
mod load;
mod magic;
mod place;
mod segment;
#[cfg(feature = "formats")]
mod unpack;
#[cfg(not(feature = "formats"))]
#[path = "unpack_missing.rs"]
mod unpack;

pub use elf::Symbols;
pub use error::{Error, Problem};
pub use load::{Content, Load};
pub use place::{Places, Range, place};

use std::path::{Path, PathBuf};

use arch::Phys;
use memory::Ram;
use vm_memory::{Bytes, GuestAddress};

use input::Input;
use magic::Kind;

/// Bytes at the front of a kernel that hold all its headers.
const HEAD_BYTES: u64 = 64 << 10;

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
    let mut input = Input::open(path, ram.len_bytes())?;
    load(&mut input, ram, defaults).map_err(|problem| problem.of(path))
}

/// What a guest's kernel may be: not all who boot one know all forms of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What Linux's build makes: a flat image with its header, or an ELF file.
    Linux,
    /// The flat image alone.
    Image,
}

/// Reads a kernel that a guest is to boot, unpacked if it is packed, into at most `limit` bytes. What [`program`] would
/// refuse of it is refused here: the guest would say nothing.
///
/// # Errors
/// The file cannot be read, is damaged or cut off, is no such kernel, or is larger than that.
pub fn unpacked(path: &Path, limit: u64, form: Form) -> Result<Vec<u8>, Error> {
    let content = Input::open(path, limit)?.content().and_then(|content| unpack::unpack(content, limit));
    let checked = content.and_then(|content| check(&content, form).map(|()| content));
    checked.map_err(|problem| problem.of(path))
}

fn check(content: &[u8], form: Form) -> Result<(), Problem> {
    match magic::kind(content) {
        Kind::Linux => linux::check(content, content.len() as u64),
        Kind::Foreign(what) => Err(Problem::Foreign { what }),
        Kind::Packed(_) | Kind::Zboot => Err(Problem::PackedTooOften),
        Kind::Elf if form == Form::Linux => elf::check(content),
        Kind::Elf => elf::check(content).and(Err(Problem::NoImage)),
        Kind::Unknown if form == Form::Linux => Err(Problem::NoLinux),
        Kind::Unknown => Err(Problem::NoImage),
    }
}

/// Why Linux could not use a file of at most `limit` bytes as its initial RAM disk, if so.
///
/// # Errors
/// The file cannot be read, or is larger than that.
pub fn initrd_doubt(path: &Path, limit: u64) -> Result<Option<String>, Error> {
    let mut input = Input::open(path, limit)?;
    Ok(doubt(path, &mut input)?.map(|problem| doubtful(path, &problem)))
}

fn doubt(path: &Path, input: &mut Input) -> Result<Option<Problem>, Error> {
    match initrd::check(input) {
        Err(unreadable @ Problem::Unreadable { .. }) => Err(unreadable.of(path)),
        checked => Ok(checked.err()),
    }
}

fn doubtful(path: &Path, problem: &Problem) -> String {
    format!("'{}' {problem}; Linux cannot use it", path.display())
}

/// Reads all of a file of at most `limit` bytes, which `use_it` takes.
///
/// # Errors
/// The file cannot be read, or `use_it` finds something wrong with it.
pub fn read<T>(path: &Path, limit: u64, use_it: impl FnOnce(&[u8]) -> Result<T, Problem>) -> Result<T, Error> {
    let mut input = Input::open(path, limit)?;
    input.content().and_then(|content| use_it(&content)).map_err(|problem| problem.of(path))
}

/// An initial RAM disk: any bytes, of one file or of several, one behind the other.
pub struct Initrd {
    parts: Vec<(PathBuf, Input)>,
    doubt: Option<Problem>,
}

/// Where a further part begins: cpio's entries are aligned so, and Linux skips zeros between archives (Linux,
/// Documentation/driver-api/early-userspace/buffer-format.rst).
const PART_ALIGN: u64 = 4;

impl Initrd {
    /// Opens an initial RAM disk, and looks whether Linux could use it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(path: &Path, more: &[PathBuf], ram: &Ram) -> Result<Initrd, Error> {
        let mut parts = Vec::new();
        let mut doubt = None;
        for (number, path) in std::iter::once(path).chain(more.iter().map(PathBuf::as_path)).enumerate() {
            let mut input = Input::open(path, ram.len_bytes())?;
            let found = self::doubt(path, &mut input)?;
            if number == 0 {
                doubt = found;
            }
            parts.push((path.to_owned(), input));
        }
        Ok(Initrd { parts, doubt })
    }

    /// Why Linux could not use it, if so: other kernels may want other things.
    pub fn doubt(&self) -> Option<String> {
        let (doubt, (path, _)) = (self.doubt.as_ref()?, self.parts.first()?);
        Some(doubtful(path, doubt))
    }

    /// How many bytes it has.
    pub fn len_bytes(&self) -> u64 {
        self.parts.iter().fold(0, |len, (_, input)| len.next_multiple_of(PART_ALIGN) + input.len_bytes())
    }

    /// Copies it to `at` in `ram`.
    ///
    /// # Errors
    /// A file cannot be read any more, or does not fit there.
    pub fn load(&mut self, ram: &Ram, at: Phys) -> Result<(), Error> {
        let mut offset = 0_u64;
        for (path, input) in &mut self.parts {
            offset = offset.next_multiple_of(PART_ALIGN);
            input.copy_to(ram, Phys(at.0 + offset)).map_err(|problem| problem.of(path))?;
            offset += input.len_bytes();
        }
        Ok(())
    }
}

/// A kernel as it is goes from the file into memory; others are unpacked, or taken apart, on the way.
fn load(input: &mut Input, ram: &Ram, defaults: Defaults) -> Result<Program, Problem> {
    let head = input.head(HEAD_BYTES)?;
    if magic::kind(&head) == Kind::Linux {
        let program = linux::program(&head, input.len_bytes(), ram, defaults.linux)?;
        input.copy_to(ram, program.entry)?;
        return Ok(program);
    }
    let content = unpack::unpack(input.content()?, ram.len_bytes())?;
    put(&content, ram, defaults)
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

/// Copies `bytes` into RAM.
pub(crate) fn write(ram: &Ram, at: Phys, bytes: &[u8]) -> Result<(), Problem> {
    let beyond = Problem::Beyond { start: at.0, bytes: bytes.len() as u64, ram: Range::of(ram) };
    if bytes.is_empty() {
        return Ok(());
    }
    ram.offset(at, bytes.len() as u64).ok_or(beyond)?;
    ram.guest_memory().write_slice(bytes, GuestAddress(at.0)).map_err(|e| Problem::Memory { reason: e.to_string() })
}
