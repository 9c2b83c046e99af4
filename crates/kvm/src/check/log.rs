//! The dirty log: which pages a guest wrote to.

use std::time::{Duration, Instant};

use super::machine::{Machine, Registers};
use super::{Checked, Outcome, expect, guests, passed};
use crate::Options;

/// Pages that the guest writes to are told, no others are, and each once.
pub fn tells() -> Checked {
    let mut machine = Machine::new(guests::WRITES, 1, Options::default())?;
    let (vm, [first, second, last]) = (machine.vm.clone(), guests::PAGES);
    machine.run_beside(|device| {
        device.wait(0, b'r'.into())?;
        vm.log_writes(true)?;
        expect("pages before the guest writes", vm.written()?, vec![])?;
        device.set(8, 1);
        device.wait(0, b'd'.into())?;
        expect("pages that it wrote to", vm.written()?, vec![first, second])?;
        expect("the same, asked again", vm.written()?, vec![])?;
        device.set(8, 1);
        device.wait(0, b'e'.into())?;
        expect("pages that it wrote to then", vm.written()?, vec![first, last])?;
        vm.log_writes(false)?;
        device.set(8, 1);
        Ok(())
    })?;
    passed("pages written are told, each once, and no others")
}

/// How long pages are logged again and again. Linux 7.2 without Svadu need not come to its fault in that time.
const LONG: Duration = Duration::from_secs(3);
/// Rounds that are enough, on a fast computer.
const ROUNDS: u64 = 20_000;
/// How long a guest may take for a round, on a busy computer.
const PATIENCE: Duration = Duration::from_secs(4);

/// A guest that writes to the same pages in every round gets on, whatever the kernel does to them meanwhile: it may
/// make them old (DAMON, reclaim), so that a store faults though the page is written to already.
pub fn lasts() -> Checked {
    let mut machine = Machine::new(guests::WRITES_AGAIN, 1, Options::default())?;
    let (vm, mut rounds) = (machine.vm.clone(), 0);
    machine.run_beside(|device| {
        vm.log_writes(true)?;
        let begin = Instant::now();
        while rounds < ROUNDS && begin.elapsed() < LONG {
            rounds += 1;
            round(device, rounds)?;
            expect("pages that it wrote to", vm.written()?, guests::MANY_PAGES.collect())?;
        }
        vm.log_writes(false)?;
        device.set(8, u64::MAX);
        Ok(())
    })?;
    let pages = guests::MANY_PAGES.count();
    passed(format!("{pages} pages written to and told in each of {rounds} rounds"))
}

/// Has the guest write to all of them.
fn round(device: &Registers, number: u64) -> Outcome {
    device.set(8, number);
    let begin = Instant::now();
    while device.value(0x10) != number {
        if begin.elapsed() > PATIENCE {
            return Err(format!(
                "in round {number} the guest stands in a store to a page that is logged, as with Linux 7.2 where hardware \
                 does not set A and D: a guest could stop for ever as it is moved (docs/accessed-dirty.md)"
            )
            .into());
        }
        std::thread::sleep(Duration::from_micros(20));
    }
    Ok(())
}
