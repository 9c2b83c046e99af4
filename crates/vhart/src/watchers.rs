//! Who watches the harts of a run, as the user asked.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use arch::Phys;
use board::{Machine, Sampling, Watching, Whom};
use events::{DEVICES, Sink, Tee};
use trace::{Device, Recent, Recorder};

use crate::cli::{MachineOptions, Traced};
use crate::errors;
use crate::explaining::{self, Explainer};
use crate::naming::{self, Naming};
use crate::profile::Profile;
use crate::stat::Stat;
use crate::terminal::OnLook;

/// Who writes a trace, who finds names for it, and its file.
struct Trace {
    recorder: Recorder,
    naming: Option<Naming>,
    file: PathBuf,
}

/// All who watch.
pub struct Watchers {
    pub stat: Stat,
    /// Whether statistics were asked for at the start, and the file that they go to.
    wanted: Option<Option<PathBuf>>,
    trace: Option<Trace>,
    /// For a debugger.
    pub recent: Option<Recent>,
    profile: Option<Profile>,
}

impl Watchers {
    /// Whom the options ask for.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn wanted(options: &MachineOptions) -> Result<Watchers> {
        check_files(options)?;
        let trace = options.trace.as_ref().map(Trace::to).transpose()?;
        let recent = options.gdb.is_some().then(Recent::default);
        let profile = Profile::of(options)?;
        let watchers = Watchers { stat: Stat::default(), wanted: options.stat.clone(), trace, recent, profile };
        if options.stat.is_some() {
            watchers.stat.begin();
        }
        Ok(watchers)
    }

    /// What the machine is to be told of them, and of whoever explains.
    pub fn watching(&self, explainer: &Explainer) -> Option<Watching> {
        let stat = self.stat.watching();
        let trace = self.trace.as_ref().map(|trace| (trace.recorder.clone(), trace.naming.clone()));
        let (recent, explainer) = (self.recent.clone(), explainer.clone());
        if trace.is_none() && recent.is_none() && !explainer.watches() {
            return Some(stat);
        }
        Some(Box::new(move |whom| {
            let number = match whom {
                Whom::Hart(number) => number as u16,
                Whom::Devices => DEVICES,
            };
            let recorder = trace.as_ref().map(|(recorder, _)| recorder.of_hart(number));
            let others = if whom == Whom::Devices { Vec::new() } else { of_next_hart(&trace, &recent, &explainer) };
            Box::new(Tee::of([Some(stat(whom)), recorder].into_iter().flatten().chain(others)))
        }))
    }

    /// What the machine is to sample for them.
    pub fn sampling(&self) -> Option<Sampling> {
        self.profile.as_ref().map(Profile::sampling)
    }

    /// Learns what the machine calls its parts.
    pub fn meet(&self, machine: &Machine) {
        self.stat.names(machine);
        let devices = devices(machine);
        self.trace.iter().for_each(|trace| devices.iter().for_each(|device| trace.recorder.device(device)));
    }

    /// What Ctrl-A S does.
    pub fn on_look(&self) -> OnLook {
        let stat = self.stat.clone();
        Arc::new(move || stat.look("Ctrl-A S"))
    }

    /// The run is over: reports.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn report(&self, machine: &Machine) -> Result<()> {
        if let Some(Trace { recorder, naming, file }) = &self.trace {
            naming.iter().for_each(Naming::finish);
            recorder.finish().with_context(|| format!("cannot write trace '{}'", file.display()))?;
        }
        self.profile.iter().try_for_each(|profile| profile.report(machine))?;
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

/// The devices, as a trace names them.
pub fn devices(machine: &Machine) -> Vec<Device> {
    let device = |(name, Phys(base), len): (String, Phys, u64)| Device { name, base, len };
    machine.bus().devices().into_iter().map(device).collect()
}

/// Sees to it that all that a run is to report to files can be written there: before anything is fetched, and not when
/// the run is over.
///
/// # Errors
/// One that names the file and says why.
pub fn check_files(options: &MachineOptions) -> Result<()> {
    options.stat.iter().flatten().try_for_each(|file| errors::check_file("statistics", file))?;
    options.trace.iter().try_for_each(|traced| errors::check_file("trace", &traced.file))?;
    explaining::check_files(&options.explain)
}

/// Those who watch harts alone.
fn of_next_hart(
    trace: &Option<(Recorder, Option<Naming>)>,
    recent: &Option<Recent>,
    explainer: &Explainer,
) -> Vec<Box<dyn Sink>> {
    let naming = trace.as_ref().and_then(|(_, naming)| naming.as_ref()).map(Naming::of_next_hart);
    let recent = recent.as_ref().map(Recent::of_next_hart);
    [naming, recent, explainer.of_next_hart()].into_iter().flatten().collect()
}

impl Trace {
    /// One that is written as the user asked.
    fn to(traced: &Traced) -> Result<Trace> {
        let file =
            File::create(&traced.file).with_context(|| format!("cannot write trace '{}'", traced.file.display()))?;
        let recorder = Recorder::new(Box::new(file), traced.filter.clone());
        Ok(Trace { naming: naming::of(&recorder), recorder, file: traced.file.clone() })
    }
}
