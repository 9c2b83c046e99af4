//! The engine where it cannot be: the same names, and an error that says so.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bus::Bus;
use memory::Ram;
use sbi::Console;
use vcpu::{Cpu, Exit, HartPins, Reg, Vcpu};

use crate::Error;

/// A virtual machine on `/dev/kvm`. None exists on this target.
#[derive(Debug)]
pub struct Vm(Infallible);

impl Vm {
    /// Makes a virtual machine out of `ram`, with `bus` behind its MMIO.
    ///
    /// # Errors
    /// [`Error::Unavailable`], always.
    pub fn new(_ram: Ram, _bus: Arc<Bus>) -> Result<Self, Error> {
        Err(Error::Unavailable(std::env::consts::ARCH))
    }

    /// Adds hart `hart`.
    ///
    /// # Errors
    /// None: there is no machine to ask.
    pub fn vcpu(&self, _hart: u32, _pins: Arc<HartPins>) -> Result<KvmVcpu, Error> {
        match self.0 {}
    }
}

/// One hart of a [`Vm`]. None exists on this target.
#[derive(Debug)]
pub struct KvmVcpu(Infallible);

impl KvmVcpu {
    /// What the hart can do.
    ///
    /// # Errors
    /// None: there is no hart to ask.
    pub fn describe(&self) -> Result<Cpu, Error> {
        match self.0 {}
    }

    /// Names the terminal behind the SBI console.
    pub fn set_console(&mut self, _console: Arc<Mutex<dyn Console>>) {
        match self.0 {}
    }

    /// Why the hart cannot go on, after [`Exit::Halted`].
    pub fn halt_reason(&self) -> Option<&str> {
        match self.0 {}
    }
}

impl Vcpu for KvmVcpu {
    fn run(&mut self, _budget: u64) -> Exit {
        match self.0 {}
    }

    fn reg(&self, _reg: Reg) -> u64 {
        match self.0 {}
    }

    fn set_reg(&mut self, _reg: Reg, _value: u64) {
        match self.0 {}
    }

    fn instret(&self) -> Option<u64> {
        match self.0 {}
    }

    fn pins(&self) -> Arc<HartPins> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use arch::Phys;

    use super::*;

    #[test]
    fn a_machine_is_refused_with_a_reason() {
        let ram = Ram::new(Phys(0x8000_0000), 0x1000).unwrap();
        let error = Vm::new(ram, Arc::new(Bus::default())).unwrap_err();
        assert!(error.to_string().starts_with("engine kvm runs on riscv64 Linux only"));
    }
}
