//! Messages to interrupt files by eventfds (`KVM_IRQFD`): who writes to one has the kernel send its message.
//!
//! Each message that is sent gets an eventfd, and a route to its address, when it is sent first. A guest chooses its
//! messages: they are not more than it has interrupt sources as a rule, and what exceeds [`MOST`] goes by
//! `KVM_SIGNAL_MSI`. Wires of the kernel's APLIC are none of this: they are levels, and KVM on RISC-V never asks for
//! one again (`KVM_IRQFD_FLAG_RESAMPLE`).

use std::io;
use std::sync::{Mutex, PoisonError};

use arch::Phys;
use kvm_bindings::{
    KVM_IRQ_ROUTING_MSI, KvmIrqRouting, kvm_irq_routing_entry, kvm_irq_routing_entry__bindgen_ty_1, kvm_irq_routing_msi,
};
use kvm_ioctls::VmFd;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// Most messages that have an eventfd.
const MOST: usize = 64;

/// The eventfds of a machine.
#[derive(Default)]
pub struct Messages(Mutex<Known>);

#[derive(Default)]
struct Known {
    ways: Vec<Way>,
    /// The kernel has refused one.
    refused: bool,
}

/// A message, and what sends it.
struct Way {
    address: Phys,
    data: u32,
    sent: EventFd,
}

impl Messages {
    /// Sends a message, unless it has no eventfd and can get none. Answers whether it is sent.
    pub fn send(&self, vm: &VmFd, address: Phys, data: u32) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.way(vm, address, data).is_some_and(|way| way.sent.write(1).is_ok())
    }
}

impl Known {
    fn way(&mut self, vm: &VmFd, address: Phys, data: u32) -> Option<&Way> {
        let at = self.ways.iter().position(|way| (way.address, way.data) == (address, data));
        if let Some(at) = at {
            return self.ways.get(at);
        }
        if self.refused || self.ways.len() >= MOST {
            return None;
        }
        self.refused = self.add(vm, address, data).is_err();
        self.ways.last().filter(|_| !self.refused)
    }

    fn add(&mut self, vm: &VmFd, address: Phys, data: u32) -> io::Result<()> {
        let way = Way { address, data, sent: EventFd::new(EFD_NONBLOCK)? };
        let routes: Vec<_> = self.ways.iter().chain([&way]).zip(0..).map(|(way, number)| way.route(number)).collect();
        let routes = KvmIrqRouting::from_entries(&routes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        vm.set_gsi_routing(&routes)?;
        vm.register_irqfd(&way.sent, self.ways.len() as u32)?;
        self.ways.push(way);
        Ok(())
    }
}

impl Way {
    fn route(&self, number: u32) -> kvm_irq_routing_entry {
        let Phys(address) = self.address;
        let (address_lo, address_hi) = (address as u32, (address >> 32) as u32);
        let msi = kvm_irq_routing_msi { address_lo, address_hi, data: self.data, ..Default::default() };
        let u = kvm_irq_routing_entry__bindgen_ty_1 { msi };
        kvm_irq_routing_entry { gsi: number, type_: KVM_IRQ_ROUTING_MSI, u, ..Default::default() }
    }
}
