//! `vhart bench`: options.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use images::vmm::Choice;
use images::work::Level;
use workloads::Need;

use super::board::{self, At};
use super::peers::Kind;
use crate::linux::PackageOptions;

const WHAT: &str = "What is measured";
const RESULTS: &str = "Results";

const AFTER: &str = "\
Examples:
  vhart bench --quick                             all workloads, in about two minutes
  vhart bench sort syscall --places host,guest    two of them, without this computer itself
  vhart bench --json new.json --report out        results for programs, and a page for people
  vhart bench --compare old.json new.json         what changed beyond noise; exit status 1 where something got slower
  vhart bench --quick --against qemu              the same on QEMU, beside
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
    /// In a guest Linux of vhart's own hypervisor
    Hypervisor,
    /// On vhart's machine without a Linux: what a kernel measures, group virtualization
    Bare,
    /// On a board of your own
    #[value(skip)]
    Board,
    /// In the same host, on QEMU
    #[value(skip)]
    QemuHost,
    /// In its guest, on QEMU
    #[value(skip)]
    QemuGuest,
    /// In the same host, on Spike
    #[value(skip)]
    SpikeHost,
    /// In its guest, on Spike
    #[value(skip)]
    SpikeGuest,
}

impl Place {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Place::Native => "native",
            Place::Host => "host",
            Place::Guest => "guest",
            Place::Hypervisor => "hypervisor",
            Place::Bare => "bare",
            Place::Board => "board",
            Place::QemuHost => "qemu-host",
            Place::QemuGuest => "qemu-guest",
            Place::SpikeHost => "spike-host",
            Place::SpikeGuest => "spike-guest",
        }
    }

    /// What another emulator has of it.
    fn level(self) -> Option<Level> {
        match self {
            Place::Host => Some(Level::Host),
            Place::Guest => Some(Level::Guest),
            _ => None,
        }
    }
}

/// Which other emulators are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// Those on PATH.
    Any,
    /// This one, on PATH.
    Named(Kind),
    /// The one at this path.
    At(PathBuf),
}

fn against(text: &str) -> Result<Against, String> {
    match Kind::ALL.iter().find(|kind| kind.name() == text) {
        _ if text == "any" => Ok(Against::Any),
        Some(kind) => Ok(Against::Named(*kind)),
        None if text.contains('/') => Ok(Against::At(text.into())),
        None => Err("write qemu, spike, any, or a path with a '/' in it".into()),
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

    /// Other emulators beside it, in host and guest as --places has them: on PATH, at a path, or any that is on PATH
    ///
    /// One that is missing or does not come to its end is named and left out; the exit status is 1 then, but not for
    /// 'any'.
    #[arg(long, value_name = "qemu|spike|PATH|any", value_parser = against, value_delimiter = ',', conflicts_with = "counts")]
    #[arg(help_heading = WHAT)]
    pub against: Vec<Against>,

    /// A board with a Linux on it beside it: what ssh calls it, or a serial port where somebody has logged in, such as
    /// /dev/ttyUSB0
    #[arg(long, value_name = "HOST|PORT", value_parser = board::at, conflicts_with = "counts", help_heading = WHAT)]
    pub at: Option<At>,

    /// Rounds; four are the fewest of which --compare can say anything [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = WHAT)]
    pub rounds: Option<u32>,

    /// One deterministic run of each place: counts that are the same each time, and no times
    #[arg(long, conflicts_with = "rounds", help_heading = WHAT)]
    pub counts: bool,

    /// Characters sent to the serial port beside each workload's work: a loss whose reason is known, for tests
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    pub plant: u64,

    /// The guest's memory in pages of 4 KiB, whatever a workload asks for: another such loss
    #[arg(long, hide = true)]
    pub plant_small_pages: bool,

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

    /// Write a page for people, index.html, and results.csv, results.md and results.json into a directory
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

    /// Whether a workload that was asked for needs something.
    pub fn need(&self, need: Need) -> bool {
        self.wanted().iter().any(|workload| workload.needs == Some(need))
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

    /// Places of this emulator: those beside a place that was asked for.
    pub fn places_of(&self, peer: Kind) -> Vec<Place> {
        self.places().into_iter().filter_map(|place| Some(peer.place(place.level()?))).collect()
    }

    /// Whether the user did no more than allow this emulator.
    pub fn only_allows(&self, peer: Kind) -> bool {
        !self.against.iter().any(|against| match against {
            Against::Any => false,
            Against::Named(kind) => *kind == peer,
            Against::At(_) => true,
        })
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
        if !self.against.is_empty() && self.places().iter().all(|place| place.level().is_none()) {
            return Err("--against runs in host and guest: add one of them to --places".into());
        }
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
    fn another_emulator_is_beside_each_place_that_it_has() {
        let of = |line: &str, peer| {
            parse(line).unwrap().places_of(peer).iter().map(|place| place.name()).collect::<Vec<_>>()
        };
        assert_eq!(of("--against qemu", Kind::Qemu), ["qemu-host", "qemu-guest"]);
        assert_eq!(of("--against ./q --places native,guest", Kind::Spike), ["spike-guest"]);
    }

    #[test]
    fn an_emulator_that_was_named_must_be_there_and_any_must_not() {
        let options = parse("--against any,qemu").unwrap();
        assert_eq!(options.against, [Against::Any, Against::Named(Kind::Qemu)]);
        assert!(options.only_allows(Kind::Spike) && !options.only_allows(Kind::Qemu));
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
            "--against qemu --counts",
            "--against bochs",
            "--at=-x",
            "--at board --counts",
            "--against qemu --places native",
            "--compare a b sort",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
