//! Who looks on at a run: who counts, traces, samples and explains, and what tells whether two runs were the same.
//!
//! Whatever command runs a machine, they join it, and report what they have seen, in one order.

use std::path::Path;

use anyhow::Result;
use board::{Ending, Machine, MachineConfig};
use devices::ConsoleOut;

use crate::cli::MachineOptions;
use crate::digest::Digests;
use crate::ending::Stopper;
use crate::explaining::Explainer;
use crate::run;
use crate::stats::Stats;
use crate::watchers::Watchers;

/// All of them.
pub struct Onlookers {
    /// Who watches the harts.
    pub watchers: Watchers,
    /// Who explains.
    pub explainer: Explainer,
    digests: Digests,
    measures: bool,
}

impl Onlookers {
    /// Whom the options ask for, at a machine that runs this program.
    ///
    /// # Errors
    /// A file cannot be written, or has no symbols.
    pub fn wanted(options: &MachineOptions, program: Option<&Path>) -> Result<Onlookers> {
        Ok(Onlookers {
            watchers: Watchers::wanted(options)?,
            explainer: Explainer::of(options, program)?,
            digests: Digests::wanted(options),
            measures: options.stats,
        })
    }

    /// `console`, listened to.
    pub fn listen(&self, console: ConsoleOut) -> ConsoleOut {
        self.digests.listen(console)
    }

    /// The configuration of a machine that they look on at.
    pub fn join(&self, config: MachineConfig) -> MachineConfig {
        MachineConfig {
            watching: self.watchers.watching(&self.explainer),
            show: self.explainer.show(),
            sampling: self.watchers.sampling(),
            ..config
        }
    }

    /// Lets the machine run, measured where that is wanted.
    pub fn measure<T>(&self, machine: &mut Machine, run: impl FnOnce(&mut Machine) -> T) -> T {
        let stats = self.measures.then(|| Stats::begin(machine));
        let ended = run(machine);
        stats.iter().for_each(|stats| stats.print(machine));
        ended
    }

    /// Explains where the machine stands at its end.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn explain(&self, machine: &Machine, ending: &Ending, stopper: &Stopper) -> Result<()> {
        if run::is_limit(ending, stopper) {
            self.explainer.at_limit(machine);
        }
        self.explainer.at_end(machine)
    }

    /// Reports what they have seen, once all is explained.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn report(&self, machine: &Machine) -> Result<()> {
        self.watchers.report(machine)?;
        self.digests.print(machine);
        Ok(())
    }

    /// Runs the machine to its end, and explains and reports. `behind` is what comes before any of that is printed.
    ///
    /// # Errors
    /// The machine cannot go on, or a file cannot be written.
    #[cfg(feature = "linux")]
    pub fn run(
        &self,
        machine: &mut Machine,
        stopper: &Stopper,
        behind: impl FnOnce(&Result<Ending, board::Error>),
    ) -> Result<Ending> {
        let ending = self.measure(machine, |machine| {
            let ending = machine.run();
            behind(&ending);
            ending
        });
        let explained = ending.as_ref().map_or(Ok(()), |ending| self.explain(machine, ending, stopper));
        self.report(machine)?;
        explained?;
        Ok(ending?)
    }
}
