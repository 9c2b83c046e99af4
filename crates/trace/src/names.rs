//! Names that a trace brings along, in its file: of the functions that its addresses are in, and of processes.

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::ops::Range;

use arch::Mode;
use symbols::{Symbol, Symbols, Table, Whose};

use crate::Reader;
use crate::chunk::{FUNCTIONS, Names, PROCESS};
use crate::wire::{put, take};

/// Bytes of names in a chunk.
const CHUNK_BYTES: usize = 256 << 10;

/// Processes by whose they are and their ASID.
pub type Processes = BTreeMap<(Whose, u16), String>;

/// Whose an address is in a mode.
pub fn whose(mode: Mode, vmid: u16) -> Whose {
    if mode.virt { Whose::Guest(vmid) } else { Whose::Host }
}

impl<F: Read + Seek> Reader<F> {
    /// Adds the names of functions that the trace has. What is none is left out.
    pub fn names(&self, symbols: &mut Symbols) {
        let mut functions = Functions::default();
        let chunks = self.raw_names().iter().filter(|(of, _)| *of == Names::Functions);
        chunks.for_each(|(_, bytes)| _ = functions.read(bytes));
        functions.add_to(symbols);
    }

    /// The processes that ran.
    pub fn processes(&self) -> Processes {
        let chunks = self.raw_names().iter().filter(|(of, _)| *of == Names::Process);
        chunks.filter_map(|(_, bytes)| read_process(bytes)).collect()
    }
}

/// A function: its length, its name and its module.
pub type Function = (u64, String, String);

/// Functions by whose they are and their first addresses, as contents of chunks.
pub fn of_functions(functions: &BTreeMap<(Whose, u64), Function>) -> Vec<Vec<u8>> {
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    let mut last = None;
    for (&(of, start), (len, name, module)) in functions {
        if last.replace(of) != Some(of) || chunks.last().is_none_or(|chunk| chunk.len() >= CHUNK_BYTES) {
            chunks.push(begin(of));
        }
        let chunk = chunks.last_mut().expect("there is one");
        put(chunk, start);
        put(chunk, *len);
        put_text(chunk, name);
        put_text(chunk, module);
    }
    chunks
}

/// A chunk of functions without any yet.
fn begin(of: Whose) -> Vec<u8> {
    let mut chunk = vec![FUNCTIONS];
    put(&mut chunk, code(of));
    chunk
}

/// A process as contents of a chunk.
pub fn of_process((of, asid): (Whose, u16), name: &str) -> Vec<u8> {
    let mut bytes = vec![PROCESS];
    put(&mut bytes, code(of));
    put(&mut bytes, asid.into());
    bytes.extend(name.as_bytes());
    bytes
}

/// Reads a process.
pub fn read_process(mut bytes: &[u8]) -> Option<((Whose, u16), String)> {
    let (of, asid) = (of_code(take(&mut bytes)?)?, take(&mut bytes)?.try_into().ok()?);
    Some(((of, asid), String::from_utf8(bytes.to_vec()).ok()?))
}

/// Functions that were read.
#[derive(Default)]
pub struct Functions(BTreeMap<Whose, Named>);

/// What is named of one program.
#[derive(Default)]
struct Named {
    symbols: Vec<Symbol>,
    /// Where the functions are.
    places: Vec<Range<u64>>,
    modules: Vec<String>,
    /// Their positions in that list.
    numbers: BTreeMap<String, u16>,
}

impl Functions {
    /// Reads the contents of a chunk.
    pub fn read(&mut self, mut bytes: &[u8]) -> Option<()> {
        let named = self.0.entry(of_code(take(&mut bytes)?)?).or_default();
        while !bytes.is_empty() {
            let (address, len) = (take(&mut bytes)?, take(&mut bytes)?);
            let (name, module) = (take_text(&mut bytes)?, take_text(&mut bytes)?);
            let module = if module.is_empty() { None } else { named.number(module) };
            named.symbols.push(Symbol { address, kind: b't', name, module });
            named.places.push(address..address.saturating_add(len));
        }
        Some(())
    }

    /// As symbols.
    pub fn add_to(&self, symbols: &mut Symbols) {
        for (of, Named { symbols: names, places, modules, .. }) in &self.0 {
            symbols.add_names(*of, Table::new(names.clone(), modules.clone(), places.clone()));
        }
    }
}

impl Named {
    /// The number of a module; there are not more than numbers.
    fn number(&mut self, module: String) -> Option<u16> {
        if let Some(number) = self.numbers.get(&module) {
            return Some(*number);
        }
        let number = u16::try_from(self.modules.len()).ok()?;
        self.modules.push(module.clone());
        self.numbers.insert(module, number);
        Some(number)
    }
}

/// The host is 0, a guest is its VMID and one.
fn code(of: Whose) -> u64 {
    match of {
        Whose::Guest(vmid) => u64::from(vmid) + 1,
        Whose::Host | Whose::Guests => 0,
    }
}

fn of_code(code: u64) -> Option<Whose> {
    match code {
        0 => Some(Whose::Host),
        _ => u16::try_from(code - 1).ok().map(Whose::Guest),
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(take(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::chunk::{MAGIC, head};

    #[test]
    fn functions_come_back_whosever_they_are() {
        let function = |name: &str, module: &str| (0x10, name.to_owned(), module.to_owned());
        let guest = Whose::Guest(u16::MAX);
        let functions: BTreeMap<_, _> = [
            ((Whose::Host, 0x1000), function("read", "")),
            ((Whose::Host, 0x9000), function("enter", "kvm")),
            ((guest, 0x1000), function("idle", "")),
        ]
        .into();
        let chunks = of_functions(&functions);
        let mut read = Functions::default();
        chunks.iter().for_each(|chunk| read.read(&chunk[1..]).unwrap());
        let mut symbols = Symbols::default();
        read.add_to(&mut symbols);
        let name = |mode, address| symbols.name(mode, u16::MAX, address).map(|name| name.to_string());
        assert_eq!(name(Mode::HS, 0x9004).as_deref(), Some("enter+0x4 [kvm]"));
        assert_eq!(name(Mode::VS, 0x1000).as_deref(), Some("idle"));
        assert_eq!((name(Mode::HS, 0x1010), name(Mode::VS, 0x9004)), (None, None), "it is behind, or another's");
        assert!(Functions::default().read(&chunks[0][1..chunks[0].len() - 1]).is_none());
    }

    #[test]
    fn a_file_has_them_among_its_chunks() {
        let functions = [((Whose::Host, 0x1000), (0x10, "read".to_owned(), String::new()))].into();
        let mut chunks = of_functions(&functions);
        chunks.push(of_process((Whose::Guest(2), 9), "init[1]"));
        let framed = chunks.iter().flat_map(|contents| [&head(contents)[..], contents].concat());
        let file: Vec<u8> = MAGIC.into_iter().chain(framed).collect();
        let reader = Reader::new(Cursor::new(file)).unwrap();
        let mut symbols = Symbols::default();
        reader.names(&mut symbols);
        assert_eq!(symbols.name(Mode::HS, 0, 0x1004).unwrap().to_string(), "read+0x4");
        assert_eq!(reader.processes(), [((Whose::Guest(2), 9), "init[1]".to_owned())].into());
        assert_eq!(reader.damage(), None);
    }

    #[test]
    fn processes_come_back() {
        let process = (Whose::Host, 9);
        assert_eq!(read_process(&of_process(process, "init[1]")[1..]), Some((process, "init[1]".into())));
        assert_eq!(read_process(&[]), None);
    }
}
