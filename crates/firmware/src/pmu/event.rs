//! What a call wants counted, and whether that can be.
//!
//! General and cache events are selected by their number, raw ones by the call's data.

use arch::{Event, Phys};
use memory::Ram;
use sbi::pmu::{
    EVENT_IDX_BITS, FirmwareEvent, LAST_CACHE, LAST_GENERAL, RAW_BITS, RAW_V2_BITS, event_info, event_type,
    type_and_code,
};
use sbi::{Answer, Error};

/// Something to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub enum Wanted {
    /// The hart counts it.
    Hardware(Event),
    /// The firmware counts it.
    Firmware(FirmwareEvent),
    /// It has a number, and nobody counts it.
    Nothing,
}

/// Most entries that one call asks after.
const MOST_ENTRIES: u64 = 4096;

impl Wanted {
    /// What `event_idx` and `event_data` stand for.
    pub fn parse(index: u64, data: u64) -> Result<Wanted, Error> {
        let selector = match type_and_code(index) {
            (event_type::GENERAL, 1..=LAST_GENERAL) | (event_type::CACHE, 0..=LAST_CACHE) => index,
            (event_type::RAW, 0) => data & low_bits(RAW_BITS),
            (event_type::RAW_V2, 0) => data & low_bits(RAW_V2_BITS),
            (event_type::FIRMWARE, code) => return Ok(Wanted::firmware(code)),
            _ => return Err(Error::InvalidParam),
        };
        Ok(Event::selected_by(selector).map_or(Wanted::Nothing, Wanted::Hardware))
    }

    fn firmware(code: u64) -> Wanted {
        FirmwareEvent::of(code).filter(|&event| happens(event)).map_or(Wanted::Nothing, Wanted::Firmware)
    }
}

/// Whether it can ever happen: of traps, this firmware takes none.
fn happens(event: FirmwareEvent) -> bool {
    use FirmwareEvent::*;
    !matches!(event, MisalignedLoad | MisalignedStore | AccessLoad | AccessStore | IllegalInsn)
}

const fn low_bits(count: u32) -> u64 {
    (1 << count) - 1
}

/// Writes behind each event of a table in memory whether it can be counted.
pub fn tell(low: u64, high: u64, entries: u64, flags: u64, ram: &Ram, can_count: impl Fn(Wanted) -> bool) -> Answer {
    if flags != 0 || !low.is_multiple_of(event_info::BYTES) {
        return Err(Error::InvalidParam);
    }
    if entries > MOST_ENTRIES {
        return Err(Error::Failed);
    }
    let start =
        ram.offset(Phys(low), entries * event_info::BYTES).filter(|_| high == 0).ok_or(Error::InvalidAddress)?;
    for entry in (0..entries).map(|n| start + n * event_info::BYTES) {
        let index = ram.load_u32(entry + event_info::EVENT_IDX).ok_or(Error::InvalidAddress)?;
        if index >> EVENT_IDX_BITS != 0 {
            return Err(Error::InvalidParam);
        }
        let data = ram.load_u64(entry + event_info::EVENT_DATA).ok_or(Error::InvalidAddress)?;
        let supported = Wanted::parse(index.into(), data).is_ok_and(&can_count);
        ram.write_bytes(entry + event_info::OUTPUT, &u32::from(supported).to_le_bytes())
            .ok_or(Error::InvalidAddress)?;
    }
    Ok(0)
}
