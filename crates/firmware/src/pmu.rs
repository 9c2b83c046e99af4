//! Performance counters: the two that every hart has.
//!
//! SBI 2.0, "Performance Monitoring Unit Extension (EID #0x504D55 "PMU")". Counter 0 is `cycle`, counter 2 `instret`;
//! 1 would be `time`, which is none. They count always: stopping one forbids nothing but starting it twice.
//! Left out: programmable counters, firmware counters and snapshots.

use vcpu::FullHart;

use crate::call::{Answer, Call, SbiError};

/// Logical counters, with the hole at 1.
const COUNTERS: u64 = 3;
const CYCLE: u64 = 0;
const INSTRET: u64 = 2;
/// CSR number of `cycle`; counters follow it by index.
const CSR_CYCLE: u64 = 0xc00;
/// Width of a counter minus one, where `counter_info` has it.
const WIDTH: u64 = 63 << 12;

const EVENT_CYCLES: u64 = 1;
const EVENT_INSTRUCTIONS: u64 = 2;

const CONFIG_SKIP_MATCH: u64 = 1 << 0;
const CONFIG_AUTO_START: u64 = 1 << 2;
const START_SET_INITIAL: u64 = 1 << 0;
const STOP_RESET: u64 = 1 << 0;

/// Which counters of one hart are started, by bits.
pub type Started = u64;

pub fn answer(call: &Call, started: &mut Started, hart: &mut dyn FullHart) -> Answer {
    let [a0, a1, a2, a3, ..] = call.args;
    match call.function {
        0 => Ok(COUNTERS),
        1 => info(a0),
        2 => configure(a0, a1, a2, a3, started),
        3 => start(set(a0, a1)?, a2, a3, started, hart),
        4 => stop(set(a0, a1)?, a2, started),
        _ => Err(SbiError::NotSupported),
    }
}

fn exists(counter: u64) -> bool {
    matches!(counter, CYCLE | INSTRET)
}

fn info(counter: u64) -> Answer {
    exists(counter).then(|| (CSR_CYCLE + counter) | WIDTH).ok_or(SbiError::InvalidParam)
}

/// Counters as bits: a mask counted from a base.
fn set(base: u64, mask: u64) -> Result<u64, SbiError> {
    let shift = u32::try_from(base).ok().filter(|&shift| u64::from(shift) < COUNTERS).ok_or(SbiError::InvalidParam)?;
    let set = mask << shift;
    (set >> shift == mask && set < 1 << COUNTERS).then_some(set).ok_or(SbiError::InvalidParam)
}

fn configure(base: u64, mask: u64, flags: u64, event: u64, started: &mut Started) -> Answer {
    let set = set(base, mask)?;
    let counter = match event {
        _ if flags & CONFIG_SKIP_MATCH != 0 => u64::from(set.trailing_zeros()),
        EVENT_CYCLES => CYCLE,
        EVENT_INSTRUCTIONS => INSTRET,
        _ => return Err(SbiError::NotSupported),
    };
    if !exists(counter) || set >> counter & 1 == 0 {
        return Err(SbiError::NotSupported);
    }
    if flags & CONFIG_AUTO_START != 0 {
        *started |= 1 << counter;
    }
    Ok(counter)
}

fn start(set: u64, flags: u64, initial: u64, started: &mut Started, hart: &mut dyn FullHart) -> Answer {
    if set & !(1 << CYCLE | 1 << INSTRET) != 0 {
        return Err(SbiError::InvalidParam);
    }
    if set & *started != 0 {
        return Err(SbiError::AlreadyStarted);
    }
    *started |= set;
    if flags & START_SET_INITIAL != 0 {
        let counters = [CYCLE, INSTRET].into_iter().filter(|counter| set >> counter & 1 != 0);
        counters.for_each(|counter| hart.set_counter(counter as u32, initial));
    }
    Ok(0)
}

fn stop(set: u64, flags: u64, started: &mut Started) -> Answer {
    let running = set & *started;
    *started &= !set;
    if running == 0 && flags & STOP_RESET == 0 {
        return Err(SbiError::AlreadyStopped);
    }
    Ok(0)
}
