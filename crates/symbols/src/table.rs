//! The symbols of one program, by address.

use std::ops::Range;

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its address.
    pub address: u64,
    /// What it is, by `nm`'s letter: `T` and `t` are code.
    pub kind: u8,
    /// Its name.
    pub name: String,
    /// The kernel module that it is of: an index into [`Table::modules`].
    pub module: Option<u16>,
}

impl Symbol {
    /// Whether it may name code.
    fn is_code(&self) -> bool {
        matches!(self.kind, b'T' | b't' | b'W' | b'w') && !self.name.starts_with(['$', '.'])
    }

    /// Of symbols at one address the one that comes last names it.
    fn worth(&self) -> (bool, bool, bool) {
        let is_plain = !self.name.starts_with('_');
        (is_plain, self.kind.is_ascii_uppercase(), matches!(self.kind, b'T' | b't'))
    }
}

/// What an address is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The symbol before it.
    pub name: &'a str,
    /// How far behind that it is.
    pub offset: u64,
    /// The kernel module.
    pub module: Option<&'a str>,
}

/// Where nothing else says where a program ends, what is further behind a symbol is not called by it.
const REACH: u64 = 1 << 20;

/// Symbols of a program, and of modules that belong to it.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// In the order of addresses; of several at one address, in that of [`Symbol::worth`].
    symbols: Vec<Symbol>,
    /// Positions of those that may name code.
    code: Vec<u32>,
    /// Where there is code; empty: not known.
    places: Vec<Range<u64>>,
    /// Names of modules.
    pub modules: Vec<String>,
}

impl Table {
    /// Of these symbols, whose code is in these places: none where that is not known.
    pub fn new(mut symbols: Vec<Symbol>, modules: Vec<String>, mut places: Vec<Range<u64>>) -> Table {
        places.sort_by_key(|place| place.start);
        symbols.sort_by(|a, b| (a.address, a.worth(), &a.name).cmp(&(b.address, b.worth(), &b.name)));
        let code = symbols.iter().enumerate().filter(|(_, symbol)| symbol.is_code()).map(|(at, _)| at as u32).collect();
        Table { symbols, code, places, modules }
    }

    /// All symbols, by address.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The address of a symbol of the program itself.
    pub fn address(&self, name: &str) -> Option<u64> {
        self.symbols.iter().find(|symbol| symbol.module.is_none() && symbol.name == name).map(|symbol| symbol.address)
    }

    /// Where the code is that an address is in.
    fn place(&self, address: u64) -> Option<&Range<u64>> {
        let behind = self.places.partition_point(|place| place.start <= address);
        self.places[..behind].last().filter(|place| place.contains(&address))
    }

    /// The function that an address is in: its name, and where it is until the next begins.
    pub fn function_at(&self, address: u64) -> Option<(Range<u64>, Found<'_>)> {
        let found = self.code_at(address)?;
        let behind = self.code.partition_point(|&at| self.symbols[at as usize].address <= address);
        let next = self.code.get(behind).map_or(u64::MAX, |&at| self.symbols[at as usize].address);
        let end = self.place(address).map_or(u64::MAX, |place| place.end);
        let start = address - found.offset;
        Some((start..next.min(end).min(start.saturating_add(REACH)), found))
    }

    /// The name of code at an address.
    pub fn code_at(&self, address: u64) -> Option<Found<'_>> {
        let place = self.place(address);
        if place.is_none() && !self.places.is_empty() {
            return None;
        }
        let behind = self.code.partition_point(|&at| self.symbols[at as usize].address <= address);
        let symbol = &self.symbols[self.code[behind.checked_sub(1)?] as usize];
        let offset = address - symbol.address;
        if offset >= REACH || place.is_some_and(|place| !place.contains(&symbol.address)) {
            return None;
        }
        let module = symbol.module.and_then(|module| self.modules.get(usize::from(module)));
        Some(Found { name: &symbol.name, offset, module: module.map(String::as_str) })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn symbol(address: u64, kind: u8, name: &str) -> Symbol {
        Symbol { address, kind, name: name.into(), module: None }
    }

    #[test]
    fn an_address_is_called_by_the_symbol_before_it() {
        let symbols = vec![symbol(0x2000, b't', "second"), symbol(0x1000, b'T', "first"), symbol(0x1800, b'd', "data")];
        let table = Table::new(symbols, Vec::new(), Vec::new());
        let name = |address| table.code_at(address).map(|found| (found.name, found.offset));
        assert_eq!(name(0x1900), Some(("first", 0x900)));
        assert_eq!(name(0x2000), Some(("second", 0)));
        assert_eq!((name(0xfff), name(0x2000 + REACH)), (None, None));
        assert_eq!(table.address("data"), Some(0x1800));
    }

    #[test]
    fn of_two_names_the_plain_and_public_one_counts() {
        let names = [(b't', "local"), (b'T', "public"), (b'T', "__pi_public"), (b't', "$x")];
        let symbols = names.iter().map(|(kind, name)| symbol(0x1000, *kind, name)).collect();
        assert_eq!(Table::new(symbols, Vec::new(), Vec::new()).code_at(0x1004).unwrap().name, "public");
    }

    #[test]
    fn nothing_is_called_by_another_place() {
        let mut of_module = symbol(0x9000, b't', "of_module");
        of_module.module = Some(0);
        let places = vec![0x1000..0x2000, 0x9000..0xa000];
        let table = Table::new(vec![symbol(0x1000, b'T', "first"), of_module], vec!["kvm".into()], places);
        assert_eq!(table.code_at(0x9004).unwrap().module, Some("kvm"));
        assert_eq!((table.code_at(0x2000), table.code_at(0xa000)), (None, None));
    }
}
