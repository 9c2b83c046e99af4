//! One point: where its results are, and how they come there.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::plan::Point;
use crate::bench::model::Results;
use crate::bench::summary::Summaries;
use crate::exec::status::BY_SIGNAL;

/// How often it is looked whether a point has ended.
const LOOK: Duration = Duration::from_millis(50);

/// What became of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was measured, and no workload failed.
    Well,
    /// It was measured, and a workload failed.
    Failed,
    /// It was ended before it was through.
    Ended,
}

/// The directory of results, and the program that makes them.
pub struct PointStore {
    out: PathBuf,
    program: PathBuf,
}

impl PointStore {
    /// That directory, and this program.
    pub fn new(out: PathBuf, program: PathBuf) -> PointStore {
        PointStore { out, program }
    }

    /// Where results go.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Makes the directories.
    ///
    /// # Errors
    /// It cannot.
    pub fn prepare(&self) -> Result<()> {
        let points = self.out.join("points");
        std::fs::create_dir_all(&points).with_context(|| format!("cannot make '{}'", points.display()))
    }

    fn file(&self, point: &Point, kind: &str) -> PathBuf {
        self.out.join("points").join(format!("{}.{kind}", point.digest))
    }

    /// What a point measured, if that is all of it.
    pub fn results(&self, point: &Point) -> Option<Results> {
        Results::read(&self.file(point, "json")).ok().filter(Results::is_whole)
    }

    /// Whether a point was measured.
    pub fn is_done(&self, point: &Point) -> bool {
        self.results(point).is_some()
    }

    /// Measures a point, unless it was; goes on where it was ended. Whoever else measures it now is waited for: a
    /// scheduler that has lost sight of a worker gives its task to another.
    ///
    /// # Errors
    /// `vhart bench` cannot be run, or failed: its last line.
    pub fn run(&self, point: &Point, ended: &AtomicBool) -> Result<Done> {
        let lock = self.file(point, "lock");
        let held = File::create(&lock).with_context(|| format!("cannot write '{}'", lock.display()))?;
        while let Err(TryLockError::WouldBlock) = held.try_lock() {
            if ended.load(Ordering::Relaxed) {
                return Ok(Done::Ended);
            }
            std::thread::sleep(LOOK);
        }
        if !self.is_done(point) && !self.bench(point, ended)? {
            return Ok(Done::Ended);
        }
        let results = self.results(point).context("it has measured less than was asked for")?;
        Ok(if Summaries::of(&results).is_well() { Done::Well } else { Done::Failed })
    }

    /// Runs `vhart bench`; answers whether it came to its end.
    fn bench(&self, point: &Point, ended: &AtomicBool) -> Result<bool> {
        let log = self.file(point, "log");
        let said = File::create(&log).with_context(|| format!("cannot write '{}'", log.display()))?;
        let mut command = Command::new(&self.program);
        command
            .arg("bench")
            .arg("--json")
            .arg(self.file(point, "json"))
            .arg("--resume")
            .args(&point.words)
            .arg("--")
            .args(&point.machine);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .context("cannot run vhart bench")?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if ended.load(Ordering::Relaxed) {
                // It keeps what is finished.
                let _ = kill_process(Pid::from_child(&child), Signal::INT);
                child.wait()?;
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        };
        if status.code().is_some_and(|code| code > i32::from(BY_SIGNAL)) {
            // the terminal's signal went to it as well
            return Ok(false);
        }
        // 0 and 1 are results: `is_whole` says whether they are all.
        if matches!(status.code(), Some(0 | 1)) && self.is_done(point) {
            return Ok(true);
        }
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        bail!(
            "{} ({status}; '{}' has all of it)",
            text.lines().last().unwrap_or("vhart bench said nothing"),
            log.display()
        )
    }
}
