//! The symbols of a kernel's modules: each has the part of its ELF symbol table that it needs, in memory.

use std::cell::Cell;
use std::ops::Range;

use arch::{Mode, Virt};
use events::Look;
use object::elf;

use crate::Btf;
use crate::bytes::{text_at, u16_at, u32_at, u64_at};
use crate::table::Symbol;

/// Modules of one kernel.
const MOST_MODULES: usize = 1024;
/// Symbols of one module.
const MOST_SYMBOLS: u64 = 1 << 17;
/// Bytes of a module's strings.
const MOST_STRINGS: usize = 8 << 20;
/// Symbols of all modules together.
const MOST_IN_ALL: usize = 1 << 20;
/// Bytes that are read for all modules together, whatever a guest's list says.
const MOST_READ: usize = 128 << 20;
/// Bytes of an entry of a symbol table.
const ENTRY: usize = size_of::<elf::Sym64<object::LittleEndian>>();
/// `st_shndx` of what a module only uses.
const UNDEFINED: u16 = elf::SHN_UNDEF.0;
/// `MODULE_NAME_LEN`.
const LONGEST_NAME: usize = 56;
const LONGEST_SYMBOL: usize = 512;
/// Kinds of memory of a module: `MOD_MEM_NUM_TYPES` of Linux 6.12.
const MEMORIES: u64 = 7;

/// Where things are in the kernel's structures.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    list: u64,
    name: u64,
    kallsyms: u64,
    table: u64,
    count: u64,
    strings: u64,
    kinds: u64,
    /// Memory of the module: the array, and base and size of an entry. Since Linux 6.4.
    memory: Option<[u64; 4]>,
}

impl Layout {
    /// As the kernel's type information says.
    pub fn of(btf: &Btf) -> Option<Layout> {
        Some(Layout {
            list: btf.offset("module", "list")?,
            name: btf.offset("module", "name")?,
            kallsyms: btf.offset("module", "kallsyms")?,
            table: btf.offset("mod_kallsyms", "symtab")?,
            count: btf.offset("mod_kallsyms", "num_symtab")?,
            strings: btf.offset("mod_kallsyms", "strtab")?,
            kinds: btf.offset("mod_kallsyms", "typetab").unwrap_or(0),
            memory: memory(btf),
        })
    }
}

/// What is found of the modules.
#[derive(Default)]
pub struct Modules {
    /// Their names.
    pub names: Vec<String>,
    /// Their symbols.
    pub symbols: Vec<Symbol>,
    /// Where they are.
    pub places: Vec<Range<u64>>,
}

/// Reads the modules of the list at `head`, in the supervisor mode `mode`.
pub fn modules(hart: &dyn Look, mode: Mode, layout: &Layout, head: u64) -> Modules {
    let mut found = Modules::default();
    let reader = Reader { hart, mode, left: Cell::new(MOST_READ) };
    let mut entry = reader.word(head);
    // a list may lead into a circle without its head
    for _ in 0..MOST_MODULES {
        let Some(at) = entry.filter(|&at| at != head && at != 0 && found.symbols.len() < MOST_IN_ALL) else { break };
        // one that cannot be read has no symbols
        let _ = reader.module(layout, at.wrapping_sub(layout.list), &mut found);
        entry = reader.word(at);
    }
    found
}

struct Reader<'a> {
    hart: &'a dyn Look,
    mode: Mode,
    /// Bytes that may still be read.
    left: Cell<usize>,
}

