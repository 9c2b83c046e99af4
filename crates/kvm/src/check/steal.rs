//! Steal time (SBI STA): what others took of the hart's processor.

use std::hint::spin_loop;
use std::thread;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::{Checked, Outcome, Verdict, expect, guests, passed};
use crate::Options;

/// The extension's name.
const STA: &str = "sta";
/// How long others are busy: many turns of a scheduler.
const BUSY: Duration = Duration::from_millis(500);
/// What of it is stolen at least: of two who want a processor neither has it always.
const LEAST: Duration = Duration::from_millis(20);

/// Where others are busy it grows, never beyond the time that passes, and the guest sees no half of a change. What
/// cannot be is refused (SBI 3.0, "Set Steal-time Shared Memory Address").
pub fn grows() -> Checked {
    if !crate::info()?.sbi.iter().any(|(name, _)| *name == STA) {
        return Ok(Verdict::Skipped("the kernel has no steal time".into()));
    }
    let mut machine = Machine::new(guests::STEAL, 1, Options::default())?;
    let (ram, begin) = (machine.ram.clone(), Instant::now());
    machine.run_beside(|device| {
        device.wait(0, b'g'.into())?;
        be_busy();
        ram.store_u64(guests::STEAL_ENDS_AT, 1);
        Ok(())
    })?;
    let passed_by = begin.elapsed();
    let told = |offset| machine.device.value(offset);
    let refused = |error: sbi::Error| error as i64 as u64;
    expect("an address across the grain", told(0x10), refused(sbi::Error::InvalidParam))?;
    expect("an address beyond memory", told(0x18), refused(sbi::Error::InvalidAddress))?;
    expect("flags", told(0x20), refused(sbi::Error::InvalidParam))?;
    expect("its memory", told(0x28), 0)?;
    expect("odd sequence numbers", told(0x30), 0)?;
    expect("times less than before", told(0x38), 0)?;
    within(Duration::from_nanos(told(0x40)), passed_by)?;
    expect("the sequence number, which grows", told(0x48) != 0, true)?;
    passed(format!("{} of {} ms stolen by busy threads", told(0x40) / 1_000_000, passed_by.as_millis()))
}

/// Keeps every processor busy for a while.
fn be_busy() {
    let until = Instant::now() + BUSY;
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while Instant::now() < until {
                    spin_loop();
                }
            });
        }
    });
}

fn within(stolen: Duration, passed: Duration) -> Outcome {
    match stolen {
        _ if stolen < LEAST => {
            Err(format!("of {passed:?} only {stolen:?} were stolen, with every processor busy").into())
        }
        _ if stolen > passed => Err(format!("{stolen:?} were stolen within {passed:?}").into()),
        _ => Ok(()),
    }
}
