//! ELF files: firmware, bare-metal programs, kernels.

use std::collections::HashMap;

use arch::Phys;
use memory::Ram;
use object::LittleEndian;
use object::elf::{
    ELFCLASS64, ELFDATA2LSB, EM_386, EM_AARCH64, EM_RISCV, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, PT_LOAD,
};
use object::read::elf::{FileHeader, ProgramHeader, Sym};

use super::{Problem, Program, Range, write};

/// Names of addresses.
#[derive(Clone, Debug, Default)]
pub struct Symbols(HashMap<String, u64>);

impl Symbols {
    /// The address that `name` stands for.
    pub fn address(&self, name: &str) -> Option<Phys> {
        self.0.get(name).copied().map(Phys)
    }
}

type Header = FileHeader64<LittleEndian>;
const ENDIAN: LittleEndian = LittleEndian;

/// Loads the file's segments at their physical addresses, or, where they may go anywhere, from `anywhere` on.
pub fn load(content: &[u8], ram: &Ram, anywhere: Phys) -> Result<Program, Problem> {
    check_machine(content)?;
    let corrupt = |e: object::Error| Problem::corrupt(format!("ELF: {e}"));
    let header = Header::parse(content).map_err(corrupt)?;
    let all = header.program_headers(ENDIAN, content).map_err(corrupt)?;
    let segments: Vec<_> = all.iter().filter(|s| s.p_type(ENDIAN) == PT_LOAD && s.p_memsz(ENDIAN) > 0).collect();
    let lowest = segments.iter().map(|s| s.p_paddr(ENDIAN)).min();
    let lowest = lowest.ok_or_else(|| Problem::corrupt("the ELF file has nothing to load"))?;
    let bias = bias(header, lowest, anywhere);
    let mut range = Range { start: lowest.wrapping_add(bias), end: 0 };
    for segment in &segments {
        range.end = range.end.max(load_segment(*segment, content, bias, ram)?);
    }
    let entry = physical_entry(header.e_entry(ENDIAN), &segments).wrapping_add(bias);
    Ok(Program { entry: Phys(entry), range, symbols: symbols(header, content, bias) })
}

/// Refuses ELF files for other machines, before anything else is believed.
fn check_machine(content: &[u8]) -> Result<(), Problem> {
    let &[class, data] = content.get(4..6).and_then(|ident| ident.first_chunk()).ok_or(too_short())?;
    let half = |at: usize| content.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes);
    let (kind, machine) = (half(16).ok_or(too_short())?, half(18).ok_or(too_short())?);
    let what = match (data == ELFDATA2LSB.0, machine) {
        (true, m) if m == EM_RISCV.0 && class == ELFCLASS64.0 => return check_linked(kind),
        (true, m) if m == EM_RISCV.0 => "a 32-bit RISC-V ELF file",
        (true, m) if m == EM_X86_64.0 || m == EM_386.0 => "an x86 ELF file",
        (true, m) if m == EM_AARCH64.0 => "an Arm64 ELF file",
        _ => "an ELF file for another machine",
    };
    Err(Problem::Foreign { what })
}

fn check_linked(kind: u16) -> Result<(), Problem> {
    if kind == ET_EXEC.0 || kind == ET_DYN.0 {
        return Ok(());
    }
    Err(Problem::Foreign { what: "an ELF file that is not linked (an object file, module or core dump)" })
}

fn too_short() -> Problem {
    Problem::corrupt("the ELF header is cut off")
}

/// What is added to addresses: a position-independent file linked from 0 goes to `anywhere`.
fn bias(header: &Header, lowest: u64, anywhere: Phys) -> u64 {
    match header.e_type(ENDIAN) {
        ET_DYN if lowest < anywhere.0 => anywhere.0 - lowest,
        _ => 0,
    }
}

/// Copies one segment and zeroes its rest; answers the end of its memory.
fn load_segment(
    segment: &impl ProgramHeader<Endian = LittleEndian, Word = u64>,
    content: &[u8],
    bias: u64,
    ram: &Ram,
) -> Result<u64, Problem> {
    let bytes = segment.p_memsz(ENDIAN);
    let start = segment.p_paddr(ENDIAN).wrapping_add(bias);
    let data = segment.data(ENDIAN, content);
    let data = data.map_err(|()| Problem::corrupt("an ELF segment goes beyond the end of the file"))?;
    if data.len() as u64 > bytes {
        return Err(Problem::corrupt("an ELF segment has more bytes in the file than in memory"));
    }
    ram.offset(Phys(start), bytes).ok_or(Problem::Beyond { start, bytes, ram: Range::of(ram) })?;
    write(ram, Phys(start), data)?;
    zero(ram, start + data.len() as u64, bytes - data.len() as u64)?;
    Ok(start + bytes)
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

/// The entry point's physical address: the file tells a virtual one.
fn physical_entry(entry: u64, segments: &[&impl ProgramHeader<Endian = LittleEndian, Word = u64>]) -> u64 {
    match segments.iter().find(|s| entry.wrapping_sub(s.p_vaddr(ENDIAN)) < s.p_memsz(ENDIAN)) {
        Some(segment) => entry.wrapping_sub(segment.p_vaddr(ENDIAN)).wrapping_add(segment.p_paddr(ENDIAN)),
        None => entry,
    }
}

/// The symbol table; a damaged one is an empty one.
fn symbols(header: &Header, content: &[u8], bias: u64) -> Symbols {
    let table = header.sections(ENDIAN, content).and_then(|s| s.symbols(ENDIAN, content, object::elf::SHT_SYMTAB));
    let Ok(table) = table else { return Symbols::default() };
    let named = table.iter().filter(|s| s.st_shndx(ENDIAN) != object::elf::SHN_UNDEF).filter_map(|symbol| {
        let name = symbol.name(ENDIAN, table.strings()).ok()?;
        let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
        Some((name.to_owned(), symbol.st_value(ENDIAN).wrapping_add(bias)))
    });
    Symbols(named.collect())
}
