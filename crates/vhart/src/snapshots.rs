//! Machines that are saved to files, and loaded from them.

mod wishes;

pub use wishes::Wishes;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use board::snapshot::{Shape, Snapshot};
use board::{Ending, Engine, Machine, MachineConfig};
use devices::ConsoleOut;

use crate::beside::Beside;
use crate::cli::SnapshotOptions;
use crate::ending::Unhurried;
use crate::{errors, run};
use wishes::Wish;

/// Bytes that are written and read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// What the user wants saved and loaded.
pub struct Snapshots {
    save: Option<Saving>,
    load: Option<PathBuf>,
    shape: Option<Shape>,
    wishes: Wishes,
}

/// Where and when a machine is saved.
struct Saving {
    file: PathBuf,
    at: Option<u64>,
    when: Option<String>,
}

impl Snapshots {
    /// As the options want it.
    ///
    /// # Errors
    /// The directory of the file to be saved cannot be written to.
    pub fn wanted(options: &SnapshotOptions) -> Result<Snapshots> {
        let file = options.save_snapshot.clone();
        // long before it is needed
        file.iter().try_for_each(|file| begin(file).map(drop))?;
        let wishes = Wishes::to(file.clone());
        let save = file.map(|file| Saving { file, at: options.save_at, when: options.save_when.clone() });
        Ok(Snapshots { save, load: options.load_snapshot.clone(), shape: None, wishes })
    }

    /// Who takes wishes to save the machine while it runs.
    pub fn wishes(&self) -> Wishes {
        self.wishes.clone()
    }

    /// `console`, listened to for the text at which the machine is saved.
    pub fn listen(&self, mut console: ConsoleOut) -> ConsoleOut {
        let Some(text) = self.save.as_ref().and_then(|saving| saving.when.clone()) else { return console };
        let (wishes, text, mut last, mut seen) = (self.wishes(), text.into_bytes(), Vec::new(), false);
        Box::new(move |bytes| {
            console(bytes);
            if !seen {
                last.extend_from_slice(bytes);
                seen = last.windows(text.len()).any(|window| window == text);
                last.drain(..last.len().saturating_sub(text.len() - 1));
                if seen {
                    wishes.add(Wish::End);
                }
            }
        })
    }

    /// The machine: made anew, or as it was saved.
    ///
    /// # Errors
    /// It cannot be made, or the snapshot is none of such a machine.
    pub fn machine(&mut self, config: MachineConfig, engine: &mut dyn Engine) -> Result<Machine> {
        let (mut machine, shape) = match &self.load {
            None => made(config, engine)?,
            Some(path) => {
                loaded(path, config, engine).with_context(|| format!("cannot load snapshot '{}'", path.display()))?
            }
        };
        self.shape = Some(shape);
        self.wishes.meet(machine.stopper());
        self.save.iter().filter_map(|saving| saving.at).for_each(|at| machine.pause_at(at));
        Ok(machine)
    }

    /// Runs the machine to its end, or to where it is to be saved for good; and saves it as often as somebody wishes
    /// meanwhile.
    ///
    /// # Errors
    /// As [`Machine::run`]'s.
    pub fn run(&self, machine: &mut Machine) -> Result<Ending, board::Error> {
        loop {
            let ending = machine.run()?;
            if ending != Ending::Paused || self.grant(machine) {
                return Ok(ending);
            }
        }
    }

    /// Does what was wished of a machine that pauses. Whether it ends here.
    fn grant(&self, machine: &mut Machine) -> bool {
        let retired = machine.retired().load(Ordering::Relaxed);
        let mut ends = self.save.as_ref().and_then(|saving| saving.at).is_some_and(|at| retired >= at);
        while let Some(wish) = self.wishes.take() {
            match wish {
                Wish::End => ends = true,
                Wish::Save(file) => match self.save(machine, &file) {
                    Ok(saved) => errors::tell(format!("{saved}; the machine goes on")),
                    Err(why) => errors::tell(errors::sentence(&why)),
                },
            }
        }
        ends
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
        errors::tell(self.save(machine, &saving.file)?);
        Ok(())
    }

    /// Saves the machine, and says so.
    fn save(&self, machine: &mut Machine, file: &Path) -> Result<String> {
        let shape = self.shape.as_ref().context("no machine")?;
        let bytes = write(machine, shape, file)?;
        let (mib, retired) = (bytes.div_ceil(1 << 20), machine.retired().load(Ordering::Relaxed));
        Ok(format!("saved to '{}' after {retired} instructions: {mib} MiB", file.display()))
    }
}

fn failed(file: &Path) -> String {
    format!("cannot save the machine to '{}'", file.display())
}

/// The machine's memory is its user's alone.
fn begin(file: &Path) -> Result<Beside> {
    Beside::begin(file, 0o600).with_context(|| failed(file))
}

/// Answers how many bytes were written.
fn write(machine: &mut Machine, shape: &Shape, file: &Path) -> Result<u64> {
    let _unhurried = Unhurried::begin();
    let failed = || failed(file);
    let mut beside = begin(file)?;
    let mut to = BufWriter::with_capacity(BUFFER_BYTES, beside.file());
    machine.save(&command_line(), shape, &mut to).with_context(failed)?;
    to.flush().with_context(failed)?;
    drop(to);
    beside.take_place().with_context(failed)
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
/// A new machine, and its shape.
fn made(config: MachineConfig, engine: &mut dyn Engine) -> Result<(Machine, Shape)> {
    let shape = Shape::of(&config);
    Ok((Machine::new(config, engine)?, shape))
}

/// A machine as it was saved, and its shape.
fn loaded(path: &Path, mut config: MachineConfig, engine: &mut dyn Engine) -> Result<(Machine, Shape)> {
    let snapshot = Snapshot::read(BufReader::with_capacity(BUFFER_BYTES, File::open(path)?))?;
    snapshot.head.shape.complete(&mut config, &run::usual());
    let shape = Shape::of(&config);
    Ok((Machine::of_snapshot(config, engine, snapshot)?, shape))
}
