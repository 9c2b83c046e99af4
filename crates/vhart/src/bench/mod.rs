//! `vhart bench`: the same work on this computer, in the host Linux and in its guest, measured in turn.
//!
//! Workloads are `guest/workloads`: a program for riscv64, and here the same code in this program (`vhart workload`).
//! Each run of a place is a process of its own, `vhart exec` where there is a machine; the workloads mark what they do,
//! and `--stat` counts between the marks.
//!
//! # How work is measured
//!
//! `vhart bench` (`vhart::bench`, `docs/adr/0018`) runs `guest/workloads` here and by `vhart exec --stat` in host
//! and guest, one process for each run. A workload marks what it does by a system call that there is not
//! (`events::Mark`); `vhart::stat` counts between marks, page walks only there. Other emulators and vhart's
//! hypervisor boot an initramfs whose init runs them (`images::work`). What only a kernel can measure is
//! `guest/switches`, in C, which is carried along as a flat image (`cargo xtask switches`). `vhart sweep`
//! (`vhart::sweep`) is `vhart bench` for every combination of a file; schedulers are handed `--task`.

mod attribution;
mod board;
mod compare;
pub mod csv;
mod disk;
mod environment;
mod heard;
mod kernel;
pub mod model;
pub mod numbers;
mod options;
mod peers;
mod progress;
mod report;
mod runner;
pub mod summary;
mod table;
mod testbed;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result, bail};
use images::vmm::{self, Choice, Product};
use images::work::{self, Kernel};
use tempfile::{NamedTempFile, TempDir};
use workloads::Need;

use crate::errors;
use crate::exec::status::BY_SIGNAL;
use crate::linux::Bars;
use crate::terminal::{self, Quit};
use model::{Environment, Results, Settings};
pub use options::Options;
use options::{Place, Whose};
use peers::{Found, Peers, Work};
use progress::Meter;
use runner::Runner;

/// Parts of the work with `--quick`.
const QUICK: u64 = 4;

/// Exit status where something got slower, or a workload failed.
const WORSE: u8 = 1;

/// Runs the subcommand.
///
/// # Errors
/// A file cannot be read or written, or the program cannot be had.
pub fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        errors::print(table::workloads())?;
        return Ok(ExitCode::SUCCESS);
    }
    match options.compare.as_deref() {
        Some([old, new]) => compare_files(options, old, new),
        _ => measure_and_report(options),
    }
}

fn measure_and_report(options: &Options) -> Result<ExitCode> {
    options.json.iter().try_for_each(|file| errors::check_file("results", file))?;
    options.report.iter().try_for_each(|directory| report::prepare(directory))?;
    let program = program(options)?;
    let (found, missing) = peers::find(&options.against);
    missing.iter().for_each(errors::tell);
    let files = Files::make(options)?;
    let (places, runner, results) = prepare(options, program, &found, &files)?;
    let results = measure(options, results, &places, &runner)?;
    let summary = summary::Summaries::of(&results);
    // before the report, for which there may be no room
    errors::print(table::text(&results, &summary))?;
    options.report.iter().try_for_each(|directory| report::write(&results, directory))?;
    let is_well = missing.is_empty() && failures_are_allowed(options, &found, &summary);
    Ok(match runner.ended.load(Ordering::Relaxed) {
        0 if is_well => ExitCode::SUCCESS,
        0 => ExitCode::from(WORSE),
        signal => ExitCode::from(BY_SIGNAL.saturating_add(signal)),
    })
}

/// Whether all that failed did so on emulators that are only tried.
fn failures_are_allowed(options: &Options, found: &[Found], summary: &summary::Summaries) -> bool {
    let allowed = found.iter().filter(|peer| options.only_allows(peer.kind));
    let allowed: Vec<&str> = allowed.flat_map(|peer| options.places_of(peer.kind)).map(Place::name).collect();
    summary.failures().all(|(_, place, _)| allowed.contains(&place))
}

/// What machines are made with, until all is measured.
struct Files {
    kernels: TempDir,
    disk: Option<NamedTempFile>,
}

