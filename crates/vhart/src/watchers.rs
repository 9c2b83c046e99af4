//! Who watches the harts of a run, as the user asked.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use arch::Phys;
use board::{Machine, Watching};
use events::Tee;
use trace::{Device, Recorder};

use crate::cli::{MachineOptions, Traced};
use crate::stat::Stat;
use crate::terminal::OnLook;
use crate::{errors, explaining};

/// All who watch.
pub struct Watchers {
    stat: Stat,
    /// Whether statistics were asked for at the start, and the file that they go to.
    wanted: Option<Option<PathBuf>>,
    trace: Option<(Recorder, PathBuf)>,
}

impl Watchers {
    /// Whom the options ask for.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn wanted(options: &MachineOptions) -> Result<Watchers> {
        check_files(options)?;
        let trace = options.trace.as_ref().map(recorder).transpose()?;
        let watchers = Watchers { stat: Stat::default(), wanted: options.stat.clone(), trace };
        if options.stat.is_some() {
            watchers.stat.begin();
        }
        Ok(watchers)
    }

    /// What the machine is to be told of them.
    pub fn watching(&self) -> Option<Watching> {
        let stat = self.stat.watching();
        let Some((recorder, _)) = self.trace.clone() else { return Some(stat) };
        Some(Box::new(move |hart| Box::new(Tee::of([stat(hart), recorder.of_hart(hart as u16)]))))
    }

    /// Learns what the machine calls its parts.
    pub fn meet(&self, machine: &Machine) {
        self.stat.names(machine);
        for (name, Phys(base), len) in machine.bus().devices() {
            let device = Device { name: name.to_owned(), base, len };
            self.trace.iter().for_each(|(recorder, _)| recorder.device(&device));
        }
    }

    /// What Ctrl-A S does.
    pub fn on_look(&self) -> OnLook {
        let stat = self.stat.clone();
        Arc::new(move || stat.look())
    }

    /// The run is over: reports.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn report(&self, machine: &Machine) -> Result<()> {
        if let Some((recorder, file)) = &self.trace {
            recorder.finish().with_context(|| format!("cannot write trace '{}'", file.display()))?;
        }
        match &self.wanted {
            None => Ok(()),
            Some(None) => {
                self.stat.print(machine);
                Ok(())
            }
            Some(Some(file)) => self.stat.write(machine, file),
        }
    }
}

/// Sees to it that all that a run is to report to files can be written there: before anything is fetched, and not when the
/// run is over.
///
/// # Errors
/// One that names the file and says why.
pub fn check_files(options: &MachineOptions) -> Result<()> {
    options.stat.iter().flatten().try_for_each(|file| errors::check_file("statistics", file))?;
    options.trace.iter().try_for_each(|traced| errors::check_file("trace", &traced.file))?;
    explaining::check_files(&options.explain)
}

/// Who writes a trace, and its file.
fn recorder(traced: &Traced) -> Result<(Recorder, PathBuf)> {
    let file = File::create(&traced.file).with_context(|| format!("cannot write trace '{}'", traced.file.display()))?;
    Ok((Recorder::new(Box::new(file), traced.filter.clone()), traced.file.clone()))
}
