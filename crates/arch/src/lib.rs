//! The vocabulary of the RISC-V architecture.
//!
//! Names, numbers and layouts only: instruction tables, CSR addresses, causes, modes, typed addresses.
//! What the machine does with them is in `semantics` and `privileged`.

#![no_std]
#![forbid(unsafe_code)]

pub mod addr;
pub mod aplic;
#[cfg(feature = "state")]
pub mod array;
pub mod cause;
pub mod csr;
pub mod event;
pub mod implicit;
pub mod insn;
pub mod isa;
pub mod mode;
pub mod naming;
pub mod pte;

pub use addr::{GuestPhys, Phys, Virt};
pub use cause::{Exception, Interrupt, Trap};
pub use event::Event;
pub use implicit::Implicit;
pub use insn::{Insn, decode};
pub use isa::{Extension, Isa};
pub use mode::{Mode, Privilege};
