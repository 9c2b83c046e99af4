//! The virtual machine: guest RAM and the harts that share it.

use std::sync::Arc;

use bus::Bus;
use kvm_ioctls::{Kvm, VmFd};
use memory::Ram;
use vcpu::HartPins;

use super::vcpu::KvmVcpu;
use super::{open, sys};
use crate::Error;

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
    _kvm: Kvm,
}

impl Vm {
    /// Makes a virtual machine out of `ram`, with `bus` behind its MMIO.
    ///
    /// # Errors
    /// Says what of `/dev/kvm` is missing, and what to do about it.
    pub fn new(ram: Ram, bus: Arc<Bus>) -> Result<Self, Error> {
        let kvm = open::open()?;
        let fd = kvm
            .create_vm()
            .map_err(|source| Error::Request { what: "create a virtual machine", source: source.into() })?;
        sys::map_ram(&fd, &ram).map_err(|source| Error::Request { what: "map the guest's memory", source })?;
        Ok(Vm { shared: Arc::new(Shared { fd, bus, ram, _kvm: kvm }) })
    }

    /// Adds hart `hart`, with `pins` as its wires. The first hart added boots; the kernel's SBI HSM starts the others,
    /// whose [`vcpu::Vcpu::run`] waits for that.
    ///
    /// # Errors
    /// The kernel refuses more harts than it can run, and a number given twice.
    pub fn vcpu(&self, hart: u32, pins: Arc<HartPins>) -> Result<KvmVcpu, Error> {
        KvmVcpu::new(self.shared.clone(), hart, pins)
    }
}
