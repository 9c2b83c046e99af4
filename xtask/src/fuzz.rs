//! `cargo xtask fuzz`: the targets of `crates/fuzz` in turn, guided by coverage, and the record of it in the docs.

mod record;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use record::{Record, Turn};

/// Lists targets, and writes and keeps their inputs.
const KEEPER: &str = "target/release/vhart-fuzz";
/// What is found grows here, a directory for each target.
const CORPUS: &str = "fuzz/corpus";
/// Inputs that failed.
const ARTIFACTS: &str = "fuzz/artifacts/any";
/// Where the record is.
const DOCS: &str = "docs/fuzzing.md";

/// Runs the targets in turn, each for a while, until the time is over.
#[derive(Args)]
pub struct Options {
    /// For how long.
    #[arg(long, value_name = "N", default_value_t = 60)]
    minutes: u64,
    /// How long one target's turn is.
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..))]
    turn: u64,
    /// How many targets run at a time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Add to the record in docs/fuzzing.md, turn after turn.
    #[arg(long)]
    update_docs: bool,
    /// Afterwards make each corpus small, and keep of it what there is room for in crates/fuzz/corpus.
    #[arg(long)]
    keep: bool,
    /// These, in this order, in place of all.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// Builds, and runs them until the time is over, those behind one that fails too.
///
/// # Errors
/// Something cannot be built or written, or a target has failed.
pub fn run(options: &Options) -> anyhow::Result<()> {
    build()?;
    let targets = chosen(&options.targets)?;
    targets.iter().try_for_each(|target| sow(target))?;
    let round = Round::new(options, &targets)?;
    std::thread::scope(|scope| (0..options.jobs).for_each(|_| drop(scope.spawn(|| round.work()))));
    if options.keep {
        targets.iter().try_for_each(|target| keep(target))?;
    }
    match round.failed.into_inner() {
        0 => Ok(()),
        turns => bail!("{turns} turns failed"),
    }
}

/// What `cargo fuzz build` makes of `fuzz/any.rs`.
fn any() -> PathBuf {
    Path::new("fuzz/target").join(format!("{}-unknown-linux-gnu/release/any", std::env::consts::ARCH))
}

fn build() -> anyhow::Result<()> {
    let version = Command::new("cargo").args(["fuzz", "--version"]).output().context("cannot run cargo")?;
    ensure!(version.status.success(), "there is no cargo-fuzz: cargo install cargo-fuzz");
    // Without sanitizer: with the tool chain that builds the rest.
    status(Command::new("cargo").args(["fuzz", "build", "-s", "none", "any"]))?;
    status(Command::new("cargo").args(["build", "--release", "--quiet", "--package", "vhart-fuzz"]))
}

fn status(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// The targets named, or all.
fn chosen(named: &[String]) -> anyhow::Result<Vec<String>> {
    let list = Command::new(KEEPER).arg("list").output().context("cannot list the targets")?;
    let list = String::from_utf8(list.stdout).context("the list of targets is not UTF-8")?;
    let all: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    if let Some(unknown) = named.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("there is no target '{unknown}': {}", all.join(", "));
    }
    Ok(if named.is_empty() { all.into_iter().map(str::to_owned).collect() } else { named.to_vec() })
}

/// Gives a target that has no corpus here its seeds, and what earlier runs kept.
fn sow(target: &str) -> anyhow::Result<()> {
    let corpus = Path::new(CORPUS).join(target);
    let artifacts = Path::new(ARTIFACTS).join(target);
    fs::create_dir_all(&artifacts).with_context(|| format!("cannot make '{}'", artifacts.display()))?;
    match corpus.is_dir() {
        true => Ok(()),
        false => status(Command::new(KEEPER).args(["seeds", target]).arg(&corpus)),
    }
}

/// What is left of a corpus when each input must reach what no shorter one does, for the bounded runs and the next
/// long one.
fn keep(target: &str) -> anyhow::Result<()> {
    let corpus = Path::new(CORPUS).join(target);
    let small = tempfile::tempdir().context("no directory for a small corpus")?;
    let mut merge = Command::new(any());
    merge.arg("-merge=1").args([small.path(), &corpus]).env("VHART_FUZZ_TARGET", target);
    status(merge.stdout(Stdio::null()).stderr(Stdio::null()))?;
    status(Command::new(KEEPER).args(["keep", target]).arg(small.path()))
}

/// What workers share.
struct Round<'a> {
    targets: &'a [String],
    next: AtomicUsize,
    turn: u64,
    deadline: Instant,
    record: Option<Mutex<Record>>,
    failed: AtomicU32,
}

impl<'a> Round<'a> {
    fn new(options: &Options, targets: &'a [String]) -> anyhow::Result<Round<'a>> {
        let record = match options.update_docs {
            true => Some(Mutex::new(Record::read(Path::new(DOCS))?)),
            false => None,
        };
        let deadline = Instant::now() + Duration::from_secs(60 * options.minutes);
        let (next, failed) = (AtomicUsize::new(0), AtomicU32::new(0));
        Ok(Round { targets, next, turn: options.turn, deadline, record, failed })
    }

    /// One turn after the other, until the time is over.
    fn work(&self) {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now()).as_secs();
            if left == 0 {
                return;
            }
            let target = &self.targets[self.next.fetch_add(1, Ordering::Relaxed) % self.targets.len()];
            if let Err(why) = turn(target, self.turn.min(left)).and_then(|turn| self.tell(&turn)) {
                eprintln!("{why:#}");
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn tell(&self, turn: &Turn) -> anyhow::Result<()> {
        println!("{turn}");
        let Some(record) = &self.record else { return Ok(()) };
        let mut record = record.lock().expect("who adds to the record does not panic");
        record.add(turn)?;
        record.write(Path::new(DOCS))
    }
}

/// Runs a target for so many seconds.
fn turn(target: &str, seconds: u64) -> anyhow::Result<Turn> {
    let mut command = Command::new(any());
    command.env("VHART_FUZZ_TARGET", target).stdout(Stdio::null()).stderr(Stdio::piped());
    command.arg(Path::new(CORPUS).join(target)).arg(format!("-max_total_time={seconds}"));
    command.args(["-timeout=30", "-rss_limit_mb=4096", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={ARTIFACTS}/{target}/"));
    let mut child = command.spawn().with_context(|| format!("cannot run {}", any().display()))?;
    let (said, cpu) = listen(&mut child)?;
    let status = child.wait().with_context(|| format!("cannot wait for {target}"))?;
    ensure!(status.success(), "{target} failed, see {ARTIFACTS}/{target}:\n{}", tail(&said));
    Turn::new(target, cpu, &said).with_context(|| format!("{target} does not say what it did:\n{}", tail(&said)))
}

/// What it says until its end, and the processor time it then has used.
fn listen(child: &mut Child) -> anyhow::Result<(String, Duration)> {
    let clock = clock_getcpuclockid(Pid::from_raw(child.id() as i32)).context("no clock of a process")?;
    let mut said = Vec::new();
    child.stderr.take().context("no standard error")?.read_to_end(&mut said).context("cannot listen to a target")?;
    // Not waited for yet, so its clock is still there.
    let cpu = Duration::from(clock.now().context("the clock of a process cannot be read")?);
    Ok((String::from_utf8_lossy(&said).into_owned(), cpu))
}

/// The last lines.
fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
