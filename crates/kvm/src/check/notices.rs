//! Notices to devices: passed on without an exit, and each of them answered.

use std::time::{Duration, Instant};

use arch::Phys;

use super::guests::{self, ANSWERED_ROUNDS, NOTICES_ROUNDS};
use super::machine::{DEVICE, Machine};
use super::{Checked, Verdict, expect, passed};
use crate::{Error, Options};

/// The register whose writes are passed on: 0 to it.
const NOTICE: u64 = 0x50;

/// They do not stop the hart; and what an exit costs.
pub fn pass() -> Checked {
    let (mut machine, timebase_hz) = machine(guests::NOTICES)?;
    if let Err(error) = pass_on(&machine) {
        return Ok(Verdict::Skipped(error.to_string()));
    }
    machine.run()?;
    expect("writes that were exits", machine.device.count(0x54), NOTICES_ROUNDS)?;
    let begin = Instant::now();
    while machine.device.count(NOTICE) == 0 {
        if begin.elapsed() > Duration::from_secs(5) {
            return Err("no notice has come".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let each = |offset| nanoseconds(&machine, offset, timebase_hz, NOTICES_ROUNDS);
    passed(format!("a notice {} ns, the same as an exit {} ns, a read {} ns", each(0x10), each(0x18), each(0x20)))
}

/// Who waits for the answer to each sees it each time, while the thread that answers looks on and after it has slept.
pub fn are_answered() -> Checked {
    let (mut machine, timebase_hz) = machine(guests::ANSWERED)?;
    if let Err(error) = pass_on(&machine) {
        return Ok(Verdict::Skipped(error.to_string()));
    }
    machine.run()?;
    let each = nanoseconds(&machine, 0x10, timebase_hz, ANSWERED_ROUNDS);
    passed(format!("{ANSWERED_ROUNDS} of them, {each} ns each with the exits that look for it"))
}

fn machine(program: &[u32]) -> Result<(Machine, u64), super::Failure> {
    let machine = Machine::new(program, 1, Options::default())?;
    let timebase_hz = machine.harts[0].describe()?.timebase_hz;
    Ok((machine, timebase_hz))
}

fn pass_on(machine: &Machine) -> Result<(), Error> {
    machine.vm.pass_on(&[(Phys(DEVICE.0 + NOTICE), 0)])
}

/// The ticks for all `rounds` that the guest wrote to `offset`, for one.
fn nanoseconds(machine: &Machine, offset: u64, timebase_hz: u64, rounds: u64) -> u128 {
    u128::from(machine.device.value(offset)) * 1_000_000_000 / u128::from(timebase_hz * rounds)
}
