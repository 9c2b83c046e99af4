//! The privileged architecture of an RV64 hart with the hypervisor extension, as rules over plain data.
//!
//! [`State`] is all that the privileged architecture remembers; the functions here say how CSR accesses, traps, trap
//! returns and interrupts change it, and what the page tables and PMP make of an address. They own no memory, TLB or
//! clock: whoever executes instructions (the crate `hart`) brings these.
//!
//! Privileged architecture, with Sm1p13, Sv39 to Sv57, H 1.0 and the extensions that [`Config::isa`] may name. M, S and
//! U modes are always there; SXLEN, UXLEN and VSXLEN are 64 and every mode is little-endian. Not modelled: debug mode
//! and triggers (their registers say that there are none), Smrnmi, Smdbltrp/Ssdbltrp, Smcntrpmf, control-flow
//! integrity, pointer masking, vectors.

#![no_std]
#![forbid(unsafe_code)]

mod config;
mod counter;
pub mod csr;
mod effects;
mod fault;
mod hpm;
mod impossible;
pub mod interrupt;
pub mod permit;
pub mod pmp;
mod priority;
mod state;
mod timer;
pub mod tinst;
pub mod translate;
pub mod trap;

pub use config::{Aia, Config, MachineIds};
pub use counter::Counter;
pub use csr::indirect::{FileAccess, FileId};
pub use effects::Effects;
pub use fault::{Fault, Registers};
pub use hpm::{Hpm, Totals};
pub use impossible::Impossible;
pub use interrupt::{Level, has_wakeup, next_interrupt, only_guest_wakes, pending};
pub use state::{Bank, State};
pub use timer::{next_timer, timers_due};
pub use translate::{Access, GuestLeaf, PageMemory, PagePermits, Request, Translation, access_fault, walk};
pub use trap::{Cause, enter, mret, route, sret};

use arch::{Exception, Trap};

/// Why an instruction may not do what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It raises an illegal-instruction exception.
    Illegal,
    /// It raises a virtual-instruction exception (H extension, "Trap Cause Codes").
    Virtual,
}

impl Denied {
    /// The trap, with the instruction's bits (as fetched: 16 of them when compressed) for `xtval`.
    pub const fn trap(self, instruction: u32) -> Trap {
        let cause = match self {
            Denied::Illegal => Exception::IllegalInstruction,
            Denied::Virtual => Exception::VirtualInstruction,
        };
        Trap::new(cause, instruction as u64)
    }
}
