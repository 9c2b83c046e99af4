//! vhart's hypervisor: KVM's place in the stack, on the bare machine.
//!
//! A type-1 hypervisor in HS-mode. A part of it is a folder here, in the order in which a reader may want them:
//!
//! 1. `start`: from the firmware's jump to harts with stacks, page tables and a heap.
//! 2. `vcpu`: a virtual hart, how it is entered, and what it is left for.
//! 3. `memory`: frames, page tables of both stages, accesses that no memory answers.
//! 4. `interrupts`: what a guest is interrupted by.
//! 5. `timers`: the guests' and the hypervisor's own.
//! 6. `sbi`: the calls of guests, and the hypervisor's own to the firmware.
//! 7. `devices`: what a guest sees beside memory.
//! 8. `schedule`: which virtual hart runs where.
//! 9. `control`: which guests there are, and the console.
//!
//! What touches CSRs, page tables or the machine's memory needs the feature `image`; the rest is plain data and functions,
//! which a PC tests. Privileged architecture 1.13 (20240411) with the hypervisor extension 1.0; SBI 3.0.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod control;
pub mod devices;
pub mod interrupts;
pub mod memory;
pub mod sbi;
pub mod schedule;
pub mod start;
pub mod timers;
pub mod vcpu;
