//! `cargo xtask bench`: how fast vhart is, alone or against another emulator, which may be itself at another revision.
//!
//! The subjects run the same jobs alternately, so that what else the computer does hits both. It measures; it judges
//! nothing.

mod build;
mod child;
mod document;
mod figures;
mod guest;
mod guests;
mod host;
mod job;
mod objects;
mod readme;
mod report;
mod results;
mod series;
mod subject;
mod work;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use build::Places;
use figures::Figures;
use guest::Programs;
use host::Host;
use job::Job;
use results::Results;
use subject::{Emulator, Subject};

use crate::tools;

/// The document with the tables of the jobs.
const DOCUMENT: &str = "docs/benchmarks.md";

/// Prepares a job.
type Make = fn(&Options, &Places, &Programs, &[Subject]) -> anyhow::Result<Job>;

/// The jobs that boot Linux, by their names.
const OF_LINUX: [(&str, Make); 4] = [
    ("guests", Options::guests),
    ("interrupts-guest", Options::guest_interrupts),
    ("linux-harts", Options::harts),
    ("linux", Options::linux),
];

/// What to measure, and what to do with the figures.
#[derive(Args)]
pub struct Options {
    /// Compile the guest programs, and run nothing.
    #[arg(long)]
    build_only: bool,
    /// The vhart to measure [default: the workspace's, built now].
    #[arg(long, value_name = "PATH")]
    vhart: Option<PathBuf>,
    /// Its engine [default: its own choice].
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// What to measure it against: a qemu-system-riscv64, or another vhart.
    #[arg(long, value_name = "PATH", conflicts_with = "against_rev")]
    against: Option<PathBuf>,
    /// Measure it against vhart at a git revision.
    #[arg(long, value_name = "REV")]
    against_rev: Option<String>,
    /// The engine of the vhart that it is measured against.
    #[arg(long, value_name = "NAME")]
    against_engine: Option<String>,
    /// How often each job is run.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Run this job only; may be repeated. Jobs: a program's name, interrupts-bare, interrupts-guest, guests,
    /// linux-harts, linux, and work, a round of 'vhart bench' for each subject in turn; without --only there is its
    /// report instead.
    #[arg(long, value_name = "NAME", conflicts_with = "update_docs")]
    only: Vec<String>,
    /// Another bare-metal program, for example CoreMark; may be repeated.
    #[arg(long, value_name = "NAME=PATH", value_parser = named_file)]
    elf: Vec<(String, PathBuf)>,
    /// One more word for 'vhart linux', for example --refresh; may be repeated.
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    linux_arg: Vec<String>,
    /// Seconds after which a run has failed.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    limit: u64,
    /// Write the figures to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables into docs/benchmarks.md and docs/bench.md, and README's figures of them, unless something
    /// failed.
    #[arg(long)]
    update_docs: bool,
    /// Measure nothing: write README's figures of the documents' tables.
    #[arg(long, exclusive = true)]
    readme: bool,
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("write NAME=PATH".into()),
    }
}

/// Compiles the programs of world switches and of interrupts, as flat images.
///
/// # Errors
/// The compiler is missing, or refuses a program.
pub fn flat_kernels(cross: &tools::Cross) -> anyhow::Result<[PathBuf; 2]> {
    let places = Places::find()?;
    let programs = guest::build(&places.workspace.join("guest"), &places.bench(), cross)?;
    Ok([programs.flat_switches, programs.flat_interrupts])
}

/// Measures, and shows the figures.
///
/// # Errors
/// Something is missing, or a job failed; the others are run and shown all the same.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let places = Places::find()?;
    if options.readme {
        return readme::update(&places.workspace);
    }
    let programs = guest::build(&places.workspace.join("guest"), &places.bench(), &tools::cross()?)?;
    if options.build_only {
        println!("{}", places.bench().display());
        return Ok(());
    }
    options.measure_and_show(&places, &programs)
}

