//! The exit statuses that are not a program's own.

/// One of several programs ended with another status than 0, or did not run.
pub const ONE_FAILED: u8 = 1;
/// The kernel reported an oops while the program ran.
pub const OOPS: u8 = 122;
/// The kernel panicked, or the machine ended before the program did.
pub const PANIC: u8 = 123;
/// As timeout(1) says that time is up.
pub const TIME_IS_UP: u8 = 124;
/// vhart itself failed, as env(1) and its like say.
pub const OWN_FAILURE: u8 = 125;
/// There is a program, and it cannot be run: as shells say it.
pub const CANNOT_RUN: u8 = 126;
/// There is no such program, or something that it needs is missing.
pub const NOT_FOUND: u8 = 127;
/// Ended by a signal: what shells add to its number.
pub const BY_SIGNAL: u8 = 128;
