//! The virtual machine: guest RAM and the harts that share it.

use std::sync::{Arc, OnceLock};

use arch::Phys;
use bus::Bus;
use kvm_bindings::KVM_CAP_SET_GUEST_DEBUG;
use kvm_ioctls::{Kvm, VmFd};
use memory::Ram;
use vcpu::HartPins;

use super::aia::Aia;
use super::doorbells::Doorbells;
use super::turns::Turns;
use super::vcpu::KvmVcpu;
use super::{open, sys};
use crate::spots::Spots;
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
    /// Who of the harts executes.
    pub turns: Turns,
    /// A debugger's breakpoints.
    pub spots: Spots,
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
        if options.debugged && kvm.check_extension_raw(u64::from(KVM_CAP_SET_GUEST_DEBUG)) <= 0 {
            return Err(Error::Lacks("KVM_CAP_SET_GUEST_DEBUG (Linux 6.10)"));
        }
        let fd = kvm
            .create_vm()
            .map_err(|source| Error::Request { what: "create a virtual machine", source: source.into() })?;
        sys::map_ram(&fd, &ram, false).map_err(|source| Error::Request { what: "map the guest's memory", source })?;
        let (turns, spots, doorbells) = (Turns::default(), Spots::default(), OnceLock::new());
        Ok(Vm { shared: Arc::new(Shared { fd, bus, ram, options, turns, spots, doorbells, _kvm: kvm }) })
    }

    /// Lets the kernel pass on writes that only notify a device, each of 32 bits: a thread does them on the bus while
    /// the vCPU executes on. To be called once.
    ///
    /// # Errors
    /// The kernel refuses, as it knows no such thing or has too many of them.
    pub fn pass_on(&self, writes: &[(Phys, u32)]) -> Result<(), Error> {
        let made = Doorbells::new(&self.shared.fd, self.shared.bus.clone(), writes);
        let doorbells = made.map_err(|source| Error::Request { what: "pass on notices to devices", source })?;
        let _ = self.shared.doorbells.set(doorbells);
        Ok(())
    }

    /// Has the kernel log which pages the guest writes to, or no more.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn log_writes(&self, on: bool) -> Result<(), Error> {
        let Shared { fd, ram, .. } = &*self.shared;
        sys::map_ram(fd, ram, on).map_err(|source| Error::Request { what: "log writes to the guest's memory", source })
    }

    /// The pages of memory, from 0, that the guest wrote to since it was asked last, in order.
    ///
    /// # Errors
    /// There is no log.
    pub fn written(&self) -> Result<Vec<u64>, Error> {
        let log = self.shared.fd.get_dirty_log(sys::RAM_SLOT, self.shared.ram.len_bytes() as usize);
        let log =
            log.map_err(|source| Error::Request { what: "tell what the guest wrote to", source: source.into() })?;
        let of_word = |(number, word): (usize, &u64)| {
            let word = *word;
            (0..u64::BITS).filter(move |bit| word >> bit & 1 != 0).map(move |bit| (number as u64) << 6 | u64::from(bit))
        };
        Ok(log.iter().enumerate().flat_map(of_word).collect())
    }

    /// Makes `aia` the controller of the machine's interrupts. To be called once, when all of its `harts` have been
    /// added.
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
