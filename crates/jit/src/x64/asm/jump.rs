//! The stack, jumps and calls, and jumps whose targets come later.

use super::Rm::R;
use super::{Asm, Cc, Reg, Rm};

/// A jump whose 32-bit displacement ends at this offset of its buffer, still to be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fix(pub usize);

impl Asm {
    /// Pushes a register.
    pub fn push(&mut self, r: Reg) {
        self.rex(false, 0, R(r), false);
        self.byte(0x50 | r & 7);
    }

    /// Pops a register.
    pub fn pop(&mut self, r: Reg) {
        self.rex(false, 0, R(r), false);
        self.byte(0x58 | r & 7);
    }

    /// Returns.
    pub fn ret(&mut self) {
        self.byte(0xc3);
    }

    /// Jumps to where a register or memory says.
    pub fn jmp_rm(&mut self, to: Rm) {
        self.op(false, &[0xff], 4, to);
    }

    /// Calls what a register holds.
    pub fn call_rm(&mut self, to: Rm) {
        self.op(false, &[0xff], 2, to);
    }

    /// Jumps to an address in reach.
    pub fn jmp(&mut self, to: u64) {
        let fix = self.jmp_fix();
        self.bind(fix, to);
    }

    /// Calls an address in reach.
    pub fn call(&mut self, to: u64) {
        self.byte(0xe8);
        self.dword(0);
        self.bind(Fix(self.code.len()), to);
    }

    /// Jumps to an address in reach where the condition holds.
    pub fn jcc(&mut self, cc: Cc, to: u64) {
        let fix = self.jcc_fix(cc);
        self.bind(fix, to);
    }

    /// Jumps to a place not yet known.
    pub fn jmp_fix(&mut self) -> Fix {
        self.byte(0xe9);
        self.dword(0);
        Fix(self.code.len())
    }

    /// Jumps to a place not yet known where the condition holds.
    pub fn jcc_fix(&mut self, cc: Cc) -> Fix {
        self.code.extend_from_slice(&[0x0f, 0x80 | cc.0]);
        self.dword(0);
        Fix(self.code.len())
    }

    /// Lets a jump go to `to`.
    pub fn bind(&mut self, fix: Fix, to: u64) {
        let from = self.base + fix.0 as u64;
        let displacement = to.wrapping_sub(from) as i32;
        debug_assert_eq!(from.wrapping_add(displacement as i64 as u64), to, "the code cache is within reach");
        self.code[fix.0 - 4..fix.0].copy_from_slice(&displacement.to_le_bytes());
    }

    /// Lets a jump go here.
    pub fn bind_here(&mut self, fix: Fix) {
        self.bind(fix, self.here());
    }
}
