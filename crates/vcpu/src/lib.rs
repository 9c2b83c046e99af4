//! The seam between whoever executes and whoever owns the devices.
//!
//! A [`Vcpu`] is one hart, executed by an interpreter, a translator or `/dev/kvm`. A [`HartPins`] is the bundle of
//! wires into it. A [`Clock`] is the machine's timebase.

#![forbid(unsafe_code)]

mod clock;
mod cpu;
pub mod debug;
mod emulated;
pub mod imsic;
mod look;
mod pins;
mod snapshot;

pub use clock::Clock;
pub use cpu::Cpu;
pub use emulated::{EmulatedHart, Fence, FenceRange, Wakeup};
pub use imsic::{FileId, FileRegister, ImsicShape};
pub use look::{Frozen, Standing};
pub use pins::HartPins;
#[cfg(feature = "state")]
pub use pins::PinsState;
pub use snapshot::Snapshot;

use std::time::Duration;

/// Why [`Vcpu::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The instruction budget is used up, or someone asked for attention with [`HartPins::kick`].
    Quantum,
    /// The hart waits for an interrupt (WFI); nothing is pending. With a time, a timer of its own ends the wait then.
    Idle {
        /// Ticks of the timebase at which the hart's next timer fires.
        until: Option<u64>,
    },
    /// An SBI call (`ecall` from HS-mode) for a firmware outside the hart. `pc` still points at the `ecall`.
    Sbi,
    /// The hart met one of its debugger's points ([`debug::Points`]).
    Debug,
    /// The hart cannot go on.
    Halted,
    /// The guest asked for the end of the machine through the executor (KVM system event).
    System(SystemEvent),
}

/// Where quanta end, and when interrupts are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Where it suits whoever executes: between blocks of instructions.
    #[default]
    Block,
    /// At the instruction that is said: so that all who execute come to the same state.
    Instruction,
}

/// The end of a machine's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemEvent {
    /// Power off, cleanly.
    Shutdown,
    /// Power off, with a failure code.
    Fail(u32),
    /// Power off, as the guest's system has failed.
    SystemFailure,
    /// Start again from reset.
    Reset(Reset),
}

/// How a guest asks to start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The whole machine.
    Cold,
    /// The processors, and what belongs to them.
    Warm,
    /// Either, as the guest's system has failed.
    AfterFailure,
}

/// Registers by which a firmware outside the hart starts and answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reg {
    /// Program counter.
    Pc,
    /// Integer register.
    X(u8),
}

/// What the user should know of a hart's guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Half a sentence that the hart is the subject of.
    pub what: String,
    /// Whether it is about the hart's last fault.
    pub of_fault: bool,
}

/// One hart.
pub trait Vcpu: Send {
    /// Runs for at most `budget` instructions. An executor that cannot count takes its own measure.
    fn run(&mut self, budget: u64) -> Exit;
    /// Reads a register.
    fn reg(&self, reg: Reg) -> u64;
    /// Writes a register.
    fn set_reg(&mut self, reg: Reg, value: u64);
    /// Instructions retired since reset, if the executor counts them.
    fn instret(&self) -> Option<u64>;
    /// Traps taken since reset, if the executor counts them. They use up a budget as instructions do.
    fn traps(&self) -> u64 {
        0
    }
    /// Something that the user should know of the guest, once.
    fn notice(&mut self) -> Option<Notice> {
        None
    }
    /// The wires into this hart.
    fn pins(&self) -> std::sync::Arc<HartPins>;
    /// What the executor did since it was made, by name; `docs/statistics.md` explains the names.
    fn statistics(&self) -> Vec<Statistic> {
        Vec::new()
    }
}

/// Bytes of `ecall`; it has no compressed form.
pub const ECALL_BYTES: u64 = 4;

/// A name, and how often or how much.
pub type Statistic = (&'static str, u64);

/// Frequency of the timebase in Hz.
pub const TIMEBASE_HZ: u64 = 10_000_000;

/// Length of a tick of the timebase in nanoseconds.
pub const TICK_NANOS: u64 = 1_000_000_000 / TIMEBASE_HZ;

/// Ticks of the timebase in `time`.
pub fn ticks(time: Duration) -> u64 {
    time.as_secs().wrapping_mul(TIMEBASE_HZ).wrapping_add(u64::from(time.subsec_nanos()) / TICK_NANOS)
}

/// The time that so many ticks take.
pub fn duration(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(TICK_NANOS))
}
