//! Names for explanations of a hart.

use arch::{Mode, Privilege};
use events::Look;
use explain::Names;

use crate::{Symbols, backtrace};

/// Callers that are shown.
const MOST_CALLERS: usize = 12;

/// A hart, and what is known of names where it is.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The names.
    pub symbols: &'a Symbols,
    /// The hart.
    pub hart: &'a dyn Look,
    /// The address of its next instruction.
    pub pc: u64,
}

impl Names for Seen<'_> {
    fn name(&self, mode: Mode, address: u64) -> Option<String> {
        let vmid = self.hart.vmid();
        let name = self.symbols.name(mode, vmid, address)?.to_string();
        let line = self.symbols.line(mode, vmid, address);
        Some(line.map_or(name.clone(), |line| format!("{name} ({line})")))
    }

    fn process(&self) -> Option<String> {
        self.symbols.task(self.hart).map(|task| task.to_string())
    }

    fn callers(&self) -> Vec<String> {
        let mode = self.hart.mode();
        if mode.privilege == Privilege::User {
            return Vec::new();
        }
        let function = |address| {
            let named = self.symbols.name(mode, self.hart.vmid(), address)?;
            Some(address - named.0.offset)
        };
        let same = |a, b| function(a).is_some() && function(a) == function(b);
        let frames = backtrace(self.hart, self.pc, MOST_CALLERS);
        frames.addresses(same).into_iter().skip(1).map_while(|address| self.name(mode, address)).collect()
    }
}
