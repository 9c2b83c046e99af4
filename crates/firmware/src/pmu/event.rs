//! What a call wants counted, and whether that can be.
//!
//! `event_idx` has the type in bits 19:16 and a code below. Types: 0 and 1 general and cache events, 2 and 3 raw ones, whose
//! selector is the call's data, 15 those of the firmware.

use arch::{Event, Phys};
use memory::Ram;

use super::software::FirmwareEvent;
use crate::call::{Answer, SbiError};

/// Something to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The hart counts it.
    Hardware(Event),
    /// The firmware counts it.
    Firmware(FirmwareEvent),
    /// It has a number, and nobody counts it.
    Nothing,
}

/// The last general event of the specification's table.
const LAST_GENERAL: u64 = 10;
/// The last cache of its table, the last operation, and the last result, as codes.
const LAST_CACHE: u64 = 6 << 3 | 2 << 1 | 1;
/// The bits of the data that raw events select by.
const RAW_BITS: u64 = (1 << 48) - 1;
const RAW_V2_BITS: u64 = (1 << 56) - 1;
/// Most entries that one call asks after.
const MOST_ENTRIES: u64 = 4096;
const ENTRY_BYTES: u64 = 16;

impl Wanted {
    /// What `event_idx` and `event_data` stand for.
    pub fn parse(index: u64, data: u64) -> Result<Wanted, SbiError> {
        let (kind, code) = (index >> 16, index & 0xffff);
        let selector = match (kind, code) {
            (0, 1..=LAST_GENERAL) | (1, 0..=LAST_CACHE) => index,
            (2, 0) => data & RAW_BITS,
            (3, 0) => data & RAW_V2_BITS,
            (15, _) => return Ok(FirmwareEvent::of(code).map_or(Wanted::Nothing, Wanted::Firmware)),
            _ => return Err(SbiError::InvalidParam),
        };
        Ok(Event::selected_by(selector).map_or(Wanted::Nothing, Wanted::Hardware))
    }
}

/// Writes behind each event of a table in memory whether it can be counted.
pub fn tell(low: u64, high: u64, entries: u64, flags: u64, ram: &Ram, can_count: impl Fn(Wanted) -> bool) -> Answer {
    if flags != 0 || !low.is_multiple_of(ENTRY_BYTES) {
        return Err(SbiError::InvalidParam);
    }
    if entries > MOST_ENTRIES {
        return Err(SbiError::Failed);
    }
    let start = ram.offset(Phys(low), entries * ENTRY_BYTES).filter(|_| high == 0).ok_or(SbiError::InvalidAddress)?;
    for entry in (0..entries).map(|n| start + n * ENTRY_BYTES) {
        let index = ram.load_u64(entry).ok_or(SbiError::InvalidAddress)? & u64::from(u32::MAX);
        if index >> 20 != 0 {
            return Err(SbiError::InvalidParam);
        }
        let data = ram.load_u64(entry + 8).ok_or(SbiError::InvalidAddress)?;
        let supported = Wanted::parse(index, data).is_ok_and(&can_count);
        ram.write_bytes(entry + 4, &u32::from(supported).to_le_bytes()).ok_or(SbiError::InvalidAddress)?;
    }
    Ok(0)
}
