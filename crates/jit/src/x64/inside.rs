//! A span that is open: where in it an access is.

use super::asm::{RCX, Rm};
use crate::expr::{N, Node, Op};

/// An open span: rcx is where this is.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    pub base: u8,
    /// From the register's value on.
    pub at: i64,
}

impl Inside {
    /// How far rcx is behind the beginning of a span of so many bytes: as many as can be are in reach of a byte, on
    /// both sides.
    pub fn ahead(bytes: u64) -> i32 {
        const FORWARD: u64 = 1 << 7;
        const AHEAD: i32 = 120;
        if bytes > FORWARD { AHEAD } else { 0 }
    }

    /// Where an address is that leads into the span.
    pub fn place(self, address: N) -> Option<Rm> {
        let from = match *address {
            Node::X(x) if x == self.base => 0,
            Node::Bin(Op::Add, &Node::X(x), &Node::Const(c)) if x == self.base => c,
            _ => return None,
        };
        Some(Rm::M(RCX, i32::try_from(from.wrapping_sub(self.at)).ok()?))
    }
}
