//! GDB's remote protocol: debuggers such as GDB and LLDB at a machine.
//!
//! The protocol itself is the crate `gdbstub`'s. Here is what a hart is to a debugger ([`registers`]: the registers and
//! their description, `target`: memory, threads, points), what is asked of vhart beyond the protocol (`monitor`), and
//! around it a [`Session`], which takes bytes and gives bytes, whatever they are. [`Server`] is a session at a TCP
//! port.

#![forbid(unsafe_code)]

#[cfg(feature = "explain")]
mod explaining;
#[cfg(not(feature = "explain"))]
#[path = "explaining_missing.rs"]
mod explaining;
mod monitor;
mod packets;
mod points;
pub mod registers;
mod server;
mod session;
mod target;

pub use server::{Listening, Server};
pub use session::{Outcome, Session};

use std::sync::Arc;

use arch::Phys;
use board::control::{Action, Control};
use board::{Held, MachineStopper};
use bus::Bus;
use memory::Ram;
use vcpu::debug::Points;

/// A machine as a debugger needs it.
pub trait Debugged: 'static {
    /// How many harts it has.
    fn harts(&self) -> usize;
    /// Does something to a hart, which stands. `None`: there is no such hart, or no machine any more.
    fn with<T: Send + 'static>(&self, hart: usize, act: impl FnOnce(&mut Held) -> T + Send + 'static) -> Option<T>;
    /// Its memory.
    fn ram(&self) -> &Ram;
    /// Reads what else may be read without changing it. False: there is no such thing.
    fn read_rom(&self, address: Phys, into: &mut [u8]) -> bool;
    /// Stops all harts soon, unless they stand.
    fn stop(&self);
    /// Lets harts go on, each as its action says.
    fn resume(&self, actions: &[Action], points: &Arc<Points>);
    /// Ends it.
    fn kill(&self);
    /// Its devices.
    fn bus(&self) -> &Bus;
    /// Who has seen what it did.
    fn witness(&self) -> &dyn Witness;
}

/// Has seen what a machine did while it ran, and tells a debugger of it.
pub trait Witness: Send + Sync {
    /// A debugger is there from now on and may ask, or no more.
    fn attend(&self, is_there: bool);
    /// At most so many of a hart's last events, a line each.
    fn events(&self, hart: usize, most: usize) -> Vec<String>;
    /// Who did what so far, as text of several lines.
    fn statistics(&self) -> String;
}

/// The board's machine.
#[derive(Clone)]
pub struct Machine {
    /// The hold on its harts.
    pub control: Arc<Control>,
    /// Its memory.
    pub ram: Ram,
    /// Its devices.
    pub bus: Arc<Bus>,
    /// Ends it.
    pub stopper: MachineStopper,
    /// Who has seen what it did.
    pub witness: Arc<dyn Witness>,
}

impl Debugged for Machine {
    fn harts(&self) -> usize {
        self.control.harts()
    }
    fn with<T: Send + 'static>(&self, hart: usize, act: impl FnOnce(&mut Held) -> T + Send + 'static) -> Option<T> {
        self.control.with(hart, act)
    }
    fn ram(&self) -> &Ram {
        &self.ram
    }
    fn read_rom(&self, address: Phys, into: &mut [u8]) -> bool {
        let rom = board::map::ROM;
        let end = rom.base.0 + rom.len;
        let mut at = (address.0..end).map(Phys);
        address >= rom.base
            && into
                .iter_mut()
                .all(|byte| at.next().is_some_and(|at| self.bus.read(at, std::slice::from_mut(byte)).is_ok()))
    }
    fn stop(&self) {
        self.control.stop();
    }
    fn resume(&self, actions: &[Action], points: &Arc<Points>) {
        self.control.resume(actions, points);
    }
    fn kill(&self) {
        self.stopper.stop();
    }
    fn bus(&self) -> &Bus {
        &self.bus
    }
    fn witness(&self) -> &dyn Witness {
        &*self.witness
    }
}
