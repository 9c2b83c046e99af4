//! A segment of an ELF file.

use arch::Phys;
use memory::Ram;
use object::LittleEndian;
use object::elf::{PF_R, PF_W, PF_X, ProgramHeader64};
use object::read::elf::ProgramHeader;

use super::{Problem, Range, write};

/// How numbers are stored in the files that are taken.
pub const ENDIAN: LittleEndian = LittleEndian;

/// A part of the file that goes into memory, and zeros behind it.
pub struct Segment<'a> {
    /// Its place in the table of program headers.
    number: usize,
    /// The first physical address.
    pub start: u64,
    /// The first virtual address.
    pub virt: u64,
    /// Bytes in memory.
    bytes: u64,
    /// Where in the file its data begins.
    offset: u64,
    data: &'a [u8],
    flags: u32,
}

impl<'a> Segment<'a> {
    /// The segment of a program header.
    pub fn of(
        number: usize,
        header: &ProgramHeader64<LittleEndian>,
        content: &'a [u8],
    ) -> Result<Segment<'a>, Problem> {
        let segment = Segment {
            number,
            start: header.p_paddr(ENDIAN),
            virt: header.p_vaddr(ENDIAN),
            bytes: header.p_memsz(ENDIAN),
            offset: header.p_offset(ENDIAN),
            data: header.data(ENDIAN, content).unwrap_or_default(),
            flags: header.p_flags(ENDIAN).0,
        };
        match (header.data(ENDIAN, content), header.p_filesz(ENDIAN) > segment.bytes) {
            (Err(()), _) => Err(Problem::corrupt(format!("{} goes beyond the end of the file", segment.name()))),
            (_, true) => Err(Problem::corrupt(format!("{} has more bytes in the file than in memory", segment.name()))),
            (Ok(_), false) => Ok(segment),
        }
    }

    /// How messages call it: by its number, its flags as `readelf` writes them, its size and its place.
    pub fn name(&self) -> String {
        let flag = |bit: u32, letter| if self.flags & bit != 0 { letter } else { "" };
        let flags = [flag(PF_R.0, "R"), flag(PF_W.0, "W"), flag(PF_X.0, "E")].concat();
        format!("ELF segment {} ({flags}, {:#x} bytes at {:#x})", self.number, self.bytes, self.start)
    }

    /// The first address behind it.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes)
    }

    /// How far `address` is behind its beginning, which is at `from`, if it lies within.
    pub fn within(&self, address: u64, from: u64) -> Option<u64> {
        Some(address.wrapping_sub(from)).filter(|&far| far < self.bytes)
    }

    /// Leaves out what lies below memory, where that is the ELF header's page and nothing that the program could want:
    /// GNU ld puts that page in front of the first section, wherever that is. False where nothing is left.
    ///
    /// `tables` is where the headers end in the file.
    pub fn drop_header(&mut self, tables: u64, ram: &Ram) -> bool {
        let below = ram.base().0.saturating_sub(self.start).min(self.bytes);
        if self.offset != 0 || below == 0 || !self.is_header(below, tables) {
            return true;
        }
        self.start += below;
        self.virt = self.virt.wrapping_add(below);
        self.bytes -= below;
        self.offset += below;
        self.data = self.data.get(below as usize..).unwrap_or_default();
        self.bytes != 0
    }

    /// Whether its first bytes are headers and padding, or at least nothing to execute: notes follow the headers.
    fn is_header(&self, bytes: u64, tables: u64) -> bool {
        let front = &self.data[..self.data.len().min(usize::try_from(bytes).unwrap_or(usize::MAX))];
        let rest = front.get(usize::try_from(tables).unwrap_or(usize::MAX)..).unwrap_or_default();
        let only_data = self.flags & (PF_X.0 | PF_W.0) == 0 && bytes == self.bytes;
        only_data || rest.iter().all(|&byte| byte == 0)
    }

    /// Copies it to its place and zeroes its rest.
    pub fn load(&self, ram: &Ram) -> Result<(), Problem> {
        let beyond = || Problem::Segment { segment: self.name(), start: self.start, ram: Range::of(ram) };
        ram.offset(Phys(self.start), self.bytes).ok_or_else(beyond)?;
        write(ram, Phys(self.start), self.data)?;
        let data = self.data.len() as u64;
        zero(ram, self.start + data, self.bytes - data)
    }
}

/// Zeroes memory, but touches no page that is zero already.
fn zero(ram: &Ram, start: u64, bytes: u64) -> Result<(), Problem> {
    const PAGE: u64 = arch::addr::PAGE_BYTES;
    let mut at = start;
    let mut page = [0; PAGE as usize];
    while at < start + bytes {
        let part = &mut page[..(start + bytes - at).min(PAGE - at % PAGE) as usize];
        let offset = ram.offset(Phys(at), part.len() as u64).unwrap_or(u64::MAX);
        ram.read_bytes(offset, part);
        if part.iter().any(|&byte| byte != 0) {
            part.fill(0);
            write(ram, Phys(at), part)?;
        }
        at += part.len() as u64;
    }
    Ok(())
}
