//! A guest's system that sleeps (SBI SUSP).

use std::thread;
use std::time::Duration;

use arch::Interrupt;

use super::machine::Machine;
use super::{Checked, Verdict, expect, guests, passed};
use crate::Options;

/// The extension's name.
const SUSP: &str = "susp";
/// How long it sleeps.
pub const NAP: Duration = Duration::from_millis(50);

/// An interrupt ends the sleep, and still waits when the guest looks: KVM starts the hart anew on its way into the
/// guest.
pub fn wakes() -> Checked {
    if !crate::info()?.sbi.iter().any(|(name, _)| *name == SUSP) {
        return Ok(Verdict::Skipped("the kernel does not let a guest's system sleep (Linux 6.15 does)".into()));
    }
    let options = Options { sbi: vec![(SUSP.to_owned(), true)], ..Options::default() };
    let mut machine = Machine::new(guests::SLEEP, 1, options)?;
    let pins = machine.pins[0].clone();
    machine.run_beside(|device| {
        device.wait(0, b's'.into())?;
        thread::sleep(NAP);
        expect("what the guest says while it sleeps", device.value(0), b's'.into())?;
        pins.set(Interrupt::SupervisorExternal, true);
        device.wait(0, b'i'.into())?;
        Ok(())
    })?;
    expect("a refusal to sleep", machine.device.value(0x10), 0)?;
    expect("what it was given", machine.device.value(0x18), guests::SLEEP_OPAQUE)?;
    passed("an interrupt ends the system's sleep, and still waits behind it")
}
