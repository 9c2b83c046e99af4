//! A hart executed by the interpreter: the reference semantics.
//!
//! [`Hart`] joins what the layers above define: registers, the privileged [`privileged::State`], the instructions'
//! texts of `semantics`, and memory through translation contexts. It is a [`vcpu::EmulatedHart`]. A [`Record`] sees
//! every instruction and its effects; `()` sees nothing and costs nothing.
//!
//! Time and other harts: a hart notices kicks, wires and timers every few thousand instructions, and at each
//! instruction that could make an interrupt due. Harts of one machine run on threads of their own or take turns on one.
//!
//! # How a hart runs
//!
//! `hart::Hart` executes *blocks* of decoded instructions. A block is keyed by physical address (`blocks`), so it
//! survives every switch of address space; FENCE.I makes blocks be compared with memory before they run again, if
//! their pages were written to since (`memory::CodeWatch`); every million instructions there is an implicit one. A
//! *context* (`contexts`) is what decides how an address translates: V, privilege, SUM, MXR, `satp` or `vsatp` and
//! `hgatp`. Each context has a table of data pages and a table of jump targets of its own (`tlb`); a trap, xRET, V
//! switch or `satp` write selects another table and forgets nothing. Behind the data tables is a larger one that
//! all contexts share (`second_level`). Fences drop what they name by address, ASID and VMID. All that misses goes
//! through the one walker in `privileged::translate`, for which leaves of the G-stage are remembered
//! (`guest_stage`). What is counted on the way is in `docs/statistics.md`; it reaches the command line through
//! `vcpu::Vcpu::statistics`.
//!
//! Time, wires and kicks are looked at every 16384 instructions (4096 where interpreted, which takes as long) and
//! after each instruction that could make an interrupt due; where kicks come, more often for a while, and a thread
//! that waits looks on before it sleeps (`docs/adr/0017`). `minstret` is exact at every CSR access. A `Record` sees
//! every instruction and its effects; `()` sees nothing and costs nothing. An `events::Sink` hears of traps,
//! returns, SBI calls, fences, walks, CSR writes and device accesses, from paths that are cold anyway
//! (`hart::watch`, `docs/adr/0008`); statistics are made of them (`vhart::stat`), and traces (`trace`).

#![forbid(unsafe_code)]

mod access;
mod atomic;
mod blocks;
mod contexts;
mod core;
mod debug;
mod events;
mod exec;
mod faults;
mod fence;
mod fetch;
mod firmware;
mod forward;
mod guest_stage;
mod hart;
mod instruction;
mod loops;
mod record;
mod recorded;
mod roots;
mod second_level;
#[cfg(feature = "state")]
mod state;
mod statistics;
mod tlb;
mod watch;

pub use hart::{Hart, HartParts, Step};
pub use record::Record;
pub use recorded::Recorded;
pub use statistics::TranslationCounts;

/// What another executor of the same hart works with: a translator, whose code knows where things lie, and which runs
/// through the interpreter what it does not translate.
pub mod engine {
    pub use crate::atomic::{CACHE_BLOCK, reserved_width};
    pub use crate::blocks::{decode, raw_at};
    pub use crate::contexts::Contexts;
    pub use crate::core::{Core, Generated, NOT_RESERVED, RESERVED_WIDE, Stop};
    pub use crate::exec::Interpreter;
    pub use crate::fence::Fence;
    pub use crate::hart::POLL;
    pub use crate::instruction::{Ended, Fetched};
    pub use crate::tlb::{
        BESIDE, CodePage, DATA_ENTRIES, DataEntry, DataTable, JUMP_ENTRIES, JUMP_MIX, JumpEntry, JumpTable, jump_index,
    };
}
