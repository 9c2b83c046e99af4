//! Writes bare-metal programs as ELF files that Spike and vhart load.
//!
//! ELF-64 object file format: one loadable segment per piece of memory, and a symbol table, in which HTIF's front end
//! looks for `tohost` and `fromhost`. Nothing else that a linker would write.

const HEADER_BYTES: u64 = 64;
const PROGRAM_HEADER_BYTES: u64 = 56;
const SECTION_HEADER_BYTES: u64 = 64;

/// A program: memory contents, where it begins, and names for addresses.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The ISA that it is a program of, in Spike's spelling.
    pub isa: &'static str,
    /// Address of the first instruction.
    pub entry: u64,
    /// Memory contents by address; they do not overlap.
    pub segments: Vec<(u64, Vec<u8>)>,
    /// Names; `tohost` is how a program ends.
    pub symbols: Vec<(&'static str, u64)>,
}

impl Image {
    /// The address that `symbol` names.
    pub fn symbol(&self, symbol: &str) -> Option<u64> {
        self.symbols.iter().find(|(name, _)| *name == symbol).map(|&(_, address)| address)
    }

    /// The file.
    pub fn to_elf(&self) -> Vec<u8> {
        let mut data_at = HEADER_BYTES + PROGRAM_HEADER_BYTES * self.segments.len() as u64;
        let mut headers = Vec::new();
        let mut body = Vec::new();
        for (address, bytes) in &self.segments {
            program_header(&mut headers, data_at, *address, bytes.len() as u64);
            body.extend_from_slice(bytes);
            data_at += bytes.len() as u64;
        }
        let (strings, symbols) = self.symbol_table();
        let sections = [
            (SectionKind::Null, 0, 0),
            (SectionKind::Symbols, data_at, symbols.len() as u64),
            (SectionKind::Strings, data_at + symbols.len() as u64, strings.len() as u64),
            (SectionKind::Names, data_at + (symbols.len() + strings.len()) as u64, SECTION_NAMES.len() as u64),
        ];
        body.extend_from_slice(&symbols);
        body.extend_from_slice(&strings);
        body.extend_from_slice(SECTION_NAMES);
        let sections_at = HEADER_BYTES + (headers.len() + body.len()) as u64;
        let mut file = self.file_header(sections_at, sections.len() as u16);
        file.extend_from_slice(&headers);
        file.extend_from_slice(&body);
        for (kind, offset, len) in sections {
            section_header(&mut file, kind, offset, len);
        }
        file
    }

    fn file_header(&self, sections_at: u64, sections: u16) -> Vec<u8> {
        let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        put16(&mut out, 2); // e_type: executable
        put16(&mut out, 243); // e_machine: RISC-V
        put32(&mut out, 1);
        put64(&mut out, self.entry);
        put64(&mut out, HEADER_BYTES);
        put64(&mut out, sections_at);
        put32(&mut out, 0x5); // e_flags: RVC, double-float ABI
        put16(&mut out, HEADER_BYTES as u16);
        put16(&mut out, PROGRAM_HEADER_BYTES as u16);
        put16(&mut out, self.segments.len() as u16);
        put16(&mut out, SECTION_HEADER_BYTES as u16);
        put16(&mut out, sections);
        put16(&mut out, sections - 1);
        out
    }

    /// (string table, symbol table)
    fn symbol_table(&self) -> (Vec<u8>, Vec<u8>) {
        let mut strings = vec![0];
        let mut symbols = vec![0; 24];
        for (name, address) in &self.symbols {
            put32(&mut symbols, strings.len() as u32);
            put16(&mut symbols, 0x10); // st_info: global; st_other: default
            put16(&mut symbols, 0xfff1); // st_shndx: absolute
            put64(&mut symbols, *address);
            put64(&mut symbols, 8);
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        (strings, symbols)
    }
}

const SECTION_NAMES: &[u8] = b"\0.symtab\0.strtab\0.shstrtab\0";

#[derive(Clone, Copy)]
enum SectionKind {
    Null,
    Symbols,
    Strings,
    Names,
}

fn program_header(out: &mut Vec<u8>, offset: u64, address: u64, len: u64) {
    put32(out, 1); // p_type: load
    put32(out, 7); // p_flags: RWX
    for value in [offset, address, address, len, len, 1] {
        put64(out, value);
    }
}

fn section_header(out: &mut Vec<u8>, kind: SectionKind, offset: u64, len: u64) {
    let (name, section_type, link, entry_bytes) = match kind {
        SectionKind::Null => (0, 0, 0, 0),
        SectionKind::Symbols => (1, 2, 2, 24),
        SectionKind::Strings => (9, 3, 0, 0),
        SectionKind::Names => (17, 3, 0, 0),
    };
    put32(out, name);
    put32(out, section_type);
    for value in [0, 0, offset, len] {
        put64(out, value);
    }
    put32(out, link);
    put32(out, 0);
    put64(out, 1);
    put64(out, entry_bytes);
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use arch::Phys;
    use board::loader::{self, Defaults};
    use memory::Ram;
    use std::io::Write;

    #[test]
    fn what_is_written_is_read_again() {
        let image = Image {
            isa: crate::spike::ISA,
            entry: 0x8000_0000,
            segments: vec![(0x8000_0000, vec![1, 2, 3, 4])],
            symbols: vec![("fromhost", 0x8000_1008), ("tohost", 0x8000_1000)],
        };
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&image.to_elf()).unwrap();
        let ram = Ram::new(Phys(0x8000_0000), 0x2000).unwrap();
        let defaults = Defaults { raw: Phys(0), linux: Phys(0) };
        let again = loader::program(file.path(), &ram, defaults).unwrap();
        let mut bytes = [0; 4];
        ram.read_bytes(0, &mut bytes).unwrap();
        assert_eq!((again.entry, &bytes[..]), (Phys(image.entry), &image.segments[0].1[..]));
        assert_eq!((again.range.start, again.range.end), (0x8000_0000, 0x8000_0004));
        assert_eq!(again.symbols.address("tohost"), Some(Phys(0x8000_1000)));
    }

    #[test]
    fn headers_point_into_the_file() {
        let image = Image {
            isa: crate::spike::ISA,
            entry: 0x8000_0000,
            segments: vec![(0x8000_0000, vec![1, 2, 3, 4])],
            symbols: vec![("tohost", 0x8000_1000)],
        };
        let file = image.to_elf();
        let sections_at = u64::from_le_bytes(file[40..48].try_into().unwrap());
        assert_eq!(file.len() as u64, sections_at + 4 * SECTION_HEADER_BYTES);
        assert_eq!(file[120..124], [1, 2, 3, 4]);
    }
}
