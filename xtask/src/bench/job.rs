//! What is done to measure: each job is run by every subject, and gives the same figures.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use images::{Phase, Watch};
use serde::Serialize;
use serde_json::Value;

use super::child::{self, Run};
use super::host::Host;
use super::subject::{Boot, Emulator, Subject};

/// The last line of the world-switch program.
const DONE: &str = "switches: done";

/// The last line of the programs in host and guest.
const COMPUTED: &str = "compute: done";

/// Something to run.
pub enum Job {
    /// A bare-metal program that computes.
    Compute {
        /// Its name.
        name: String,
        /// The ELF file.
        file: PathBuf,
    },
    /// The world-switch program as the machine's kernel.
    Bare {
        /// The program.
        kernel: PathBuf,
    },
    /// The world-switch program as a guest of KVM.
    Guest {
        /// The host.
        host: Host,
        /// The initial RAM disk with the program.
        initrd: PathBuf,
    },
    /// The compute programs as processes, in the host Linux and in its guest.
    Inside {
        /// The host.
        host: Host,
        /// The initial RAM disk with the programs.
        initrd: PathBuf,
    },
    /// `vhart linux --check`.
    Linux {
        /// The host.
        host: Host,
        /// More options of `vhart linux`.
        args: Vec<String>,
        /// Where vhart writes its report.
        report: PathBuf,
    },
}

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Programs that compute.
    Compute,
    /// World switches of a program on the machine itself.
    Bare,
    /// World switches of a guest of KVM.
    Guest,
    /// Programs that compute as processes of the host Linux and of the guest Linux.
    Inside,
    /// A host Linux and a guest Linux, from power on to power off.
    Linux,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Seconds of processor time, user and system.
    CpuSeconds,
    /// Seconds by the clock.
    WallSeconds,
    /// Nanoseconds for one operation, by the guest's clock.
    Nanoseconds,
    /// Instructions retired.
    Instructions,
    /// How many times as long as the same elsewhere.
    Times,
}

/// What a run says.
pub type Figures = BTreeMap<(String, Quantity), f64>;

impl Job {
    /// The part of the table that it belongs to.
    pub fn set(&self) -> Set {
        match self {
            Job::Compute { .. } => Set::Compute,
            Job::Bare { .. } => Set::Bare,
            Job::Guest { .. } => Set::Guest,
            Job::Inside { .. } => Set::Inside,
            Job::Linux { .. } => Set::Linux,
        }
    }

    /// Its name, for `--only` and for messages.
    pub fn name(&self) -> &str {
        match self {
            Job::Compute { name, .. } => name,
            Job::Bare { .. } => "switches-bare",
            Job::Guest { .. } => "switches-guest",
            Job::Inside { .. } => "linux-compute",
            Job::Linux { .. } => "linux",
        }
    }

    /// Runs it once.
    ///
    /// # Errors
    /// The run fails, or says nothing that is understood.
    pub fn run(&self, subject: &Subject, limit: Duration) -> anyhow::Result<Figures> {
        match self {
            Job::Compute { name, file } => {
                let run = child::run(subject.elf(file), limit)?;
                let mut figures = times(name, &run);
                figures.extend(instructions(&run.errors).map(|n| ((name.clone(), Quantity::Instructions), n)));
                Ok(figures)
            }
            Job::Bare { kernel } => switches(&child::run(subject.boot(&Boot { kernel, linux: None }), limit)?.output()),
            Job::Guest { host, initrd } => switches(&child::run(subject.boot(&boot(host, initrd)?), limit)?.output()),
            Job::Inside { host, initrd } => inside(&child::run(subject.boot(&boot(host, initrd)?), limit)?.output()),
            Job::Linux { host, args, report } => match subject.emulator() {
                Emulator::Vhart => checked_by_vhart(subject, host, args, report, limit),
                Emulator::Qemu => checked_on_qemu(subject, host, limit),
            },
        }
    }
}

fn boot<'a>(host: &'a Host, initrd: &'a Path) -> anyhow::Result<Boot<'a>> {
    Ok(Boot { kernel: host.kernel()?, linux: Some((initrd, host.append()?)) })
}

/// How long `run` took.
fn times(name: &str, run: &Run) -> Figures {
    let figure = |quantity, duration: Duration| ((name.to_owned(), quantity), duration.as_secs_f64());
    Figures::from([figure(Quantity::CpuSeconds, run.cpu), figure(Quantity::WallSeconds, run.wall)])
}

/// The count that `vhart --stats` prints.
fn instructions(errors: &str) -> Option<f64> {
    let line = errors.lines().find_map(|line| line.strip_prefix("vhart: "))?;
    line.split_once(" instructions, ")?.0.parse().ok()
}

/// The lines `NAME NANOSECONDS COUNT` of the world-switch program, among others of a console.
fn switches(console: &str) -> anyhow::Result<Figures> {
    let figures: Figures = console.lines().filter_map(switch).collect();
    if !console.contains(DONE) {
        bail!("the world-switch program did not come to its end:\n{}", child::tail(console));
    }
    Ok(figures)
}

