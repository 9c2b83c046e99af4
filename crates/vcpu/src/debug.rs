//! What a debugger does to a hart that stands still, and what makes one stop for it.
//!
//! A hart has [`Points`]: breakpoints, watchpoints and events. Where one is met, [`crate::Vcpu::run`] comes back with
//! [`crate::Exit::Debug`], in front of the instruction of a breakpoint and behind that of a watchpoint or an event;
//! [`Debuggee::take_halt`] says which it was. A hart without points executes as if there were no debugger.

use std::sync::Arc;

use arch::{GuestPhys, Mode, Phys};

use crate::Exit;

/// What an address is an address of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The program's.
    Virtual,
    /// What the first stage gives: a guest's physical address where V = 1.
    GuestPhysical,
    /// The machine's.
    Physical,
}

/// Which executions a point is about. By default all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// Those in this mode.
    pub mode: Option<Mode>,
    /// Those in the address space of this ASID: of `vsatp` where V = 1, else of `satp`.
    pub asid: Option<u16>,
    /// Those of the virtual machine with this VMID, with V = 1.
    pub vmid: Option<u16>,
}

/// What a watchpoint watches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Loads.
    Read,
    /// Stores.
    Write,
    /// Both.
    Any,
}

/// A breakpoint: in front of the instruction at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// What the address is one of.
    pub space: Space,
    /// Where.
    pub address: u64,
    /// When.
    pub only: Only,
}

/// A watchpoint: behind an instruction that loads from or stores to one of `len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// What the address is one of.
    pub space: Space,
    /// The first byte.
    pub address: u64,
    /// Their number.
    pub len: u64,
    /// What is watched for.
    pub touch: Touch,
    /// When.
    pub only: Only,
}

/// Something that happens to a hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// V changes, by a trap or a return from one.
    VirtSwitch,
    /// A trap is taken: any, or that with this value of `xcause`.
    Trap(Option<u64>),
    /// A CSR instruction writes this register: the one that is reached, `vsatp` where a guest writes `satp`.
    CsrWrite(u16),
}

/// All that makes a hart stop for its debugger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// Breakpoints.
    pub breaks: Vec<Break>,
    /// Watchpoints.
    pub watches: Vec<Watch>,
    /// Events.
    pub events: Vec<Event>,
}

impl Points {
    /// Whether nothing makes a hart stop.
    pub fn is_empty(&self) -> bool {
        self.breaks.is_empty() && self.watches.is_empty() && self.events.is_empty()
    }
}

/// Why a hart stopped for its debugger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A breakpoint: the hart is in front of its instruction.
    Break,
    /// A watchpoint: the instruction has retired.
    Watch {
        /// What it did.
        touch: Touch,
        /// The address of the watchpoint's first byte that it did it to.
        address: u64,
    },
    /// An event, in words.
    Event(String),
}

/// Where a hart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Its mode.
    pub mode: Mode,
    /// The ASID in force: that of `vsatp` where V = 1, else that of `satp`.
    pub asid: u16,
    /// The VMID, where V = 1.
    pub vmid: Option<u16>,
}

/// What an address translates to, whoever may access it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address between the stages.
    pub guest_phys: GuestPhys,
    /// The machine's address.
    pub phys: Phys,
    /// Log2 of the size of the first stage's page.
    pub page_bits: u32,
    /// Log2 of the size of the second stage's page.
    pub guest_page_bits: u32,
}

/// Where translation ends that leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// In the first stage.
    FirstStage,
    /// In the G-stage, at this guest-physical address.
    GuestStage(GuestPhys),
    /// A page table is where there is no memory.
    Table,
}

/// A hart that stands still.
pub trait Debuggee {
    /// Names all that the hart stops for from now on.
    fn set_points(&mut self, points: &Arc<Points>);
    /// Whether the hart is in front of an instruction with a breakpoint.
    fn is_at_break(&mut self) -> bool;
    /// Executes one instruction whatever its breakpoints, or takes its trap. Interrupts that wait are taken only with
    /// `interrupts`. Answers why there is more to do than that, as [`crate::Vcpu::run`] does.
    fn step(&mut self, interrupts: bool) -> Option<Exit>;
    /// Why the hart stopped, after [`Exit::Debug`].
    fn take_halt(&mut self) -> Option<Halt>;
    /// Where it is.
    fn world(&self) -> World;
    /// Changes its mode, and nothing else.
    fn set_mode(&mut self, mode: Mode);
    /// A floating-point register.
    fn f(&self, number: u8) -> u64;
    /// Writes a floating-point register.
    fn set_f(&mut self, number: u8, value: u64);
    /// Reads a CSR as itself, whatever the mode and whoever withholds it, without changing anything. `None`: there is
    /// none.
    fn peek_csr(&self, address: u16) -> Option<u64>;
    /// Writes what `value` becomes as the register's legal value. Answers whether that may be written.
    fn poke_csr(&mut self, address: u16, value: u64) -> bool;
    /// Translates an address as a program in `mode` would have it translated, by the page tables alone: permissions, A
    /// and D do not matter and stay as they are.
    ///
    /// # Errors
    /// Where the page tables end.
    fn locate(&self, mode: Mode, address: u64) -> Result<Found, Lost>;
}
