//! What the translator counts: `docs/statistics.md` has the names.

use std::time::Duration;

use arch::insn::{Class, Insn};
use vcpu::Statistic;

/// What was done since the hart was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Blocks translated.
    pub blocks: u64,
    /// Instructions translated.
    pub instructions: u64,
    /// Those of them that always run through the interpreter.
    pub interpreted: u64,
    /// Time that translating took.
    pub time: Duration,
    /// Times that all code was dropped because the cache was full.
    pub flushes: u64,
    /// FENCE.I.
    pub fences: u64,
    /// Times that generated code asked where to go on.
    pub finds: u64,
    /// Times that the context's jump table did not know.
    pub misses: u64,
    /// Pages compared with memory, as they had been written to.
    pub compared_pages: u64,
    /// Pages made anew because their bytes had changed.
    pub changed_pages: u64,
    /// Bytes of hot and of cold code in use.
    pub code_bytes: [usize; 2],
    /// Instructions that ran through the interpreter.
    pub calls: Calls,
}

/// Instructions that generated code had the interpreter run, by what they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    /// Loads, stores, atomics and cache-block instructions: mostly misses of the data table.
    pub memory: u64,
    /// CSRs.
    pub csr: u64,
    /// Floating point.
    pub float: u64,
    /// Waiting, translation fences, HLV and HSV.
    pub system: u64,
    /// All else.
    pub other: u64,
}

impl Calls {
    /// Counts one.
    pub(crate) fn note(&mut self, insn: &Insn) {
        *match insn.class() {
            Class::Load | Class::Store | Class::Amo | Class::Cache => &mut self.memory,
            Class::Csr => &mut self.csr,
            Class::Fp => &mut self.float,
            Class::Sys | Class::Hyper => &mut self.system,
            Class::Alu | Class::Branch | Class::Jump | Class::Fence => &mut self.other,
        } += 1;
    }
}

impl Counters {
    /// All counts by their names.
    pub(crate) fn statistics(&self) -> Vec<Statistic> {
        let [hot, cold] = self.code_bytes;
        vec![
            ("translated_blocks", self.blocks),
            ("translated_instructions", self.instructions),
            ("translated_as_calls", self.interpreted),
            ("translation_ns", u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX)),
            ("hot_code_bytes", hot as u64),
            ("cold_code_bytes", cold as u64),
            ("code_flushes", self.flushes),
            ("code_fences", self.fences),
            ("code_finds", self.finds),
            ("code_find_misses", self.misses),
            ("compared_code_pages", self.compared_pages),
            ("changed_code_pages", self.changed_pages),
            ("memory_calls", self.calls.memory),
            ("csr_calls", self.calls.csr),
            ("float_calls", self.calls.float),
            ("system_calls", self.calls.system),
            ("other_calls", self.calls.other),
        ]
    }
}