impl Options {
    fn subjects(&self, places: &Places) -> anyhow::Result<Vec<Subject>> {
        let vhart = self.vhart.clone().map_or_else(|| places.vhart(), Ok)?;
        let ours = Subject::at(&vhart, self.engine.as_deref())?;
        if ours.emulator() != Emulator::Vhart {
            bail!("'{}' is not vhart", vhart.display());
        }
        Ok(std::iter::once(ours).chain(self.other(places)?).collect())
    }

    /// Whom it is measured against.
    fn other(&self, places: &Places) -> anyhow::Result<Option<Subject>> {
        let engine = self.against_engine.as_deref();
        Ok(match (&self.against, &self.against_rev) {
            (Some(program), _) => Some(Subject::at(program, engine)?),
            (None, Some(revision)) => {
                let (program, short) = places.vhart_at(revision)?;
                Some(Subject::at(&program, engine)?.called(&format!("at {short}")))
            }
            (None, None) => None,
        })
    }

    /// Runs the jobs, shows the figures, and writes them into the documents where that is wanted.
    fn measure_and_show(&self, places: &Places, programs: &Programs) -> anyhow::Result<()> {
        let subjects = self.subjects(places)?;
        let (results, failed) = self.measure(&self.jobs(places, programs, &subjects)?, &subjects)?;
        let tables = results.markdown();
        println!("{tables}");
        let report = self.only.is_empty().then(|| self.report(places, &subjects)).transpose()?;
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        let Some(report) = report.filter(|_| self.update_docs) else { return Ok(()) };
        document::update(&places.workspace.join(DOCUMENT), &tables)?;
        report::update(&places.workspace, &report)?;
        readme::update(&places.workspace)
    }

    /// The jobs that were asked for. What boots Linux is prepared only if it is among them.
    fn jobs(&self, places: &Places, programs: &Programs, subjects: &[Subject]) -> anyhow::Result<Vec<Job>> {
        let elves = programs.compute.iter().chain(&self.elf).cloned();
        let mut jobs: Vec<Job> = elves.map(|(name, file)| Job::Compute { name, file }).collect();
        jobs.push(Job::Interrupts { kernel: programs.interrupts.clone() });
        jobs.retain(|job| self.wanted(job.name()));
        let ours = subjects.first().context("nobody to ask")?;
        if self.only.iter().any(|only| only == job::WORK) {
            jobs.push(Job::Work { vhart: ours.program().to_owned(), results: places.bench().join("work.json") });
        }
        jobs.extend(self.of_linux(places, programs, subjects)?);
        match self.only.iter().find(|name| !jobs.iter().any(|job| job.name() == *name)) {
            Some(name) => bail!("there is no job '{name}'"),
            None => Ok(jobs),
        }
    }

    fn of_linux(&self, places: &Places, programs: &Programs, subjects: &[Subject]) -> anyhow::Result<Vec<Job>> {
        let wanted = OF_LINUX.iter().filter(|(name, _)| self.wanted(name));
        wanted.map(|(_, make)| make(self, places, programs, subjects)).collect()
    }

    fn guests(&self, _: &Places, _: &Programs, subjects: &[Subject]) -> anyhow::Result<Job> {
        let ours = subjects.first().context("nobody to ask")?;
        let hypervisor = Host::of_checked_hypervisor(ours, self.limit())?;
        Ok(Job::Guests { kvm: self.host(subjects)?, hypervisor })
    }

    fn guest_interrupts(&self, places: &Places, programs: &Programs, subjects: &[Subject]) -> anyhow::Result<Job> {
        let (host, scripts) = (self.newer_host(subjects)?, places.workspace.join("guest/linux"));
        let initrd = host.with_interrupts(&programs.interrupts, &scripts, places.bench().join("interrupts.cpio"))?;
        Ok(Job::GuestInterrupts { host, initrd })
    }

    fn harts(&self, places: &Places, programs: &Programs, subjects: &[Subject]) -> anyhow::Result<Job> {
        let (host, scripts) = (self.host(subjects)?, places.workspace.join("guest/linux"));
        let initrd = host.with_pairs(&programs.users, &scripts, places.bench().join("harts.cpio"))?;
        Ok(Job::Harts { host, initrd })
    }

