//! The interpreter.

use std::error::Error;

use board::{Cpu, Engine, HartSet, Harts, Modes, Parts};
use hart::{Hart, Recorded};
use vcpu::EmulatedHart;

use crate::commit_log::CommitLog;

/// Makes interpreted harts.
#[derive(Default)]
pub struct Interp {
    log: Option<CommitLog>,
}

impl Interp {
    /// Harts that write to `log`.
    pub fn logged(log: CommitLog) -> Self {
        Interp { log: Some(log) }
    }

    fn watched(&self, hart: Hart, id: usize) -> Box<dyn EmulatedHart> {
        match &self.log {
            Some(log) => Box::new(Recorded::new(hart, log.of_hart(id))),
            None => Box::new(hart),
        }
    }
}

impl Engine for Interp {
    fn modes(&self) -> Modes {
        Modes::All
    }

    fn harts(&mut self, parts: Parts) -> Result<Harts, Box<dyn Error + Send + Sync>> {
        let make = |(id, parts)| self.watched(Hart::new(parts), id);
        let harts = HartSet::Emulated(super::own::parts_of(&parts).enumerate().map(make).collect());
        Ok(Harts { harts, cpu: Cpu::of_isa(parts.isa) })
    }
}
