//! Counters' values in memory that a kernel shares.
//!
//! Its layout is [`sbi::pmu::snapshot`]: the overflows as bits, then the values; both counted from the call's base.

use arch::Phys;
use memory::Ram;
use sbi::Error;
use sbi::pmu::snapshot::{BYTES, COUNTER_OVERFLOW_BITMAP, COUNTER_VALUES, MOST_VALUES};

use super::set::Set;

/// The shared page.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    /// Its offset in RAM.
    offset: u64,
}

impl Snapshot {
    /// The page at this address.
    pub fn new(low: u64, high: u64, ram: &Ram) -> Result<Snapshot, Error> {
        if !low.is_multiple_of(BYTES) {
            return Err(Error::InvalidParam);
        }
        let offset = ram.offset(Phys(low), BYTES).filter(|_| high == 0).ok_or(Error::InvalidAddress)?;
        Ok(Snapshot { offset })
    }

    fn place_of(self, place: usize) -> Option<u64> {
        let place = u64::try_from(place).ok().filter(|&place| place < MOST_VALUES)?;
        Some(self.offset + COUNTER_VALUES + 8 * place)
    }

    /// The value at this place.
    pub fn value(self, place: usize, ram: &Ram) -> Option<u64> {
        ram.load_u64(self.place_of(place)?)
    }

    /// Saves value and overflow of each counter of the set.
    pub fn save(self, set: Set, ram: &Ram, mut of: impl FnMut(usize) -> (u64, bool)) {
        let mut overflows = 0;
        for counter in set.iter() {
            let (value, overflowed) = of(counter);
            overflows |= u64::from(overflowed) << set.place(counter);
            if let Some(at) = self.place_of(set.place(counter)) {
                // the page was found in RAM
                let _ = ram.write_bytes(at, &value.to_le_bytes());
            }
        }
        let _ = ram.write_bytes(self.offset + COUNTER_OVERFLOW_BITMAP, &overflows.to_le_bytes());
    }
}
