//! A hart that is watched instruction by instruction.

use events::Sink;
use vcpu::{EmulatedHart, Exit, Statistic, Vcpu};

use crate::hart::Hart;
use crate::record::Record;

/// A hart that is watched while it runs.
pub struct Recorded<R> {
    hart: Hart,
    record: R,
}

impl<R: Record> Recorded<R> {
    /// Lets `record` watch `hart`.
    pub fn new(hart: Hart, record: R) -> Self {
        Recorded { hart, record }
    }
}

impl<R: Record> Vcpu for Recorded<R> {
    fn run(&mut self, budget: u64) -> Exit {
        self.hart.drive(budget, &mut self.record)
    }
    crate::vcpu_by_hart!();
    fn statistics(&self) -> Vec<Statistic> {
        self.hart.statistics()
    }
}

impl<R: Record> EmulatedHart for Recorded<R> {
    crate::emulated_by_hart!();
    fn watch(&mut self, sink: Option<Box<dyn Sink>>) {
        self.hart.watch(sink);
    }
}
