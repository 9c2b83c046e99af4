//! ELF files: firmware, bare-metal programs, kernels.

use std::collections::HashMap;

use arch::Phys;
use memory::Ram;
use object::LittleEndian;
use object::elf::{
    ELFCLASS64, ELFDATA2LSB, EM_386, EM_AARCH64, EM_RISCV, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, PT_LOAD,
};
use object::read::elf::{FileHeader, ProgramHeader, Sym};

use super::segment::{ENDIAN, Segment};
use super::{Problem, Program, Range};

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

/// Loads the file's segments at their physical addresses, or, where they may go anywhere, from `anywhere` on.
pub fn load(content: &[u8], ram: &Ram, anywhere: Phys) -> Result<Program, Problem> {
    let (header, mut segments) = parts(content)?;
    let lowest = segments.iter().map(|s| s.start).min();
    let lowest = lowest.ok_or_else(|| Problem::corrupt("the ELF file has nothing to load"))?;
    let bias = bias(header, lowest, anywhere);
    let tables = tables_end(header);
    segments.iter_mut().for_each(|segment| segment.start = segment.start.wrapping_add(bias));
    segments.retain_mut(|segment| segment.drop_header(tables, ram));
    let mut range = Range { start: u64::MAX, end: 0 };
    for segment in &segments {
        segment.load(ram)?;
        range = Range { start: range.start.min(segment.start), end: range.end.max(segment.end()) };
    }
    let entry = physical_entry(header.e_entry(ENDIAN), bias, &segments)?;
    Ok(Program { entry: Phys(entry), range, symbols: symbols(header, content, bias) })
}

/// Refuses what is no whole program for this machine.
pub fn check(content: &[u8]) -> Result<(), Problem> {
    parts(content).map(drop)
}

/// The header, and what goes into memory.
fn parts(content: &[u8]) -> Result<(&Header, Vec<Segment<'_>>), Problem> {
    check_machine(content)?;
    let corrupt = |e: object::Error| Problem::corrupt(format!("ELF: {e}"));
    let header = Header::parse(content).map_err(corrupt)?;
    let all = header.program_headers(ENDIAN, content).map_err(corrupt)?;
    let all = all.iter().enumerate().filter(|(_, s)| s.p_type(ENDIAN) == PT_LOAD && s.p_memsz(ENDIAN) > 0);
    let segments = all.map(|(number, s)| Segment::of(number, s, content)).collect::<Result<_, _>>()?;
    Ok((header, segments))
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

/// Where the tables at the file's front end: its header and the program headers.
fn tables_end(header: &Header) -> u64 {
    let headers = u64::from(header.e_phnum(ENDIAN)) * u64::from(header.e_phentsize(ENDIAN));
    header.e_phoff(ENDIAN).saturating_add(headers).max(u64::from(header.e_ehsize(ENDIAN)))
}

/// The entry point's physical address. The file tells a virtual one, or where the two differ the physical one at once.
fn physical_entry(entry: u64, bias: u64, segments: &[Segment]) -> Result<u64, Problem> {
    let physical = |s: &Segment| Some(s.start.wrapping_add(s.within(entry, s.virt)?));
    let already = |s: &Segment| s.within(entry.wrapping_add(bias), s.start).map(|_| entry.wrapping_add(bias));
    let found = segments.iter().find_map(physical).or_else(|| segments.iter().find_map(already));
    found.ok_or_else(|| Problem::Entry { entry, segments: segments.iter().map(Segment::name).collect() })
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
