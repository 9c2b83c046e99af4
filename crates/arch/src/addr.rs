//! Typed addresses.
//!
//! A machine with the hypervisor extension has three address spaces; a bare `u64` is never an address.

/// An effective address as an instruction computes it, before any translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Virt(pub u64);

/// A guest-physical address: what the VS-stage produces and the G-stage translates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestPhys(pub u64);

/// A supervisor-physical address: what the bus sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phys(pub u64);

/// Bits of an address below the 4 KiB page number.
pub const PAGE_SHIFT: u32 = 12;
/// Bytes of the smallest page.
pub const PAGE_BYTES: u64 = 1 << PAGE_SHIFT;
