//! Source lines, from DWARF.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use addr2line::Context;
use gimli::{Dwarf, EndianArcSlice, LittleEndian, SectionId};
use object::{Object, ObjectSection};

type Slice = EndianArcSlice<LittleEndian>;

/// Source lines of a program.
pub struct Lines(Mutex<Context<Slice>>);

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

impl Lines {
    /// Those of an ELF file that has some.
    pub fn of(file: &object::File) -> Option<Lines> {
        file.section_by_name(SectionId::DebugInfo.name())?;
        let load = |id: SectionId| -> Result<Slice, ()> {
            let bytes = file.section_by_name(id.name()).and_then(|section| section.data().ok()).unwrap_or_default();
            Ok(Slice::new(Arc::from(bytes), LittleEndian))
        };
        let dwarf = Dwarf::load(load).ok()?;
        Context::from_dwarf(dwarf).ok().map(|context| Lines(Mutex::new(context)))
    }

    /// The file's name and the line of an address.
    pub fn at(&self, address: u64) -> Option<String> {
        let context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let location = context.find_location(address).ok()??;
        Some(format!("{}:{}", location.file?, location.line?))
    }
}
