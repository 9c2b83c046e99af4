//! The engine `kvm`: harts executed by `/dev/kvm` of a RISC-V Linux.
//!
//! The kernel runs the guest's instructions, its SBI (BASE, TIME, IPI, RFENCE, HSM, SRST ...) and its timer. What it
//! leaves to this process comes out as exits: MMIO goes to the [`bus::Bus`], forwarded SBI calls to a
//! [`sbi::Console`], system events to whoever called [`vcpu::Vcpu::run`]. Interrupts come from the machine's own
//! controller through [`vcpu::HartPins`] and `KVM_INTERRUPT`, or from one in the kernel ([`Aia`]).
//!
//! On anything but riscv64 Linux the same names exist and [`Vm::new`] says why it cannot be.
//!
//! Writes that only notify a device can be passed on without an exit ([`Vm::pass_on`]). A vCPU that stands shows its
//! state ([`KvmVcpu::snapshot`]) and can be put back to what it was before it ran. Which pages the guest wrote to is
//! told ([`Vm::written`]).

#![deny(unsafe_op_in_unsafe_fn)]

mod aia;
pub mod check;
mod error;
#[cfg(any(test, all(target_arch = "riscv64", target_os = "linux")))]
mod forwarded;
#[cfg_attr(all(target_arch = "riscv64", target_os = "linux"), path = "riscv64/mod.rs")]
#[cfg_attr(not(all(target_arch = "riscv64", target_os = "linux")), path = "unavailable.rs")]
mod imp;
mod info;
mod names;
#[cfg(any(test, all(target_arch = "riscv64", target_os = "linux")))]
mod next;
mod options;
#[cfg(any(test, all(target_arch = "riscv64", target_os = "linux")))]
mod patience;
#[cfg(any(test, all(target_arch = "riscv64", target_os = "linux")))]
mod registers;
#[cfg(any(test, all(target_arch = "riscv64", target_os = "linux")))]
mod seed;
#[cfg(any(test, all(target_arch = "riscv64", target_os = "linux")))]
mod spots;

pub use aia::{AiaMode, AiaPlan};
pub use error::Error;
pub use imp::{Aia, KvmVcpu, Vm, aia_info, info};
pub use info::{AiaInfo, Info, Offer};
pub use options::{Extensions, Options, Switch};
