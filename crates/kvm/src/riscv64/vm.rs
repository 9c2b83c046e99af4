//! The virtual machine: guest RAM and the harts that share it.

use std::sync::{Arc, OnceLock};

use arch::Phys;
use bus::Bus;
use kvm_ioctls::{Kvm, VmFd};
use memory::Ram;
use vcpu::HartPins;

use super::aia::Aia;
use super::doorbells::Doorbells;
use super::vcpu::KvmVcpu;
use super::{open, sys};
use crate::{Error, Options};

/// A virtual machine on `/dev/kvm`.
#[derive(Clone)]
pub struct Vm {
    shared: Arc<Shared>,
}

/// What every hart needs of its machine. Owns the RAM that the kernel was told of.
pub(super) struct Shared {
    pub fd: VmFd,
    pub bus: Arc<Bus>,
    pub ram: Ram,
    pub options: Options,
    doorbells: OnceLock<Doorbells>,
    _kvm: Kvm,
}

impl Vm {
    /// Makes a virtual machine out of `ram`, with `bus` behind its MMIO, whose harts have what `options` say.
    ///
    /// # Errors
    /// Says what of `/dev/kvm` is missing, and what to do about it.
    pub fn new(ram: Ram, bus: Arc<Bus>, options: Options) -> Result<Self, Error> {
        let kvm = open::open()?;
        let fd = kvm
            .create_vm()
            .map_err(|source| Error::Request { what: "create a virtual machine", source: source.into() })?;
        sys::map_ram(&fd, &ram).map_err(|source| Error::Request { what: "map the guest's memory", source })?;
        Ok(Vm { shared: Arc::new(Shared { fd, bus, ram, options, doorbells: OnceLock::new(), _kvm: kvm }) })
    }

    /// Lets the kernel pass on writes that only notify a device, each of 32 bits: a thread does them on the bus while the
    /// vCPU executes on. To be called once.
    ///
    /// # Errors
    /// The kernel refuses, as it knows no such thing or has too many of them.
    pub fn pass_on(&self, writes: &[(Phys, u32)]) -> Result<(), Error> {
        let made = Doorbells::new(&self.shared.fd, self.shared.bus.clone(), writes);
        let doorbells = made.map_err(|source| Error::Request { what: "pass on notices to devices", source })?;
        let _ = self.shared.doorbells.set(doorbells);
        Ok(())
    }

    /// Makes `aia` the controller of the machine's interrupts. To be called once, when all of its `harts` have been added.
    ///
    /// # Errors
    /// [`Error::NoAia`] and [`Error::NoGuestFiles`]; the kernel refuses what `aia` is to be.
    pub fn interrupts_by(&self, aia: &Aia, harts: u32) -> Result<(), Error> {
        aia.connect(&self.shared, harts)
    }

    /// Adds hart `hart`, with `pins` as its wires. The first hart added boots; the kernel's SBI HSM starts the others,
    /// whose [`vcpu::Vcpu::run`] waits for that.
    ///
    /// # Errors
    /// The kernel refuses more harts than it can run, a number given twice, and an extension that the host has not.
    pub fn vcpu(&self, hart: u32, pins: Arc<HartPins>) -> Result<KvmVcpu, Error> {
        KvmVcpu::new(self.shared.clone(), hart, pins)
    }
}
