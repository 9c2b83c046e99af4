//! A hart with every privilege mode, as a board resets it and a firmware outside the hart drives it.
//!
//! Interpreters and translators are such harts. A KVM guest's hart is not: its host answers for M-mode.

use bus::Stateful;
use events::{Event, Sink};

use crate::debug::Debuggee;
use crate::{Pace, Snapshot, Vcpu};

/// Addresses that a fence is about, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FenceRange {
    /// The whole address space.
    All,
    /// `len` bytes from `start`; the end does not wrap.
    Part {
        /// First address.
        start: u64,
        /// Bytes.
        len: u64,
    },
}

/// A fence that one hart asks of another, in the words of the SBI's RFENCE extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// All of the fences below, for every address and every address space.
    Everything,
    /// FENCE.I.
    Instructions,
    /// SFENCE.VMA, of one address space or of all.
    Supervisor {
        /// Virtual addresses.
        range: FenceRange,
        /// One address space, or all.
        asid: Option<u16>,
    },
    /// HFENCE.GVMA, of one virtual machine or of all.
    GuestPhysical {
        /// Guest-physical addresses.
        range: FenceRange,
        /// One virtual machine, or all.
        vmid: Option<u16>,
    },
    /// HFENCE.VVMA within one virtual machine: that of the hart that asks.
    GuestVirtual {
        /// Guest-virtual addresses.
        range: FenceRange,
        /// One address space, or all.
        asid: Option<u16>,
        /// The virtual machine.
        vmid: u16,
    },
}

/// What a hart that waits for an interrupt finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// One is pending and enabled, as WFI understands it: the hart goes on.
    Now,
    /// None is. With a time, in ticks, a timer of the hart's own ends the wait then.
    Until(Option<u64>),
}

/// A hart with M-mode. Whoever calls owns the hart: it does not run meanwhile.
pub trait EmulatedHart: Vcpu {
    /// Resets the hart: M-mode, at `pc`, with all other registers as after reset.
    fn reset_machine(&mut self, pc: u64);
    /// Resets the hart and enters HS-mode (S-mode without H) at `pc` with `satp` and `sstatus.SIE` zero, and with the
    /// M-level CSRs as a firmware leaves them. From then on `ecall` from HS-mode comes back as [`crate::Exit::Sbi`].
    fn enter_supervisor(&mut self, pc: u64);
    /// Continues in HS-mode (S-mode without H) at `pc` with `satp` and `sstatus.SIE` zero; all else stays, interrupts
    /// that are pending with it.
    fn resume_supervisor(&mut self, pc: u64);
    /// Looks at the wires and at time, as WFI does.
    fn wakeup(&mut self) -> Wakeup;
    /// Says where quanta are to end from now on.
    fn set_pace(&mut self, pace: Pace);
    /// Does what the fence instruction does on this hart.
    fn fence(&mut self, fence: Fence);
    /// Makes the supervisor timer interrupt pending from `deadline` (in ticks) on, and not before; all ones is never.
    fn set_supervisor_timer(&mut self, deadline: u64);
    /// The VMID in `hgatp`; 0 without H.
    fn vmid(&self) -> u16;
    /// Lets `sink` watch from now on, in place of whoever does; or nobody.
    fn watch(&mut self, sink: Option<Box<dyn Sink>>);
    /// Tells whoever watches of something that was done to the hart from outside.
    fn tell(&mut self, event: &Event);
    /// What the hart is in, if its executor can tell.
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }
    /// Appends registers and privileged state, in words that are the same for the same state and mean nothing else.
    fn describe(&self, text: &mut String);
    /// Reads a CSR as M-mode does between two instructions; 0 where there is none.
    fn csr(&mut self, address: u16) -> u64;
    /// Writes a CSR likewise: the next instruction reads `value`, where it is legal.
    fn set_csr(&mut self, address: u16, value: u64);
    /// The hart, for who saves it or loads what was saved ([`bus::state`]). It drops what it remembers of memory and
    /// tables then, so that it goes on as one does that is loaded. `None`: it cannot be saved.
    fn stateful(&mut self) -> Option<&mut dyn Stateful> {
        None
    }
    /// The hart, for a debugger. `None`: it has nothing for one.
    fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        None
    }
}
