//! Work to measure: deterministic, and checked by itself.
//!
//! A [`Workload`] does the same amount of work wherever it runs and answers a number that is the same everywhere, so
//! that a machine that computes wrongly is found out and not timed. [`command`] runs workloads by name and prints a
//! line of JSON for each; the program of this name is that and nothing else. Everything unsafe is in `system`.

mod command;
mod disk;
mod float;
mod integer;
mod interrupts;
mod kernel;
mod list;
mod memory;
mod network;
mod output;
mod random;
mod system;
mod timers;

pub use command::command;
pub use disk::content as disk_content;
pub use list::{ALL, find};
pub use random::Random;

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
    /// One processor that interrupts another.
    Interrupts,
    /// Leaving a world and coming back, as a kernel sees it.
    Virtualization,
    /// Devices.
    Io,
}

impl Group {
    /// All of them, as a report orders them.
    pub const ALL: [Group; 8] = [
        Group::Integer,
        Group::Float,
        Group::Memory,
        Group::Kernel,
        Group::Timers,
        Group::Interrupts,
        Group::Virtualization,
        Group::Io,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Group::Integer => "integer",
            Group::Float => "float",
            Group::Memory => "memory",
            Group::Kernel => "kernel",
            Group::Timers => "timers",
            Group::Interrupts => "interrupts",
            Group::Virtualization => "virtualization",
            Group::Io => "io",
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
    pub run: fn(u64) -> Result<u64, Why>,
    /// What it needs of the place.
    pub needs: Option<Need>,
}

/// What a place must have for a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A disk, or a file, that the program is told of (`--disk`).
    Disk,
    /// A network card whose gateway answers pings.
    Network,
    /// A serial port of the machine's that nobody needs.
    Serial,
    /// Two harts.
    TwoHarts,
    /// To be the kernel: another program does it (`guest/switches`), and its time is that of one.
    Kernel,
    /// To be the kernel of a machine with AIA and two harts, likewise.
    Aia,
}

/// Why a workload has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Something is wrong.
    Wrong(String),
    /// The place has not what it needs.
    Absent(String),
}

impl From<String> for Why {
    fn from(text: String) -> Why {
        Why::Wrong(text)
    }
}

impl From<&str> for Why {
    fn from(text: &str) -> Why {
        Why::Wrong(text.to_owned())
    }
}

/// What no program of Linux's can do.
fn as_kernel(_: u64) -> Result<u64, Why> {
    Err(absent("it is a kernel's"))
}

/// What the place has not.
fn absent(what: &str) -> Why {
    Why::Absent(what.to_owned())
}

/// An error unless the result is the one expected.
fn expect(what: &str, found: u64, expected: u64) -> Result<u64, String> {
    if found == expected { Ok(found) } else { Err(format!("{what}: {found}, not {expected}")) }
}