    fn linux(&self, places: &Places, _: &Programs, subjects: &[Subject]) -> anyhow::Result<Job> {
        let (host, report) = (self.host(subjects)?, places.bench().join("linux.json"));
        Ok(Job::Linux { host, args: self.linux_arg.clone(), report })
    }

    fn wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    fn host(&self, subjects: &[Subject]) -> anyhow::Result<Host> {
        let ours = subjects.first().context("nobody to ask")?;
        Host::of(ours, &self.linux_arg, self.limit())
    }

    /// A host whose KVM lets guests write to interrupt files, unless the user has chosen one: Debian's stable kernel,
    /// 6.12, maps their pages for itself only.
    fn newer_host(&self, subjects: &[Subject]) -> anyhow::Result<Host> {
        let ours = subjects.first().context("nobody to ask")?;
        let chosen = self.linux_arg.iter().any(|word| word.starts_with("--suite"));
        let suite = (!chosen).then(|| "--suite=testing".to_owned());
        let words: Vec<String> = self.linux_arg.iter().cloned().chain(suite).collect();
        Host::of(ours, &words, self.limit())
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.limit)
    }

    /// Runs every job; the second are the names of those that failed. What is known is written after each job, so that
    /// it outlives one that hangs.
    fn measure(&self, jobs: &[Job], subjects: &[Subject]) -> anyhow::Result<(Results, Vec<String>)> {
        let names = subjects.iter().map(|subject| subject.name.clone()).collect();
        let mut results = Results { processor: processor(), rounds: self.rounds, subjects: names, rows: Vec::new() };
        let mut failed = Vec::new();
        for job in jobs {
            match self.rounds(job, subjects) {
                Ok(runs) => results.add(job.set(), &runs),
                Err(why) => {
                    eprintln!("{}: {why:#}", job.name());
                    failed.push(job.name().to_owned());
                }
            }
            self.save(&results)?;
        }
        Ok((results, failed))
    }

    /// Runs a job in turn by all subjects, as often as asked for: the figures of each subject's runs.
    fn rounds(&self, job: &Job, subjects: &[Subject]) -> anyhow::Result<Vec<Vec<Figures>>> {
        let mut runs = vec![Vec::new(); subjects.len()];
        for round in 1..=self.rounds {
            eprintln!("{} {round}/{}", job.name(), self.rounds);
            runs.iter_mut().zip(self.round(job, subjects)?).for_each(|(runs, figures)| runs.push(figures));
        }
        Ok(runs)
    }

    /// Has `vhart bench` measure the same work here, in the host and in its guests. Answers where its report is.
    fn report(&self, places: &Places, subjects: &[Subject]) -> anyhow::Result<PathBuf> {
        let ours = subjects.first().context("nobody to ask")?;
        let qemu = subjects.get(1).filter(|theirs| theirs.emulator() == Emulator::Qemu);
        report::make(ours, qemu, self.rounds, places.bench().join("report"))
    }

    /// Runs `job` once by each subject.
    fn round(&self, job: &Job, subjects: &[Subject]) -> anyhow::Result<Vec<Figures>> {
        subjects.iter().map(|subject| job.run(subject, self.limit()).with_context(|| subject.name.clone())).collect()
    }

    fn save(&self, results: &Results) -> anyhow::Result<()> {
        let Some(file) = &self.json else { return Ok(()) };
        let text = serde_json::to_string_pretty(results)?;
        fs::write(file, text).with_context(|| format!("cannot write '{}'", file.display()))
    }
}

/// The processor's name, as Linux knows it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    name.map_or("an unknown processor".to_owned(), |(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_a_name_and_a_path() {
        assert_eq!(named_file("coremark=dir/a.elf").unwrap(), ("coremark".to_owned(), "dir/a.elf".into()));
        assert!(named_file("coremark").is_err());
    }
}
