//! Files and bytes that are put into memory beside kernel and firmware, as QEMU's `-device loader` does.

use std::path::PathBuf;

use arch::Phys;
use memory::Ram;

use super::input::Input;
use super::magic::{self, Kind};
use super::{Error, HEAD_BYTES, Problem, Program, Range, Symbols, elf, write};

/// Something to put into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// What.
    pub content: Content,
    /// Where; ELF files say so themselves.
    pub address: Option<u64>,
    /// The hart that begins to run there, in M-mode.
    pub hart: Option<usize>,
}

/// What to put into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file.
    File {
        /// Its path.
        file: PathBuf,
        /// Whether even an ELF file is put there as it is.
        raw: bool,
    },
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Load {
    /// Puts it into `ram`. What is answered begins at its address, or at the ELF file's entry point.
    ///
    /// # Errors
    /// The file cannot be read, or has no place there.
    pub fn put(&self, ram: &Ram) -> Result<Program, Error> {
        let (file, raw) = match &self.content {
            Content::File { file, raw } => (file, *raw),
            Content::Bytes(bytes) => return self.put_bytes(bytes, ram),
        };
        let mut input = Input::open(file, ram.len_bytes())?;
        self.put_file(&mut input, raw, ram).map_err(|problem| problem.of(file))
    }

    fn put_bytes(&self, bytes: &[u8], ram: &Ram) -> Result<Program, Error> {
        let at = self.address.unwrap_or_default();
        write(ram, Phys(at), bytes).map_err(|problem| problem.of(format!("data at {at:#x}").as_ref()))?;
        Ok(program(at, bytes.len() as u64))
    }

    fn put_file(&self, input: &mut Input, raw: bool, ram: &Ram) -> Result<Program, Problem> {
        if !raw && magic::kind(&input.head(HEAD_BYTES)?) == Kind::Elf {
            return elf::load(&input.content()?, ram, Phys(self.address.unwrap_or(ram.base().0)));
        }
        let at = self.address.ok_or(Problem::NoAddress)?;
        let bytes = input.len_bytes();
        ram.offset(Phys(at), bytes).ok_or(Problem::Beyond { start: at, bytes, ram: Range::of(ram) })?;
        input.copy_to(ram, Phys(at))?;
        Ok(program(at, bytes))
    }

    /// Whether it can be what is started where there is no kernel.
    pub fn is_program(&self) -> bool {
        self.hart.is_none() && matches!(self.content, Content::File { .. })
    }

    /// What messages call it.
    pub fn name(&self) -> String {
        match &self.content {
            Content::File { file, .. } => file.display().to_string(),
            Content::Bytes(_) => format!("data at {:#x}", self.address.unwrap_or_default()),
        }
    }
}

fn program(at: u64, bytes: u64) -> Program {
    let range = Range { start: at, end: at.saturating_add(bytes) };
    Program { entry: Phys(at), range, symbols: Symbols::default() }
}
