//! An instruction in its place, and how its execution ended.

use arch::insn::Insn;
use privileged::Cause;

/// How a block or an instruction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it retired.
    Retired,
    /// It took this trap.
    Trapped(Cause),
    /// It was not executed: [`crate::engine::Core::exit`] says why.
    Stopped,
}

/// An instruction in its place, as far as traps need it.
#[derive(Clone, Copy, Debug)]
pub struct Fetched {
    /// What it does.
    pub insn: Insn,
    /// Its address.
    pub pc: u64,
    /// Its bits as fetched.
    pub raw: u32,
    /// Their number in bytes.
    pub len: u8,
}
