//! Names of addresses: of the host and of the guest, each from a file of its own.

use std::path::Path;

use arch::{Mode, Privilege};
use object::{Object, ObjectSymbol, SymbolKind};

/// What is further behind a symbol is not called by it.
const REACH: u64 = 1 << 20;

/// Why a file gives no symbols.
#[derive(Debug, thiserror::Error)]
pub enum SymbolsError {
    /// It cannot be read.
    #[error("cannot read symbols from '{0}'")]
    Read(String, #[source] std::io::Error),
    /// There are none in it.
    #[error("'{0}' is neither an ELF file with symbols nor a System.map")]
    None(String),
}

/// Symbols of one program, by address.
#[derive(Clone, Debug, Default)]
struct Table(Vec<(u64, String)>);

/// Symbols of host and guest.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    host: Table,
    guest: Table,
}

impl Symbols {
    /// Adds those of an ELF file or a `System.map`, for the host's kernel or for the guest's.
    ///
    /// # Errors
    /// There are none.
    pub fn add(&mut self, of_guest: bool, file: &Path) -> Result<(), SymbolsError> {
        let name = || file.display().to_string();
        let bytes = std::fs::read(file).map_err(|error| SymbolsError::Read(name(), error))?;
        let mut table = of_elf(&bytes).unwrap_or_else(|| of_map(&bytes));
        if table.0.is_empty() {
            return Err(SymbolsError::None(name()));
        }
        table.0.sort();
        *if of_guest { &mut self.guest } else { &mut self.host } = table;
        Ok(())
    }

    /// The name of an address in a mode, and how far behind the symbol it is.
    pub fn name(&self, mode: Mode, address: u64) -> Option<(&str, u64)> {
        if mode.privilege != Privilege::Supervisor {
            return None;
        }
        let Table(table) = if mode.virt { &self.guest } else { &self.host };
        let (start, name) = table.get(table.partition_point(|(start, _)| *start <= address).checked_sub(1)?)?;
        let offset = address - start;
        (offset < REACH).then_some((name, offset))
    }
}

fn of_elf(bytes: &[u8]) -> Option<Table> {
    let file = object::File::parse(bytes).ok()?;
    let is_code = |symbol: &object::Symbol| {
        matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Label) || symbol.kind() == SymbolKind::Unknown
    };
    let symbols = file.symbols().filter(|symbol| is_code(symbol) && symbol.is_definition());
    Some(Table(symbols.filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?.to_owned()))).collect()))
}

/// Lines of an address, a letter and a name. Names that the assembler made are left out.
fn of_map(bytes: &[u8]) -> Table {
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (address, kind, name) = (words.next()?, words.next()?, words.next()?);
        let is_code = matches!(kind, "t" | "T" | "w" | "W") && !name.starts_with(['$', '.']);
        Some((u64::from_str_radix(address, 16).ok()?, name.to_owned())).filter(|_| is_code)
    };
    Table(String::from_utf8_lossy(bytes).lines().filter_map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_called_by_the_symbol_before_it() {
        let map =
            of_map(b"ffffffff80001000 T _start\nffffffff80002000 t handle_exception\nffffffff80002004 t $x\nzz\n");
        let symbols = Symbols { host: map, guest: Table::default() };
        let name = |mode, address| symbols.name(mode, address);
        assert_eq!(name(Mode::HS, 0xffff_ffff_8000_2008), Some(("handle_exception", 8)));
        assert_eq!(name(Mode::HS, 0xffff_ffff_8000_1000), Some(("_start", 0)));
        assert_eq!(name(Mode::HS, 0x1000), None);
        assert_eq!(name(Mode::VS, 0xffff_ffff_8000_2008), None);
        assert_eq!(name(Mode::U, 0xffff_ffff_8000_2008), None);
    }
}