impl Files {
    fn make(options: &Options) -> Result<Files> {
        let disk = options.need(Need::Disk).then(disk::make).transpose()?;
        let kernels = tempfile::Builder::new().prefix("vhart-bench-").tempdir().context("no room for files")?;
        for kernel in Kernel::ALL {
            std::fs::write(kernels.path().join(kernel.name()), kernel.image()).context("no room for files")?;
        }
        Ok(Files { kernels, disk })
    }

    fn disk(&self) -> Option<&Path> {
        self.disk.as_ref().map(NamedTempFile::path)
    }
}

/// Where it is measured, who does it, and what there is of its results.
fn prepare(
    options: &Options,
    program: PathBuf,
    found: &[Found],
    files: &Files,
) -> Result<(Vec<Place>, Runner, Results)> {
    let places: Vec<Place> =
        own_places(options).chain(found.iter().flat_map(|peer| options.places_of(peer.kind))).collect();
    let settings = settings(options, &places);
    let orders = orders(options, &settings);
    let machine: Vec<OsString> = options.machine.iter().map(OsString::from).collect();
    let work = Work {
        options: &machine,
        disk: files.disk(),
        program: &program,
        orders: &orders,
        settings: &settings,
        files: files.kernels.path(),
    };
    let is_booted = places.iter().any(|place| is_booted(options, place));
    let peers = is_booted.then(|| Peers::of(found, &work)).transpose()?;
    let results = begin(options, Results::new(environment(&program, found)?, settings))?;
    let runner = Runner {
        program: std::env::current_exe().context("cannot tell where this program is")?,
        workloads: program,
        settings: results.settings.clone(),
        options: machine,
        orders,
        small_pages: options.plant_small_pages,
        disk: files.disk().map(Path::to_owned),
        network: options.need(Need::Network) && !options.counts,
        timeout: options.timeout,
        peers,
        at: options.at.clone(),
        files: files.kernels.path().to_owned(),
        ended: Arc::new(AtomicU8::new(0)),
    };
    Ok((places, runner, results))
}

/// Whether it takes images of Linux to be there.
fn is_booted(options: &Options, place: &Place) -> bool {
    match place {
        Place::Native | Place::Host | Place::Board | Place::Bare => false,
        // with Linux as its kernel, `vhart exec` boots it
        Place::Guest => options.need(Need::Kernel) || options.need(Need::Aia),
        _ => true,
    }
}

/// This computer, and the emulators beside vhart.
fn environment(program: &Path, found: &[Found]) -> Result<Environment> {
    let versions: Vec<&str> = found.iter().map(|peer| peer.version.as_str()).collect();
    let peer = (!versions.is_empty()).then(|| versions.join(", "));
    Ok(Environment { peer, ..environment::now(program)? })
}

/// `vhart workload`: workloads on this computer itself.
pub fn workload(words: &[String]) -> ExitCode {
    if let Some(words) = board::of_a_line(words) {
        return board::over_a_line(words);
    }
    workloads::command(words.iter().cloned())
}

fn compare_files(options: &Options, old: &Path, new: &Path) -> Result<ExitCode> {
    let comparison = compare::Comparison::of(&Results::read(old)?, &Results::read(new)?, options.threshold / 100.0)?;
    errors::print(comparison.text())?;
    if let Some(directory) = &options.report {
        report::prepare(directory)?;
        errors::write_file("comparison", &directory.join("comparison.csv"), comparison.csv().as_bytes())?;
    }
    Ok(if comparison.is_worse() { ExitCode::from(WORSE) } else { ExitCode::SUCCESS })
}

fn settings(options: &Options, places: &[Place]) -> Settings {
    Settings {
        workloads: options.wanted().iter().map(|workload| workload.name.to_owned()).collect(),
        places: places.iter().map(|place| place.name().to_owned()).collect(),
        rounds: options.rounds(),
        part: if options.quick { QUICK } else { 1 },
        counts: options.counts,
        options: options.machine.clone(),
    }
}

