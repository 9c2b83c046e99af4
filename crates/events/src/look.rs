//! A hart to be looked at, as it stands where an event happens.

use arch::{Mode, Virt};

/// A hart that stands still. To look changes nothing.
pub trait Look {
    /// The mode it is in.
    fn mode(&self) -> Mode;
    /// VMID in `hgatp`.
    fn vmid(&self) -> u16;
    /// An integer register.
    fn register(&self, number: u8) -> u64;
    /// `sscratch`, or a guest's `vsscratch`.
    fn scratch(&self, virt: bool) -> u64;
    /// `satp`, or a guest's `vsatp`.
    fn space(&self, virt: bool) -> u64;
    /// Fills `into` with what a load in `mode` would find at `at` and behind it. `None`: it is not all in memory that
    /// such a load may read.
    fn read(&self, mode: Mode, at: Virt, into: &mut [u8]) -> Option<()>;
}

/// A hart of which nothing can be seen.
impl Look for () {
    fn mode(&self) -> Mode {
        Mode::M
    }
    fn vmid(&self) -> u16 {
        0
    }
    fn register(&self, _: u8) -> u64 {
        0
    }
    fn scratch(&self, _: bool) -> u64 {
        0
    }
    fn space(&self, _: bool) -> u64 {
        0
    }
    fn read(&self, _: Mode, _: Virt, _: &mut [u8]) -> Option<()> {
        None
    }
}
