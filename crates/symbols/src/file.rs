//! Symbols from files: ELF, `System.map`, and what `/proc/kallsyms` shows.

use std::path::Path;

use object::{Architecture, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use crate::lines::Lines;
use crate::table::{Symbol, Table};

/// Why a file gives no symbols.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read symbols from '{0}'")]
    Read(String, #[source] std::io::Error),
    /// There are none in it.
    #[error("'{0}' is neither an ELF file with symbols nor a System.map nor a copy of /proc/kallsyms")]
    None(String),
    /// It is of another computer.
    #[error("'{0}' is no program for RISC-V with 64 bits")]
    Foreign(String),
    /// The kernel did not want to show addresses.
    #[error("in '{0}' all addresses are 0: copy /proc/kallsyms as root")]
    Hidden(String),
}

/// The symbols of a file.
#[derive(Debug)]
pub struct File {
    /// Its name, as the user gave it.
    pub name: String,
    /// Its symbols.
    pub table: Table,
    /// What its build is called.
    pub build_id: Option<Vec<u8>>,
    pub(crate) lines: Option<Lines>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or has no symbols of use.
    pub fn open(path: &Path) -> Result<File, FileError> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| FileError::Read(name.clone(), error))?;
        File::read(name, &bytes)
    }

    /// Reads a file's contents.
    ///
    /// # Errors
    /// They have no symbols of use.
    pub fn read(name: String, bytes: &[u8]) -> Result<File, FileError> {
        let file = match object::File::parse(bytes) {
            Ok(elf) if elf.architecture() != Architecture::Riscv64 => return Err(FileError::Foreign(name)),
            Ok(elf) => File {
                name,
                table: of_elf(&elf),
                build_id: elf.build_id().ok().flatten().map(<[u8]>::to_vec),
                lines: Lines::of(&elf),
            },
            Err(_) => File { name, table: of_text(bytes), build_id: None, lines: None },
        };
        match file.table.symbols() {
            [] => Err(FileError::None(file.name)),
            symbols if symbols.iter().all(|symbol| symbol.address == 0) => Err(FileError::Hidden(file.name)),
            _ => Ok(file),
        }
    }
}

fn of_elf(file: &object::File) -> Table {
    let symbol = |symbol: object::Symbol| {
        let kind = match symbol.kind() {
            SymbolKind::Text => b't',
            // labels of assembly have no type: those in code are code's
            SymbolKind::Label | SymbolKind::Unknown => match symbol.section_index() {
                Some(index)
                    if file.section_by_index(index).is_ok_and(|section| section.kind() == SectionKind::Text) =>
                {
                    b't'
                }
                _ => b'd',
            },
            SymbolKind::Data => b'd',
            _ => return None,
        };
        let kind = if symbol.is_global() { kind.to_ascii_uppercase() } else { kind };
        Some(Symbol { address: symbol.address(), kind, name: symbol.name().ok()?.to_owned(), module: None })
    };
    let symbols = file.symbols().filter(|symbol| symbol.is_definition()).filter_map(symbol);
    let code = file.sections().filter(|section| section.kind() == SectionKind::Text && section.size() != 0);
    let places = code.map(|section| section.address()..section.address().saturating_add(section.size()));
    Table::new(symbols.filter(|symbol| !symbol.name.is_empty()).collect(), Vec::new(), places.collect())
}

/// Lines of an address, a letter, a name, and perhaps a module in brackets.
fn of_text(bytes: &[u8]) -> Table {
    let mut modules: Vec<String> = Vec::new();
    let text = String::from_utf8_lossy(bytes);
    let symbols = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (address, kind, name) = (words.next()?, words.next()?, words.next()?);
        let address = u64::from_str_radix(address, 16).ok()?;
        let kind = *kind.as_bytes().first().filter(|_| kind.len() == 1)?;
        let module = words.next().and_then(|word| word.strip_prefix('[')?.strip_suffix(']'));
        let module = module.and_then(|module| number(&mut modules, module));
        Some(Symbol { address, kind, name: name.to_owned(), module })
    });
    let symbols = symbols.collect();
    Table::new(symbols, modules, Vec::new())
}

/// The number of a module. They come one behind the other.
fn number(modules: &mut Vec<String>, name: &str) -> Option<u16> {
    if modules.last().is_none_or(|last| last != name) {
        modules.push(name.to_owned());
    }
    u16::try_from(modules.len() - 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<File, FileError> {
        File::read("map".into(), text)
    }

    #[test]
    fn maps_and_copies_of_kallsyms_are_read() {
        let file = read(b"ffffffff80001000 T _start\nffffffff01582000 t kvm_exit\t[kvm]\nzz\n").unwrap();
        let found = file.table.code_at(0xffff_ffff_0158_2008).unwrap();
        assert_eq!((found.name, found.offset, found.module), ("kvm_exit", 8, Some("kvm")));
        assert_eq!(file.table.address("_start"), Some(0xffff_ffff_8000_1000));
    }

    #[test]
    fn what_gives_no_names_says_why() {
        assert!(matches!(read(b"nothing"), Err(FileError::None(_))));
        assert!(matches!(read(b"0000000000000000 T _start\n0000000000000000 t main\n"), Err(FileError::Hidden(_))));
        assert!(matches!(read(&std::fs::read("/proc/self/exe").unwrap()), Err(FileError::Foreign(_)) | Ok(_)));
        assert!(matches!(File::open(Path::new("/nowhere")), Err(FileError::Read(..))));
    }
}
