//! A hart that is watched instruction by instruction.

use std::sync::Arc;

use events::{Event, Sink};
use vcpu::{EmulatedHart, Exit, Fence, HartPins, Notice, Pace, Reg, Snapshot, Statistic, Vcpu, Wakeup};

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
    fn reg(&self, reg: Reg) -> u64 {
        self.hart.reg(reg)
    }
    fn set_reg(&mut self, reg: Reg, value: u64) {
        self.hart.set_reg(reg, value);
    }
    fn instret(&self) -> Option<u64> {
        self.hart.instret()
    }
    fn traps(&self) -> u64 {
        self.hart.traps()
    }
    fn notice(&mut self) -> Option<Notice> {
        self.hart.notice()
    }
    fn pins(&self) -> Arc<HartPins> {
        self.hart.pins()
    }
    fn statistics(&self) -> Vec<Statistic> {
        self.hart.statistics()
    }
}

impl<R: Record> EmulatedHart for Recorded<R> {
    fn reset_machine(&mut self, pc: u64) {
        self.hart.reset_machine(pc);
    }
    fn enter_supervisor(&mut self, pc: u64) {
        self.hart.enter_supervisor(pc);
    }
    fn resume_supervisor(&mut self, pc: u64) {
        self.hart.resume_supervisor(pc);
    }
    fn wakeup(&mut self) -> Wakeup {
        self.hart.wakeup()
    }
    fn set_pace(&mut self, pace: Pace) {
        self.hart.set_pace(pace);
    }
    fn fence(&mut self, fence: Fence) {
        self.hart.fence(fence);
    }
    fn set_supervisor_timer(&mut self, deadline: u64) {
        self.hart.set_supervisor_timer(deadline);
    }
    fn vmid(&self) -> u16 {
        self.hart.vmid()
    }
    fn watch(&mut self, sink: Option<Box<dyn Sink>>) {
        self.hart.watch(sink);
    }
    fn tell(&mut self, event: &Event) {
        self.hart.tell(event);
    }
    fn snapshot(&self) -> Option<Snapshot> {
        self.hart.snapshot()
    }
    fn describe(&self, text: &mut String) {
        self.hart.describe(text);
    }
    fn csr(&mut self, address: u16) -> u64 {
        self.hart.csr(address)
    }
    fn set_csr(&mut self, address: u16, value: u64) {
        self.hart.set_csr(address, value);
    }
}