fn switch(line: &str) -> Option<((String, Quantity), f64)> {
    let mut words = line.split_whitespace();
    let (name, nanoseconds, count) = (words.next()?, words.next()?, words.next()?);
    let named = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !named || words.next().is_some() || count.parse::<u64>().is_err() {
        return None;
    }
    Some(((name.to_owned(), Quantity::Nanoseconds), nanoseconds.parse().ok()?))
}

/// The lines `compute WHERE NAME NANOSECONDS` of a console. The least of several says what the program takes, and not what
/// else the computer does.
fn inside(console: &str) -> anyhow::Result<Figures> {
    if !console.contains(COMPUTED) {
        bail!("the programs in host and guest did not come to their end:\n{}", child::tail(console));
    }
    let mut least: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for (place, name, seconds) in console.lines().filter_map(computed) {
        let known = least.entry((name, place)).or_insert(seconds);
        *known = known.min(seconds);
    }
    let mut figures: Figures =
        least.iter().map(|((name, place), &s)| ((format!("{name}, {place}"), Quantity::WallSeconds), s)).collect();
    for ((name, _), guest) in least.iter().filter(|((_, place), _)| *place == "guest") {
        let host =
            least.get(&(*name, "host")).map(|host| ((format!("{name}, guest by host"), Quantity::Times), guest / host));
        figures.extend(host);
    }
    Ok(figures)
}

fn computed(line: &str) -> Option<(&str, &str, f64)> {
    let mut words = line.trim().strip_prefix("compute ")?.split(' ');
    let (place, name, nanoseconds) = (words.next()?, words.next()?, words.next()?);
    Some((place, name, nanoseconds.parse::<f64>().ok()? / 1e9))
}

/// Runs `vhart linux --check` on the host's own initial RAM disk, so that no revision boots another.
fn checked_by_vhart(
    subject: &Subject,
    host: &Host,
    args: &[String],
    report: &Path,
    limit: Duration,
) -> anyhow::Result<Figures> {
    let mut words = vec!["--check".as_ref(), "--json".as_ref(), report.as_os_str()];
    words.extend(["--initrd".as_ref(), host.initrd()?.as_os_str()]);
    words.extend(args.iter().map(OsStr::new));
    let run = child::run(subject.vhart("linux", words), limit)?;
    let content = std::fs::read(report).with_context(|| format!("cannot read '{}'", report.display()))?;
    let content: Value = serde_json::from_slice(&content).context("the report of vhart linux is no JSON")?;
    let mut figures = times("all", &run);
    for row in content["phases"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = row["phase"].as_str().unwrap_or_default();
        for (key, quantity) in [("seconds", Quantity::WallSeconds), ("instructions", Quantity::Instructions)] {
            figures.extend(row[key].as_f64().map(|value| ((name.to_owned(), quantity), value)));
        }
    }
    Ok(figures)
}

/// Boots the same on QEMU, and follows the phases on its console.
fn checked_on_qemu(subject: &Subject, host: &Host, limit: Duration) -> anyhow::Result<Figures> {
    let run = child::run(subject.qemu(host.words.iter().map(OsStr::new)), limit)?;
    let mut figures = times("all", &run);
    let mut watch = Watch::new();
    for piece in &run.pieces {
        for phase in watch.feed(&piece.bytes) {
            figures.insert((phase.name().to_owned(), Quantity::WallSeconds), piece.at.as_secs_f64());
        }
    }
    match watch.awaited() {
        // QEMU ended by itself.
        None | Some(Phase::HostOff) => Ok(figures),
        Some(phase) => bail!("'{}' did not arrive:\n{}", phase.name(), child::tail(&run.output())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_lines_are_found_among_others() {
        let console = "[    0.1] Linux version 6\r\nsbi-null 193.44 524288\r\na b c\nmmio-read 70 16\nswitches: done\n";
        let figures = switches(console).unwrap();
        let names: Vec<_> = figures.iter().map(|((name, _), value)| (name.as_str(), *value)).collect();
        assert_eq!(names, [("mmio-read", 70.0), ("sbi-null", 193.44)]);
        assert!(switches("sbi-null 193.44 524288\n").is_err());
    }

    #[test]
    fn the_least_of_several_runs_counts_in_host_and_guest() {
        let console = "compute host sort 3000000000\r\ncompute host sort 2000000000\ncompute guest sort 2100000000\n";
        assert!(inside(console).is_err());
        let figures = inside(&format!("{console}compute: done\n")).unwrap();
        let figure = |name: &str, quantity| figures[&(name.to_owned(), quantity)];
        assert_eq!(figure("sort, host", Quantity::WallSeconds), 2.0);
        assert_eq!(figure("sort, guest", Quantity::WallSeconds), 2.1);
        assert_eq!(figure("sort, guest by host", Quantity::Times), 1.05);
    }

    #[test]
    fn instructions_are_taken_from_the_statistics() {
        assert_eq!(instructions("vhart: 1000 instructions, 0.010 s, 100.0 MIPS\n"), Some(1000.0));
        assert_eq!(instructions("vhart: 2.0 s\n"), None);
    }
}
