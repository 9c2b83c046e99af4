//! Work to measure: deterministic, and checked by itself.
//!
//! A [`Workload`] does the same amount of work wherever it runs and answers a number that is the same everywhere, so that a
//! machine that computes wrongly is found out and not timed. [`command`] runs workloads by name and prints a line of JSON for
//! each; the program of this name is that and nothing else. Everything unsafe is in `system`.

mod command;
mod float;
mod integer;
mod kernel;
mod list;
mod memory;
mod random;
mod system;
mod timers;

pub use command::command;
pub use list::{ALL, find};

/// What a workload exercises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Integers, branches, calls.
    Integer,
    /// Floating point.
    Float,
    /// Caches and address translation.
    Memory,
    /// What a kernel does for a process.
    Kernel,
    /// Waiting.
    Timers,
}

impl Group {
    /// All of them, as a report orders them.
    pub const ALL: [Group; 5] = [Group::Integer, Group::Float, Group::Memory, Group::Kernel, Group::Timers];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Group::Integer => "integer",
            Group::Float => "float",
            Group::Memory => "memory",
            Group::Kernel => "kernel",
            Group::Timers => "timers",
        }
    }
}

/// Which time says how fast it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The processor's: it computes.
    Processor,
    /// The clock on the wall: it waits.
    Wall,
}

/// A workload.
#[derive(Debug)]
pub struct Workload {
    /// Its name: at most 16 characters, as a mark has no more.
    pub name: &'static str,
    /// Its group.
    pub group: Group,
    /// What it does, in a line.
    pub what: &'static str,
    /// Which time counts.
    pub clock: Clock,
    /// How often it does its work.
    pub iterations: u64,
    /// Does it so often, and answers a number that is the same everywhere; or says what is wrong.
    pub run: fn(u64) -> Result<u64, String>,
}

/// An error unless the result is the one expected.
fn expect(what: &str, found: u64, expected: u64) -> Result<u64, String> {
    if found == expected { Ok(found) } else { Err(format!("{what}: {found}, not {expected}")) }
}
