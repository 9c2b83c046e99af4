//! Layout of what a virtual hart is told of the time that was stolen from it.
//!
//! SBI 3.0, "Steal-time Accounting Extension (EID #0x535441 "STA")": "STA Shared Memory Structure".

/// Its size, and what its address is a multiple of.
pub const BYTES: u64 = 64;
/// `sequence`, a word: odd while `steal` is written.
pub const SEQUENCE: u64 = 0;
/// `steal`, two words: nanoseconds.
pub const STEAL: u64 = 8;
