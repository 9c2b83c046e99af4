//! The hart: generated code between the same traps, interrupts and looks at the wires as the interpreter's.

use std::marker::PhantomData;

use bus::Stateful;
use events::{Event, Kinds, Look, Sink, Stamp};
use hart::engine::POLL;
use hart::{Hart, HartParts};
use vcpu::debug::Debuggee;
use vcpu::{EmulatedHart, Exit, Pace, Statistic, Vcpu};

use crate::crash;
use crate::host::{Backend, MAX_INSNS};
use crate::memory::{CodeMemory, USUAL_BYTES};
use crate::run::{Context, execute, execute_exactly};
use crate::statistics::Counters;
use crate::translator::Translator;
use crate::x64::Host;

/// Why there is no such hart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host's processor is too old.
    #[error("the translator needs a processor with {0}")]
    Host(String),
    /// The host gave no memory for code.
    #[error("this computer gives the translator no memory for code")]
    Memory(#[source] std::io::Error),
}

/// What a hart is made of.
pub struct JitParts {
    /// All but its way of executing.
    pub hart: HartParts,
    /// Bytes of code kept at most, up to 2 GiB; a quarter of a MiB is the least that serves, and is given in any case.
    pub code_bytes: Option<usize>,
}

/// One RISC-V hart, translated for a host: that which it runs on.
pub struct JitHart<B: Backend = Host> {
    pub(crate) hart: Hart,
    pub(crate) translator: Translator<B>,
    /// Whether the last quantum ended within a block.
    pub(crate) within: bool,
}

impl JitHart {
    /// A hart after reset, in M-mode at address 0.
    ///
    /// # Errors
    /// The host lacks something.
    pub fn new(parts: JitParts) -> Result<JitHart, Error> {
        JitHart::on(parts)
    }
}

impl<B: Backend> JitHart<B> {
    /// [`JitHart::new`], by any back end.
    ///
    /// # Errors
    /// The host lacks something.
    pub fn on(parts: JitParts) -> Result<Self, Error> {
        B::check_host().map_err(Error::Host)?;
        crash::watch();
        let bytes = parts.code_bytes.unwrap_or(USUAL_BYTES).clamp(4 * B::ROOM, B::REACH);
        let memory = CodeMemory::new(bytes).map_err(|errno| Error::Memory(errno.into()))?;
        let translator = Translator::new::<Context<'_, B>>(memory);
        Ok(JitHart { hart: Hart::new(parts.hart), translator, within: false })
    }

    /// What the translator did so far.
    pub fn counters(&self) -> Counters {
        self.translator.counters()
    }

    /// The hart without its way of executing.
    pub fn hart(&self) -> &Hart {
        &self.hart
    }

    /// The hart without its way of executing, to be changed by tests and debuggers.
    pub fn hart_mut(&mut self) -> &mut Hart {
        &mut self.hart
    }
}

#[cfg(test)]
impl JitHart {
    /// Overwrites the code of the instruction at `pc`.
    pub(crate) fn break_code(&mut self, pc: u64, with: &[u8]) {
        assert!(self.translator.break_code(pc, with), "no code of {pc:#x}");
    }
}

/// One who listens in the midst of generated code, whose floating point raises nothing in the guest.
struct Apart<B>(Box<dyn Sink>, PhantomData<B>);

impl<B: Backend> Sink for Apart<B> {
    fn wants(&self) -> Kinds {
        self.0.wants()
    }
    fn event(&mut self, stamp: &Stamp, event: &Event, hart: &dyn Look) {
        B::keep_flags(|| self.0.event(stamp, event, hart));
    }
}

impl<B: Backend> Vcpu for JitHart<B> {
    fn run(&mut self, budget: u64) -> Exit {
        let JitHart { hart, translator, within } = self;
        match hart.core.pace {
            // with room for one more block than is wanted, what is wanted gets done
            Pace::Block => hart.drive_by(budget, POLL, |hart, poll| execute(hart, translator, poll, MAX_INSNS.into())),
            Pace::Instruction => {
                hart.drive_by(budget, POLL, |hart, poll| execute_exactly(hart, translator, within, poll))
            }
        }
    }
    hart::vcpu_by_hart!();
    fn statistics(&self) -> Vec<Statistic> {
        [self.hart.statistics(), self.counters().statistics()].concat()
    }
}

impl<B: Backend> EmulatedHart for JitHart<B> {
    hart::emulated_by_hart!();
    fn watch(&mut self, sink: Option<Box<dyn Sink>>) {
        self.hart.watch(sink.map(|sink| Box::new(Apart::<B>(sink, PhantomData)) as _));
    }
    fn stateful(&mut self) -> Option<&mut dyn Stateful> {
        self.within = false;
        self.hart.stateful()
    }
    fn debuggee(&mut self) -> Option<&mut dyn Debuggee> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
