//! `vhart bench`: options.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use images::vmm::Choice;

use crate::linux::PackageOptions;

const WHAT: &str = "What is measured";
const RESULTS: &str = "Results";

const AFTER: &str = "\
Examples:
  vhart bench --quick                             all workloads, in less than two minutes
  vhart bench sort syscall --places host,guest    two of them, without this computer itself
  vhart bench --json new.json --report out        results for programs, and a page for people
  vhart bench --compare old.json new.json         what changed beyond noise; exit status 1 where something got slower
  vhart bench --counts sort -- --isa rv64gch      exact counts, on another machine

What follows '--' are more options of 'vhart exec'. docs/bench.md explains the figures.";

/// Where workloads run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Place {
    /// On this computer itself
    Native,
    /// In vhart's host Linux
    Host,
    /// In a guest Linux that KVM runs in that host
    Guest,
}

impl Place {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Place::Native => "native",
            Place::Host => "host",
            Place::Guest => "guest",
        }
    }
}

/// Options of `vhart bench`.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct Options {
    /// Workloads or groups [default: all]
    #[arg(value_name = "NAME", value_parser = name, help_heading = WHAT)]
    pub names: Vec<String>,

    /// List the workloads
    #[arg(long, help_heading = WHAT)]
    pub list: bool,

    /// A quarter of the work, four rounds
    #[arg(long, help_heading = WHAT)]
    pub quick: bool,

    /// Places, which take turns
    #[arg(long, value_enum, value_delimiter = ',', default_value = "native,host,guest", help_heading = WHAT)]
    pub places: Vec<Place>,

    /// Rounds; four are the fewest of which --compare can say anything [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = WHAT)]
    pub rounds: Option<u32>,

    /// One deterministic run of each place: counts that are the same each time, and no times
    #[arg(long, conflicts_with = "rounds", help_heading = WHAT)]
    pub counts: bool,

    /// Characters sent to the serial port beside each workload's work: a loss whose reason is known, for tests
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    pub plant: u64,

    /// How long a run may take
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = crate::cli::value::duration)]
    #[arg(help_heading = WHAT)]
    pub timeout: std::time::Duration,

    /// The riscv64 program: 'ready' comes with vhart, 'build' builds it of the checkout, a path is your own
    /// [default: ready, and build in a checkout whose sources differ]
    #[arg(long, value_name = "ready|build|FILE", value_parser = whose, help_heading = WHAT)]
    pub workloads: Option<Whose>,

    /// More options of 'vhart exec', behind '--'
    #[arg(value_name = "OPTION", last = true, allow_hyphen_values = true, help_heading = WHAT)]
    pub machine: Vec<String>,

    #[command(flatten)]
    pub packages: PackageOptions,

    /// Write results to a file as they come
    #[arg(long, value_name = "FILE", help_heading = RESULTS)]
    pub json: Option<PathBuf>,

    /// Go on with what the file of --json has, where a run was broken off
    #[arg(long, requires = "json", help_heading = RESULTS)]
    pub resume: bool,

    /// Write a page for people, index.html, and results.csv and results.json into a directory
    #[arg(long, value_name = "DIR", help_heading = RESULTS)]
    pub report: Option<PathBuf>,

    /// Compare two files of --json: what got slower or faster beyond noise
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], help_heading = RESULTS)]
    #[arg(conflicts_with_all = ["names", "quick", "rounds", "counts", "json", "resume", "list"])]
    pub compare: Option<Vec<PathBuf>>,

    /// With --compare: smaller changes than this do not count, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent, help_heading = RESULTS)]
    pub threshold: f64,
}

/// Whose program is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One that vhart has or makes.
    Own(Choice),
    /// The user's.
    File(PathBuf),
}

fn whose(text: &str) -> Result<Whose, String> {
    match text {
        "" => Err("write ready, build or a path".into()),
        "ready" => Ok(Whose::Own(Choice::Ready)),
        "build" => Ok(Whose::Own(Choice::Built)),
        path => Ok(Whose::File(path.into())),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse().ok().filter(|number| (0.0..=1000.0).contains(number));
    number.ok_or_else(|| "write a number of percent, such as 5".into())
}

fn name(text: &str) -> Result<String, String> {
    let is_group = workloads::Group::ALL.iter().any(|group| group.name() == text);
    match is_group || workloads::find(text).is_some() {
        true => Ok(text.to_owned()),
        false => Err("there is no such workload; vhart bench --list lists them".into()),
    }
}

impl Options {
    /// The workloads asked for, in the list's order.
    pub fn wanted(&self) -> Vec<&'static workloads::Workload> {
        let is_named = |workload: &&workloads::Workload| {
            self.names.is_empty()
                || self.names.iter().any(|name| name == workload.name || name == workload.group.name())
        };
        workloads::ALL.iter().filter(is_named).collect()
    }

    /// The places asked for, each once.
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for place in &self.places {
            let is_counted = !self.counts || *place != Place::Native;
            if is_counted && !places.contains(place) {
                places.push(*place);
            }
        }
        places
    }

    /// Rounds of each place.
    pub fn rounds(&self) -> u32 {
        match (self.counts, self.quick) {
            (true, _) => 1,
            (false, quick) => self.rounds.unwrap_or(if quick { 4 } else { 5 }),
        }
    }

    /// Refuses what does not make sense together.
    pub fn check(&self) -> Result<(), String> {
        if self.counts && self.places().is_empty() {
            return Err("--counts counts what vhart's machine executes: add host or guest to --places".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(line: &str) -> Result<Options, clap::Error> {
        match Cli::read(["vhart", "bench"].into_iter().chain(line.split_whitespace()).map(Into::into))?.0.command {
            Command::Bench(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_of_workloads_and_groups() {
        let names = |line| parse(line).unwrap().wanted().iter().map(|workload| workload.name).collect::<Vec<_>>();
        assert_eq!(names("syscall sort"), ["sort", "syscall"]);
        assert!(names("float").contains(&"fft") && !names("float").contains(&"sort"));
        assert_eq!(names("").len(), workloads::ALL.len());
    }

    #[test]
    fn what_follows_the_dashes_is_of_exec() {
        let options = parse("sort --quick -- --isa rv64gch --memory 2G").unwrap();
        assert_eq!((options.machine.len(), options.rounds()), (4, 4));
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "nosuch",
            "--rounds 0",
            "--places moon",
            "--resume",
            "--compare a",
            "--counts --rounds 3",
            "--counts --places native",
            "--threshold x",
            "--compare a b sort",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
