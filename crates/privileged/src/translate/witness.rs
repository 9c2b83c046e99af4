//! What a walk tells whoever watches it.
//!
//! The walker is one text ([`super::walk`]); a [`Witness`] sees each of its steps, `()` sees nothing and costs nothing.
//! Between the [`Step::Entry`] of a VS-stage page table and its [`Step::Read`] lies the walk of the G-stage that finds
//! it.

use arch::pte::{Pte, Scheme};
use arch::{Implicit, Phys};

use super::{Access, WalkError};

/// Sees a walk as it happens.
pub trait Witness {
    /// Whether anything is seen at all.
    const ON: bool = true;
    /// The walk has done this.
    fn see(&mut self, step: Step);
}

impl Witness for () {
    const ON: bool = false;
    fn see(&mut self, _step: Step) {}
}

/// Which page table it is that the walker is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The page table that `satp` points to.
    Supervisor,
    /// The page table that `vsatp` points to: its addresses are guest-physical.
    VirtualSupervisor,
    /// The page table that `hgatp` points to, for the access itself or for one that the VS-stage makes.
    Guest(Option<Implicit>),
}

/// One stage of a translation: its page table and what is asked of its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Which page table.
    pub table: Table,
    /// Its scheme.
    pub scheme: Scheme,
    /// The address of its root.
    pub root: u64,
    /// What is to be translated.
    pub address: u64,
    /// `xenvcfg` that governs this stage.
    pub envcfg: u64,
    /// What the leaf must permit.
    pub access: Access,
    /// HLVX: X in place of R.
    pub hlvx: bool,
    /// MXR as this stage knows it.
    pub mxr: bool,
}

/// What a walk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The walk begins, or begins anew as an entry changed under it.
    Start,
    /// A stage begins.
    Begin(Tree),
    /// A stage that is Bare gives the address back.
    Bare {
        /// Its page table, if it had one.
        table: Table,
        /// The address.
        address: u64,
    },
    /// An entry is needed.
    Entry {
        /// Its level; the root's is the highest.
        level: u32,
        /// Its address: guest-physical in the VS-stage, else physical.
        address: u64,
    },
    /// The entry was read.
    Read {
        /// Its physical address.
        at: Phys,
        /// What it is.
        pte: Pte,
    },
    /// A and D were set in the entry.
    Updated {
        /// What it is now.
        pte: Pte,
    },
    /// The stage's leaf gives an address.
    Leaf {
        /// The address.
        address: u64,
        /// The bits of it that are an offset in the page.
        page_bits: u32,
    },
    /// The stage fails.
    Failed {
        /// Why.
        error: WalkError,
        /// Why more exactly.
        detail: Detail,
    },
}

/// More of why a stage fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The error says all.
    None,
    /// PMP denies this access to the entry.
    Protected {
        /// Where the entry is.
        at: Phys,
        /// [`Access::Store`] to set A and D, else [`Access::Load`].
        access: Access,
    },
    /// No memory is where the entry should be.
    NoMemory {
        /// Where.
        at: Phys,
    },
    /// What is wrong with the entry.
    Defect(Defect),
    /// The size of a NAPOT range is none that there is.
    RangeSize,
}

/// What can be wrong with an entry whatever is asked of it.
///
/// "Virtual Address Translation Process", step 3; "Svnapot"; "Svpbmt".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// V is clear.
    NotValid,
    /// Bits 60:54, reserved for standard use, are not all clear.
    Reserved,
    /// PBMT is 3.
    MemoryTypeReserved,
    /// PBMT is not 0, and PBMTE is clear.
    MemoryTypeOff,
    /// N is set, and there is no Svnapot.
    RangeOff,
    /// W is set without R.
    WriteOnly,
    /// A pointer has D, A, U, N or PBMT set.
    Pointer,
}
