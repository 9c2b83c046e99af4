//! The data TLB and the jump cache: the tables that a context owns.
//!
//! Both are direct-mapped. A [`DataTable`] maps virtual pages of RAM to addresses of the host, a [`JumpTable`] virtual
//! instruction addresses to what the engine executes there. Their layout is fixed, for generated code reads them.
//! Behind them is what fences need: which pages an entry comes from ([`LeafPages`]), and what a whole table covers.

mod cover;
mod data;
mod filled;
mod jump;
mod leaf;

pub use cover::GuestPhysical;
pub use data::{DATA_ENTRIES, DataEntry, DataTable};
pub use jump::{BESIDE, CodePage, JUMP_ENTRIES, JUMP_MIX, JumpEntry, JumpTable, jump_index};
pub use leaf::{LeafPages, PackedLeafPages};

#[cfg(test)]
mod tests;
