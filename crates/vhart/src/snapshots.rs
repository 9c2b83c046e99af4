//! Machines that are saved to files, and loaded from them.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use board::snapshot::{Shape, Snapshot};
use board::{Ending, Engine, Machine, MachineConfig, MachineStopper};
use devices::ConsoleOut;
use tempfile::NamedTempFile;

use crate::cli::SnapshotOptions;
use crate::ending::Unhurried;
use crate::{errors, run};

/// Bytes that are written and read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// What the user wants saved and loaded.
pub struct Snapshots {
    save: Option<Saving>,
    load: Option<PathBuf>,
    shape: Option<Shape>,
}

/// Where and when a machine is saved.
struct Saving {
    file: PathBuf,
    at: Option<u64>,
    when: Option<String>,
    /// Who pauses the machine when the console has shown that.
    machine: Arc<OnceLock<MachineStopper>>,
}

impl Snapshots {
    /// As the options want it.
    ///
    /// # Errors
    /// The directory of the file to be saved cannot be written to.
    pub fn wanted(options: &SnapshotOptions) -> Result<Snapshots> {
        let save = options.save_snapshot.as_ref().map(|file| Saving {
            file: file.clone(),
            at: options.save_at,
            when: options.save_when.clone(),
            machine: Arc::default(),
        });
        // long before it is needed
        save.iter().try_for_each(|saving| saving.begin().map(drop))?;
        Ok(Snapshots { save, load: options.load_snapshot.clone(), shape: None })
    }

    /// `console`, listened to for the text at which the machine is saved.
    pub fn listen(&self, mut console: ConsoleOut) -> ConsoleOut {
        let Some((machine, text)) =
            self.save.as_ref().and_then(|saving| Some((saving.machine.clone(), saving.when.clone()?)))
        else {
            return console;
        };
        let (text, mut last, mut seen) = (text.into_bytes(), Vec::new(), false);
        Box::new(move |bytes| {
            console(bytes);
            if !seen {
                last.extend_from_slice(bytes);
                seen = last.windows(text.len()).any(|window| window == text);
                last.drain(..last.len().saturating_sub(text.len() - 1));
                machine.get().filter(|_| seen).into_iter().for_each(MachineStopper::pause);
            }
        })
    }

    /// The machine: made anew, or as it was saved.
    ///
    /// # Errors
    /// It cannot be made, or the snapshot is none of such a machine.
    pub fn machine(&mut self, mut config: MachineConfig, engine: &mut dyn Engine) -> Result<Machine> {
        let mut machine = match &self.load {
            None => {
                self.shape = Some(Shape::of(&config));
                Machine::new(config, engine)?
            }
            Some(path) => {
                let failed = || format!("cannot load snapshot '{}'", path.display());
                let file = File::open(path).with_context(failed)?;
                let snapshot = Snapshot::read(BufReader::with_capacity(BUFFER_BYTES, file)).with_context(failed)?;
                snapshot.head.shape.complete(&mut config, &run::usual());
                self.shape = Some(Shape::of(&config));
                Machine::of_snapshot(config, engine, snapshot).with_context(failed)?
            }
        };
        if let Some(saving) = &self.save {
            saving.machine.get_or_init(|| machine.stopper());
            saving.at.into_iter().for_each(|at| machine.pause_at(at));
        }
        Ok(machine)
    }

    /// Saves the machine, if it is to be saved where it has ended.
    ///
    /// # Errors
    /// It cannot be saved, or was to be saved at a place that it did not come to.
    pub fn after(&self, machine: &mut Machine, ending: &Ending) -> Result<()> {
        let Some(saving) = &self.save else { return Ok(()) };
        let is_place = saving.at.is_some() || saving.when.is_some();
        match ending {
            Ending::Paused => {}
            Ending::Stopped | Ending::TimedOut | Ending::OutOfInstructions if !is_place => {}
            _ => bail!("the run ended before the machine was to be saved: '{}' is not written", saving.file.display()),
        }
        let shape = self.shape.as_ref().context("no machine")?;
        let bytes = saving.write(machine, shape)?;
        let (mib, retired) = (bytes.div_ceil(1 << 20), machine.retired().load(Ordering::Relaxed));
        errors::tell(format!("saved to '{}' after {retired} instructions: {mib} MiB", saving.file.display()));
        Ok(())
    }
}

impl Saving {
    fn directory(&self) -> &Path {
        self.file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn failed(&self) -> String {
        format!("cannot save the machine to '{}'", self.file.display())
    }

    /// A file beside the one that is to be there. It takes its place once it is whole.
    fn begin(&self) -> Result<NamedTempFile> {
        if self.file.is_dir() {
            bail!("{}: it is a directory", self.failed());
        }
        tempfile::Builder::new().prefix(".vhart-snapshot-").tempfile_in(self.directory()).with_context(|| self.failed())
    }

    /// Answers how many bytes were written.
    fn write(&self, machine: &mut Machine, shape: &Shape) -> Result<u64> {
        let _unhurried = Unhurried::begin();
        let failed = || self.failed();
        let mut file = self.begin()?;
        let mut to = BufWriter::with_capacity(BUFFER_BYTES, file.as_file_mut());
        machine.save(&command_line(), shape, &mut to).with_context(failed)?;
        to.flush().with_context(failed)?;
        drop(to);
        file.as_file().sync_all().with_context(failed)?;
        let bytes = file.as_file().metadata().with_context(failed)?.len();
        file.persist(&self.file).with_context(failed)?;
        File::open(self.directory()).and_then(|directory| directory.sync_all()).with_context(failed)?;
        Ok(bytes)
    }
}

/// The command, as it can be typed again.
fn command_line() -> String {
    let quoted = |word: std::ffi::OsString| {
        let word = word.to_string_lossy().into_owned();
        let is_plain = |c: char| c.is_alphanumeric() || "-_=.,/:+@%".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let words: Vec<String> = std::env::args_os().skip(1).map(quoted).collect();
    ["vhart".into()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}
