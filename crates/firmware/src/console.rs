//! The debug console and the legacy console calls.
//!
//! SBI 2.0, "Debug Console Extension (EID #0x4442434E "DBCN")".

use arch::Phys;
use memory::Ram;

use crate::call::{Answer, Call, SbiError};

/// The machine's terminal as a firmware uses it.
pub trait Console: Send {
    /// Shows `bytes`; may wait until somebody reads them.
    fn write(&mut self, bytes: &[u8]);
    /// Takes what was typed, without waiting for anybody.
    fn read(&mut self) -> Option<u8>;
}

/// Most bytes that one call moves; "may be less" says the specification, and the caller asks again.
const CHUNK_BYTES: u64 = 4096;

/// Reads from `console`, and adds to `shown` what is to be written to it.
pub fn answer(call: &Call, ram: &Ram, console: &mut dyn Console, shown: &mut Vec<u8>) -> Answer {
    let [a0, a1, a2, ..] = call.args;
    match call.function {
        0 => write(place(a0, a1, a2, ram)?, ram, shown),
        1 => read(place(a0, a1, a2, ram)?, ram, console),
        2 => {
            shown.push(a0 as u8);
            Ok(0)
        }
        _ => Err(SbiError::NotSupported),
    }
}

/// Offset in RAM and length of the memory that a call names.
fn place(len: u64, low: u64, high: u64, ram: &Ram) -> Result<(u64, usize), SbiError> {
    if high != 0 {
        return Err(SbiError::InvalidParam);
    }
    let offset = ram.offset(Phys(low), len).ok_or(SbiError::InvalidParam)?;
    Ok((offset, len.min(CHUNK_BYTES) as usize))
}

fn write((offset, len): (u64, usize), ram: &Ram, shown: &mut Vec<u8>) -> Answer {
    let mut bytes = vec![0; len];
    ram.read_bytes(offset, &mut bytes).ok_or(SbiError::InvalidParam)?;
    shown.append(&mut bytes);
    Ok(len as u64)
}

fn read((offset, len): (u64, usize), ram: &Ram, console: &mut dyn Console) -> Answer {
    let bytes: Vec<u8> = std::iter::from_fn(|| console.read()).take(len).collect();
    if !bytes.is_empty() {
        ram.write_bytes(offset, &bytes).ok_or(SbiError::InvalidParam)?;
    }
    Ok(bytes.len() as u64)
}
