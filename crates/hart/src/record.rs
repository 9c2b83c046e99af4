//! Watching a hart instruction by instruction.

use arch::Mode;

/// Sees each instruction that begins, its effects, and its end. An instruction that traps has no end; its effects up
/// to the trap did not happen.
#[allow(unused_variables, reason = "the default sees nothing")]
pub trait Record: Send {
    /// Whether anything is seen at all.
    const ON: bool = true;
    /// An instruction begins: `raw` are its bits as fetched.
    fn begin(&mut self, mode: Mode, pc: u64, raw: u32) {}
    /// It wrote an integer register (never x0).
    fn x(&mut self, register: u8, value: u64) {}
    /// It wrote a floating-point register.
    fn f(&mut self, register: u8, value: u64) {}
    /// It wrote a CSR; `value` is what the CSR reads now.
    fn csr(&mut self, address: u16, value: u64) {}
    /// It read memory at this effective address.
    fn load(&mut self, address: u64, bytes: u8) {}
    /// It wrote memory at this effective address.
    fn store(&mut self, address: u64, value: u64, bytes: u8) {}
    /// It retired.
    fn end(&mut self) {}
}

impl Record for () {
    const ON: bool = false;
}
