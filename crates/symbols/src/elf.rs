//! Symbols as an ELF file, for debuggers: `add-symbol-file`.
//!
//! It has a section without contents where the code is, and a symbol table.

use crate::table::{Symbol, Table};

const SECTION_BYTES: u16 = 64;
const HEADER_BYTES: u16 = 64;
const SYMBOL_BYTES: u64 = 24;
/// `EM_RISCV`.
const MACHINE: u16 = 243;
/// `EV_CURRENT`.
const VERSION: u32 = 1;
/// Kinds of sections.
const SYMBOL_TABLE: u32 = 2;
const STRINGS: u32 = 3;
const NO_BITS: u32 = 8;
/// `SHF_ALLOC | SHF_EXECINSTR`.
const CODE: u64 = 6;
/// The section of code, which all symbols are said to be in.
const IN_CODE: u16 = 1;
const SECTIONS: &[u8] = b"\0.text\0.symtab\0.strtab\0";

/// A section's header.
#[derive(Default)]
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    address: u64,
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
    entry: u64,
}

impl Section {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        [self.name, self.kind].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        [self.flags, self.address, self.offset, self.size].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        [self.link, self.info].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        [1, self.entry].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes
    }
}

/// The file, of symbols whose program begins at `start`.
pub fn elf(table: &Table, start: u64) -> Vec<u8> {
    let (mut strings, mut symbols) = (SECTIONS.to_vec(), vec![0; SYMBOL_BYTES as usize]);
    let in_place = |symbol: &&Symbol| !symbol.name.is_empty();
    let mut count = 1;
    for symbol in table.symbols().iter().filter(in_place) {
        let name = strings.len() as u32;
        strings.extend(symbol.name.bytes().chain([0]));
        symbols.extend(name.to_le_bytes());
        // local or global; a function, an object, or neither
        let kind = match symbol.kind {
            b'T' | b't' | b'W' | b'w' => 2,
            b'A' | b'a' => 0,
            _ => 1,
        };
        symbols.extend([1 << 4 | kind, 0]);
        symbols.extend(IN_CODE.to_le_bytes());
        symbols.extend(symbol.address.to_le_bytes());
        symbols.extend(0u64.to_le_bytes());
        count += 1;
    }
    debug_assert_eq!(count * SYMBOL_BYTES, symbols.len() as u64);
    let strings_at = u64::from(HEADER_BYTES);
    let symbols_at = (strings_at + strings.len() as u64).next_multiple_of(8);
    let sections_at = symbols_at + symbols.len() as u64;
    let end = table.symbols().last().map_or(start, |symbol| symbol.address);
    let sections = [
        Section::default(),
        Section {
            name: 1,
            kind: NO_BITS,
            flags: CODE,
            address: start,
            size: end.saturating_sub(start),
            ..Section::default()
        },
        Section {
            name: 7,
            kind: SYMBOL_TABLE,
            offset: symbols_at,
            size: symbols.len() as u64,
            link: 3,
            info: 1,
            entry: SYMBOL_BYTES,
            ..Section::default()
        },
        Section { name: 15, kind: STRINGS, offset: strings_at, size: strings.len() as u64, ..Section::default() },
    ];
    let mut file = header(sections_at);
    file.extend(strings);
    file.resize(symbols_at as usize, 0);
    file.extend(symbols);
    sections.iter().for_each(|section| file.extend(section.bytes()));
    file
}

fn header(sections_at: u64) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // an executable
    [2, MACHINE].iter().for_each(|word| file.extend(word.to_le_bytes()));
    file.extend(VERSION.to_le_bytes());
    [0, 0, sections_at].iter().for_each(|word: &u64| file.extend(word.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    [HEADER_BYTES, 0, 0, SECTION_BYTES, 4, 3].iter().for_each(|word| file.extend(word.to_le_bytes()));
    file
}

/// Symbols as `/proc/kallsyms` shows them.
pub fn text(table: &Table) -> String {
    let line = |symbol: &Symbol| {
        let module = symbol.module.and_then(|module| table.modules.get(usize::from(module)));
        let module = module.map(|module| format!("\t[{module}]")).unwrap_or_default();
        format!("{:016x} {} {}{module}\n", symbol.address, symbol.kind as char, symbol.name)
    };
    table.symbols().iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;
    use crate::table::tests::symbol;

    #[test]
    fn what_is_written_is_read_again() {
        let symbols = vec![symbol(0x1000, b'T', "first"), symbol(0x2000, b't', "second"), symbol(0x3000, b'd', "data")];
        let table = Table::new(symbols, Vec::new(), Vec::new());
        let file = File::read("elf".into(), &elf(&table, 0x1000)).unwrap();
        let names: Vec<_> = file.table.symbols().iter().map(|symbol| (symbol.address, symbol.name.as_str())).collect();
        assert_eq!(names, [(0x1000, "first"), (0x2000, "second"), (0x3000, "data")]);
        assert_eq!(file.table.code_at(0x2004).unwrap().name, "second");
        let file = File::read("text".into(), text(&table).as_bytes()).unwrap();
        assert_eq!(file.table.symbols(), table.symbols());
    }
}
