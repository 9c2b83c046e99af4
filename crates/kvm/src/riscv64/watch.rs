//! What a hart tells whoever watches it: exits that the kernel leaves to this process, and what they were for.

use std::sync::Arc;

use arch::Mode;
use events::{Event, Sink, Stamp};
use kvm_ioctls::VcpuFd;
use vcpu::Clock;

use super::regs;
use crate::registers::{Group, MODE};

/// Number of the core register `pc` (linux/arch/riscv/include/uapi/asm/kvm.h, `struct kvm_riscv_core`).
const PC: u16 = 0;
/// `KVM_RISCV_MODE_S`.
const SUPERVISOR: u64 = 1;

/// Whoever watches a hart.
pub struct Watch {
    hart: u16,
    clock: Arc<Clock>,
    sink: Box<dyn Sink>,
    /// Where and when the last exit was, if somebody wanted to know.
    stamp: Option<Stamp>,
}

impl Watch {
    pub fn new(hart: u16, clock: Arc<Clock>, sink: Box<dyn Sink>) -> Watch {
        Watch { hart, clock, sink, stamp: None }
    }

    /// The kernel came back with this reason.
    pub fn exit(&mut self, vcpu: &VcpuFd, reason: u32) {
        self.stamp = None;
        if self.sink.wants().is_empty() {
            return;
        }
        let core = |number| regs::get(vcpu, Group::Core, number).unwrap_or(0);
        let mode = if core(MODE) == SUPERVISOR { Mode::VS } else { Mode::VU };
        // the kernel keeps the VMID and the counters to itself
        let stamp = Stamp { hart: self.hart, time: self.clock.now(), instret: 0, mode, vmid: 0, asid: 0, pc: core(PC) };
        self.stamp = Some(stamp);
        self.tell(&Event::KvmExit { reason });
    }

    /// Something happened for the last exit's sake.
    pub fn tell(&mut self, event: &Event) {
        let Some(stamp) = self.stamp else { return };
        if self.sink.wants().has(event.kind()) {
            self.sink.event(&Stamp { time: self.clock.now(), ..stamp }, event, &());
        }
    }

    /// The hart goes back to the kernel.
    pub fn entry(&mut self) {
        self.tell(&Event::KvmEntry);
        self.stamp = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let stamp =
            Stamp { hart: self.hart, time: self.clock.now(), instret: 0, mode: Mode::VS, vmid: 0, asid: 0, pc: 0 };
        self.sink.event(&stamp, &Event::End, &());
    }
}
