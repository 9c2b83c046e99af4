//! Snapshots in files.
//!
//! A magic number and the version; a head and a machine, each with its length and a check sum; pages of memory in runs,
//! each with its place, its length and a check sum; a run of none. All numbers are little-endian. The reader takes
//! nothing on trust: it has room for no more than the file brings.

use std::io::{self, Read, Write};

use ::memory::Ram;
use serde::{Deserialize, Serialize};

use super::format::{Problem, check_sum, take};
use super::{SCHEMA, Saved, Shape, memory};

/// The beginning of every snapshot, whatever its version. Not text, and damaged by whoever takes it for text.
const MAGIC: [u8; 16] = *b"\x89vhart snapshot\n";
/// Most bytes of the head: it has a command line in it.
const MOST_HEAD_BYTES: u64 = 4 << 20;
/// Most bytes of a machine without its memory: what was written to disks with `snapshot=on` is in it.
const MOST_STATE_BYTES: u64 = 1 << 40;

/// What is to be known of a snapshot before it is loaded.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The vhart that wrote it.
    pub version: String,
    /// The command that made it.
    pub made_by: String,
    /// The machine that it is of.
    pub shape: Shape,
}

/// A snapshot that is being read.
pub struct Snapshot<'a> {
    /// What it says of itself.
    pub head: Head,
    /// The machine.
    pub saved: Saved,
    /// Its memory follows.
    rest: Box<dyn Read + 'a>,
}

/// Writes a snapshot.
///
/// # Errors
/// It cannot be written.
pub fn write(to: &mut dyn Write, head: &Head, saved: &Saved, ram: &Ram) -> Result<(), Problem> {
    to.write_all(&MAGIC)?;
    to.write_all(&SCHEMA.to_le_bytes())?;
    write_part(to, head)?;
    write_part(to, saved)?;
    memory::write(to, ram)
}

fn write_part(to: &mut dyn Write, part: &impl Serialize) -> Result<(), Problem> {
    let bytes = bus::state::to_bytes(part).map_err(|why| Problem::Io(io::Error::other(why)))?;
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(&bytes)?;
    Ok(to.write_all(&check_sum(&bytes).to_le_bytes())?)
}

impl<'a> Snapshot<'a> {
    /// Reads all but the memory.
    ///
    /// # Errors
    /// There is no such snapshot.
    pub fn read(mut from: impl Read + 'a) -> Result<Snapshot<'a>, Problem> {
        let mut magic = [0; MAGIC.len()];
        from.read_exact(&mut magic).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Problem::Foreign,
            _ => Problem::Io(error),
        })?;
        if magic != MAGIC {
            return Err(Problem::Foreign);
        }
        match u32::from_le_bytes(take(&mut from)?) {
            SCHEMA => {}
            found => return Err(Problem::Version { found }),
        }
        let head = read_part(&mut from, MOST_HEAD_BYTES, "its head")?;
        let saved = read_part(&mut from, MOST_STATE_BYTES, "the machine in it")?;
        Ok(Snapshot { head, saved, rest: Box::new(from) })
    }

    /// Reads the memory into one that is empty.
    ///
    /// # Errors
    /// The file ends or is damaged, or memory is smaller.
    pub(crate) fn load_memory(&mut self, ram: &Ram) -> Result<(), Problem> {
        memory::read(&mut *self.rest, ram)?;
        match self.rest.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(Problem::Longer),
        }
    }
}

fn read_part<T: for<'de> Deserialize<'de>>(from: &mut dyn Read, most: u64, what: &'static str) -> Result<T, Problem> {
    let len = u64::from_le_bytes(take(from)?);
    if len > most {
        return Err(Problem::Damaged { what });
    }
    let mut bytes = Vec::new();
    // what the file does not bring takes no room
    if from.take(len).read_to_end(&mut bytes)? as u64 != len {
        return Err(Problem::Truncated);
    }
    if u32::from_le_bytes(take(from)?) != check_sum(&bytes) {
        return Err(Problem::Damaged { what });
    }
    bus::state::from_bytes(&bytes).map_err(|_| Problem::Damaged { what })
}