/// What there is already, with `--resume`.
fn begin(options: &Options, fresh: Results) -> Result<Results> {
    let Some(file) =
        options.json.as_ref().filter(|file| options.resume && file.metadata().is_ok_and(|of| of.len() > 0))
    else {
        return Ok(fresh);
    };
    let mut old = Results::read(file)?;
    let name = file.display();
    if (Settings { rounds: 0, ..old.settings.clone() }) != (Settings { rounds: 0, ..fresh.settings.clone() }) {
        bail!("'{name}' is of other workloads, places or options: --resume goes on with the same ones");
    }
    if old.environment.workloads_sha256 != fresh.environment.workloads_sha256 {
        bail!("'{name}' was measured with other workloads than this vhart has");
    }
    old.settings = fresh.settings;
    Ok(old)
}

/// The riscv64 program.
fn program(options: &Options) -> Result<PathBuf> {
    let choice = match &options.workloads {
        Some(Whose::File(path)) => return Ok(path.clone()),
        Some(Whose::Own(choice)) => choice,
        None => &Choice::Fitting,
    };
    let (workspace, apt, cache) = (vmm::workspace(), options.packages.apt(), options.packages.cache()?);
    let bars = Bars::new();
    let means = vmm::Means {
        product: Product::Workloads,
        workspace: workspace.as_deref(),
        cache: &cache,
        apt: &apt,
        progress: &bars,
    };
    vmm::get(choice, means).context("no workloads for riscv64")
}

/// Places that are no other emulator's.
fn own_places(options: &Options) -> impl Iterator<Item = Place> {
    options.places().into_iter().chain(options.at.is_some().then_some(Place::Board))
}

/// What the riscv64 program is told, but for the workloads. The first disk is the one made here.
fn orders(options: &Options, settings: &Settings) -> Vec<String> {
    let mut orders =
        vec!["--mark".to_owned(), events::MARK.to_string(), "--part".to_owned(), settings.part.to_string()];
    orders.extend(["--plant".to_owned(), options.plant.to_string(), "--serial".to_owned()]);
    if options.need(Need::Disk) {
        orders.extend(["--disk", "/dev/vda"].map(str::to_owned));
    }
    orders.extend((options.need(Need::Network) && !options.counts).then(|| work::NETWORK.to_owned()));
    orders
}

/// Runs all rounds that are left, and writes what there is after each.
fn measure(options: &Options, mut results: Results, places: &[Place], runner: &Runner) -> Result<Results> {
    let end = runner.ended.clone();
    let on_quit = move |quit| match quit {
        Quit::Signal(signal) => end.store(u8::try_from(signal).unwrap_or(u8::MAX), Ordering::Relaxed),
        // nobody types at a machine
        Quit::User => {}
    };
    terminal::watch_signals(Arc::new(on_quit), None)?;
    let left: Vec<(u32, Place)> =
        turns(places, results.settings.rounds).filter(|(round, place)| !results.has(place.name(), *round)).collect();
    let mut meter = Meter::new(&left, results.settings.workloads.len(), results.settings.rounds);
    let mut given_up: Vec<Place> = Vec::new();
    for (round, place) in left {
        if given_up.contains(&place) {
            meter.skip();
            continue;
        }
        let run = runner.run(place, round, &mut meter);
        if runner.is_ended() {
            break;
        }
        meter.end_run(place, &run);
        // what hung or died once is not waited for again
        given_up.extend(run.failed.is_some().then_some(place));
        results.runs.push(run);
        if let Some(file) = &options.json {
            errors::replace_file("results", file, results.text()?.as_bytes())?;
        }
    }
    meter.end();
    if runner.is_ended() {
        let hint = if options.json.is_some() { "; --resume goes on" } else { "" };
        errors::tell(format!("ended after {} runs{hint}", results.runs.len()));
    }
    Ok(results)
}

/// Places take turns: forwards in one round, backwards in the next, so that none is always behind another.
fn turns(places: &[Place], rounds: u32) -> impl Iterator<Item = (u32, Place)> {
    (0..rounds).flat_map(move |round| {
        let mut order = places.to_vec();
        if round % 2 == 1 {
            order.reverse();
        }
        order.into_iter().map(move |place| (round, place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_take_turns_and_none_is_always_last() {
        let order: Vec<_> = turns(&[Place::Native, Place::Guest], 2).collect();
        assert_eq!(order, [(0, Place::Native), (0, Place::Guest), (1, Place::Guest), (1, Place::Native)]);
    }
}