impl Reader<'_> {
    fn bytes(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        self.left.set(self.left.get().checked_sub(len)?);
        let mut bytes = vec![0; len];
        self.hart.read(self.mode, Virt(at), &mut bytes).map(|()| bytes)
    }

    fn word(&self, at: u64) -> Option<u64> {
        u64_at(&self.bytes(at, 8)?, 0)
    }

    fn module(&self, layout: &Layout, module: u64, found: &mut Modules) -> Option<()> {
        let name = text_at(&self.bytes(module.wrapping_add(layout.name), LONGEST_NAME)?, 0, LONGEST_NAME)?;
        let kallsyms = self.word(module.wrapping_add(layout.kallsyms))?;
        let at = |offset| kallsyms.wrapping_add(offset);
        let count = u64::from(u32_at(&self.bytes(at(layout.count), 4)?, 0)?).min(MOST_SYMBOLS) as usize;
        let table = self.bytes(self.word(at(layout.table))?, count * ENTRY)?;
        let strings = self.strings(self.word(at(layout.strings))?, &table)?;
        let kinds = self.word(at(layout.kinds)).and_then(|kinds| self.bytes(kinds, count)).unwrap_or_default();
        let number = u16::try_from(found.names.len()).ok();
        found.names.push(name);
        found.places.extend(self.places(layout, module));
        let symbol = |(place, entry): (usize, &[u8])| symbol(entry, &strings, kinds.get(place).copied(), number);
        found.symbols.extend(table.chunks_exact(ENTRY).enumerate().filter_map(symbol));
        Some(())
    }

    /// The strings that the table needs.
    fn strings(&self, at: u64, table: &[u8]) -> Option<Vec<u8>> {
        let last = table.chunks_exact(ENTRY).filter_map(|entry| u32_at(entry, 0)).max()? as usize;
        let last = last.min(MOST_STRINGS);
        let mut strings = self.bytes(at, last + 1)?;
        // the last one goes on until its end
        while *strings.last()? != 0 && strings.len() < last + LONGEST_SYMBOL {
            strings.extend(self.bytes(at.wrapping_add(strings.len() as u64), 1)?);
        }
        Some(strings)
    }

    fn places(&self, layout: &Layout, module: u64) -> Vec<Range<u64>> {
        let Some([array, base, size, bytes]) = layout.memory else { return Vec::new() };
        let place = |number| {
            let entry = module.wrapping_add(array + number * bytes);
            let base = self.word(entry.wrapping_add(base))?;
            let size = u32_at(&self.bytes(entry.wrapping_add(size), 4)?, 0)?;
            Some(base..base.checked_add(size.into())?).filter(|place| !place.is_empty() && base != 0)
        };
        (0..MEMORIES).filter_map(place).collect()
    }
}

/// An entry of the table, if it has a name and is of the module.
fn symbol(entry: &[u8], strings: &[u8], kind: Option<u8>, module: Option<u16>) -> Option<Symbol> {
    let name = text_at(strings, u32_at(entry, 0)? as usize, LONGEST_SYMBOL).filter(|name| !name.is_empty())?;
    let is_defined = u16_at(entry, 6)? != UNDEFINED;
    let kind = kind.filter(u8::is_ascii_alphabetic).unwrap_or(b't');
    is_defined.then_some(Symbol { address: u64_at(entry, 8)?, kind, name, module })
}

/// Where a module's memory is, in kernels that say so part by part.
fn memory(btf: &Btf) -> Option<[u64; 4]> {
    let entry = |member| btf.offset("module_memory", member);
    let (base, size) = (entry("base")?, entry("size")?);
    Some([btf.offset("module", "mem")?, base, size, btf.size("module_memory")?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::Memory;

    const LAYOUT: Layout =
        Layout { list: 0, name: 0, kallsyms: 0, table: 0, count: 0, strings: 0, kinds: 0, memory: None };

    #[test]
    fn a_list_that_does_not_come_back_to_its_head_ends() {
        // every word leads to the same place, where no name ends
        let hart = Memory { bytes: &[0x18; 8], repeats: true };
        let found = modules(&hart, Mode::HS, &LAYOUT, 0x1000);
        assert!(found.names.is_empty() && found.symbols.is_empty());
    }

    #[test]
    fn tables_of_one_place_that_every_module_names_are_read_within_bounds() {
        // "name" ends here; tables are as large as they may be
        let hart = Memory { bytes: &[0x10, 1, 0, 0, 0, 0, 0, 0], repeats: true };
        let found = modules(&hart, Mode::HS, &LAYOUT, 0x1000);
        assert!(found.names.len() <= MOST_MODULES && found.symbols.len() < MOST_IN_ALL + MOST_SYMBOLS as usize);
    }
}
