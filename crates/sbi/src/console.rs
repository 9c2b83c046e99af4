//! The debug console, and the legacy console calls.
//!
//! SBI 3.0, "Debug Console Extension (EID #0x4442434E "DBCN")" and "Legacy Extensions".

use crate::function::Dbcn;
use crate::{Answer, Error};

/// The terminal behind the calls.
pub trait Console: Send {
    /// Shows `bytes`. Answers how many it took; less than all is no error, and the caller may come again.
    fn write(&mut self, bytes: &[u8]) -> usize;
    /// Takes what was typed, without waiting for anybody. Answers how many bytes of `into` are filled.
    fn read(&mut self, into: &mut [u8]) -> usize;
}

/// No terminal: what is written is lost, and nothing is ever typed.
impl Console for () {
    fn write(&mut self, bytes: &[u8]) -> usize {
        bytes.len()
    }

    fn read(&mut self, _into: &mut [u8]) -> usize {
        0
    }
}

/// The caller's physical memory, of which calls name parts.
pub trait Memory {
    /// Whether it has all of these addresses.
    fn has(&self, address: u64, len: u64) -> bool;
    /// Copies from it. `None`: it has not all of them.
    fn read(&self, address: u64, into: &mut [u8]) -> Option<()>;
    /// Copies to it. `None`: it has not all of them.
    fn write(&self, address: u64, bytes: &[u8]) -> Option<()>;
}

/// Bytes moved between memory and console in one step; most that one call reads.
const CHUNK_BYTES: usize = 4096;

/// Answers the debug console.
pub fn answer(function: Dbcn, args: &[u64; 6], memory: &dyn Memory, console: &mut dyn Console) -> Answer {
    let [a0, a1, a2, ..] = *args;
    match function {
        Dbcn::ConsoleWrite => write(buffer(a0, a1, a2, memory)?, memory, console),
        Dbcn::ConsoleRead => read(buffer(a0, a1, a2, memory)?, memory, console),
        Dbcn::ConsoleWriteByte => {
            console.write(&[a0 as u8]);
            Ok(0)
        }
    }
}

/// `sbi_console_putchar`: what goes into `a0`.
pub fn putchar(character: u64, console: &mut dyn Console) -> u64 {
    console.write(&[character as u8]);
    0
}

/// `sbi_console_getchar`: what goes into `a0`, -1 where nothing was typed.
pub fn getchar(console: &mut dyn Console) -> u64 {
    let mut byte = [0];
    match console.read(&mut byte) {
        0 => u64::MAX,
        _ => byte[0].into(),
    }
}

/// Memory that a call names.
struct Buffer {
    address: u64,
    len: u64,
}

fn buffer(num_bytes: u64, base_addr_lo: u64, base_addr_hi: u64, memory: &dyn Memory) -> Result<Buffer, Error> {
    let exists = base_addr_hi == 0 && memory.has(base_addr_lo, num_bytes);
    exists.then_some(Buffer { address: base_addr_lo, len: num_bytes }).ok_or(Error::InvalidParam)
}

/// Writes until the console takes no more.
fn write(buffer: Buffer, memory: &dyn Memory, console: &mut dyn Console) -> Answer {
    let (mut chunk, mut written) = ([0; CHUNK_BYTES], 0);
    while written < buffer.len {
        let part = &mut chunk[..(buffer.len - written).min(CHUNK_BYTES as u64) as usize];
        memory.read(buffer.address + written, part).ok_or(Error::InvalidParam)?;
        let took = console.write(part).min(part.len());
        written += took as u64;
        if took < part.len() {
            break;
        }
    }
    Ok(written)
}

fn read(buffer: Buffer, memory: &dyn Memory, console: &mut dyn Console) -> Answer {
    let mut chunk = [0; CHUNK_BYTES];
    let room = buffer.len.min(CHUNK_BYTES as u64) as usize;
    let typed = console.read(&mut chunk[..room]).min(room);
    memory.write(buffer.address, &chunk[..typed]).ok_or(Error::InvalidParam)?;
    Ok(typed as u64)
}
