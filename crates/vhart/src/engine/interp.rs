//! The interpreter.

use std::error::Error;

use board::{Cpu, Engine, HartSet, Harts, Modes, Parts};
use hart::{Hart, HartParts, Recorded};
use vcpu::FullHart;

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

    fn watched(&self, hart: Hart, id: usize) -> Box<dyn FullHart> {
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
        let alone = parts.pins.len() == 1;
        let make = |(id, pins): (usize, &std::sync::Arc<vcpu::HartPins>)| {
            let hart = Hart::new(HartParts {
                config: privileged::Config::new(parts.isa, id as u64),
                ram: parts.ram.clone(),
                bus: parts.bus.clone(),
                clock: parts.clock.clone(),
                pins: pins.clone(),
                alone,
            });
            self.watched(hart, id)
        };
        let harts = HartSet::Full(parts.pins.iter().enumerate().map(make).collect());
        Ok(Harts { harts, cpu: Cpu::of_isa(parts.isa) })
    }
}
