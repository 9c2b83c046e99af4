//! `vhart sweep`: `vhart bench` for every combination of options that a file lists, here or on a cluster.
//!
//! A combination is a point. What it measured is a file of its own, named by a digest of all that it depends on, so
//! that a sweep goes on where it was ended and no point is counted twice, whoever runs it. Clusters have schedulers:
//! they are handed an array of numbers, and each task is this program again, with `--task`.

mod merge;
mod options;
mod plan;
mod point;
mod submit;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::errors;
pub use options::Options;
use options::Where;
use plan::Plan;
use point::{Done, PointStore};

/// Exit status where a point failed, or a workload in one.
const FAILED: u8 = 1;

/// Runs the subcommand.
///
/// # Errors
/// The file is no sweep, or a directory cannot be written.
pub fn run(options: &Options) -> Result<ExitCode> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let plan = Plan::read(&options.file, &program)?;
    let store = PointStore::new(options.out(), program);
    if options.list {
        errors::print(list(&plan, &store))?;
        return Ok(ExitCode::SUCCESS);
    }
    store.prepare()?;
    if options.task {
        return task(&plan, &store);
    }
    let left: Vec<usize> = (0..plan.points.len()).filter(|index| !store.is_done(&plan.points[*index])).collect();
    let has_failed = match options.on {
        Where::Here => workers::run(&plan, &store, &left, options.jobs(&plan))?,
        Where::Hyperqueue | Where::Slurm => submit::run(options, &store, &left)?,
    };
    let merged = merge::Merged::of(&plan, &store)?;
    merged.write(store.out())?;
    errors::print(merged.text())?;
    Ok(if has_failed || !merged.is_well() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// One point, which a scheduler's task has the number of.
fn task(plan: &Plan, store: &PointStore) -> Result<ExitCode> {
    const NUMBERS: [&str; 2] = ["HQ_TASK_ID", "SLURM_ARRAY_TASK_ID"];
    let Some(text) = NUMBERS.iter().find_map(std::env::var_os) else {
        bail!("--task is for schedulers: neither {} nor {} says which point", NUMBERS[0], NUMBERS[1]);
    };
    let number = text.to_str().and_then(|text| text.parse().ok()).filter(|number| *number < plan.points.len());
    let number: usize = number.with_context(|| format!("there is no point {}", text.display()))?;
    let done = store.run(&plan.points[number], &Default::default())?;
    ensure!(done != Done::Ended, "ended before the point was measured");
    Ok(if done == Done::Well { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn list(plan: &Plan, store: &PointStore) -> String {
    let line = |(index, point): (usize, &plan::Point)| {
        let state = if store.is_done(point) { "measured" } else { "" };
        format!("{index:>5}  {}  {state:<8}  {}\n", point.digest, point.name())
    };
    plan.points.iter().enumerate().map(line).collect()
}

impl Options {
    fn out(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| self.file.with_extension("out"))
    }

    /// Points at a time: one where times are measured, as each would disturb the other's.
    fn jobs(&self, plan: &Plan) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or(if plan.has_times() { 1 } else { processors })
    }
}
