//! Where and when an event happened.

use arch::Mode;

/// In place of a hart's id: the event is a device's, and all of the stamp but the time is zero.
pub const DEVICES: u16 = u16::MAX;

/// Where and when an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The hart's id.
    pub hart: u16,
    /// Ticks of the timebase (100 ns): what the machine's `mtime` shows.
    pub time: u64,
    /// Instructions that the hart has retired. Of an instruction's own events, those before it; a return from a trap
    /// counts itself.
    pub instret: u64,
    /// The world: the mode before the event.
    pub mode: Mode,
    /// VMID in `hgatp`: the guest that runs where V=1, else the one that ran last.
    pub vmid: u16,
    /// ASID in `vsatp` where V=1, else in `satp`.
    pub asid: u16,
    /// Address of the instruction, or of the next one where an interrupt is taken or the event is none of an
    /// instruction's.
    pub pc: u64,
}
