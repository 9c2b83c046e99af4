//! The engine where it cannot be: the same names, and an error that says so.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use arch::Phys;
use bus::{Bus, InterruptController, IrqSink, MsiSink, Unmapped};
use events::Sink;
use memory::Ram;
use sbi::Console;
use vcpu::debug::{Break, Debuggee, Points};
use vcpu::{Clock, Cpu, Exit, HartPins, Reg, Snapshot, Vcpu};

use crate::{AiaInfo, AiaPlan, Error, Info, Options};

/// Asks the host what it offers.
///
/// # Errors
/// [`Error::Unavailable`], always.
pub fn info() -> Result<Info, Error> {
    Err(Error::Unavailable(std::env::consts::ARCH))
}

/// What the host has of an interrupt controller.
///
/// # Errors
/// [`Error::Unavailable`], always.
pub fn aia_info() -> Result<AiaInfo, Error> {
    Err(Error::Unavailable(std::env::consts::ARCH))
}

/// The interrupt controller in the kernel. Here its wires lead nowhere.
#[derive(Debug)]
pub struct Aia(AiaPlan);

impl Aia {
    /// One that is to be as `plan` says.
    pub fn new(plan: AiaPlan) -> Arc<Aia> {
        Arc::new(Aia(plan))
    }

    /// Sends a message by `KVM_SIGNAL_MSI`.
    ///
    /// # Errors
    /// [`Unmapped`], always.
    pub fn signal(&self, _address: Phys, _data: u32) -> Result<(), Unmapped> {
        Err(Unmapped)
    }
}

impl IrqSink for Aia {
    fn set_level(&self, _number: u32, _level: bool) {}
}

impl MsiSink for Aia {
    fn send(&self, _address: Phys, _data: u32) -> Result<(), Unmapped> {
        Err(Unmapped)
    }
}

impl InterruptController for Aia {
    fn inputs(&self) -> u32 {
        self.0.sources
    }

    fn reset(&self) {}
}

/// A virtual machine on `/dev/kvm`. None exists on this target.
#[derive(Clone, Debug)]
pub struct Vm(Infallible);

impl Vm {
    /// Makes a virtual machine out of `ram`, with `bus` behind its MMIO, whose harts have what `options` say.
    ///
    /// # Errors
    /// [`Error::Unavailable`], always.
    pub fn new(_ram: Ram, _bus: Arc<Bus>, _options: Options) -> Result<Self, Error> {
        Err(Error::Unavailable(std::env::consts::ARCH))
    }

    /// Lets the kernel pass on writes that only notify a device.
    ///
    /// # Errors
    /// None: there is no machine to ask.
    pub fn pass_on(&self, _writes: &[(Phys, u32)]) -> Result<(), Error> {
        match self.0 {}
    }

    /// Has the kernel log which pages the guest writes to.
    ///
    /// # Errors
    /// None: there is no machine to ask.
    pub fn log_writes(&self, _on: bool) -> Result<(), Error> {
        match self.0 {}
    }

    /// The pages of memory that the guest wrote to since it was asked last.
    ///
    /// # Errors
    /// None: there is no machine to ask.
    pub fn written(&self) -> Result<Vec<u64>, Error> {
        match self.0 {}
    }

    /// Makes `aia` the controller of the machine's interrupts.
    ///
    /// # Errors
    /// None: there is no machine to ask.
    pub fn interrupts_by(&self, _aia: &Aia, _harts: u32) -> Result<(), Error> {
        match self.0 {}
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

    /// Lets `sink` watch.
    pub fn watch(&mut self, _clock: Arc<Clock>, _sink: Box<dyn Sink>) {
        match self.0 {}
    }

    /// The hart as it stands.
    pub fn snapshot(&self) -> Option<Snapshot> {
        match self.0 {}
    }

    /// Makes the hart what it was before it ran.
    pub fn reset(&mut self) -> bool {
        match self.0 {}
    }

    /// Reads all registers that running changes and writes them back.
    ///
    /// # Errors
    /// None: there is no hart to ask.
    pub fn rewrite(&mut self) -> Result<usize, Error> {
        match self.0 {}
    }

    /// The hart, for a debugger.
    pub fn debuggee(&mut self) -> &mut dyn Debuggee {
        match self.0 {}
    }

    /// What was written to memory is what the guest executes next.
    pub fn fence_instructions(&self) {
        match self.0 {}
    }

    /// All harts stand.
    pub fn all_stand(&mut self) {
        match self.0 {}
    }

    /// All harts go on.
    pub fn all_go(&mut self, _points: &Points) {
        match self.0 {}
    }

    /// Whether harts can stop there.
    pub fn takes(&self, _point: &Break) -> bool {
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
    use super::*;

    #[test]
    fn a_machine_is_refused_with_a_reason() {
        let ram = Ram::new(Phys(0x8000_0000), 0x1000).unwrap();
        let error = Vm::new(ram, Arc::new(Bus::default()), Options::default()).unwrap_err();
        assert!(error.to_string().starts_with("engine kvm runs on riscv64 Linux only"));
    }
}
