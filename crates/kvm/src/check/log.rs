//! The dirty log: which pages a guest wrote to.

use super::machine::Machine;
use super::{Checked, expect, guests, passed};
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
