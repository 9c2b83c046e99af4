//! What the host's KVM offers, found out by making a machine of one vCPU.

use kvm_bindings::*;
use kvm_ioctls::Kvm;

use super::{aia, describe, open, regs};
use crate::Error;
use crate::info::Info;
use crate::names::{ISA_EXTENSIONS, SBI_EXTENSIONS};
use crate::registers::{self, Group};

/// Capabilities that a user may want to know of.
const CAPABILITIES: &[(&str, u32)] = &[
    ("recommended-vcpus", KVM_CAP_NR_VCPUS),
    ("max-vcpus", KVM_CAP_MAX_VCPUS),
    ("max-vcpu-id", KVM_CAP_MAX_VCPU_ID),
    ("memory-slots", KVM_CAP_NR_MEMSLOTS),
    ("guest-physical-bits", KVM_CAP_VM_GPA_BITS),
    ("readonly-memory", KVM_CAP_READONLY_MEM),
    ("ioeventfd", KVM_CAP_IOEVENTFD),
    ("irqfd", KVM_CAP_IRQFD),
    ("irq-routing", KVM_CAP_IRQ_ROUTING),
    ("signal-msi", KVM_CAP_SIGNAL_MSI),
    ("coalesced-mmio", KVM_CAP_COALESCED_MMIO),
    ("guest-debug", KVM_CAP_SET_GUEST_DEBUG),
    ("halt-poll", KVM_CAP_HALT_POLL),
    ("manual-dirty-log", KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2),
    ("dirty-ring-bytes", KVM_CAP_DIRTY_LOG_RING_ACQ_REL),
    ("binary-statistics", KVM_CAP_BINARY_STATS_FD),
];

/// Asks the host.
///
/// # Errors
/// Says what of `/dev/kvm` is missing, and what to do about it.
pub fn info() -> Result<Info, Error> {
    let refused = |what| move |source: kvm_ioctls::Error| Error::Request { what, source: source.into() };
    let kvm = open::open()?;
    let vm = kvm.create_vm().map_err(refused("create a virtual machine"))?;
    let vcpu = vm.create_vcpu(0).map_err(refused("create a vCPU"))?;
    let timebase_hz =
        describe::timebase_hz(&vcpu).map_err(|source| Error::Request { what: "describe a vCPU", source })?;
    let mut isa = describe::offers(&vcpu, Group::IsaExtension, ISA_EXTENSIONS);
    isa.sort_by_key(|(name, _)| arch::naming::canonical_rank(name));
    Ok(Info {
        capabilities: capabilities(&kvm),
        isa,
        sbi: describe::offers(&vcpu, Group::SbiExtension, SBI_EXTENSIONS),
        mmu: describe::paging(&vcpu).mmu_type(),
        timebase_hz,
        registers: regs::list(&vcpu).unwrap_or_default().into_iter().map(registers::name).collect(),
        aia: aia::info(&vm).ok(),
    })
}

fn capabilities(kvm: &Kvm) -> Vec<(&'static str, i32)> {
    let value = |number: u32| kvm.check_extension_raw(u64::from(number)).max(0);
    CAPABILITIES.iter().map(|(name, number)| (*name, value(*number))).collect()
}
