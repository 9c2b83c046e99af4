//! How many harts, and how much memory, a machine may have.

/// Most harts that a machine has.
pub const MAX_HARTS: usize = 64;
/// Least memory, in bytes.
pub const MIN_MEMORY_BYTES: u64 = 4 << 20;
/// Most memory, in bytes: what a 44-bit host-virtual layout holds with room.
pub const MAX_MEMORY_BYTES: u64 = 8 << 40;
