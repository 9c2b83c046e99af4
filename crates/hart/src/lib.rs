//! A hart executed by the interpreter: the reference semantics.
//!
//! [`Hart`] joins what the layers above define: registers, the privileged [`privileged::State`], the instructions'
//! texts of `semantics`, and memory through translation contexts. It is a [`vcpu::EmulatedHart`]. A [`Record`] sees
//! every instruction and its effects; `()` sees nothing and costs nothing.
//!
//! Time and other harts: a hart notices kicks, wires and timers every few thousand instructions, and at each
//! instruction that could make an interrupt due. Harts of one machine run on threads of their own or take turns on one.

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
    pub use crate::exec::Run;
    pub use crate::fence::Fence;
    pub use crate::hart::POLL;
    pub use crate::instruction::{Ended, Fetched};
    pub use crate::tlb::{
        BESIDE, CodePage, DATA_ENTRIES, DataEntry, DataTable, JUMP_ENTRIES, JUMP_MIX, JumpEntry, JumpTable, jump_index,
    };
}
